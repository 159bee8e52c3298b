import numpy as np
import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.graphs.edges import adjacent_edges, nearest_edges, radius_edges
from deepsphere.graphs.neighbours import nearest_neighbours
from deepsphere.samplings.healpix import Healpix
from deepsphere.samplings.masked import Masked


def assert_types(edges):
    assert edges.offsets.dtype == np.int64
    assert edges.columns.dtype == np.int32
    assert edges.distances.dtype == np.float64


def rows_of(edges):
    return np.repeat(np.arange(len(edges)), np.diff(edges.offsets))


def test_nearest_edges_are_rows_of_nearest_neighbours(scattered):
    positions = scattered(200)
    edges = nearest_edges(positions, 7)
    indices, distances = nearest_neighbours(positions, 7)
    np.testing.assert_array_equal(edges.offsets, 7 * np.arange(201))
    np.testing.assert_array_equal(edges.columns.reshape(200, 7), indices)
    np.testing.assert_array_equal(edges.distances.reshape(200, 7), distances)
    assert_types(edges)
    assert len(edges) == 200


def test_nearest_edges_with_ties_take_all_that_are_equally_far(polygon):
    """A corner of a polygon has one neighbour on either side: of one, both are taken."""
    edges = nearest_edges(polygon(7), 1, ties=True)
    np.testing.assert_array_equal(edges.offsets, 2 * np.arange(8))
    np.testing.assert_array_equal(np.sort(edges.columns[:2]), [1, 6])
    assert_types(edges)
    assert len(nearest_edges(polygon(7), 1).columns) == 7


def test_radius_edges_join_whom_they_reach(scattered):
    positions = scattered(200)
    edges = radius_edges(positions, 0.4)
    gaps = np.linalg.norm(positions[:, np.newaxis] - positions, axis=-1)
    np.fill_diagonal(gaps, np.inf)
    # No gap is near enough to the radius for rounding to decide.
    assert np.abs(gaps - 0.4).min() > 1e-9
    np.testing.assert_array_equal([rows_of(edges), edges.columns], np.nonzero(gaps <= 0.4))
    np.testing.assert_allclose(edges.distances, gaps[gaps <= 0.4], rtol=1e-14)
    assert_types(edges)
    assert len(edges) == 200


def test_adjacent_edges_by_hand():
    # A square on the equator: 0 and 1, 1 and 2 are a quarter apart, 0 and 2 opposite; 3 is alone.
    positions = np.array([[1.0, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0]])
    edges = adjacent_edges(positions, np.array([[2, 1], [-1, 0], [0, -1], [-1, -1]]))
    np.testing.assert_array_equal(edges.offsets, [0, 2, 3, 4, 4])
    np.testing.assert_array_equal(edges.columns, [2, 1, 0, 0])
    np.testing.assert_allclose(edges.distances, [2, np.sqrt(2), np.sqrt(2), 2], rtol=1e-15)
    assert_types(edges)


def test_adjacent_healpix_pixels_are_eight_or_seven():
    """24 pixels, three at each of the 8 corners where three base pixels meet, have only 7."""
    sampling = Healpix(8)
    edges = adjacent_edges(sampling.positions, sampling.neighbours())
    counts = np.diff(edges.offsets)
    assert set(counts) == {7, 8}
    assert (counts == 7).sum() == 24
    rows = rows_of(edges)
    np.testing.assert_allclose(
        edges.distances,
        np.linalg.norm(sampling.positions[rows] - sampling.positions[edges.columns], axis=1),
    )


def test_a_lone_pixel_has_no_adjacent_ones():
    part = Masked(Healpix(4), [17])
    edges = adjacent_edges(part.positions, part.neighbours())
    np.testing.assert_array_equal(edges.offsets, [0, 0])
    assert len(edges) == 1
    assert edges.columns.size == edges.distances.size == 0
    assert_types(edges)


@pytest.mark.parametrize(
    "join",
    [
        lambda positions: nearest_edges(positions, 1),
        lambda positions: radius_edges(positions, 0.5),
        lambda positions: adjacent_edges(positions, np.array([[1], [0]])),
    ],
)
def test_positions_with_nan_are_refused(join):
    with pytest.raises(DeepsphereError, match="unit vectors; found length nan at index 1"):
        join(np.array([[1.0, 0, 0], [np.nan, 0, 0]]))
