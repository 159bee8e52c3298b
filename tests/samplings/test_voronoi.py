import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import ConvexHull, SphericalVoronoi

from deepsphere.errors import DeepsphereError
from deepsphere.samplings.polygons import are_convex, clip, flat, flat_areas, polygon_areas
from deepsphere.samplings.voronoi import (
    triangulate,
    voronoi_areas,
    voronoi_cells,
    voronoi_neighbours,
)

GOLDEN = (1 + np.sqrt(5)) / 2
# Few directions: examples are full of points at one place, on one circle, opposite, and at poles.
LATTICE = np.array([vector for vector in itertools.product((-1, 0, 1), repeat=3) if any(vector)])
OCTANTS = np.array(
    [np.diag(signs)[:: int(np.prod(signs))] for signs in itertools.product((-1.0, 1.0), repeat=3)]
)


def _unit(vectors):
    vectors = np.asarray(vectors, dtype=np.float64)
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def _cyclic(vector):
    """Return the vectors with all signs and cyclic orders of these coordinates."""
    signed = itertools.product(*({-x, x} for x in vector))
    return {tuple(np.roll(each, shift)) for each in signed for shift in range(3)}


def _turned(positions, seed=5):
    """Return positions after a rotation, so that nothing lies along the axes."""
    turn, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((3, 3)))
    return positions @ (turn * np.linalg.det(turn))


def _scattered(points, seed=0):
    return _unit(np.random.default_rng(seed).standard_normal((points, 3)))


def _on_ring(angles, colatitude):
    angles = np.asarray(angles, dtype=np.float64)
    colatitude = np.broadcast_to(colatitude, angles.shape)
    vectors = [np.sin(colatitude) * np.cos(angles), np.sin(colatitude) * np.sin(angles)]
    return np.stack([*vectors, np.cos(colatitude)], axis=1)


def _brute_force_areas(positions):
    """Cut the eight octants down to the half-spheres on a point's side of all bisectors."""
    octants = _turned(OCTANTS, seed=9)
    areas = []
    for i, position in enumerate(positions):
        normals = position - np.delete(positions, i, axis=0)
        normals = np.broadcast_to(normals, (8, *normals.shape))
        areas.append(flat_areas(clip(flat(octants), normals), 8).sum())
    return np.array(areas)


def _assert_is_voronoi(positions, tolerance):
    """Check a diagram of distinct points against what defines it.

    The corners of a cell are as near to its point as to any other one, the cell is a convex
    polygon around the point, and the areas of all polygons add up to the sphere.
    """
    areas, cells = voronoi_areas(positions), voronoi_cells(positions)
    np.testing.assert_allclose(np.linalg.norm(cells, axis=2), 1, atol=1e-14)
    nearest = np.einsum("pci,qi->pcq", cells, positions).max(axis=2)
    own = np.einsum("pci,pi->pc", cells, positions)
    np.testing.assert_allclose(own, nearest, rtol=0, atol=tolerance)
    sides = np.cross(cells, np.roll(cells, -1, axis=1))
    assert np.einsum("pci,pi->pc", sides, positions).min() > -tolerance
    np.testing.assert_allclose(polygon_areas(cells), areas, rtol=1e-10, atol=tolerance)
    np.testing.assert_allclose(areas, _brute_force_areas(positions), rtol=0, atol=tolerance)
    assert areas.sum() == pytest.approx(4 * np.pi, rel=1e-12)
    assert areas.min() > 0


SOLIDS = {
    "tetrahedron": ([(1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1)], 3),
    "octahedron": (sorted(_cyclic((0, 0, 1))), 4),
    "cube": (sorted(_cyclic((1, 1, 1))), 3),
    "icosahedron": (sorted(_cyclic((0, 1, GOLDEN))), 5),
    "dodecahedron": (sorted(_cyclic((1, 1, 1)) | _cyclic((0, 1 / GOLDEN, GOLDEN))), 3),
}


