import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsphere.errors import DeepsphereError
from deepsphere.regridding.mesh import Mesh, cleaned, normalized
from deepsphere.regridding.triangles import area_vectors


def _mesh(shape):
    return Mesh(np.array(shape.vertices), np.array(shape.faces, dtype=np.int64))


def _corners(mesh):
    """Return the places of the corners, each face from its lowest one on, faces in order."""
    corners = mesh.vertices[mesh.faces]
    turns = [np.roll(corners, turn, axis=1).reshape(-1, 9) for turn in range(3)]
    return sorted(min(rows) for rows in zip(*(turn.tolist() for turn in turns), strict=True))


def _unmerged(mesh):
    """Return a mesh whose faces share no vertices."""
    count = mesh.faces.size
    return Mesh(mesh.vertices[mesh.faces].reshape(-1, 3), np.arange(count).reshape(-1, 3))


def test_wrong_shapes_and_types_are_refused():
    vertices, faces = np.zeros((3, 3)), np.zeros((1, 3), dtype=np.int64)
    for wrong in (np.zeros((3, 2)), np.zeros(3), np.zeros((3, 3), dtype=np.float32)):
        with pytest.raises(ValueError, match="vertices must be float64 of shape"):
            Mesh(wrong, faces)
    for wrong in (np.zeros((1, 4), dtype=np.int64), np.zeros((1, 3))):
        with pytest.raises(ValueError, match="faces must be int64 of shape"):
            Mesh(vertices, wrong)


@pytest.mark.parametrize("number", [-1, 3, 2**40])
def test_a_vertex_that_does_not_exist_is_named(number):
    with pytest.raises(DeepsphereError, match=f"names vertex {number}, but there are 3"):
        Mesh(np.zeros((3, 3)), np.array([[0, 1, 2], [0, number, 1]]))


def test_a_clean_mesh_stays_as_it_is():
    mesh = _mesh(trimesh.creation.torus(1, 0.25, 16, 8))
    again = cleaned(mesh)
    np.testing.assert_array_equal(again.vertices, mesh.vertices)
    np.testing.assert_array_equal(again.faces, mesh.faces)


@settings(derandomize=True, deadline=None, max_examples=25)
@given(st.integers(0, 2**32), st.sampled_from([1.0, 1e-30, 1e30, 1e300]))
def test_all_that_is_wrong_with_a_mesh_is_put_right(seed, scale):
    """Unmerged, faces turned and repeated, needles, stray and infinite vertices, in any order."""
    random = np.random.default_rng(seed)
    torus = _mesh(trimesh.creation.torus(1, 0.25, 12, 8))
    torus = Mesh(torus.vertices * scale, torus.faces)
    soup = _unmerged(torus)
    faces = np.concatenate([soup.faces, soup.faces[random.integers(0, len(soup.faces), 40)]])
    faces = np.where(random.random((len(faces), 1)) < 0.4, faces[:, ::-1], faces)
    count = len(soup.vertices)
    needles = np.sort(random.integers(0, count, (10, 2)))[:, [0, 1, 1]]
    strays = np.array([[np.nan, 0, 0], [0, -np.inf, 0], [5 * scale, 0, 0]])
    broken = np.array([[0, 1, count], [count + 1, 5, 6]])
    faces = random.permutation(np.concatenate([faces, needles, broken]))
    dirty = Mesh(np.concatenate([soup.vertices, strays]), faces)

    clean = cleaned(dirty)
    assert len(clean.vertices) == len(torus.vertices)
    assert _corners(clean) == _corners(torus)


def test_what_is_turned_and_lost_comes_back_as_trimesh_does_it():
    shape = trimesh.creation.icosphere(2)
    faces = np.array(shape.faces)
    faces[::3] = faces[::3, ::-1]
    mesh = Mesh(np.array(shape.vertices), np.delete(faces, [7, 70], axis=0))
    theirs = trimesh.Trimesh(mesh.vertices, mesh.faces, process=True)
    theirs.fill_holes()
    theirs.fix_normals()
    assert theirs.is_volume
    assert _corners(cleaned(mesh)) == _corners(_mesh(theirs))


def test_a_wall_that_is_there_twice_is_one_wall():
    """Of a box whose faces are there on both sides one side stays, and faces outward."""
    box = _mesh(trimesh.creation.box())
    both = Mesh(box.vertices, np.concatenate([box.faces[:, ::-1], box.faces]))
    assert _corners(cleaned(both)) == _corners(box)


def test_the_winding_in_a_file_does_not_matter():
    """Boxes without their tops, each a part of its own that is not closed."""
    random = np.random.default_rng(0)
    shapes = []
    for _ in range(20):
        shape = trimesh.creation.box(random.uniform(0.1, 1, 3))
        shape.update_faces(~(shape.face_normals[:, 2] > 0.5))
        shape.apply_transform(trimesh.transformations.random_rotation_matrix(random.random(3)))
        shapes.append(shape.apply_translation(random.uniform(-3, 3, 3)))
    mesh = _mesh(trimesh.util.concatenate(shapes))
    expected = _corners(cleaned(mesh))
    for _ in range(5):
        chosen = random.random((len(mesh.faces), 1)) < 0.5
        mixed = np.where(chosen, mesh.faces[:, ::-1], mesh.faces)
        assert _corners(cleaned(Mesh(mesh.vertices, mixed))) == expected


