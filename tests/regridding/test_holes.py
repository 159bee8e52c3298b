import numpy as np
import pytest
import trimesh

from deepsphere.regridding.holes import hole_faces
from deepsphere.regridding.topology import topology_of
from deepsphere.regridding.triangles import area_vectors

_SQUARE = np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]])


def _arrays(shape):
    return np.array(shape.vertices), np.array(shape.faces, dtype=np.int64)


def _filling(vertices, faces):
    return hole_faces(vertices, faces, topology_of(faces), 1e-8)


def _without_vertex(level, corners):
    """Return a sphere without the faces at a vertex where so many meet."""
    vertices, faces = _arrays(trimesh.creation.icosphere(level))
    vertex = np.flatnonzero(np.bincount(faces.ravel()) == corners)[0]
    return vertices, faces[(faces != vertex).all(axis=1)]


def test_lost_triangles_come_back_as_they_were():
    vertices, faces = _arrays(trimesh.creation.icosphere(2))
    lost = [3, 200]
    filling = _filling(vertices, np.delete(faces, lost, axis=0))
    assert {frozenset(face) for face in filling.tolist()} == {
        frozenset(face) for face in faces[lost].tolist()
    }
    expected = area_vectors(vertices, faces[lost]).sum(axis=0)
    np.testing.assert_allclose(area_vectors(vertices, filling).sum(axis=0), expected, atol=1e-15)


def test_a_lost_square_of_a_box_closes_it():
    """Its two triangles are wound like the rest: the area vectors of a closed surface sum to 0."""
    vertices, faces = _arrays(trimesh.creation.box((1, 2, 3)))
    top = (vertices[faces][:, :, 2] > 0).all(axis=1)
    filling = _filling(vertices, faces[~top])
    assert len(filling) == 2
    whole = np.concatenate([faces[~top], filling])
    topology = topology_of(whole)
    assert (topology.sharing == 2).all()
    assert not topology.disagreeing().any()
    np.testing.assert_allclose(area_vectors(vertices, whole).sum(axis=0), 0, atol=1e-15)


@pytest.mark.parametrize("corners", [5, 6])
def test_larger_openings_stay(corners):
    assert len(_filling(*_without_vertex(2, corners))) == 0


def test_a_closed_surface_has_no_holes():
    assert len(_filling(*_arrays(trimesh.creation.icosphere(1)))) == 0


@pytest.mark.parametrize(
    "faces",
    [
        [[0, 1, 2]],
        [[0, 1, 2], [0, 2, 3]],
        [[0, 1, 3], [1, 2, 3]],
        [[0, 1, 4], [1, 2, 4], [2, 3, 4], [3, 0, 4]],
    ],
)
def test_the_back_of_a_flat_piece_is_not_covered(faces):
    vertices = np.concatenate([_SQUARE, [[0.4, 0.4, 0]]])
    assert len(_filling(vertices, np.array(faces))) == 0


def test_a_pyramid_without_its_base_is_closed():
    vertices = np.concatenate([_SQUARE, [[0.5, 0.5, 1]]])
    filling = _filling(vertices, np.array([[0, 1, 4], [1, 2, 4], [2, 3, 4], [3, 0, 4]]))
    np.testing.assert_allclose(area_vectors(vertices, filling), [[0, 0, -0.5], [0, 0, -0.5]])


def test_a_crack_without_width_stays():
    """Vertex 4 lies on the side from 0 to 2 of one triangle and splits that of its neighbours."""
    vertices = np.concatenate([_SQUARE, [[0.5, 0.5, 0], [0.5, 0.5, 1], [0.5, 0.5, -1]]])
    faces = np.array([[0, 2, 5], [4, 0, 6], [2, 4, 6], [0, 5, 1], [2, 1, 5], [0, 1, 6], [2, 6, 1]])
    topology = topology_of(faces)
    assert (topology.sharing == 1).sum() == 3
    assert not topology.disagreeing().any()
    assert len(_filling(vertices, faces)) == 0


def test_outlines_that_touch_at_a_vertex_stay():
    vertices, faces = _arrays(trimesh.creation.icosphere(2))
    at_vertex = np.flatnonzero((faces == 12).any(axis=1))
    one = at_vertex[0]
    other = next(face for face in at_vertex if len({*faces[one]} & {*faces[face]}) == 1)
    assert len(_filling(vertices, np.delete(faces, [one, other], axis=0))) == 0
