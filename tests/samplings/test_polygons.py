import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from deepsphere.samplings.polygons import (
    are_convex,
    clip,
    cross,
    enclosing_balls,
    flat,
    flat_areas,
    polygon_areas,
    side_normals,
    triangle_areas,
)

SEEDS = st.integers(0, 2**32 - 1)
OCTANT = np.eye(3)

modest = settings(derandomize=True, deadline=None, max_examples=60)


def random_triangles(seed, count, spread=1.0):
    """Counter-clockwise triangles around random places, within about ``spread`` of them."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(count, 1, 3))
    centres /= np.linalg.norm(centres, axis=-1, keepdims=True)
    corners = centres + spread * random.normal(size=(count, 3, 3))
    corners /= np.linalg.norm(corners, axis=-1, keepdims=True)
    clockwise = np.linalg.det(corners) < 0
    corners[clockwise] = corners[clockwise, ::-1]
    return corners


def gnomonic(points):
    """Project points (x, y) of the plane z = 1 on the sphere: straight lines become great arcs."""
    points = np.asarray(points, dtype=np.float64)
    vectors = np.concatenate([points, np.ones((len(points), 1))], axis=1)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def clipped_areas(subjects, clippers):
    return flat_areas(clip(flat(subjects), side_normals(clippers)), len(subjects))


def star(seed, corners=20):
    """A polygon around the pole whose sides wind in and out."""
    random = np.random.default_rng(seed)
    angles = np.sort(random.uniform(0, 2 * np.pi, corners))
    radii = random.uniform(0.1, 0.8, corners)
    return gnomonic(np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1))


def test_an_octant_is_an_eighth_of_the_sphere():
    assert polygon_areas(OCTANT) == pytest.approx(np.pi / 2, rel=1e-14)
    assert polygon_areas(OCTANT[::-1]) == pytest.approx(-np.pi / 2, rel=1e-14)


def test_a_face_of_a_cube_is_a_sixth_of_the_sphere():
    face = gnomonic([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    assert polygon_areas(face) == pytest.approx(4 * np.pi / 6, rel=1e-14)


@pytest.mark.parametrize("corners", [3, 4, 7, 64])
def test_a_hemisphere_has_half_of_the_sphere(corners):
    """All corners are on one great circle, so the triangles that they make have no sign."""
    angles = 2 * np.pi * np.arange(corners) / corners
    equator = np.stack([np.cos(angles), np.sin(angles), np.zeros(corners)], axis=1)
    rotated = equator @ Rotation.random(20, rng=np.random.default_rng(corners)).as_matrix()
    np.testing.assert_allclose(polygon_areas(rotated), 2 * np.pi, rtol=1e-13)


def test_a_lune_has_twice_its_angle():
    """A lune of angle α is α/2π of the sphere: 2α steradians. Two of its corners are opposite."""
    for angle in (1e-3, 1.0, 3.0):
        lune = np.array([[0, 0, -1], [np.cos(angle), np.sin(angle), 0], [0, 0, 1], [1, 0, 0]])
        assert polygon_areas(lune) == pytest.approx(2 * angle, rel=1e-12)
        assert polygon_areas(lune[::-1]) == pytest.approx(-2 * angle, rel=1e-12)


@modest
@given(st.floats(-3, 0.1), st.floats(-3, 0.1), SEEDS)
def test_right_triangles_of_any_size(log_a, log_b, seed):
    """With legs a and b and a right angle, tan(E/2) = tan(a/2) tan(b/2) for the area E.

    Legs of 1e-3 make areas of 5e-7 steradians. Corners are rounded to 1e-16, which alone changes
    an area by 1e-16 divided by the shorter leg.
    """
    a, b = 10**log_a, 10**log_b
    corners = np.array([[0, 0, 1], [np.sin(a), 0, np.cos(a)], [0, np.sin(b), np.cos(b)]])
    corners = corners @ Rotation.random(rng=np.random.default_rng(seed)).as_matrix()
    exact = 2 * np.arctan(np.tan(a / 2) * np.tan(b / 2))
    assert triangle_areas(*corners) == pytest.approx(exact, rel=2e-15 + 1e-15 / min(a, b))
    assert polygon_areas(corners) == pytest.approx(exact, rel=2e-15 + 1e-15 / min(a, b))


@modest
@given(SEEDS)
def test_random_triangles_have_their_angle_excess(seed):
    """Girard: the area is the sum of the angles, each between the planes of two sides, less π."""
    corners = random_triangles(seed, 50)
    normals = side_normals(corners)
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    turns = np.einsum("tci,tci->tc", normals, np.roll(normals, 1, axis=1))
    excess = (np.pi - np.arccos(turns.clip(-1, 1))).sum(axis=1) - np.pi
    np.testing.assert_allclose(polygon_areas(corners), excess, rtol=0, atol=1e-7)


@modest
@given(SEEDS)
def test_a_polygon_is_the_sum_of_any_fan(seed):
    corners = star(seed)
    apex = random_triangles(seed, 1)[0, 0]
    apex[2] = abs(apex[2])
    fan = triangle_areas(apex, corners, np.roll(corners, -1, axis=0))
    assert polygon_areas(corners) == pytest.approx(fan.sum(), rel=1e-12)


def test_repeated_corners_change_nothing():
    corners = star(0)
    repeated = np.repeat(corners, np.arange(len(corners)) % 3 + 1, axis=0)
    assert polygon_areas(repeated) == pytest.approx(polygon_areas(corners), rel=1e-15)


def test_a_point_and_a_side_have_no_area():
    point = np.repeat(OCTANT[:1], 5, axis=0)
    side = OCTANT[[0, 1, 1, 1, 1]]
    np.testing.assert_allclose(polygon_areas(np.stack([point, side])), 0, rtol=0, atol=1e-16)


def test_batches_may_have_any_shape():
    corners = random_triangles(1, 6).reshape(2, 3, 3, 3)
    areas = polygon_areas(corners)
    assert areas.shape == (2, 3)
    assert areas[1, 2] == polygon_areas(corners[1, 2])


def test_convex_and_other_polygons():
    square = [[-1, -1], [0, -1], [1, -1], [1, 1], [-1, 1]]
    notched = [[-1, -1], [0, -1 + 1e-9], [1, -1], [1, 1], [-1, 1]]
    bulging = [[-1, -1], [0, -1 - 1e-9], [1, -1], [1, 1], [-1, 1]]
    clockwise = square[::-1]
    polygons = np.stack([gnomonic(p) for p in (square, notched, bulging, clockwise)])
    rotated = polygons @ Rotation.random(rng=np.random.default_rng(0)).as_matrix()
    assert are_convex(rotated).tolist() == [True, False, True, False]


def test_a_pentagram_turns_left_everywhere_and_is_not_convex():
    angles = 4 * np.pi / 5 * np.arange(5)
    pentagram = gnomonic(np.stack([np.cos(angles), np.sin(angles)], axis=1))
    assert not are_convex(pentagram[np.newaxis])[0]


@modest
@given(SEEDS, st.floats(-4, 1))
def test_balls_hold_all_points_of_a_triangle(seed, log_spread):
    """Also those of triangles as large as a hemisphere; points are random means of corners."""
    triangles = random_triangles(seed, 40, 10**log_spread)
    weights = np.random.default_rng(seed).dirichlet([0.3] * 3, size=200)
    points = weights @ triangles
    points /= np.linalg.norm(points, axis=-1, keepdims=True)
    centres, radii = enclosing_balls(triangles)
    distances = np.linalg.norm(points - centres[:, np.newaxis], axis=-1)
    assert (distances <= radii[:, np.newaxis] * (1 + 1e-12)).all()
    assert (radii <= 2).all()


def test_clip_to_a_known_part():
    """The octant's part between 0°E and 30°E is a third of it."""
    third = np.array([[1, 0, 0], [np.cos(np.pi / 6), 0.5, 0], [0, 0, 1]])
    assert clipped_areas(OCTANT[np.newaxis], third[np.newaxis])[0] == pytest.approx(np.pi / 6)


