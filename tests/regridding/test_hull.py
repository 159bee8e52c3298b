import numpy as np
import pytest
import trimesh
from scipy.spatial import ConvexHull

from deepsphere.regridding import hull as module
from deepsphere.regridding.hull import convex_hull
from deepsphere.regridding.triangles import area_vectors, lengths, unit


def _cloud(seed, count=300):
    points = np.random.default_rng(seed).standard_normal((count, 3))
    return points / np.abs(points).max() * [1, 0.5, 0.2]


def _circle(count):
    angles = 2 * np.pi * np.arange(count) / count
    return np.stack([np.cos(angles), np.sin(angles), np.zeros(count)], axis=1)


def _cap_to_cap(count):
    """The corners of a cylinder with so many around each end."""
    return np.concatenate([0.7 * _circle(count), 0.7 * _circle(count) + [0, 0, 0.5]])


@pytest.mark.parametrize(
    "points",
    [
        *map(_cloud, range(3)),
        trimesh.creation.box().subdivide().subdivide().vertices.view(np.ndarray),
        trimesh.creation.icosphere(3).vertices.view(np.ndarray),
        _cap_to_cap(200),
        _cloud(0) * [1, 1, 1e-4],
    ],
)
def test_the_hull_is_that_of_qhull_without_joggling(points):
    """Support, area and volume are equal, and all points are behind all facets."""
    hull, expected = convex_hull(points), ConvexHull(points)
    np.testing.assert_allclose(lengths(hull.normals), 1, atol=1e-12)
    offsets = np.einsum("fi,fi->f", hull.normals, hull.vertices[hull.faces[:, 0]])
    assert (points @ hull.normals.T - offsets).max() < 1e-9

    directions = unit(np.random.default_rng(0).standard_normal((500, 3)))
    support = (hull.vertices @ directions.T).max(axis=0)
    np.testing.assert_allclose(support, (points @ directions.T).max(axis=0), atol=1e-10)
    areas = lengths(area_vectors(hull.vertices, hull.faces))
    assert areas.sum() == pytest.approx(expected.area, abs=1e-9)
    assert (areas * offsets).sum() / 3 == pytest.approx(expected.volume, abs=1e-9)


def test_the_hull_is_closed_and_has_corners_only():
    hull = convex_hull(np.concatenate([_cap_to_cap(50), [[0, 0, 0.2], [0.1, 0, 0.3]]]))
    assert len(hull.vertices) == 100
    # Euler: a closed surface of V vertices has 2 V - 4 triangles.
    assert len(hull.faces) == 2 * 100 - 4
    np.testing.assert_array_equal(np.unique(hull.faces), np.arange(100))


def test_normals_are_those_of_the_faces_up_to_their_sign():
    hull = convex_hull(_cloud(3))
    normals = unit(area_vectors(hull.vertices, hull.faces))
    cosines = np.einsum("fi,fi->f", normals, hull.normals)
    np.testing.assert_allclose(np.abs(cosines), 1, atol=1e-7)


@pytest.mark.parametrize("seed", range(3))
def test_what_is_in_one_plane_has_no_hull(seed):
    turn, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((3, 3)))
    assert convex_hull(_circle(30) @ turn + [0.1, 0, 0]) is None
    assert convex_hull(_circle(3) @ turn) is None


def test_four_corners_are_enough():
    assert len(convex_hull(np.concatenate([np.eye(3), [[0, 0, 0]]])).faces) == 4


def test_where_qhull_fails_there_is_none(monkeypatch):
    def fail(*args, **options):
        raise module.QhullError("QH6297 precision error")

    monkeypatch.setattr(module, "ConvexHull", fail)
    assert convex_hull(_cloud(0)) is None


def test_a_hull_is_made_again_the_same():
    one, other = convex_hull(_cap_to_cap(300)), convex_hull(_cap_to_cap(300))
    for left, right in zip(one, other, strict=True):
        np.testing.assert_array_equal(left, right)