def test_outward_is_away_from_the_centroid():
    """A sphere at 0 with most of the area, a spike to x = 10, and a square between at x = 2.5."""
    sphere = _mesh(trimesh.creation.icosphere(2))
    square = np.array([[2.5, -0.1, -0.1], [2.5, 0.1, -0.1], [2.5, 0.1, 0.1], [2.5, -0.1, 0.1]])
    spike = np.array([[2.5, 0, 0.5], [2.5, 0.01, 0.5], [10, 0, 0.5]])
    count = len(sphere.vertices)
    extra = count + np.array([[2, 1, 0], [3, 2, 0], [4, 5, 6]])
    vertices = np.concatenate([sphere.vertices, square, spike])
    mesh = cleaned(Mesh(vertices, np.concatenate([sphere.faces, extra])))
    vectors = area_vectors(mesh.vertices, mesh.faces)[len(sphere.faces) :]
    np.testing.assert_allclose(vectors[:2], [[0.02, 0, 0]] * 2, atol=1e-12)


def test_faces_of_no_height_are_measured_by_the_extent():
    """Heights of 1e-7 and 1e-9 of the extent, in a unit of a nanometre."""
    vertices = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0.5, -1e-7, 0], [0.5, 1e-9, 1]])
    vertices[4, 2] = 0
    faces = np.array([[0, 1, 2], [0, 3, 1], [0, 1, 4]])
    assert len(cleaned(Mesh(1e-9 * vertices, faces)).faces) == 2


@pytest.mark.parametrize(
    ("vertices", "faces"),
    [
        (np.zeros((0, 3)), np.zeros((0, 3), dtype=np.int64)),
        (np.eye(3), np.zeros((0, 3), dtype=np.int64)),
        (np.full((3, 3), np.nan), np.array([[0, 1, 2]])),
        (np.array([[0.0, 0, 0], [1, 0, 0], [0, np.inf, 0]]), np.array([[0, 1, 2]])),
    ],
)
def test_nothing_finite_is_an_error(vertices, faces):
    with pytest.raises(DeepsphereError, match=r"^mesh: none of its . faces has three finite"):
        cleaned(Mesh(vertices, faces))


@pytest.mark.parametrize(
    "vertices",
    [
        np.ones((3, 3)),
        np.arange(3.0)[:, np.newaxis] * [1, 2, 3],
        np.array([[0.0, 0, 0], [1, 0, 0], [0.3, 1e-9, 0]]),
    ],
)
def test_no_area_is_an_error(vertices):
    with pytest.raises(DeepsphereError, match=r"^mesh: no face has an area"):
        cleaned(Mesh(vertices, np.array([[0, 1, 2]])))


@pytest.mark.parametrize("faces", [[], [[0, 0, 1]]])
def test_nothing_can_be_normalized_without_area(faces):
    with pytest.raises(DeepsphereError, match=r"^mesh: no face has an area"):
        normalized(Mesh(np.eye(3), np.array(faces, dtype=np.int64).reshape(-1, 3)))


def test_one_triangle_is_centred_at_the_mean_of_its_corners():
    """(0, 0), (3, 0), (0, 3) have the centroid (1, 1), and two of them are √5 from it."""
    mesh = normalized(Mesh(np.array([[0.0, 0, 5], [3, 0, 5], [0, 3, 5]]), np.array([[0, 1, 2]])))
    expected = np.array([[-1, -1, 0], [2, -1, 0], [-1, 2, 0]]) / np.sqrt(5)
    np.testing.assert_allclose(mesh.vertices, expected, atol=1e-15)


def test_the_centroid_is_that_of_the_surface():
    """A box, half of it in small triangles: means of vertices or of faces would be elsewhere."""
    shape = trimesh.creation.box((3, 2, 1))
    shape = shape.subdivide(np.flatnonzero(shape.triangles_center[:, 0] > 0.5))
    mesh = normalized(Mesh(shape.vertices + np.array([9.0, -4, 2]), np.array(shape.faces)))
    # The farthest vertices are the corners, √(3² + 2² + 1²) / 2 from the middle.
    expected = np.array(shape.vertices) / (np.sqrt(14) / 2)
    np.testing.assert_allclose(mesh.vertices, expected, atol=1e-14)


@pytest.mark.parametrize("scale", [1e-315, 1e-30, 3.0, 1e30, 1e307])
def test_the_unit_does_not_matter(scale):
    shape = _mesh(trimesh.creation.icosahedron())
    expected = normalized(shape).vertices
    moved = cleaned(Mesh((shape.vertices + 1) * scale, shape.faces))
    # Numbers as small as 1e-315 have nine digits.
    np.testing.assert_allclose(normalized(moved).vertices, expected, atol=1e-8)
    np.testing.assert_array_equal(moved.faces, shape.faces)


def test_cleaning_keeps_the_places_of_vertices():
    mesh = _unmerged(_mesh(trimesh.creation.box()))
    corners = cleaned(mesh).vertices
    assert {tuple(corner) for corner in corners} == {tuple(corner) for corner in mesh.vertices}
    assert len(corners) == 8


def test_normalizing_keeps_shapes():
    mesh = _mesh(trimesh.creation.torus(1, 0.25, 16, 8))
    areas = np.linalg.norm(area_vectors(mesh.vertices, mesh.faces), axis=1)
    scaled = normalized(mesh)
    ratio = np.linalg.norm(area_vectors(scaled.vertices, scaled.faces), axis=1) / areas
    np.testing.assert_allclose(ratio, 1 / 1.25**2, rtol=1e-12)
