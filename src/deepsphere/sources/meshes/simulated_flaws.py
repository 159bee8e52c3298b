"""The flaws that meshes from the wild have, put on simulated shapes in stated shares.

ModelNet and ShapeNet are collections of CAD models from the web. Faces are missing or wound the
wrong way around, vertices are doubled or used by no face, faces have no area, and each model has an
origin and a unit of its own.
"""

from dataclasses import dataclass, fields

import numpy as np

from deepsphere.errors import DeepsphereError
from deepsphere.sources.meshes.simulated_deformations import refined
from deepsphere.sources.meshes.simulated_surfaces import TRIANGLE, Shape, reversed_faces

_FINE_FACES = 4000


@dataclass(frozen=True)
class Flaws:
    """Shares of the meshes that have a flaw, each from 0 to 1; one mesh may have several.

    Parameters
    ----------
    fine : float
        Tessellated finely, to at least 4,000 faces.
    holes : float
        Some faces are missing: one to five in a hundred, at least one.
    flipped : float
        Some faces are wound the wrong way around: whole parts, or faces here and there.
    doubled_vertices : float
        Some faces have vertices of their own where their neighbours have theirs.
    stray_vertices : float
        Vertices that no face uses, up to twice as far out as the shape reaches.
    flat_faces : float
        Faces without an area, or that are there twice.
    astray : float
        The origin is far off the middle, and the unit is any, from 1/100 to 1,000.
    """

    fine: float = 0.06
    holes: float = 0.25
    flipped: float = 0.35
    doubled_vertices: float = 0.4
    stray_vertices: float = 0.15
    flat_faces: float = 0.25
    astray: float = 0.8

    def __post_init__(self) -> None:
        for field in fields(self):
            share = getattr(self, field.name)
            if not 0 <= share <= 1:
                raise DeepsphereError(
                    f"simulated meshes: found the share {share} of the flaw {field.name}; "
                    "give 0 to 1"
                )


NONE = Flaws(0, 0, 0, 0, 0, 0, 0)
"""Meshes without a flaw."""


def flawed(shape: Shape, flaws: Flaws, generator: np.random.Generator) -> Shape:
    """Return a shape with the flaws that chance gives it.

    Parameters
    ----------
    shape : Shape
        The shape without flaws.
    flaws : Flaws
        How often each flaw happens.
    generator : numpy.random.Generator
        Source of chance.
    """
    chance = dict(zip((field.name for field in fields(flaws)), generator.random(7), strict=True))
    if chance["fine"] < flaws.fine:
        while len(shape.faces) < _FINE_FACES:
            shape = refined(shape)
    vertices, faces, parts = shape.vertices, shape.faces, shape.parts
    if chance["holes"] < flaws.holes:
        keep = _all_but_a_few(len(faces), generator.uniform(0.01, 0.05), generator)
        faces, parts = faces[keep], parts[keep]
    if chance["flipped"] < flaws.flipped:
        faces = np.where(_to_flip(parts, generator)[:, None], reversed_faces(faces), faces)
    if chance["doubled_vertices"] < flaws.doubled_vertices:
        vertices, faces = _with_doubles(vertices, faces, generator)
    if chance["stray_vertices"] < flaws.stray_vertices:
        reach = 2 * np.abs(vertices).max()
        strays = generator.uniform(-reach, reach, (int(generator.integers(1, 20)), 3))
        vertices = np.concatenate([vertices, strays])
    if chance["flat_faces"] < flaws.flat_faces:
        faces, parts = _with_flat_faces(faces, parts, generator)
    if chance["astray"] < flaws.astray:
        shift = generator.normal(0, 3, 3) * np.abs(vertices).max()
        vertices = 10 ** generator.uniform(-2, 3) * (vertices + shift)
    return Shape(vertices, faces, parts)


def _all_but_a_few(count: int, share: float, generator: np.random.Generator) -> np.ndarray:
    """Return ``(face,)`` which faces stay when a share of them, at least one, is taken."""
    keep = np.ones(count, np.bool_)
    keep[generator.permutation(count)[: max(1, round(share * count))]] = False
    return keep


def _to_flip(parts: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Return ``(face,)`` which faces to flip: those of some parts, or a tenth of all."""
    if generator.random() < 0.6:
        return np.asarray((generator.random(int(parts.max()) + 1) < 0.5)[parts])
    return np.asarray(generator.random(len(parts)) < 0.1)


def _with_doubles(
    vertices: np.ndarray, faces: np.ndarray, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return vertices and faces where a share of the faces, or all, has vertices of its own."""
    own = generator.random(len(faces)) < generator.choice([0.2, 1.0])
    corners = own[:, None] & (faces != TRIANGLE)
    doubled = faces.copy()
    doubled[corners] = len(vertices) + np.arange(int(corners.sum()))
    return np.concatenate([vertices, vertices[faces[corners]]]), doubled


def _with_flat_faces(
    faces: np.ndarray, parts: np.ndarray, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return faces and parts with one in twenty faces again: as a line, as a point and as it is."""
    chosen = generator.permutation(len(faces))[: max(3, len(faces) // 20)]
    again = faces[chosen]
    again[0::3] = again[0::3][:, [0, 1, 1, 3]]
    again[0::3, 3] = TRIANGLE
    again[1::3, :3] = again[1::3, :1]
    again[1::3, 3] = TRIANGLE
    return np.concatenate([faces, again]), np.concatenate([parts, parts[chosen]])
