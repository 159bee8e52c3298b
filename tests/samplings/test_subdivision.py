import numpy as np
import pytest

from deepsphere.samplings.subdivision import TriangleMesh, normalized, subdivide


@pytest.fixture
def octahedron():
    """Vertices ±x, ±y, ±z: a mesh that is no icosahedron, with 4 triangles around a vertex."""
    vertices = np.concatenate([np.eye(3), -np.eye(3)])
    northern = [(0, 1, 2), (1, 3, 2), (3, 4, 2), (4, 0, 2)]
    southern = [(1, 0, 5), (3, 1, 5), (4, 3, 5), (0, 4, 5)]
    return TriangleMesh(vertices, np.array(northern + southern))


def test_cells_of_the_octahedron_are_those_of_the_cube(octahedron):
    """The dual of the octahedron is the cube: six squares, corners at (±1, ±1, ±1)/√3."""
    cells = octahedron.dual_cells()
    assert cells.shape == (6, 4, 3)
    np.testing.assert_allclose(np.abs(cells), 1 / np.sqrt(3), rtol=1e-15)
    np.testing.assert_allclose((cells * octahedron.vertices[:, None]).sum(-1), 1 / np.sqrt(3))


def test_neighbours_of_the_octahedron(octahedron):
    neighbours = octahedron.vertex_neighbours()
    # Around +z, counter-clockwise from above: +x, +y, -x, -y. Around -z seen from below: the
    # other way round.
    assert neighbours[2].tolist() == [0, 1, 3, 4]
    assert neighbours[5].tolist() == [0, 4, 3, 1]
    # Beyond the sides (+x, +y), (+y, +z), (+z, +x) of the first triangle.
    assert octahedron.face_neighbours()[0].tolist() == [4, 1, 3]


def test_new_vertices_come_by_the_ends_of_their_sides(octahedron):
    fine = subdivide(octahedron)
    sides = [(0, 1), (0, 2), (0, 4), (0, 5), (1, 2), (1, 3), (1, 5), (2, 3), (2, 4), (3, 4)]
    sides += [(3, 5), (4, 5)]
    middles = [octahedron.vertices[one] + octahedron.vertices[other] for one, other in sides]
    np.testing.assert_allclose(fine.vertices[6:], np.array(middles) / np.sqrt(2), atol=1e-15)
    assert fine.faces[:4].tolist() == [[0, 6, 7], [6, 1, 10], [7, 10, 2], [6, 10, 7]]


def test_an_order_permutes_the_new_vertices_and_nothing_else(octahedron):
    plain = subdivide(octahedron)
    turned = subdivide(octahedron, lambda middles: np.arange(len(middles))[::-1])
    np.testing.assert_array_equal(turned.vertices[:6], plain.vertices[:6])
    np.testing.assert_array_equal(turned.vertices[6:], plain.vertices[:5:-1])
    np.testing.assert_array_equal(turned.triangles(), plain.triangles())


def test_normalized():
    np.testing.assert_array_equal(normalized(np.array([[3.0, 0, 4.0]])), [[0.6, 0, 0.8]])
