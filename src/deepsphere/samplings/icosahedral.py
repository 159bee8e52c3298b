"""The subdivided icosahedron: nearly equal triangles, or nearly equal hexagons around vertices.

For fields without a preferred axis: at the vertices all cells are hexagons but twelve pentagons.
Areas are nearly equal, not equal: the largest is up to 1.37 times (vertices) or 1.31 times (faces)
the smallest. The order of pixels is our own; data that come in the order of the meshes of Jiang et
al. need :mod:`~deepsphere.samplings.ugscnn`.

Order of vertices: the north pole, five at latitude arctan(1/2) and longitudes 0°, 72°, ... 288°E,
five at the opposite latitude and longitudes 36°, 108°, ... 324°E, the south pole; then, level by
level, the middles of the sides by the lower, then by the higher index of their two ends. Order of
faces: five around the north pole, five below that point down, five between these that point up,
five around the south pole, each five eastwards; the children of face f are 4f to 4f + 3.
"""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.samplings.coordinates import read_only
from deepsphere.samplings.parameters import Parametric, whole_number
from deepsphere.samplings.polygons import polygon_areas
from deepsphere.samplings.sampling import Coarsening, coarsening_by_children
from deepsphere.samplings.subdivision import (
    LARGEST_LEVEL,
    TriangleMesh,
    coarsening_of_vertices,
    subdivide,
)


@dataclass(frozen=True)
class Icosahedral(Parametric):
    """An icosahedron with poles, each triangle split into four ``level`` times.

    Parameters
    ----------
    level : int
        From 0 to 9: 10 · 4^level + 2 vertices and 20 · 4^level faces.
    at : {"vertices", "faces"}
        What the pixels are. Vertices are at unit vectors and their cells are the Voronoi cells;
        faces are at the normalised means of their corners and their cells are themselves.

    Raises
    ------
    DeepsphereError
        If the level is not such a number or ``at`` is something else.
    """

    level: int
    at: Literal["vertices", "faces"] = "vertices"

    def __post_init__(self) -> None:
        level = whole_number(self.level, "icosahedral: level", 0, LARGEST_LEVEL)
        self._replace_fields(level=level)
        if self.at not in ("vertices", "faces"):
            raise DeepsphereError(
                f'icosahedral: pixels are at "vertices" or at "faces"; found {self.at!r}'
            )

    @property
    def name(self) -> str:
        """``icosahedral:5``, or ``icosahedral:5:faces``."""
        return f"icosahedral:{self.level}" + (":faces" if self.at == "faces" else "")

    def __len__(self) -> int:
        parts = int(4**self.level)
        return 20 * parts if self.at == "faces" else 10 * parts + 2

    @property
    def faces(self) -> NDArray[np.int64]:
        """Vertices of the triangles, counter-clockwise seen from outside, (20 · 4^level, 3)."""
        return self._mesh.faces

    @cached_property
    def positions(self) -> NDArray[np.float64]:
        """Unit vectors, float64, shape (pixels, 3), read-only."""
        return read_only(self._mesh.centroids()) if self.at == "faces" else self._mesh.vertices

    @cached_property
    def areas(self) -> NDArray[np.float64]:
        """Areas of the cells in steradians, float64, shape (pixels,), read-only; 4π in all."""
        return read_only(polygon_areas(self.cells()))

    def neighbours(self) -> NDArray[np.int64]:
        """Return the pixels around each pixel, int64, counter-clockwise seen from outside.

        For vertices the 5 or 6 at the other ends of sides, shape (pixels, 6), padded with -1 (no
        sixth column at level 0); for faces the 3 beyond the sides, shape (pixels, 3).
        """
        mesh = self._mesh
        return mesh.face_neighbours() if self.at == "faces" else mesh.vertex_neighbours()

    def cells(self) -> NDArray[np.float64]:
        """Return the corners of each cell, float64, counter-clockwise seen from outside.

        For vertices 5 or 6 circumcentres of triangles, shape (pixels, 6, 3), the last one repeated
        (no sixth at level 0); for faces the 3 vertices, shape (pixels, 3, 3).
        """
        return self._mesh.triangles() if self.at == "faces" else self._mesh.dual_cells()

    def coarser(self) -> Coarsening | None:
        """Return the level below and the map to it; None at level 0.

        A face averages its 4 children; a vertex itself and half of the middles of its sides, see
        :func:`~deepsphere.samplings.subdivision.coarsening_of_vertices`.
        """
        if self.level == 0:
            return None
        coarse = Icosahedral(self.level - 1, self.at)
        if self.at == "faces":
            children = np.arange(len(self)).reshape(-1, 4)
            return coarsening_by_children(coarse, children, self.areas)
        return coarsening_of_vertices(coarse, self.neighbours(), self.areas)

    @cached_property
    def _mesh(self) -> TriangleMesh:
        mesh = _base()
        for _ in range(self.level):
            mesh = subdivide(mesh)
        return mesh


def parse(text: str) -> Icosahedral:
    """Return the sampling called ``icosahedral:`` and this text, such as ``5`` or ``5:faces``.

    Raises
    ------
    DeepsphereError
        If the text is anything else.
    """
    match = re.fullmatch(r"([0-9]{1,9})(:faces)?", text)
    if match is None:
        raise DeepsphereError(
            f'icosahedral: give a level, as in "icosahedral:5" or "icosahedral:5:faces"; '
            f"found {text!r}"
        )
    return Icosahedral(int(match[1]), "faces" if match[2] else "vertices")


def _base() -> TriangleMesh:
    """Return the icosahedron: a vertex at each pole and two rings of five at z = ±1/√5."""
    north, upper, lower, south = 0, np.arange(1, 6), np.arange(6, 11), 11
    angles = np.radians(36 * np.arange(10))
    ring = np.stack([2 * np.cos(angles), 2 * np.sin(angles), np.ones(10)], axis=1) / np.sqrt(5)
    vertices = np.empty((12, 3))
    vertices[north] = 0, 0, 1
    vertices[upper] = ring[::2]
    vertices[lower] = ring[1::2] * [1, 1, -1]
    vertices[south] = 0, 0, -1
    upper_east, lower_east = np.roll(upper, -1), np.roll(lower, -1)
    corners = [
        (np.full(5, north), upper, upper_east),
        (upper, lower, upper_east),
        (lower, lower_east, upper_east),
        (np.full(5, south), lower_east, lower),
    ]
    return TriangleMesh(vertices, np.concatenate([np.stack(five, axis=1) for five in corners]))
