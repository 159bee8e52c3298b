import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsphere.errors import DeepsphereError
from deepsphere.graphs.neighbours import nearest_neighbours

# Few directions, so that examples are full of equal distances and of points at one place.
LATTICE = np.array(
    [[x, y, z] for x in (-1, 0, 1) for y in (-1, 0, 1) for z in (-1, 0, 1) if x or y or z],
    dtype=np.float64,
)
LATTICE /= np.linalg.norm(LATTICE, axis=1, keepdims=True)


def brute_force(positions, count):
    """Sort all other points of each point by (distance, index), in plain Python."""
    points = positions.tolist()
    indices, distances = [], []
    for i, (a, b, c) in enumerate(points):
        others = sorted(
            (math.sqrt((x - a) * (x - a) + (y - b) * (y - b) + (z - c) * (z - c)), j)
            for j, (x, y, z) in enumerate(points)
            if j != i
        )
        indices.append([j for _, j in others[:count]])
        distances.append([distance for distance, _ in others[:count]])
    return np.array(indices), np.array(distances)


@settings(derandomize=True, max_examples=150, deadline=None)
@given(st.data())
def test_lattice_points_with_ties_and_duplicates_agree_with_brute_force(data):
    chosen = data.draw(st.lists(st.integers(0, len(LATTICE) - 1), min_size=2, max_size=40))
    count = data.draw(st.integers(1, len(chosen) - 1))
    positions = LATTICE[chosen]
    indices, distances = nearest_neighbours(positions, count)
    expected_indices, expected_distances = brute_force(positions, count)
    np.testing.assert_array_equal(indices, expected_indices)
    np.testing.assert_array_equal(distances, expected_distances)


@settings(derandomize=True, max_examples=50, deadline=None)
@given(st.integers(2, 120), st.integers(0, 2**32 - 1), st.data())
def test_scattered_points_agree_with_brute_force(points, seed, data):
    count = data.draw(st.integers(1, points - 1))
    positions = np.random.default_rng(seed).standard_normal((points, 3))
    positions /= np.linalg.norm(positions, axis=1, keepdims=True)
    repeated = data.draw(st.lists(st.integers(0, points - 1), max_size=10))
    positions[repeated] = positions[0]
    indices, distances = nearest_neighbours(positions, count)
    expected_indices, expected_distances = brute_force(positions, count)
    np.testing.assert_array_equal(indices, expected_indices)
    np.testing.assert_array_equal(distances, expected_distances)


def test_polygon_joins_each_corner_to_the_two_beside_it(polygon):
    indices, distances = nearest_neighbours(polygon(12), 2)
    corners = np.arange(12)
    beside = np.stack([(corners - 1) % 12, (corners + 1) % 12], axis=1)
    np.testing.assert_array_equal(np.sort(indices, axis=1), np.sort(beside, axis=1))
    # The chord of an angle a is 2 sin(a/2).
    np.testing.assert_allclose(distances, 2 * np.sin(np.pi / 12))


def test_a_point_is_not_its_own_neighbour_but_its_twin_is():
    positions = LATTICE[[0, 5, 5, 9]]
    indices, distances = nearest_neighbours(positions, 1)
    assert indices[1, 0] == 2
    assert indices[2, 0] == 1
    assert distances[1, 0] == distances[2, 0] == 0


def test_many_points_at_one_place_take_each_other_by_index():
    indices, distances = nearest_neighbours(np.tile([[0.0, 0.0, 1.0]], (200, 1)), 3)
    assert not distances.any()
    np.testing.assert_array_equal(indices[:4], [[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]])
    np.testing.assert_array_equal(indices[4:], np.tile([[0, 1, 2]], (196, 1)))


def test_work_in_blocks_gives_the_same(scattered, monkeypatch):
    whole = nearest_neighbours(scattered(500), 6)
    monkeypatch.setattr("deepsphere.graphs.neighbours._BLOCK_CANDIDATES", 100)
    blocks = nearest_neighbours(scattered(500), 6)
    np.testing.assert_array_equal(whole[0], blocks[0])
    np.testing.assert_array_equal(whole[1], blocks[1])


def test_threads_do_not_change_the_result(scattered):
    for one, other in zip(
        nearest_neighbours(scattered(2000), 6),
        nearest_neighbours(scattered(2000), 6, threads=2),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)


def test_types(scattered):
    indices, distances = nearest_neighbours(scattered(20), 3)
    assert (indices.dtype, distances.dtype) == (np.int32, np.float64)
    assert indices.shape == distances.shape == (20, 3)


def test_distances_are_the_same_bits_both_ways(scattered):
    indices, distances = nearest_neighbours(scattered(300), 299)
    matrix = np.zeros((300, 300))
    matrix[np.arange(300)[:, np.newaxis], indices] = distances
    np.testing.assert_array_equal(matrix, matrix.T)


@pytest.mark.parametrize("count", [0, 5, 6])
def test_as_many_neighbours_as_points_are_refused(scattered, count):
    with pytest.raises(DeepsphereError, match=f"{count} neighbours .* 5 points.*from 1 to 4"):
        nearest_neighbours(scattered(5), count)


@pytest.mark.parametrize(
    ("positions", "message"),
    [
        (np.zeros((4, 2)), r"shape \(4, 2\)"),
        (np.array([[1.0, 0, 0], [0, 2, 0], [0, 0, 1]]), "length 2.0 at index 1"),
        (np.array([[1.0, 0, 0], [np.nan, 0, 0], [0, 0, 1]]), "length nan at index 1"),
    ],
)
def test_positions_that_are_not_unit_vectors_are_refused(positions, message):
    with pytest.raises(DeepsphereError, match=message):
        nearest_neighbours(positions, 1)
