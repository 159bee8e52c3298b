"""The areas that latitude-longitude cells share with polygons, exact but for rounding.

For samplings whose cells are polygons with great arcs for sides: icosahedral, Voronoi, cubed. What
is between a piece of a side and the pole, of what the meridians at its two ends enclose, is a
spherical triangle. Sides are cut where they cross a parallel or a meridian of the grid, and every
piece adds its triangle, less what lies above its row, to its cell, and its width to the rows above:
as glyphs are drawn with exact coverage, with the sign of the direction, which lets what lies above
the polygon cancel. Polygons need not be convex, and may hold or touch a pole.
"""

# numba finds the types of what it compiles.
# mypy: disable-error-code="no-untyped-def"

import math

import numba
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from deepsphere.regridding.cells import Cells
from deepsphere.regridding.polygon_pieces import cut_polygons
from deepsphere.samplings.intersections import SparseMatrix

# Thinner overlaps, in radians, are rounding.
_THINNEST = 1e-13
# Sums of triangles around both poles cancel to this where a polygon is the whole sphere cut open.
_NO_AREA = 1e-15
_FIRST_ENTRIES = 1 << 16
# Polygons that are cut at a time: their pieces then take some tens of megabytes.
_BLOCK = 1 << 15


def polygon_overlap_areas(
    cells: Cells, polygons: NDArray[np.float64]
) -> tuple[SparseMatrix, NDArray[np.float64]]:
    """Return the areas that cells of a latitude-longitude grid share with polygons.

    Parameters
    ----------
    cells : Cells
        Those of the grid.
    polygons : ndarray
        Corners, unit vectors, float64, shape (polygons, corners, 3), counter-clockwise seen from
        outside; the last corner may be repeated. Sides are shorter than π.

    Returns
    -------
    areas : csr_array
        Steradians, float64, shape (polygons, cells), none of them zero.
    whole : ndarray
        The areas of the polygons, steradians, float64, shape (polygons,).
    """
    colatitude = np.radians(90 - cells.latitude)
    # 1 - z seen from either pole, without the cancellation next to it.
    below_north = 2 * np.sin(colatitude / 2) ** 2
    below_south = 2 * np.cos(colatitude[::-1] / 2) ** 2
    # Columns of the whole turn: in a regional grid one more, the gap.
    meridians = np.radians(cells.longitude[:-1] if cells.wraps else cells.longitude)
    blocks = [polygons[start : start + _BLOCK] for start in range(0, len(polygons), _BLOCK)]
    parts = []
    for block in blocks:
        is_south = block[:, :, 2].sum(axis=1) < 0
        pieces = cut_polygons(
            np.ascontiguousarray(block), is_south, below_north, below_south, meridians
        )
        parts.append(
            _summed(
                is_south,
                *pieces,
                below_north,
                below_south,
                np.radians(np.diff(cells.longitude)),
                cells.rows,
                cells.columns,
                cells.row_length,
            )
        )
    counts, columns, areas, whole = (np.concatenate(part) for part in zip(*parts, strict=True))
    starts = np.concatenate([[0], np.cumsum(counts)])
    shared = csr_array((areas, columns, starts), shape=(len(polygons), cells.count))
    shared.sort_indices()
    return shared, whole


@numba.njit(nogil=True, cache=True)
def _summed(
    is_south,
    starts,
    places,
    values,
    totals,
    has_pole,
    below_north,
    below_south,
    widths,
    rows,
    columns,
    row_length,
):
    """Add up the pieces of each polygon, column by column towards the near pole.

    Returns
    -------
    counts : ndarray
        Entries of each polygon, int64, shape (polygons,).
    entry_columns, entry_areas : ndarray
        The cells of all entries and the areas shared with them, int64 and float64.
    whole : ndarray
        Areas of the polygons, float64, shape (polygons,).
    """
    counts = np.zeros(len(totals), np.int64)
    whole = np.empty(len(totals))
    entry_columns = np.empty(_FIRST_ENTRIES, np.int64)
    entry_areas = np.empty(_FIRST_ENTRIES)
    used = 0
    last_row = len(below_north) - 2
    slots = np.full(len(widths), -1)
    touched = np.empty(len(widths), np.int64)
    sums = np.zeros((2, 0))
    for polygon in range(len(totals)):
        first, last = starts[polygon], starts[polygon + 1]
        below = below_south if is_south[polygon] else below_north
        is_inside_out = totals[polygon] <= _NO_AREA
        whole[polygon] = totals[polygon] + 4 * math.pi * is_inside_out
        number = _touch(places[first:last], is_inside_out, slots, touched)
        top, bottom = last_row, 0
        for piece in range(first, last):
            row = places[piece, 0]
            top, bottom = min(top, max(row, 0)), max(bottom, min(row, last_row))
        if has_pole[polygon] or is_inside_out:
            top = 0
        if is_inside_out:
            bottom = last_row

        height = max(bottom - top + 1, 0)
        if height * number > sums.shape[1]:
            sums = np.empty((2, 2 * height * number))
        sums[:, : height * number] = 0
        for piece in range(first, last):
            row, column = places[piece]
            if column == len(widths) or row < top:
                continue
            place = slots[column] * height + row - top
            if row <= last_row:
                sums[0, place] += values[piece, 0]
            if row > top:
                sums[1, place - 1] += values[piece, 1]

        before = used
        for slot in range(number):
            column = touched[slot]
            slots[column] = -1
            width = widths[column] * is_inside_out
            for row in range(bottom, top - 1, -1):
                place = slot * height + row - top
                width += sums[1, place]
                thickness = below[row + 1] - below[row]
                area = sums[0, place] + width * thickness
                limit = _THINNEST * math.sqrt(min(whole[polygon], thickness * widths[column]))
                if area > limit:
                    if used == len(entry_areas):
                        entry_columns = np.append(entry_columns, entry_columns)
                        entry_areas = np.append(entry_areas, entry_areas)
                    true_row = last_row - row if is_south[polygon] else row
                    entry_columns[used] = rows[true_row] * row_length + columns[column]
                    entry_areas[used] = area
                    used += 1
        counts[polygon] = used - before
    return counts, entry_columns[:used].copy(), entry_areas[:used].copy(), whole


@numba.njit(nogil=True, cache=True)
def _touch(places, all_columns, slots, touched):
    """Number the columns that pieces are in, or all of them; return how many there are."""
    number = 0
    for piece in range(len(places)):
        column = places[piece, 1]
        if column < len(slots) and slots[column] < 0:
            slots[column] = number
            touched[number] = column
            number += 1
    if all_columns:
        for column in range(len(slots)):
            if slots[column] < 0:
                slots[column] = number
                touched[number] = column
                number += 1
    return number