def test_clip_keeps_the_corners_inside_and_adds_those_on_the_border():
    """The plane 2x = y + z crosses the sides from x to y, where y = 2x, and from z to x."""
    corners, owners = clip(flat(OCTANT[np.newaxis]), np.array([[[2.0, -1.0, -1.0]]]))
    expected = np.array([[1, 0, 0], [1, 2, 0], [1, 0, 2]]) / np.sqrt([[1], [5], [5]])
    np.testing.assert_allclose(corners, expected, atol=1e-15)
    assert owners.tolist() == [0, 0, 0]


def test_polygons_outside_have_no_corners_and_others_keep_their_index():
    subjects = np.stack([-OCTANT[::-1], OCTANT, -OCTANT[::-1]])
    inner = gnomonic([[0.1, 0.1], [0.2, 0.1], [0.1, 0.2]])
    clipped = clip(flat(subjects), side_normals(np.stack([inner] * 3)))
    assert np.unique(clipped[1]).tolist() == [1]
    np.testing.assert_allclose(
        flat_areas(clipped, 3), [0, polygon_areas(inner), 0], rtol=1e-13, atol=0
    )


def test_clip_of_nothing_is_nothing():
    nothing = np.empty((0, 3)), np.empty(0, dtype=np.int64)
    corners, owners = clip(nothing, np.empty((0, 3, 3)))
    assert corners.shape == (0, 3)
    assert owners.shape == (0,)
    assert flat_areas(nothing, 2).tolist() == [0, 0]