@pytest.mark.parametrize("solid", SOLIDS)
def test_platonic_solids_have_equal_regular_cells(solid):
    """By symmetry each cell has 4π / points; its corners are where the solid's faces are."""
    vertices, corners = SOLIDS[solid]
    positions = _turned(_unit(vertices))
    np.testing.assert_allclose(voronoi_areas(positions), 4 * np.pi / len(positions), rtol=1e-13)
    cells = voronoi_cells(positions)
    assert cells.shape == (len(positions), corners, 3)
    sides = np.linalg.norm(cells - np.roll(cells, -1, axis=1), axis=2)
    np.testing.assert_allclose(sides, sides[0, 0], rtol=1e-12)
    neighbours = voronoi_neighbours(positions)
    assert neighbours.shape == (len(positions), corners)
    distances = np.linalg.norm(positions[neighbours] - positions[:, np.newaxis], axis=2)
    np.testing.assert_allclose(distances, distances[0, 0], rtol=1e-12)


@pytest.mark.parametrize("count", [3, 4, 7])
@pytest.mark.parametrize("colatitude", [20, 90, 120])
def test_pole_and_ring_in_closed_form(count, colatitude):
    """A pole and n points around it, all in one hemisphere where the colatitude is 90° or less.

    The pole's cell is a regular n-gon around a circle of radius a, half the colatitude. From the
    right triangle of the pole, a corner and the middle of a side, cos β = cos a sin(π/n) for half
    the angle β at a corner, and the area is that of 2n such triangles, β + π/n - π/2 each. The
    other cells reach to the other pole and share what is left equally.
    """
    positions = np.concatenate(
        [[[0, 0, 1]], _on_ring(2 * np.pi * np.arange(count) / count, np.radians(colatitude))]
    )
    angle = np.arccos(np.cos(np.radians(colatitude / 2)) * np.sin(np.pi / count))
    polar = 2 * count * (angle + np.pi / count - np.pi / 2)
    areas = voronoi_areas(_turned(positions))
    np.testing.assert_allclose(areas[0], polar, rtol=1e-12)
    np.testing.assert_allclose(areas[1:], (4 * np.pi - polar) / count, rtol=1e-12)
    neighbours = voronoi_neighbours(_turned(positions))
    assert (neighbours[0] == np.arange(1, count + 1)).all()
    _assert_is_voronoi(_turned(positions), 1e-12)


@pytest.mark.parametrize("colatitude", [10, 40, 90, 170])
@pytest.mark.parametrize("degrees", [[0, 90, 200], [10, 10.5, 11, 300], [0, 180], [5, 100]])
def test_points_on_one_circle_have_lunes(degrees, colatitude):
    """A lune of angle α has area 2α; α is half the way to the points on both sides."""
    positions = _turned(_on_ring(np.radians(degrees), np.radians(colatitude)))
    gaps = np.radians(np.diff(degrees, append=degrees[0] + 360))
    np.testing.assert_allclose(voronoi_areas(positions), gaps + np.roll(gaps, 1), rtol=1e-10)
    _assert_is_voronoi(positions, 1e-11)
    neighbours = voronoi_neighbours(positions)
    around = len(degrees)
    for point, found in enumerate(neighbours):
        assert set(found) == {(point - 1) % around, (point + 1) % around}


@pytest.mark.parametrize("wobble", [1e-15, 1e-13, 1e-12, 1e-10, 1e-7])
@pytest.mark.parametrize("seed", [0, 1])
def test_points_nearly_on_one_circle_have_nearly_lunes(seed, wobble):
    """54 points at equal angles, 51.6°N give or take: a wobble w moves corners by w over the
    square of the spacing at most."""
    angles = 2 * np.pi * np.arange(54) / 54
    colatitude = np.pi / 2 - 0.9 + wobble * np.random.default_rng(seed).uniform(-1, 1, 54)
    positions = _on_ring(angles, colatitude)
    tolerance = 20 * wobble / (np.cos(0.9) * 2 * np.pi / 54) ** 2 + 1e-12
    np.testing.assert_allclose(voronoi_areas(positions), 4 * np.pi / 54, rtol=tolerance)
    np.testing.assert_allclose(
        polygon_areas(voronoi_cells(positions)), 4 * np.pi / 54, rtol=tolerance
    )
    _assert_is_voronoi(positions, 1e-10)
    neighbours = [set(found) - {-1} for found in voronoi_neighbours(positions)]
    assert all({(i - 1) % 54, (i + 1) % 54} <= found for i, found in enumerate(neighbours))


