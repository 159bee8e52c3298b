"""The areas that latitude-longitude cells share with boxes of latitude and longitude, exact.

For samplings made of rings: equiangular, Gauss-Legendre and octahedral. Their ``cells()`` draw
parallels as great arcs; between the true boxes areas are products of two lengths.
"""

# numba finds the types of what it compiles.
# mypy: disable-error-code="no-untyped-def"

import math

import numba
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from deepsphere.regridding.cells import Cells
from deepsphere.samplings.coordinates import longitude_latitude
from deepsphere.samplings.intersections import SparseMatrix

# Thinner overlaps, in degrees, are rounding.
_THINNEST = 1e-11
_FIRST_ENTRIES = 1 << 16


def box_overlap_areas(
    cells: Cells, outlines: NDArray[np.float64]
) -> tuple[SparseMatrix, NDArray[np.float64]]:
    """Return the areas that cells of a latitude-longitude grid share with boxes.

    Parameters
    ----------
    cells : Cells
        Those of the grid.
    outlines : ndarray
        Corners of the boxes, and more on their sides, unit vectors, float64, shape (boxes,
        corners, 3). Boxes are narrower than half of the turn; one may have a corner at a pole.

    Returns
    -------
    areas : csr_array
        Steradians, float64, shape (boxes, cells), none of them zero.
    whole : ndarray
        The areas of the boxes, steradians, float64, shape (boxes,).
    """
    longitude, latitude = longitude_latitude(outlines)
    south, north = latitude.min(axis=1), latitude.max(axis=1)
    at_pole = np.abs(latitude) == 90
    first = np.argmin(at_pole, axis=1)[:, np.newaxis]
    origin = np.take_along_axis(longitude, first, axis=1)
    eastwards = np.mod(longitude - origin + 180, 360) - 180
    eastwards[at_pole] = 0
    west = np.mod(origin[:, 0] + eastwards.min(axis=1), 360)
    width = eastwards.max(axis=1) - eastwards.min(axis=1)
    counts, columns, areas = _overlaps(
        south,
        north,
        west,
        width,
        cells.latitude,
        cells.longitude,
        cells.rows,
        cells.columns,
        cells.row_length,
    )
    starts = np.concatenate([[0], np.cumsum(counts)])
    shared = csr_array((areas, columns, starts), shape=(len(outlines), cells.count))
    # A box may meet both ends of a column that lies across the end of the turn.
    shared.sum_duplicates()
    return shared, _heights(south, north) * np.radians(width)


def _heights(south: NDArray[np.float64], north: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the differences of the sines of latitudes, as products that keep their digits."""
    mean, half = np.radians((south + north) / 2), np.radians((north - south) / 2)
    heights: NDArray[np.float64] = 2 * np.cos(mean) * np.sin(half)
    return heights


@numba.njit(nogil=True, cache=True)
def _overlaps(south, north, west, width, parallels, meridians, rows, columns, row_length):
    """Return the number of entries of each box, and columns and areas of all entries."""
    counts = np.zeros(len(south), np.int64)
    entry_columns = np.empty(_FIRST_ENTRIES, np.int64)
    entry_areas = np.empty(_FIRST_ENTRIES)
    used = 0
    rising = parallels[::-1].copy()
    last = len(parallels) - 1
    for box in range(len(south)):
        before = used
        lowest = max(np.searchsorted(rising, south[box], "right") - 1, 0)
        for turn in range(-1, 2):
            begin = west[box] + 360.0 * turn
            end = begin + width[box]
            column = max(np.searchsorted(meridians, begin, "right") - 1, 0)
            while column < len(meridians) - 1 and meridians[column] < end:
                across = min(meridians[column + 1], end) - max(meridians[column], begin)
                row = lowest
                while across > _THINNEST and row < last and rising[row] < north[box]:
                    bottom, top = max(rising[row], south[box]), min(rising[row + 1], north[box])
                    if top - bottom > _THINNEST:
                        height = (
                            2
                            * math.cos(math.radians((bottom + top) / 2))
                            * math.sin(math.radians((top - bottom) / 2))
                        )
                        if used == len(entry_areas):
                            entry_columns = np.append(entry_columns, entry_columns)
                            entry_areas = np.append(entry_areas, entry_areas)
                        entry_columns[used] = rows[last - 1 - row] * row_length + columns[column]
                        entry_areas[used] = height * math.radians(across)
                        used += 1
                    row += 1
                column += 1
        counts[box] = used - before
    return counts, entry_columns[:used].copy(), entry_areas[:used].copy()
