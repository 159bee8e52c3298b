import gc

import numpy as np
import pytest
import trimesh

from deepsphere.regridding.motions import random_motion
from deepsphere.regridding.rays import RayTarget
from deepsphere.regridding.triangles import area_vectors, unit
from deepsphere.samplings.equiangular import Equiangular
from deepsphere.samplings.healpix import Healpix
from deepsphere.samplings.icosahedral import Icosahedral


def _directions(count, seed=0):
    return unit(np.random.default_rng(seed).standard_normal((count, 3)))


def _arrays(shape):
    vertices = np.array(shape.vertices)
    return vertices / np.linalg.norm(vertices, axis=1).max(), np.array(shape.faces)


def _first_hits(vertices, faces, origins, directions):
    """Cast rays in float64 at each face one by one, by the scheme of Möller and Trumbore."""
    best = np.full(len(origins), np.inf)
    found = np.full(len(origins), -1)
    for face, (a, b, c) in enumerate(vertices[faces]):
        across = np.cross(directions, c - a)
        determinant = across @ (b - a)
        with np.errstate(divide="ignore", invalid="ignore"):
            u = np.einsum("ri,ri->r", origins - a, across) / determinant
            other = np.cross(origins - a, b - a)
            v = np.einsum("ri,ri->r", directions, other) / determinant
            distance = other @ (c - a) / determinant
        nearer = (u >= 0) & (v >= 0) & (u + v <= 1) & (distance > 0) & (distance < best)
        best[nearer], found[nearer] = distance[nearer], face
    return found, best


@pytest.mark.parametrize("seed", range(3))
def test_first_hits_are_those_of_rays_cast_one_by_one(seed):
    random = np.random.default_rng(seed)
    corners = random.uniform(-0.5, 0.5, (30, 1, 3)) + random.normal(0, 0.2, (30, 3, 3))
    vertices, faces = corners.reshape(-1, 3), np.arange(90).reshape(-1, 3)
    outward = _directions(2000, seed)
    expected, expected_distances = _first_hits(vertices, faces, 2 * outward, -outward)
    hits = RayTarget(vertices, faces).first_hits(2 * outward, -outward)
    # A ray that passes within 1e-7 of a side may go either way: none of these does.
    np.testing.assert_array_equal(hits.faces, expected)
    hit = expected >= 0
    assert 400 < hit.sum() < 1950
    np.testing.assert_allclose(hits.distances[hit], expected_distances[hit], atol=1e-5)


@pytest.mark.parametrize(
    "shape",
    [
        trimesh.creation.box(),
        trimesh.creation.icosahedron(),
        trimesh.creation.icosphere(4),
        trimesh.creation.uv_sphere(count=[32, 32]),
        trimesh.creation.cylinder(0.5, 2),
    ],
    ids=["box", "icosahedron", "icosphere", "longitudes", "cylinder"],
)
def test_no_ray_is_lost_between_faces(shape):
    """Around a convex body every ray to the origin hits, and hits a face that looks at it.

    Without the robust mode some of these rays slip through, most of all those of HEALPix onto the
    box: many of its pixels are in the planes of symmetry through the box's edges.
    """
    vertices, faces = _arrays(shape)
    normals, target = unit(area_vectors(vertices, faces)), RayTarget(vertices, faces)
    places = [
        sampling.positions for sampling in (Healpix(32), Equiangular(128, 128), Icosahedral(4))
    ]
    # Straight at corners and at the middles of sides.
    places += [unit(vertices), unit(vertices[faces].sum(axis=1) - vertices[faces[:, 0]])]
    places += [
        places[0] @ random_motion("so3", 0.0, ("rays", number)).rotation for number in range(10)
    ]
    outward = np.concatenate(places)
    hits = target.first_hits(1.01 * outward, -outward)
    assert (hits.faces >= 0).all()
    assert (np.einsum("ri,ri->r", normals[hits.faces], outward) > 0).all()


def test_faces_are_hit_from_both_sides_and_rays_go_on_beyond_the_origin():
    vertices = np.array([[-1.0, -1, -0.5], [2, -1, -0.5], [-1, 2, -0.5]])
    target = RayTarget(vertices, np.array([[0, 1, 2]]))
    up = np.array([[0.0, 0, 1]])
    for outward, distance in ((up, 1.5), (-up, 0.5)):
        hits = target.first_hits(outward, -outward)
        assert hits.faces[0] == 0
        assert hits.distances[0] == pytest.approx(distance, abs=1e-6)
    assert target.first_hits(up, up).faces[0] == -1


def test_a_target_keeps_its_own_faces():
    vertices, faces = _arrays(trimesh.creation.icosphere(2))
    expected, target = vertices.copy(), RayTarget(vertices, faces)
    vertices[:] = 0
    del faces
    gc.collect()
    outward = unit(expected)
    np.testing.assert_allclose(target.first_hits(2 * outward, -outward).distances, 1, atol=1e-6)
