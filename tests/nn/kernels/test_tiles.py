"""Tiles have what their convolution needs: pixels by distance, and the rows of the matrix."""

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsphere.nn.kernels.hops import HOP_ROWS
from deepsphere.nn.kernels.tiles import cut


def ring(pixels, order=None):
    """Return a ring with random weights, whose pixels stand in some order."""
    generator = np.random.default_rng(0)
    weights = np.zeros((pixels, pixels))
    order = np.arange(pixels) if order is None else order
    weights[order, np.roll(order, 1)] = generator.standard_normal(pixels)
    return scipy.sparse.csr_array(weights + weights.T)


def local_graph(pixels, seed, isolated=0.1, scattered=False, dtype=np.float64):
    """Return a graph of pixels that are linked to some of the next few, or to none."""
    generator = np.random.default_rng(seed)
    weights = np.triu(np.tril(generator.standard_normal((pixels, pixels)), 3))
    weights[generator.random((pixels, pixels)) < 0.4] = 0
    alone = generator.random(pixels) < isolated
    weights[alone] = weights[:, alone] = 0
    if scattered:
        order = generator.permutation(pixels)
        weights = weights[order][:, order]
    return scipy.sparse.csr_array((weights + weights.T).astype(dtype))


def cut_matrix(matrix, hops, size):
    offsets, columns = matrix.indptr.astype(np.int32), matrix.indices.astype(np.int32)
    return cut(offsets, columns, matrix.data, hops, size)


def within(matrix, hops):
    """Return whether pixels are at most so many edges from each other, by powers of the matrix."""
    links = (matrix.toarray() != 0) | np.eye(matrix.shape[0], dtype=bool)
    return np.linalg.matrix_power(links.astype(float), hops) > 0


def tiles_of(tiles):
    """Yield each tile's number, its own pixels and all its pixels."""
    for tile, (start, end) in enumerate(zip(tiles.starts, tiles.starts[1:], strict=False)):
        pixels = tiles.pixels[start:end]
        yield tile, pixels[: tiles.owns[tile]], pixels


