"""Surfaces of triangles and quadrilaterals in parts, and how they are put together and placed.

A mesh of triangles (:class:`deepsphere.regridding.mesh.Mesh`) is what is read from files; a
:class:`Shape` is what is written to them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

TRIANGLE = -1
"""What stands in the fourth column of a face that has three corners."""


@dataclass(frozen=True, eq=False)
class Shape:
    """A surface of triangles and quadrilaterals in some parts.

    Parameters
    ----------
    vertices : array of float64
        ``(vertex, 3)`` positions, in any unit.
    faces : array of int64
        ``(face, 4)`` corners of each face; the last is :data:`TRIANGLE` where there are three.
    parts : array of int64
        ``(face,)`` which part a face is of, from 0.
    """

    vertices: np.ndarray
    faces: np.ndarray
    parts: np.ndarray

    def __post_init__(self) -> None:
        if self.vertices.shape[1:] != (3,) or self.faces.shape[1:] != (4,):
            raise ValueError(
                "expected vertices (vertex, 3) and faces (face, 4), found "
                f"{self.vertices.shape} and {self.faces.shape}"
            )
        if self.parts.shape != self.faces.shape[:1]:
            raise ValueError(
                f"expected a part for each of {len(self.faces)} faces, found {self.parts.shape}"
            )

    def triangles(self) -> np.ndarray:
        """Return ``(triangle, 3)`` int64 corners; a quadrilateral gives two triangles."""
        quadrilaterals = self.faces[self.faces[:, 3] != TRIANGLE]
        return np.concatenate([self.faces[:, :3], quadrilaterals[:, [0, 2, 3]]])


def joined(shapes: Sequence[Shape]) -> Shape:
    """Return shapes as the parts of one; where they overlap they stay so."""
    vertices = np.cumsum([0, *(len(shape.vertices) for shape in shapes)])
    parts = np.cumsum([0, *(int(shape.parts.max()) + 1 for shape in shapes)])
    faces = [
        np.where(shape.faces == TRIANGLE, TRIANGLE, shape.faces + first)
        for shape, first in zip(shapes, vertices[:-1], strict=True)
    ]
    return Shape(
        np.concatenate([shape.vertices for shape in shapes]),
        np.concatenate(faces),
        np.concatenate(
            [shape.parts + first for shape, first in zip(shapes, parts[:-1], strict=True)]
        ),
    )


def moved(shape: Shape, shift: Sequence[float]) -> Shape:
    """Return a shape shifted along x, y and z."""
    return replace(shape, vertices=shape.vertices + np.asarray(shift))


def scaled(shape: Shape, factors: Sequence[float]) -> Shape:
    """Return a shape stretched along x, y and z by positive factors."""
    return replace(shape, vertices=shape.vertices * np.asarray(factors))


def turned(shape: Shape, axis: str, degrees: float) -> Shape:
    """Return a shape turned about the ``x``, ``y`` or ``z`` axis, counterclockwise seen from it."""
    first, second = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    vertices = shape.vertices.copy()
    vertices[:, first] = cosine * shape.vertices[:, first] - sine * shape.vertices[:, second]
    vertices[:, second] = sine * shape.vertices[:, first] + cosine * shape.vertices[:, second]
    return replace(shape, vertices=vertices)


def reversed_faces(faces: np.ndarray) -> np.ndarray:
    """Return ``(face, 4)`` faces that wind the other way around."""
    triangle = faces[:, 3] == TRIANGLE
    return np.where(triangle[:, None], faces[:, [0, 2, 1, 3]], faces[:, [0, 3, 2, 1]])
