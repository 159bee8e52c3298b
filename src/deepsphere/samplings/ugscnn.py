"""The subdivided icosahedron in the order of vertices of Jiang et al.'s UGSCNN meshes.

For data that come as bare arrays over those meshes, such as the climate snapshots of 10,242 values
at level 5: they carry no coordinates, and the order of the new vertices of a level follows from the
coordinates, so the two orientations that the authors used share only 24.7 % of their sides (as
pairs of indices) at level 5. :mod:`~deepsphere.samplings.ugscnn_orientation` tells from the data
which one it is. For data of your own take :mod:`~deepsphere.samplings.icosahedral`.

Order of vertices: 12 of the icosahedron; then, level by level, the middles of the sides as chords,
rounded to multiples of 1e-8 as 32-bit integers and sorted by the bytes of (x, y, z), each from the
lowest to the highest byte. Order of faces: the children of face f are 4f to 4f + 3.

References
----------
Jiang, Huang, Kashinath, Prabhat, Marcus, Niessner: Spherical CNNs on unstructured grids (ICLR
2019).
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
from deepsphere.samplings.polygons import cross, polygon_areas
from deepsphere.samplings.sampling import Coarsening
from deepsphere.samplings.subdivision import (
    LARGEST_LEVEL,
    TriangleMesh,
    coarsening_of_vertices,
    inner,
    normalized,
    subdivide,
)

Orientation = Literal["equator", "upward"]

_BASE_FACES = (
    *((0, 11, 5), (0, 5, 1), (0, 1, 7), (0, 7, 10), (0, 10, 11)),
    *((1, 5, 9), (5, 11, 4), (11, 10, 2), (10, 7, 6), (7, 1, 8)),
    *((3, 9, 4), (3, 4, 2), (3, 2, 6), (3, 6, 8), (3, 8, 9)),
    *((4, 9, 5), (2, 4, 11), (6, 2, 10), (8, 6, 7), (9, 8, 1)),
)
# The shift, as the authors have it, settles which way coordinates halfway between integers go.
_QUANTA = 1e8
_SHIFT = 1e-6


@dataclass(frozen=True)
class Ugscnn(Parametric):
    """Vertices of the icosahedron, each triangle split into four ``level`` times.

    Parameters
    ----------
    level : int
        From 0 to 9: 10 · 4^level + 2 vertices. The published meshes end at 7.
    orientation : {"equator", "upward"}
        "equator": the icosahedron whose vertices are (0, ±1, ±φ) and its cyclic permutations, with
        the middle of a side at each pole. "upward": turned, with vertex 11 at the north pole and a
        neighbour of it in the half-plane x = 0, y > 0.

    Raises
    ------
    DeepsphereError
        If the level is not such a number or the orientation is something else.

    Notes
    -----
    Coordinates are those of the meshes. The authors' tools looked up longitude arctan2(y, x) in
    fields they took to start at 180°W; where a field starts at 0°E, x points to 180°E instead.
    """

    level: int
    orientation: Orientation = "equator"

    def __post_init__(self) -> None:
        self._replace_fields(level=whole_number(self.level, "ugscnn: level", 0, LARGEST_LEVEL))
        if self.orientation not in ("equator", "upward"):
            raise DeepsphereError(
                f'ugscnn: the orientation is "equator" or "upward"; found {self.orientation!r}'
            )

    @property
    def name(self) -> str:
        """``ugscnn:5``, or ``ugscnn:5:upward``."""
        return f"ugscnn:{self.level}" + (":upward" if self.orientation == "upward" else "")

    def __len__(self) -> int:
        return 10 * int(4**self.level) + 2

    @property
    def faces(self) -> NDArray[np.int64]:
        """Vertices of the triangles, counter-clockwise seen from outside, (20 · 4^level, 3)."""
        return self._mesh.faces

    @property
    def positions(self) -> NDArray[np.float64]:
        """Unit vectors, float64, shape (vertices, 3), read-only."""
        return self._mesh.vertices

    @cached_property
    def areas(self) -> NDArray[np.float64]:
        """Areas of the Voronoi cells in steradians, float64, shape (vertices,), read-only."""
        return read_only(polygon_areas(self.cells()))

    def neighbours(self) -> NDArray[np.int64]:
        """Return the 5 or 6 vertices joined to each, int64, shape (vertices, 6), padded with -1.

        Counter-clockwise seen from outside; no sixth column at level 0.
        """
        return self._mesh.vertex_neighbours()

    def cells(self) -> NDArray[np.float64]:
        """Return the corners of the Voronoi cells, float64, shape (vertices, 6, 3).

        Counter-clockwise seen from outside; the last one repeated, and no sixth at level 0.
        """
        return self._mesh.dual_cells()

    def coarser(self) -> Coarsening | None:
        """Return the level below, its vertices the first of this level; None at level 0.

        The map averages, see :func:`~deepsphere.samplings.subdivision.coarsening_of_vertices`.
        """
        if self.level == 0:
            return None
        coarse = Ugscnn(self.level - 1, self.orientation)
        return coarsening_of_vertices(coarse, self.neighbours(), self.areas)

    @cached_property
    def _mesh(self) -> TriangleMesh:
        mesh = _base()
        if self.orientation == "upward":
            mesh = TriangleMesh(_turned_upward(mesh.vertices), mesh.faces)
        for _ in range(self.level):
            mesh = subdivide(mesh, _byte_order)
        return mesh


def parse(text: str) -> Ugscnn:
    """Return the sampling called ``ugscnn:`` and this text, such as ``5`` or ``5:upward``.

    Raises
    ------
    DeepsphereError
        If the text is anything else.
    """
    match = re.fullmatch(r"([0-9]{1,9})(:upward)?", text)
    if match is None:
        raise DeepsphereError(
            f'ugscnn: give a level, as in "ugscnn:5" or "ugscnn:5:upward"; found {text!r}'
        )
    return Ugscnn(int(match[1]), "upward" if match[2] else "equator")


def _base() -> TriangleMesh:
    """Return the icosahedron made of three golden rectangles."""
    golden = (1 + np.sqrt(5)) / 2
    ends = np.array([[-1, golden, 0], [1, golden, 0], [-1, -golden, 0], [1, -golden, 0]])
    vertices = np.concatenate([np.roll(ends, turn, axis=1) for turn in range(3)])
    return TriangleMesh(normalized(vertices), np.array(_BASE_FACES, dtype=np.int64))


def _turned_upward(vertices: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn vertex 11 to the north pole and its neighbour 2 to x = 0, y > 0."""
    z_axis = vertices[11]
    y_axis = normalized(vertices[2] - inner(vertices[2], z_axis) * z_axis)
    axes = cross(y_axis, z_axis), y_axis, z_axis
    return normalized(np.stack([inner(vertices, axis) for axis in axes], axis=1))


def _byte_order(middles: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the order by the bytes of the coordinates as little-endian 32-bit integers."""
    keys = np.round(middles * _QUANTA - _SHIFT).astype("<i4")
    # Comparing bytes one by one is comparing the unsigned integers they spell from the left.
    x, y, z = keys.view(">u4").T
    return np.lexsort((z, y, x))