def check_pixels(tiles, matrix, hops, size):
    """Own pixels are a partition, and the others are those so many edges away and no more."""
    owned = [own for _, own, _ in tiles_of(tiles)]
    assert sorted(np.concatenate(owned)) == list(range(matrix.shape[0]))
    assert all(1 <= len(own) <= size for own in owned)
    assert len(owned) == -(-matrix.shape[0] // size)
    assert tiles.reach.shape == (len(owned), hops + 1)
    for tile, own, pixels in tiles_of(tiles):
        assert tiles.reach[tile, -1] == len(pixels)
        before = 0
        for hop, reached in enumerate(tiles.reach[tile]):
            expected = within(matrix, hop)[own].any(axis=0).nonzero()[0]
            assert np.unique(pixels[:reached]).tolist() == expected.tolist()
            new = len(expected) - len(np.unique(pixels[:before]))
            assert reached % HOP_ROWS == 0
            assert 0 <= reached - before - new < HOP_ROWS
            before = reached


def check_rows(tiles, matrix, hops):
    """Each pixel's row of the matrix is there, but for those that are as far as a tile reaches."""
    assert tiles.values.dtype == matrix.dtype
    assert tiles.values.shape == (len(tiles.columns) * HOP_ROWS,)
    assert tiles.groups[0] == 0
    assert tiles.groups[-1] == len(tiles.columns)
    dense, by_row = matrix.toarray(), tiles.values.reshape(-1, HOP_ROWS)
    for tile, _, pixels in tiles_of(tiles):
        first_places = {pixel: place for place, pixel in reversed(list(enumerate(pixels)))}
        first_group = tiles.starts[tile] // HOP_ROWS
        near = tiles.reach[tile, -2] if hops else 0
        for group in range(len(pixels) // HOP_ROWS):
            entries = slice(*tiles.groups[first_group + group :][:2])
            columns, values = tiles.columns[entries], by_row[entries]
            assert len(set(columns)) == len(columns)
            assert group * HOP_ROWS < near or len(columns) == 0
            hop = np.searchsorted(tiles.reach[tile], group * HOP_ROWS, side="right")
            assert (columns < tiles.reach[tile, min(hop + 1, hops)]).all()
            # A place that repeats a pixel is never computed.
            assert all(first_places[pixels[column]] == column for column in columns)
            for row, pixel in enumerate(pixels[group * HOP_ROWS :][:HOP_ROWS]):
                place = group * HOP_ROWS + row
                if place < near and first_places[pixel] == place:
                    found = np.zeros(len(dense), dtype=dense.dtype)
                    found[pixels[columns]] = values[:, row]
                    np.testing.assert_array_equal(found, dense[pixel])


def check(matrix, hops, size):
    tiles = cut_matrix(matrix, hops, size)
    check_pixels(tiles, matrix, hops, size)
    check_rows(tiles, matrix, hops)
    assert tiles.most_pixels == max(len(pixels) for _, _, pixels in tiles_of(tiles))
    kinds = [tiles.starts, tiles.owns, tiles.reach, tiles.groups, tiles.pixels, tiles.columns]
    assert [array.dtype for array in kinds] == [np.int64] * 4 + [np.int32] * 2
    return tiles


@settings(derandomize=True, max_examples=150, deadline=None)
@given(
    pixels=st.integers(1, 50),
    hops=st.integers(0, 4),
    size=st.integers(1, 60),
    isolated=st.sampled_from([0, 0.2, 1]),
    scattered=st.booleans(),
    dtype=st.sampled_from([np.float32, np.float64]),
    seed=st.integers(0, 99),
)
def test_tiles_have_all_that_is_within_reach(pixels, hops, size, isolated, scattered, dtype, seed):
    check(local_graph(pixels, seed, isolated, scattered, dtype), hops, size)


@pytest.mark.parametrize("hops", [2, 3])
def test_a_hub_puts_all_in_reach(hops):
    weights = np.eye(40)
    weights[7] = weights[:, 7] = 1
    tiles = check(scipy.sparse.csr_array(weights), hops, 8)
    assert all(np.unique(pixels).size == 40 for _, _, pixels in tiles_of(tiles))


@pytest.mark.parametrize("hops", [0, 1, 2])
def test_parts_without_a_link_do_not_reach_each_other(hops):
    parts = [ring(10), ring(12), scipy.sparse.csr_array((3, 3)), ring(9)]
    matrix = scipy.sparse.block_diag(parts, format="csr")
    check(scipy.sparse.csr_array(matrix), hops, 5)


@pytest.mark.parametrize("size", [100, 101, 10_000])
def test_a_graph_that_is_not_larger_than_a_tile_is_one(size):
    tiles = check(ring(100), 3, size)
    assert tiles.owns.tolist() == [100]
    assert tiles.most_pixels == -(-100 // HOP_ROWS) * HOP_ROWS


def test_tiles_of_a_ring_reach_as_many_pixels_to_either_side():
    """Of 128 pixels 32 are a tile's own; 4 are on each side within 4 edges, 2 within 2."""
    tiles = check(ring(128), 4, 32)
    assert tiles.owns.tolist() == [32] * 4
    assert [np.unique(pixels).size for _, _, pixels in tiles_of(tiles)] == [40] * 4
    own = next(tiles_of(tiles))[1]
    assert own.tolist() == list(range(32))


def test_without_hops_there_are_no_rows():
    tiles = check(ring(20), 0, 8)
    assert tiles.pixels.tolist() == list(range(20))
    assert len(tiles.columns) == 0


def test_scattered_pixels_are_put_in_an_order_of_neighbours():
    """Tiles of a random order would be more than twice as large, as of each pixel two are added.

    Those of the ring that the pixels are of are hardly larger than what they have of their own.
    """
    pixels, size, hops = 480, 60, 1
    order = np.random.default_rng(1).permutation(pixels)
    near, far = check(ring(pixels), hops, size), check(ring(pixels, order), hops, size)
    assert near.pixels[: near.owns[0]].tolist() == list(range(size))
    assert sorted(far.pixels[: far.owns[0]].tolist()) != list(range(size))
    consecutive = within(ring(pixels, order), hops).reshape(-1, size, pixels).any(axis=1).sum()
    assert len(near.pixels) < 1.1 * pixels
    assert len(far.pixels) < 1.6 * pixels
    assert consecutive > 2.4 * pixels


def test_arguments_are_left_as_they_are():
    matrix = ring(90, np.random.default_rng(1).permutation(90))
    arrays = matrix.indptr.astype(np.int32), matrix.indices.astype(np.int32), matrix.data
    before = [array.copy() for array in arrays]
    tiles = cut(*arrays, 2, 20)
    for array, copy in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, copy)
        assert not np.shares_memory(array, tiles.columns)
        assert not np.shares_memory(array, tiles.values)


def test_tiles_of_scattered_pixels_stay_compact():
    """A torus in random order: with 3 edges around it, a square of 512 pixels has some 850."""
    side, size, hops = 64, 512, 3
    ring = scipy.sparse.eye_array(side, k=1) + scipy.sparse.eye_array(side, k=side - 1)
    ring = ring + ring.T
    torus = scipy.sparse.kronsum(ring, ring, format="csr")
    order = np.random.default_rng(0).permutation(side * side)
    scattered = scipy.sparse.csr_array(torus[order][:, order])
    scattered.sort_indices()
    offsets, columns = (array.astype(np.int32) for array in (scattered.indptr, scattered.indices))
    tiles = cut(offsets, columns, scattered.data, hops, size)
    assert tiles.most_pixels < 3 * size
    assert len(tiles.pixels) < 2.5 * side * side
