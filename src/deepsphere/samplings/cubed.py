"""Cubed-sphere grids: the squares of six faces of a cube, seen from its centre.

For models on cubed spheres, and where cells should nest without crowding anywhere. With the
``equiangular`` spacing the largest cell has less than √2 times the area of the smallest one; with
``equidistant``, in which the squares are equal on the cube, less than 3√3 = 5.2 times.
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

Spacing = Literal["equiangular", "equidistant"]

_NAME = re.compile(r"([0-9]{1,9})(:equidistant)?")

_LARGEST_SIDE = 1_000_000

# Outward normal, direction of columns and direction of rows of each face; the third is the cross
# product of the first two, so columns and rows turn counter-clockwise seen from outside.
_FACES = np.array(
    [
        [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
        [[0, 1, 0], [-1, 0, 0], [0, 0, 1]],
        [[-1, 0, 0], [0, -1, 0], [0, 0, 1]],
        [[0, -1, 0], [1, 0, 0], [0, 0, 1]],
        [[0, 0, 1], [0, 1, 0], [-1, 0, 0]],
        [[0, 0, -1], [0, 1, 0], [1, 0, 0]],
    ]
)
# Steps in column and row to the pixels around, counter-clockwise from the south-west of a face.
_STEPS = np.array([[-1, -1], [0, -1], [1, -1], [1, 0], [1, 1], [0, 1], [-1, 1], [-1, 0]])


@dataclass(frozen=True)
class Cubed(Parametric):
    """Six faces of ``side`` × ``side`` pixels, which great arcs part.

    Faces come in the order +x, +y, -x, -y, +z, -z. Columns of the first four go east and rows go
    north; on the last two columns go towards +y. Inside a face the order is nested: for
    ``side = 2**a * m`` with odd m, blocks of 2**a × 2**a pixels come row by row, m a row, and
    pixels of a block in Morton order, of which the column has the lower bit::

        2 3     the four children of pixel p are 4p .. 4p + 3,
        0 1     as long as the side is even

    Parameters
    ----------
    side : int
        Pixels along the edge of a face; from 1 to 1,000,000.
    spacing : {"equiangular", "equidistant"}
        Whether steps are equal in angle at the centre (Ronchi, Iacono & Paolucci 1996) or in
        length on the cube (Sadourny 1972).

    Raises
    ------
    DeepsphereError
        If the parameters are anything else.
    """

    side: int
    spacing: Spacing = "equiangular"

    def __post_init__(self) -> None:
        self._replace_fields(side=whole_number(self.side, "cubed: side", 1, _LARGEST_SIDE))
        if self.spacing not in ("equiangular", "equidistant"):
            raise DeepsphereError(
                f"cubed: spacing must be 'equiangular' or 'equidistant'; found {self.spacing!r}"
            )

    @property
    def name(self) -> str:
        """Such as ``cubed:45`` or ``cubed:45:equidistant``: side and spacing."""
        suffix = "" if self.spacing == "equiangular" else f":{self.spacing}"
        return f"cubed:{self.side}{suffix}"

    def __len__(self) -> int:
        return 6 * self.side**2

    @cached_property
    def positions(self) -> NDArray[np.float64]:
        """Unit vectors (x, y, z), shape (pixels, 3): x to 0°E 0°N, y to 90°E, z to the pole.

        The centres of the squares in the coordinate in which their steps are equal.
        """
        columns, rows = self._columns_and_rows
        centres = self._on_cube(2 * np.arange(self.side) + 1)
        return read_only(_on_all_faces(_unit_vectors(centres[columns], centres[rows])))

    @cached_property
    def areas(self) -> NDArray[np.float64]:
        """Area of each pixel's cell in steradians, shape (pixels,); 4π in all."""
        return read_only(np.tile(polygon_areas(self._cells_of_a_face()), 6))

    def neighbours(self) -> NDArray[np.int64]:
        """Return the pixels that share a side or a corner, int64, shape (pixels, 8).

        Counter-clockwise in the frame of the face. At a corner of the cube three pixels meet, not
        four: those have seven neighbours, and -1 at the end. (With a side of 1, four.)
        """
        columns, rows = self._columns_and_rows
        # Centres as odd or even numbers between -side and side, with the face itself at side: no
        # centre has ±side as a coordinate on its face, which tells the faces apart below.
        places = np.stack([columns, rows], axis=-1)
        across = 2 * (places[:, None] + _STEPS) + 1 - self.side
        excess = np.maximum(np.abs(across) - self.side, 0)
        # A step over an edge is folded down by as much as it went too far. One over two edges at
        # once leads nowhere.
        nowhere = (excess > 0).all(axis=-1)
        across = np.clip(across, -self.side, self.side)
        height = self.side - excess.sum(axis=-1)
        found = np.stack([height, across[..., 0], across[..., 1]], axis=-1)
        points = np.einsum("psa,fax->fpsx", found, _FACES).reshape(-1, 3)
        around = self._pixels_at(points).reshape(len(self), len(_STEPS))
        around[np.tile(nowhere, (6, 1))] = -1
        absent_last = np.argsort(around < 0, axis=1, kind="stable")
        return np.take_along_axis(around, absent_last, axis=1)

    def cells(self) -> NDArray[np.float64]:
        """Return the four corners of each cell, unit vectors of shape (pixels, 4, 3).

        Counter-clockwise seen from outside. Their sides are great arcs.
        """
        return _on_all_faces(self._cells_of_a_face())

    def coarser(self) -> Coarsening | None:
        """Return the cubed sphere of half the side, or None if the side is odd."""
        if self.side % 2:
            return None
        coarse = Cubed(self.side // 2, self.spacing)
        return coarsening_by_children(coarse, np.arange(len(self)).reshape(-1, 4), self.areas)

    @cached_property
    def _order(self) -> NDArray[np.int64]:
        """The pixel of each row and column of a face, shape (side, side)."""
        odd = self.side // (self.side & -self.side)
        order = np.arange(odd * odd).reshape(odd, odd)
        while len(order) < self.side:
            children = np.tile([[0, 1], [2, 3]], order.shape)
            order = 4 * np.repeat(np.repeat(order, 2, axis=0), 2, axis=1) + children
        return order

    @cached_property
    def _columns_and_rows(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The column and the row of each pixel of a face, two arrays of shape (side²,)."""
        rows, columns = np.divmod(np.argsort(self._order, axis=None), self.side)
        return columns, rows

    def _cells_of_a_face(self) -> NDArray[np.float64]:
        """Return the corners of the cells of the first face, shape (side², 4, 3)."""
        columns, rows = self._columns_and_rows
        edges = self._on_cube(2 * np.arange(self.side + 1))
        x = edges[columns[:, np.newaxis] + [0, 1, 1, 0]]
        y = edges[rows[:, np.newaxis] + [0, 0, 1, 1]]
        return _unit_vectors(x, y)

    def _on_cube(self, halves: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return where on a face, from -1 to 1, a number of half pixels from its edge leads."""
        fractions = (halves - self.side) / self.side
        if self.spacing == "equidistant":
            return fractions
        # The tangent of π/4 as a number is not 1; on the edge two faces must agree on it.
        return np.where(np.abs(fractions) == 1, fractions, np.tan(fractions * np.pi / 4))

    def _pixels_at(self, points: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the pixels at integer points, shape (points, 3), of the cube of half-side side."""
        heights = points @ _FACES[:, 0].T
        face = np.argmax(heights == self.side, axis=1)
        across = np.einsum("px,pax->ap", points, _FACES[face, 1:])
        column, row = (across + self.side - 1) // 2
        pixels: NDArray[np.int64] = face * self.side**2 + self._order[row, column]
        return pixels


def parse(text: str) -> Cubed:
    """Return the cubed sphere named by the text after ``cubed:``, such as ``45:equidistant``.

    Raises
    ------
    DeepsphereError
        If the text is not of that form, or names no cubed sphere.
    """
    match = _NAME.fullmatch(text)
    if match is None:
        raise DeepsphereError(
            f'cubed: give a side, as in "cubed:45" or "cubed:45:equidistant"; found {text!r}'
        )
    return Cubed(int(match[1]), "equidistant" if match[2] else "equiangular")


def _unit_vectors(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the directions of points (x, y) on the first face, shape (..., 3)."""
    # In this order of sums two faces give a point of their common edge the same bits.
    lengths = np.sqrt(1 + (x**2 + y**2))
    return np.stack([1 / lengths, x / lengths, y / lengths], axis=-1)


def _on_all_faces(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return vectors on the first face, shape (side², ..., 3), and on the other ones after it."""
    return np.concatenate([vectors @ face for face in _FACES])
