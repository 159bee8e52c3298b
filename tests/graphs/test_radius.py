import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsphere.errors import DeepsphereError
from deepsphere.graphs.radius import _blocks, radius_neighbours

# Few directions, so that examples are full of equal distances and of points at one place.
LATTICE = np.array(
    [[x, y, z] for x in (-1, 0, 1) for y in (-1, 0, 1) for z in (-1, 0, 1) if x or y or z],
    dtype=np.float64,
)
LATTICE /= np.linalg.norm(LATTICE, axis=1, keepdims=True)


def chord(first, second):
    (a, b, c), (x, y, z) = first, second
    return math.sqrt((x - a) * (x - a) + (y - b) * (y - b) + (z - c) * (z - c))


def brute_force(positions, radius):
    """Compare all pairs, in plain Python."""
    points = positions.tolist()
    offsets, columns, distances = [0], [], []
    for i, first in enumerate(points):
        for j, second in enumerate(points):
            distance = chord(first, second)
            if i != j and distance <= radius:
                columns.append(j)
                distances.append(distance)
        offsets.append(len(columns))
    return offsets, columns, distances


def assert_same(found, expected):
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


@settings(derandomize=True, max_examples=150, deadline=None)
@given(st.data())
def test_lattice_points_with_a_distance_of_theirs_as_radius_agree_with_brute_force(data):
    chosen = data.draw(st.lists(st.integers(0, len(LATTICE) - 1), min_size=1, max_size=40))
    positions = LATTICE[chosen]
    ends = data.draw(st.lists(st.integers(0, 25), min_size=2, max_size=2, unique=True))
    radius = min(2.0, chord(*LATTICE[ends].tolist()))
    assert_same(radius_neighbours(positions, radius), brute_force(positions, radius))


@settings(derandomize=True, max_examples=50, deadline=None)
@given(st.integers(0, 120), st.integers(0, 2**32 - 1), st.floats(1e-3, 2), st.data())
def test_scattered_points_agree_with_brute_force(points, seed, radius, data):
    positions = np.random.default_rng(seed).standard_normal((points, 3))
    positions /= np.linalg.norm(positions, axis=1, keepdims=True)
    if points:
        positions[data.draw(st.lists(st.integers(0, points - 1), max_size=10))] = positions[0]
    assert_same(radius_neighbours(positions, radius), brute_force(positions, radius))


def test_the_radius_itself_is_within():
    """The chords of an octahedron are √2 between neighbours and 2 between opposite corners."""
    octahedron = np.concatenate([np.eye(3), -np.eye(3)])
    for radius, count in [(math.nextafter(math.sqrt(2), 0), 0), (math.sqrt(2), 4), (2, 5)]:
        offsets, columns, distances = radius_neighbours(octahedron, radius)
        np.testing.assert_array_equal(np.diff(offsets), count)
        assert len(columns) == len(distances) == 6 * count


def test_polygon_corners_within_a_radius(polygon):
    """The chord of an angle a is 2 sin(a/2): two corners on either side for 2.5 corners' angle."""
    offsets, columns, distances = radius_neighbours(polygon(12), 2 * math.sin(2.5 * math.pi / 12))
    corners = np.arange(12)[:, np.newaxis]
    np.testing.assert_array_equal(offsets, np.arange(0, 49, 4))
    expected = np.sort((corners + np.array([-2, -1, 1, 2])) % 12, axis=1)
    np.testing.assert_array_equal(columns.reshape(12, 4), expected)
    steps = np.minimum((columns - corners.repeat(4)) % 12, (corners.repeat(4) - columns) % 12)
    np.testing.assert_allclose(distances, 2 * np.sin(steps * np.pi / 12), rtol=1e-14)


def test_a_point_is_not_its_own_neighbour_but_its_twin_is():
    offsets, columns, distances = radius_neighbours(LATTICE[[0, 5, 5, 9]], 1e-9)
    np.testing.assert_array_equal(offsets, [0, 0, 1, 2, 2])
    np.testing.assert_array_equal(columns, [2, 1])
    np.testing.assert_array_equal(distances, [0, 0])


def test_rows_are_sorted_and_distances_the_same_bits_both_ways(scattered):
    positions = scattered(300)
    offsets, columns, distances = radius_neighbours(positions, 0.7)
    rows = np.repeat(np.arange(300), np.diff(offsets))
    assert (np.diff(rows * 300 + columns) > 0).all()
    matrix = np.full((300, 300), np.nan)
    matrix[rows, columns] = distances
    np.testing.assert_array_equal(matrix, matrix.T)


def test_types_are_those_of_compressed_rows(scattered):
    offsets, columns, distances = radius_neighbours(scattered(50), 0.5)
    assert (offsets.dtype, columns.dtype, distances.dtype) == (np.int64, np.int32, np.float64)
    assert offsets[0] == 0
    assert offsets[-1] == len(columns) == len(distances) > 0


@pytest.mark.parametrize("block", [1, 7, 100])
def test_work_in_blocks_gives_the_same(scattered, monkeypatch, block):
    whole = radius_neighbours(scattered(400), 0.3)
    monkeypatch.setattr("deepsphere.graphs.radius._BLOCK_CANDIDATES", block)
    assert_same(radius_neighbours(scattered(400), 0.3), whole)


@settings(derandomize=True, max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 30), max_size=50))
def test_a_block_has_few_candidates_and_its_first_row(candidates):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("deepsphere.graphs.radius._BLOCK_CANDIDATES", 20)
        blocks = _blocks(np.array(candidates, dtype=np.int64))
    np.testing.assert_array_equal(np.concatenate(blocks), np.arange(len(candidates)))
    for block in filter(len, blocks):
        assert sum(candidates[row] for row in block[1:]) < 20


@pytest.mark.parametrize("radius", [0, -0.1, 2.1, math.nan, math.inf])
def test_a_radius_that_no_chord_has_is_refused(scattered, radius):
    with pytest.raises(DeepsphereError, match=rf"in \(0, 2\]; found {radius}"):
        radius_neighbours(scattered(5), radius)


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
        radius_neighbours(positions, 0.5)
