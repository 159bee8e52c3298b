import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsphere.errors import DeepsphereError
from deepsphere.graphs.neighbours import nearest_neighbours
from deepsphere.graphs.ties import neighbours_with_ties
from deepsphere.samplings.healpix import Healpix
from deepsphere.samplings.healpix_symmetries import healpix_symmetries

# Few directions, so that examples are full of equal distances and of points at one place.
LATTICE = np.array(
    [[x, y, z] for x in (-1, 0, 1) for y in (-1, 0, 1) for z in (-1, 0, 1) if x or y or z],
    dtype=np.float64,
)
LATTICE /= np.linalg.norm(LATTICE, axis=1, keepdims=True)


def as_matrices(offsets, columns, distances):
    """Return who is a neighbour of whom, and how far, as dense matrices."""
    points = len(offsets) - 1
    rows = np.repeat(np.arange(points), np.diff(offsets))
    there, gaps = np.zeros((points, points), dtype=bool), np.zeros((points, points))
    there[rows, columns] = True
    gaps[rows, columns] = distances
    assert there.sum() == len(columns)
    return there, gaps


@settings(derandomize=True, max_examples=150, deadline=None)
@given(st.data())
def test_lattice_points_with_ties_and_duplicates_agree_with_all_pairs(data):
    """Distances of the lattice that differ, differ in the first digits."""
    chosen = data.draw(st.lists(st.integers(0, len(LATTICE) - 1), min_size=2, max_size=40))
    count = data.draw(st.integers(1, len(chosen) - 1))
    positions = LATTICE[chosen]
    there, found = as_matrices(*neighbours_with_ties(positions, count))
    gaps = np.linalg.norm(positions[:, np.newaxis] - positions, axis=-1)
    np.fill_diagonal(gaps, np.inf)
    reach = np.sort(gaps, axis=1)[:, count - 1 : count]
    np.testing.assert_array_equal(there, gaps <= reach + 1e-6)
    np.testing.assert_allclose(found[there], gaps[there], rtol=1e-14)


def test_without_ties_they_are_the_nearest(scattered):
    positions = scattered(300)
    offsets, columns, distances = neighbours_with_ties(positions, 7)
    indices, lengths = nearest_neighbours(positions, 7)
    np.testing.assert_array_equal(offsets, 7 * np.arange(301))
    np.testing.assert_array_equal(columns.reshape(300, 7), indices)
    np.testing.assert_array_equal(distances.reshape(300, 7), lengths)
    assert (offsets.dtype, columns.dtype, distances.dtype) == (np.int64, np.int32, np.float64)


def test_all_corners_beside_are_joined(polygon):
    """A corner of a regular polygon has two nearest: one asked for, two found."""
    offsets, columns, distances = neighbours_with_ties(polygon(12), 1)
    corners = np.arange(12)
    beside = np.stack([(corners - 1) % 12, (corners + 1) % 12], axis=1)
    np.testing.assert_array_equal(offsets, 2 * np.arange(13))
    np.testing.assert_array_equal(np.sort(columns.reshape(12, 2)), np.sort(beside))
    np.testing.assert_allclose(distances, 2 * np.sin(np.pi / 12))


def test_all_points_at_one_place_are_joined():
    offsets, columns, distances = neighbours_with_ties(np.tile([[0.0, 0.0, 1.0]], (30, 1)), 3)
    np.testing.assert_array_equal(offsets, 29 * np.arange(31))
    assert not distances.any()
    assert as_matrices(offsets, columns, distances)[0].sum() == 30 * 29


@pytest.mark.parametrize("neighbours", [8, 20, 40])
def test_on_healpix_the_choice_is_symmetric(neighbours):
    there, gaps = as_matrices(*neighbours_with_ties(Healpix(8).positions, neighbours))
    for permutation in healpix_symmetries(8):
        moved = np.ix_(permutation, permutation)
        np.testing.assert_array_equal(there[moved], there)
        np.testing.assert_allclose(gaps[moved], gaps, rtol=1e-13)
    assert there.sum(axis=1).min() == neighbours
    np.testing.assert_array_equal(gaps[there & there.T], gaps.T[there & there.T])


def test_threads_do_not_change_the_result():
    once, again = (neighbours_with_ties(Healpix(8).positions, 8, threads) for threads in (1, 2))
    for one, other in zip(once, again, strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_has_no_nearest_neighbours_is_refused(scattered):
    with pytest.raises(DeepsphereError, match=r"5 neighbours .* 5 points"):
        neighbours_with_ties(scattered(5), 5)
    with pytest.raises(DeepsphereError, match=r"0 neighbours .* 5 points"):
        neighbours_with_ties(scattered(5), 0)
