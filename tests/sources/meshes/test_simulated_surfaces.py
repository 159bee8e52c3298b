"""Surfaces are put together and placed without changing what they hold."""

import numpy as np
import pytest
import trimesh

from deepsphere.sources.meshes.simulated_parts import box, revolved
from deepsphere.sources.meshes.simulated_surfaces import (
    TRIANGLE,
    Shape,
    joined,
    moved,
    reversed_faces,
    scaled,
    turned,
)


def cone() -> Shape:
    """Return a shape with triangles and quadrilaterals."""
    return revolved(np.array([[0, 0], [1, 0], [0.5, 1], [0, 2]]), 6)


def volume(shape: Shape) -> float:
    mesh = trimesh.Trimesh(shape.vertices, shape.triangles(), process=False)
    assert mesh.is_watertight
    return float(mesh.volume)


def test_triangles_cut_quadrilaterals_only() -> None:
    shape = Shape(
        np.zeros((5, 3)), np.array([[0, 1, 2, TRIANGLE], [1, 2, 3, 4]]), np.zeros(2, np.int64)
    )
    assert shape.triangles().tolist() == [[0, 1, 2], [1, 2, 3], [1, 3, 4]]


def test_joined_keeps_parts_apart() -> None:
    """Overlapping parts count twice, as nothing is merged."""
    both = joined([cone(), joined([box((1, 1, 1)), cone()])])
    assert volume(both) == pytest.approx(2 * volume(cone()) + 1)
    assert np.unique(both.parts).tolist() == [0, 1, 2]
    second = both.vertices[np.unique(both.faces[both.parts == 1])]
    assert second.tolist() == box((1, 1, 1)).vertices.tolist()


def test_moved_and_scaled() -> None:
    shape = scaled(moved(cone(), (1, 2, 3)), (2, 3, 4))
    assert volume(shape) == pytest.approx(24 * volume(cone()))
    low = np.array([1, 2, 3]) + cone().vertices.min(axis=0)
    assert shape.vertices.min(axis=0) == pytest.approx(low * [2, 3, 4])


@pytest.mark.parametrize(
    ("axis", "expected"), [("x", [1, -3, 2]), ("y", [3, 2, -1]), ("z", [-2, 1, 3])]
)
def test_turned_counterclockwise(axis: str, expected: list[float]) -> None:
    """A quarter turn takes y to z about x, z to x about y, and x to y about z."""
    point = Shape(np.array([[1.0, 2.0, 3.0]]), np.empty((0, 4), np.int64), np.empty(0, np.int64))
    assert turned(point, axis, 90).vertices[0] == pytest.approx(expected)
    assert volume(turned(cone(), axis, 77)) == pytest.approx(volume(cone()))


def test_reversed_faces_turn_the_inside_out() -> None:
    shape = cone()
    outward = Shape(shape.vertices, reversed_faces(shape.faces), shape.parts)
    assert volume(outward) == pytest.approx(-volume(shape))
    assert np.array_equal(reversed_faces(outward.faces), shape.faces)


def test_shapes_are_checked() -> None:
    shape = cone()
    with pytest.raises(ValueError, match=r"expected vertices \(vertex, 3\) and faces \(face, 4\)"):
        Shape(shape.vertices, shape.faces[:, :3], shape.parts)
    with pytest.raises(ValueError, match="expected a part for each of"):
        Shape(shape.vertices, shape.faces, shape.parts[1:])