def test_one_point_has_the_sphere():
    assert voronoi_areas(np.array([[0.0, 0.0, 1.0]])) == pytest.approx(4 * np.pi)
    assert voronoi_cells(np.array([[0.0, 0.0, 1.0]])).shape[2] == 3
    assert voronoi_neighbours(np.array([[0.0, 0.0, 1.0]])).shape == (1, 0)


def test_two_points_have_half_each():
    """Near each other or opposite: the points nearer to one than to the other are a half-sphere."""
    for other in ([0, 0, -1], [0.1, 0, 1], [1, 0, 0]):
        areas = voronoi_areas(_unit([[0, 0, 1], other]))
        np.testing.assert_allclose(areas, 2 * np.pi, rtol=1e-14)


@settings(derandomize=True, max_examples=60, deadline=None)
@given(st.lists(st.integers(0, len(LATTICE) - 1), min_size=1, max_size=40), st.booleans())
def test_lattice_points_agree_with_brute_force(chosen, turn):
    """Poles, opposite points, circles with many points, and places with several points."""
    chosen = np.array(chosen)
    positions = _unit(LATTICE[chosen])
    positions = _turned(positions) if turn else positions
    places, first, inverse, counts = np.unique(
        chosen, return_index=True, return_inverse=True, return_counts=True
    )
    areas = voronoi_areas(positions)
    expected = _brute_force_areas(positions[first]) if len(places) > 1 else [4 * np.pi]
    np.testing.assert_allclose(areas, (expected / counts)[inverse], rtol=1e-11)
    assert areas.sum() == pytest.approx(4 * np.pi, rel=1e-12)
    cells = voronoi_cells(positions)
    np.testing.assert_array_equal(cells, cells[first][inverse])
    if len(places) > 1:
        _assert_is_voronoi(positions[first], 1e-11)


@settings(derandomize=True, max_examples=60, deadline=None)
@given(
    st.integers(2, 30),
    st.integers(0, 2**32 - 1),
    st.sampled_from(["sphere", "hemisphere", "continents", "near one circle", "one and the rest"]),
)
def test_scattered_points_agree_with_brute_force(count, seed, where):
    rng = np.random.default_rng(seed)
    positions = _scattered(count, seed)
    if where == "hemisphere":
        positions[:, 0] = np.abs(positions[:, 0])
    elif where == "continents":
        positions = _unit(positions[rng.integers(0, 2, count)] + 0.01 * _scattered(count, seed + 1))
    elif where == "near one circle":
        height = 10.0 ** rng.uniform(-14, -1)
        positions = _unit(positions * [1, 1, height] + [0, 0, rng.uniform(-1, 1)])
    elif where == "one and the rest":
        positions[1:] = _unit(0.05 * positions[1:] - positions[0])
    _assert_is_voronoi(positions, 1e-9)


@pytest.mark.parametrize("count", [5, 60, 2000])
def test_areas_agree_with_scipy(count):
    positions = _scattered(count, seed=count)
    expected = SphericalVoronoi(positions).calculate_areas()
    np.testing.assert_allclose(voronoi_areas(positions), expected, rtol=1e-8)


def test_neighbours_agree_with_scipy():
    """In general position two cells share a side if they have two corners in common."""
    positions = _scattered(200)
    regions = [set(region) for region in SphericalVoronoi(positions).regions]
    neighbours = voronoi_neighbours(positions)
    for point, region in enumerate(regions):
        expected = [i for i, other in enumerate(regions) if len(region & other) == 2]
        found = neighbours[point]
        assert found[found >= 0].tolist() == expected
        assert (found[len(expected) :] == -1).all()


def test_stations_in_a_dense_cluster():
    """Spacings of 1e-4 radians, 600 m on Earth, in one place of the sphere only."""
    grid = np.stack(np.meshgrid(np.arange(6), np.arange(5)), axis=-1).reshape(-1, 2)
    noise = np.random.default_rng(3).uniform(-0.3, 0.3, grid.shape)
    positions = _turned(_unit(np.insert(1e-4 * (grid + noise), 2, 1, axis=1)))
    _assert_is_voronoi(positions, 1e-7)
    # The ones inside of the cluster share its area; those at its border share the rest.
    inner = (grid % [5, 4]).all(axis=1)
    assert voronoi_areas(positions)[inner].max() < 1e-6


