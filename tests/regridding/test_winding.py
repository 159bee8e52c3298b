import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsphere.regridding.topology import topology_of
from deepsphere.regridding.triangles import area_vectors, lengths
from deepsphere.regridding.winding import against_neighbours, facing_inward, turned


def _arrays(shape):
    return np.array(shape.vertices), np.array(shape.faces, dtype=np.int64)


def _moebius_strip(count):
    """A strip of so many squares with its ends joined after half a turn."""
    lower = np.arange(count)
    upper = lower + count
    following = np.append(lower[1:], count), np.append(upper[1:], 0)
    one = np.stack([lower, following[0], upper], axis=1)
    other = np.stack([upper, following[0], following[1]], axis=1)
    return np.concatenate([one, other])


def _inward(vertices, faces):
    """Return which faces face inward, seen from the origin."""
    vectors = area_vectors(vertices, faces)
    volumes = np.einsum("fi,fi->f", vertices[faces[:, 0]], vectors) / 3
    return facing_inward(topology_of(faces), volumes, lengths(vectors))


@settings(derandomize=True, deadline=None, max_examples=25)
@given(st.integers(0, 2**32), st.floats(0.0, 1.0))
def test_neighbours_agree_again_after_any_faces_were_turned(seed, share):
    """Two spheres and a torus apart: six ways to wind them alike, of which two keep each part."""
    shapes = [trimesh.creation.icosphere(1) for _ in range(2)] + [trimesh.creation.torus(3, 1)]
    shapes[1].apply_translation([9, 0, 0])
    shapes[2].apply_translation([0, 9, 0])
    vertices, faces = _arrays(trimesh.util.concatenate(shapes))
    chosen = np.random.default_rng(seed).random(len(faces)) < share
    mixed = turned(faces, chosen)
    topology, areas = topology_of(mixed), lengths(area_vectors(vertices, mixed))

    against = against_neighbours(topology, areas)
    alike = turned(mixed, against)
    assert not topology_of(alike).disagreeing().any()
    for part in range(3):
        here = topology.parts == part
        assert areas[here & against].sum() <= areas[here].sum() / 2

    right = turned(alike, _inward(vertices, alike))
    np.testing.assert_allclose(
        area_vectors(vertices, right), area_vectors(vertices, faces), atol=1e-15
    )


def test_what_agrees_is_left_alone():
    vertices, faces = _arrays(trimesh.creation.icosphere(1))
    areas = lengths(area_vectors(vertices, faces))
    assert not against_neighbours(topology_of(faces[:, ::-1]), areas).any()


@pytest.mark.parametrize("count", [5, 8, 21])
def test_a_moebius_strip_keeps_one_seam(count):
    faces = _moebius_strip(count)
    faces = turned(faces, np.random.default_rng(count).random(len(faces)) < 0.5)
    topology = topology_of(faces)
    assert topology.parts.max() == 0
    assert len(topology.pairs) == 2 * count
    alike = turned(faces, against_neighbours(topology, np.ones(len(faces))))
    assert topology_of(alike).disagreeing().sum() == 1


def test_closed_parts_that_are_inside_out_are_found_wherever_they_are():
    """The volume of a closed surface does not depend on where the origin is."""
    inside_out = trimesh.creation.box()
    inside_out.invert()
    inside_out.apply_translation([5, 6, 7])
    vertices, faces = _arrays(trimesh.util.concatenate([trimesh.creation.box(), inside_out]))
    np.testing.assert_array_equal(_inward(vertices, faces), np.repeat([False, True], 12))


@pytest.mark.parametrize("backward", [False, True])
def test_an_open_bowl_faces_away_from_its_centroid(backward):
    vertices, faces = _arrays(trimesh.creation.icosphere(2))
    faces = faces[(vertices[faces][:, :, 2] < 0.1).all(axis=1)]
    faces = turned(faces, np.full(len(faces), backward))
    centroid = vertices[np.unique(faces)].mean(axis=0)
    np.testing.assert_array_equal(
        _inward(vertices - centroid, faces), np.full(len(faces), backward)
    )


def test_a_flat_piece_around_the_centroid_stays_as_it_is():
    square = (
        np.array([[-1.0, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]])
        @ np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))[0]
    )
    for faces in (np.array([[0, 1, 2], [0, 2, 3]]), np.array([[2, 1, 0], [3, 2, 0]])):
        assert not _inward(square, faces).any()
