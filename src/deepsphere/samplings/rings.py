"""Grids made of rings of constant latitude, each cut by meridians into equal boxes.

The geometry that :mod:`~deepsphere.samplings.equiangular`,
:mod:`~deepsphere.samplings.gauss_legendre` and :mod:`~deepsphere.samplings.octahedral` share.
Pixels go ring by ring from the north and eastwards within a ring, whose first pixel is at 0°E.
"""

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.samplings.coordinates import read_only

MOST_PER_AXIS = 1_000_000
"""Rows, or pixels of a row, above which a grid is taken for a slip of the pen."""

# A parallel is drawn as so many great arcs or more, of 3° of longitude, and as so many to each box
# where rings differ.
_FEWEST_ARCS = 120
_FEWEST_ARCS_OF_A_BOX = 4


@dataclass(frozen=True, eq=False)
class Rings:
    """Rings of pixels between parallels.

    Parameters
    ----------
    colatitudes : ndarray
        Angle of each ring's pixels from the north pole in radians, float64, shape (rings,). Pixels
        of a ring at a pole are all at one place; each has its sector of the polar cap.
    boundaries : ndarray
        Colatitudes of the parallels above, between and below the rings, float64, shape
        (rings + 1,): ascending from 0 to π, with each ring between its two.
    counts : ndarray
        Pixels of each ring, int64, shape (rings,), three or more.

    Raises
    ------
    DeepsphereError
        If the arrays are anything else.
    """

    colatitudes: NDArray[np.float64]
    boundaries: NDArray[np.float64]
    counts: NDArray[np.int64]

    def __post_init__(self) -> None:
        rings = len(self.colatitudes)
        if rings < 2 or len(self.boundaries) != rings + 1 or len(self.counts) != rings:
            raise DeepsphereError(
                "rings: there must be two or more, a count for each, and one boundary more; found "
                f"{rings} rings, {len(self.counts)} counts, {len(self.boundaries)} boundaries"
            )
        if self.counts.min() < 3:
            raise DeepsphereError(
                f"rings: each must have three or more pixels; found {self.counts.min()}"
            )
        inside = (self.boundaries[:-1] <= self.colatitudes) & (
            self.colatitudes <= self.boundaries[1:]
        )
        if self.boundaries[0] != 0 or self.boundaries[-1] != np.pi or not inside.all():
            raise DeepsphereError(
                "rings: boundaries must ascend from 0 to π with each ring between its two; "
                f"found {self.boundaries[0]} to {self.boundaries[-1]} and "
                f"{np.count_nonzero(~inside)} of {rings} rings outside theirs"
            )

    def positions(self) -> NDArray[np.float64]:
        """Return the pixels as read-only unit vectors, float64, shape (pixels, 3)."""
        ring, column = self._rings_and_columns()
        longitudes = 2 * np.pi * column / self.counts[ring]
        return read_only(_unit_vectors(self.colatitudes[ring], longitudes))

    def areas(self) -> NDArray[np.float64]:
        """Return the areas of the boxes in steradians, read-only, float64, shape (pixels,).

        A box of Δλ radians between colatitudes θ₀ and θ₁ has Δλ (cos θ₀ - cos θ₁) (Archimedes).
        """
        north, south = self.boundaries[:-1], self.boundaries[1:]
        # The difference of the cosines as a product, which keeps its digits next to a pole.
        heights = 2 * np.sin((north + south) / 2) * np.sin((south - north) / 2)
        return read_only(np.repeat(2 * np.pi * heights / self.counts, self.counts))

    def cells(self) -> NDArray[np.float64]:
        """Return the corners of the boxes, unit vectors of float64, shape (pixels, corners, 3).

        Counter-clockwise seen from outside: eastwards along the southern side, then back along the
        northern one; where there are fewer corners the last one is repeated. Sides are parallels,
        drawn as great arcs of 3° of longitude or less between corners that the rings on both sides
        have, so that the cells leave no gap. A box that touches a pole has one corner there.

        Joined by great arcs, the corners enclose the area of the box within 5e-4. Each arc, of δ in
        longitude, leaves its parallel polewards and encloses δ³ sin²θ cos θ / 12 with it. Where all
        rings have as many pixels, a box gains as much in the north as it loses in the south but for
        the derivative by θ: δ²/6 of its area at most, next to a pole. Where they differ, its two
        sides are cut differently; one arc a side would err by up to δ cos θ / 12 of the area of a
        square box, so that sides have four there, which makes it a sixteenth.
        """
        counts = self.counts.tolist()
        pairs = list(itertools.pairwise(counts))
        fewest = 1 if len(set(counts)) == 1 else _FEWEST_ARCS_OF_A_BOX
        shared = {
            (one, other): np.union1d(_turns(one, fewest), _turns(other, fewest))
            for one, other in set(pairs)
        }
        pole = np.zeros(1)
        parallels = [pole, *(shared[pair] for pair in pairs), pole]
        outlines = [
            _outlines(count, *turns, *angles)
            for count, turns, angles in zip(
                counts,
                itertools.pairwise(parallels),
                itertools.pairwise(self.boundaries.tolist()),
                strict=True,
            )
        ]
        most = max(outline.shape[1] for outline in outlines)
        return np.concatenate(
            [np.pad(o, [(0, 0), (0, most - o.shape[1]), (0, 0)], mode="edge") for o in outlines]
        )

    def _rings_and_columns(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the ring of each pixel and its place in the ring, int64, shape (pixels,)."""
        ring = np.repeat(np.arange(len(self.counts)), self.counts)
        firsts = np.cumsum(self.counts) - self.counts
        return ring, np.arange(len(ring)) - firsts[ring]


def grid_neighbours(rows: int, columns: int) -> NDArray[np.int64]:
    """Return the neighbours of the pixels of a grid whose rows are rings of as many pixels each.

    Parameters
    ----------
    rows, columns : int
        Two or more rows of three or more pixels.

    Returns
    -------
    ndarray
        The pixels to the west, north, east and south, int64, shape (rows * columns, 4). Longitude
        wraps around. North of the first row and south of the last lies, across the pole, the pixel
        half a turn away in the same row; with an odd number of columns there is none, and -1
        stands at the end. The relation is symmetric.
    """
    pixels = np.arange(rows * columns).reshape(rows, columns)
    if columns % 2 == 0:
        beyond_north, beyond_south = np.roll(pixels[[0, -1]], columns // 2, axis=1)
    else:
        beyond_north = beyond_south = np.full(columns, -1)
    west, east = np.roll(pixels, 1, axis=1), np.roll(pixels, -1, axis=1)
    north = np.vstack([beyond_north, pixels[:-1]])
    south = np.vstack([pixels[1:], beyond_south])
    around = np.stack([west, north, east, south], axis=-1).reshape(-1, 4)
    absent_last = np.argsort(around < 0, axis=1, kind="stable")
    return np.take_along_axis(around, absent_last, axis=1)


def _turns(count: int, fewest: int) -> NDArray[np.float64]:
    """Return where arcs begin, so many to a box or more, fractions of a turn, ascending.

    As quotients of whole numbers: what two rings have in common has the same bits in both.
    """
    arcs = max(fewest, -(-_FEWEST_ARCS // count))
    eastwards = np.mod(2 * np.arange(count * arcs) - arcs, 2 * count * arcs)
    return np.sort(eastwards / (2 * count * arcs))


def _outlines(
    count: int,
    northern: NDArray[np.float64],
    southern: NDArray[np.float64],
    north: float,
    south: float,
) -> NDArray[np.float64]:
    """Return the corners of the boxes of one ring, shape (count, corners, 3).

    Parameters
    ----------
    count : int
        Boxes of the ring.
    northern, southern : ndarray
        Where the parallels on its two sides have corners, ascending fractions of a turn.
    north, south : float
        The colatitudes of these parallels.
    """
    north_first, north_last = _spans(count, northern)
    south_first, south_last = _spans(count, southern)
    in_south = south_last - south_first + 1
    corner = np.arange((in_south + north_last - north_first + 1).max())
    is_south = corner < in_south
    there = (south_first + corner) % len(southern)
    back = np.maximum(north_last - (corner - in_south), north_first) % len(northern)
    turns = np.where(is_south, southern[there], northern[back])
    return _unit_vectors(np.where(is_south, south, north), 2 * np.pi * turns)


def _spans(count: int, turns: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the first and the last corner of each box's side, shape (count, 1) each.

    Those of a box across the end of the turn go on counting. A pole is the only one of its side.
    """
    west = np.mod(2 * np.arange(count) - 1, 2 * count) / (2 * count)
    first = np.searchsorted(turns, west)[:, np.newaxis]
    last = np.roll(first, -1, axis=0)
    return first, np.where(last < first, last + len(turns), last)


def _unit_vectors(
    colatitudes: NDArray[np.float64], longitudes: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return unit vectors (x, y, z) of angles in radians, shape (..., 3); exact at the poles."""
    # The sine of π as a number is not zero; that of the distance to the south pole is.
    radii = np.sin(np.minimum(colatitudes, np.pi - colatitudes))
    x, y = radii * np.cos(longitudes), radii * np.sin(longitudes)
    return np.stack(np.broadcast_arrays(x, y, np.cos(colatitudes)), axis=-1)