@pytest.mark.parametrize("count", [4, 50, 1000])
def test_triangles_are_the_facets_of_the_hull(count):
    positions = _scattered(count, seed=7)
    triangles = triangulate(positions)
    assert triangles.shape == (2 * count - 4, 3)
    assert triangles.dtype == np.int64
    expected = {frozenset(triangle) for triangle in ConvexHull(positions).simplices.tolist()}
    assert {frozenset(triangle) for triangle in triangles.tolist()} == expected


@pytest.mark.parametrize("hemisphere", [False, True])
def test_triangles_are_counter_clockwise_around_empty_circles(hemisphere):
    """No point is on the outer side of a facet's plane, the cap within its circle."""
    positions = _scattered(100)
    if hemisphere:
        positions[:, 2] = np.abs(positions[:, 2])
    triangles = triangulate(positions)
    first, second, third = np.moveaxis(positions[triangles], 1, 0)
    outward = _unit(np.cross(second - first, third - first))
    height = np.einsum("ti,ti->t", outward, first)
    assert (outward @ positions.T <= height[:, np.newaxis] + 1e-13).all()
    assert (height > 0).all() != hemisphere


def test_triangles_of_a_place_with_several_points_name_the_first():
    positions = _scattered(10)
    triangles = triangulate(positions[[3, 3, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9]])
    np.testing.assert_array_equal(np.unique(triangles), [0, 2, 3, 4, 6, 7, 8, 9, 10, 11])


def test_points_on_an_empty_circle_are_split_into_triangles():
    positions = _unit(sorted(_cyclic((1, 1, 1))))
    assert triangulate(positions).shape == (12, 3)


@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_points_on_one_circle_have_no_triangles(count):
    positions = _turned(_on_ring(2 * np.pi * np.arange(count) / 8, 0.4))
    with pytest.raises(DeepsphereError, match=f"^{count} places on one circle") as error:
        triangulate(positions)
    assert "\n" not in str(error.value)


def test_cells_are_convex_polygons_for_other_modules():
    assert are_convex(voronoi_cells(_scattered(300))).all()


def test_points_at_one_place_are_neighbours_and_have_the_same_ones():
    octahedron = np.array(sorted(_cyclic((0, 0, 1))), dtype=np.float64)
    positions = octahedron[[0, 1, 2, 3, 4, 5, 0]]
    neighbours = [set(found[found >= 0]) for found in voronoi_neighbours(positions)]
    assert neighbours[0] - {6} == neighbours[6] - {0} == {1, 2, 3, 4}
    assert 6 in neighbours[0]
    assert 0 in neighbours[6]
    assert {0, 6} <= neighbours[1]


def test_neighbours_are_symmetric():
    neighbours = voronoi_neighbours(_scattered(500)[np.arange(600) % 500])
    rows, columns = np.nonzero(neighbours >= 0)
    pairs = set(zip(rows.tolist(), neighbours[rows, columns].tolist(), strict=True))
    assert pairs == {(other, one) for one, other in pairs}
    assert all(one != other for one, other in pairs)
    assert neighbours.dtype == np.int64


def test_the_diagram_turns_and_shuffles_with_its_points():
    positions = _scattered(150)
    shuffle = np.random.default_rng(1).permutation(150)
    areas = voronoi_areas(positions)
    np.testing.assert_allclose(voronoi_areas(_turned(positions)), areas, rtol=1e-11)
    np.testing.assert_allclose(voronoi_areas(positions[shuffle]), areas[shuffle], rtol=1e-11)


def test_cells_that_do_not_add_up_are_refused(monkeypatch):
    class Half:
        def areas(self):
            return np.full(5, 4 * np.pi / 10)

    monkeypatch.setattr("deepsphere.samplings.voronoi._cells", lambda points: Half())
    with pytest.raises(DeepsphereError, match=r"5 places do not add up .* error of -5\.0e-01"):
        voronoi_areas(_scattered(5))


@pytest.mark.parametrize(
    "function", [triangulate, voronoi_areas, voronoi_cells, voronoi_neighbours]
)
@pytest.mark.parametrize("value", [np.nan, np.inf, 0.5])
def test_positions_that_are_no_unit_vectors_are_refused(function, value):
    positions = _scattered(6)
    positions[4] = [0, 0, value]
    with pytest.raises(DeepsphereError, match=f"length {value} at index 4") as error:
        function(positions)
    assert "\n" not in str(error.value)
