"""Neighbours by blocks of pixels hold the entries of the matrix, and die with it."""

import gc
import weakref

import numpy as np
import pytest
import scipy.sparse
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsphere.nn.kernels.neighbours import PIXELS_PER_BLOCK, build_neighbours, neighbours


def random_matrix(pixels, seed=0):
    """Return a symmetric matrix with rows of very unequal length, and some without any entry."""
    generator = np.random.default_rng(seed)
    weights = generator.standard_normal((pixels, pixels))
    reach = generator.random(pixels) ** 3
    weights[generator.random((pixels, pixels)) > np.minimum.outer(reach, reach)] = 0
    return scipy.sparse.csr_array(weights + weights.T)


def in_rows(matrix, dtype=torch.float64):
    return (
        torch.as_tensor(matrix.indptr, dtype=torch.int32),
        torch.as_tensor(matrix.indices, dtype=torch.int32),
        torch.as_tensor(matrix.data, dtype=dtype),
    )


def draw_roots(pixels, seed=0):
    return torch.as_tensor(np.random.default_rng(seed).uniform(0.5, 2, pixels))


def rows_of(lists, pixels):
    """Return the pixel in whose row each place is; beyond the last pixel, a number above it."""
    depth = lists.starts.diff() // PIXELS_PER_BLOCK
    first = torch.arange(len(depth)).repeat_interleave(depth) * PIXELS_PER_BLOCK
    return (first[:, None] + torch.arange(PIXELS_PER_BLOCK)).flatten()


def as_dense(lists, pixels):
    """Return the matrix that the lists are of."""
    rows = rows_of(lists, pixels)
    dense = torch.zeros(len(lists.starts) * PIXELS_PER_BLOCK, pixels, dtype=lists.weights.dtype)
    dense.index_put_((rows, lists.pixels.long()), lists.weights, accumulate=True)
    assert not dense[pixels:].any()
    return dense[:pixels]


@settings(derandomize=True, max_examples=30, deadline=None)
@given(
    pixels=st.integers(1, 200) | st.sampled_from([64, 128]),
    with_roots=st.booleans(),
    seed=st.integers(0, 99),
)
def test_the_lists_hold_the_matrix(pixels, with_roots, seed):
    matrix = random_matrix(pixels, seed)
    roots = draw_roots(pixels, seed) if with_roots else None
    lists = build_neighbours(*in_rows(matrix), roots)
    expected = torch.as_tensor(matrix.toarray())
    if with_roots:
        expected = expected * roots / roots[:, None]
    torch.testing.assert_close(as_dense(lists, pixels), expected, rtol=1e-14, atol=0)


def test_a_block_is_as_long_as_its_longest_row():
    """The second of three blocks has a row of 150, as has the column of each other row."""
    pixels, hub = 150, 70
    star = scipy.sparse.lil_array((pixels, pixels))
    star[hub, :] = star[:, hub] = 1
    star[3, 4] = star[4, 3] = 1
    lists = build_neighbours(*in_rows(scipy.sparse.csr_array(star)))
    assert lists.starts.tolist() == [0, 2 * 64, (2 + 150) * 64, (2 + 150 + 1) * 64]


def test_places_without_a_neighbour_are_of_the_pixel_itself():
    """A value that is not a number must not reach a pixel that is not joined to it."""
    pixels = 100
    lists = build_neighbours(*in_rows(random_matrix(pixels)))
    rows = rows_of(lists, pixels).clamp(max=pixels - 1)
    padding = lists.weights == 0
    assert padding.any()
    assert torch.equal(lists.pixels[padding].long(), rows[padding])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_types(dtype):
    lists = build_neighbours(*in_rows(random_matrix(10), dtype), draw_roots(10).to(dtype))
    assert (lists.starts.dtype, lists.pixels.dtype) == (torch.int64, torch.int32)
    assert lists.weights.dtype == dtype


def test_the_adjoint_is_the_transpose():
    pixels = 90
    matrix = (*in_rows(random_matrix(pixels)), draw_roots(pixels))
    forward = as_dense(neighbours(*matrix), pixels)
    adjoint = as_dense(neighbours(*matrix, adjoint=True), pixels)
    torch.testing.assert_close(adjoint, forward.T, rtol=1e-14, atol=0)


@pytest.mark.parametrize("adjoint", [False, True])
def test_lists_are_built_once(adjoint):
    matrix = (*in_rows(random_matrix(30)), draw_roots(30))
    lists = neighbours(*matrix, adjoint=adjoint)
    neighbours(*matrix, adjoint=not adjoint)
    assert neighbours(*matrix, adjoint=adjoint) is lists


def test_a_symmetric_operator_is_its_own_adjoint():
    matrix = (*in_rows(random_matrix(30)), None)
    assert neighbours(*matrix, adjoint=True) is neighbours(*matrix)


@pytest.mark.parametrize("changed", [2, 3])
def test_what_was_written_to_is_read_again(changed):
    matrix = (*in_rows(random_matrix(30)), draw_roots(30))
    neighbours(*matrix)
    matrix[changed].mul_(torch.arange(1, 1 + len(matrix[changed])))
    fresh = build_neighbours(*matrix)
    assert torch.equal(neighbours(*matrix).weights, fresh.weights)


def test_other_roots_make_other_lists():
    matrix = in_rows(random_matrix(30))
    neighbours(*matrix, draw_roots(30, seed=1))
    fresh = build_neighbours(*matrix, draw_roots(30, seed=2))
    assert torch.equal(neighbours(*matrix, draw_roots(30, seed=2)).weights, fresh.weights)
    assert torch.equal(neighbours(*matrix, None).weights, build_neighbours(*matrix).weights)


def test_lists_die_with_the_values():
    offsets, columns, values = in_rows(random_matrix(30))
    lists = weakref.ref(neighbours(offsets, columns, values, None))
    gc.collect()
    assert lists() is not None
    del values
    gc.collect()
    assert lists() is None


def test_operators_made_for_inference_have_lists():
    with torch.inference_mode():
        matrix = (*in_rows(random_matrix(30)), None)
        assert neighbours(*matrix) is neighbours(*matrix)