def test_normals_of_zero_cut_nothing():
    padded = OCTANT[[0, 1, 2, 2, 2]]
    subjects = random_triangles(2, 200)
    whole = np.broadcast_to(OCTANT, (200, 3, 3))
    repeated = np.broadcast_to(padded, (200, 5, 3))
    np.testing.assert_allclose(
        clipped_areas(subjects, whole), clipped_areas(subjects, repeated), rtol=1e-13, atol=1e-16
    )


@modest
@given(SEEDS, st.floats(-4, 0))
def test_what_a_plane_cuts_off_is_the_rest(seed, log_spread):
    """Also where the polygon is not convex and falls apart, and for polygons of all sizes."""
    triangles = random_triangles(seed, 40, 10**log_spread)
    random = np.random.default_rng(seed)
    normals = cross(triangles[:, 0] + 0.5 * triangles[:, 1], random.normal(size=(40, 3)))
    normals = normals[:, np.newaxis]
    for subjects in triangles, np.broadcast_to(star(seed), (40, 20, 3)):
        kept = flat_areas(clip(flat(subjects), normals), 40)
        rest = flat_areas(clip(flat(subjects), -normals), 40)
        assert (kept > -1e-15).all()
        assert (rest > -1e-15).all()
        # Corners are rounded to 1e-16: an absolute error for sides of length 1, less for others.
        atol = 1e-15 * np.linalg.norm(subjects[:, 0] - subjects[:, 1], axis=1).max()
        np.testing.assert_allclose(kept + rest, polygon_areas(subjects), rtol=1e-11, atol=atol)


@modest
@given(SEEDS)
def test_either_of_two_triangles_may_clip_the_other(seed):
    one, other = random_triangles(seed, 50), random_triangles(seed + 1, 50)
    np.testing.assert_allclose(
        clipped_areas(one, other), clipped_areas(other, one), rtol=1e-9, atol=1e-14
    )


def test_intersections_agree_with_random_points():
    """The part of n random points in both triangles has a standard deviation below 1/(2√n)."""
    one = random_triangles(3, 40)
    turns = Rotation.from_rotvec(np.random.default_rng(4).normal(scale=0.5, size=(40, 3)))
    other = np.einsum("tij,tcj->tci", turns.as_matrix(), one)
    points = np.random.default_rng(5).normal(size=(40_000, 3))
    inside = [(side_normals(t) @ points.T >= 0).all(axis=1) for t in (one, other)]
    expected = 4 * np.pi * (inside[0] & inside[1]).mean(axis=1)
    areas = clipped_areas(one, other)
    assert np.count_nonzero(areas > 0.1) > 20
    np.testing.assert_allclose(areas, expected, rtol=0, atol=4 * np.pi * 4 / (2 * np.sqrt(40_000)))


@modest
@given(SEEDS, st.floats(-5, 0))
def test_touching_triangles_overlap_in_rounding_only(seed, log_spread):
    """Two halves of a triangle share a side; a corner of a third lies on that side's line."""
    whole = random_triangles(seed, 40, 10**log_spread)
    middle = whole[:, 1] + whole[:, 2]
    middle /= np.linalg.norm(middle, axis=1, keepdims=True)
    left = np.stack([whole[:, 0], whole[:, 1], middle], axis=1)
    right = np.stack([whole[:, 0], middle, whole[:, 2]], axis=1)
    longest = np.linalg.norm(whole - np.roll(whole, 1, axis=1), axis=2).max()
    for pair in (left, right), (right, left):
        assert np.abs(clipped_areas(*pair)).max() <= 1e-15 * longest
    np.testing.assert_allclose(
        clipped_areas(left, whole), polygon_areas(left), rtol=1e-11, atol=1e-15 * longest
    )


@modest
@given(SEEDS, st.floats(-5, 0))
def test_a_triangle_clipped_to_itself_stays(seed, log_spread):
    triangles = random_triangles(seed, 40, 10**log_spread)
    longest = np.linalg.norm(triangles - np.roll(triangles, 1, axis=1), axis=2).max()
    np.testing.assert_allclose(
        clipped_areas(triangles, triangles),
        polygon_areas(triangles),
        rtol=1e-12,
        atol=1e-15 * longest,
    )


def test_a_comb_falls_into_its_teeth():
    """A comb of two teeth, cut above its back: the area of the teeth, however they stay joined."""
    comb = gnomonic([[-1, -1], [1, -1], [1, 1], [0.5, 1], [0.5, 0], [-0.5, 0], [-0.5, 1], [-1, 1]])
    tooth = gnomonic([[0.5, 0.2], [1, 0.2], [1, 1], [0.5, 1]])
    # The plane y = 0.2 of the projection.
    normals = np.array([[[0, 1, -0.2]]])
    area = flat_areas(clip(flat(comb[np.newaxis]), normals), 1)[0]
    assert area == pytest.approx(2 * polygon_areas(tooth), rel=1e-13)
