r"""The areas that latitude-longitude cells and HEALPix pixels share, exact but for rounding.

In HEALPix' own projection areas are true but for a factor, pixels are squares that stand on a
corner, parallels are horizontal lines, and meridians are straight between the equator and |z| = 2/3
and between there and the pole. So a cell cut at |z| = 2/3 and at the longitudes kπ/2 has straight
sides, and what it shares with a pixel is a polygon, cut out line by line.

Coordinates are those of the pixel: with the ring i counted from the north pole, b = i - (the
pixel's), and a eastwards from its centre in half diagonals, so that the pixel is |a| + |b| <= 1::

            (0, -1)                 a meridian δ degrees east of the base pixel's middle lies at
              /\                        a + h = δ / 45 · nside         where |z| <= 2/3
     (-1, 0) /  \ (1, 0)                a + h = δ / 45 · i             in the north, i < nside
             \  /                       a + h = δ / 45 · (4 nside - i)     in the south
              \/
            (0, 1)                  with h of the pixel's centre east of the base pixel's middle

References
----------
Górski, Hivon, Banday, Wandelt, Hansen, Reinecke, Bartelmann: HEALPix, a framework for
high-resolution discretization and fast analysis of data distributed on the sphere, ApJ 622 (2005),
section 5. Calabretta, Roukema: Mapping on the HEALPix grid, MNRAS 381 (2007).
"""

# numba finds the types of what it compiles.
# mypy: disable-error-code="no-untyped-def"

import math

import numba
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from deepsphere.regridding.cells import Cells
from deepsphere.samplings.healpix_indices import face_of_nested
from deepsphere.samplings.intersections import SparseMatrix

# Thinner overlaps, in half diagonals of a pixel, are rounding: coordinates go up to nside.
_THINNEST = 1e-12
# A pixel has 4 corners, and each line that cuts a convex polygon adds one at most.
_MOST_CORNERS = 16
_FIRST_ENTRIES = 1 << 16


def healpix_overlap_areas(
    cells: Cells, nside: int, pixels: NDArray[np.int64]
) -> tuple[SparseMatrix, NDArray[np.float64]]:
    """Return the areas that cells of a latitude-longitude grid share with HEALPix pixels.

    Parameters
    ----------
    cells : Cells
        Those of the grid.
    nside : int
        Pixels along the side of a base pixel.
    pixels : ndarray
        Which pixels, NESTED, int64, shape (pixels,).

    Returns
    -------
    areas : csr_array
        Steradians, float64, shape (pixels, cells), none of them zero.
    whole : ndarray
        The areas of the pixels, steradians, float64, shape (pixels,).
    """
    face, x, y = face_of_nested(nside, pixels)
    row, column = np.divmod(face, 4)
    unit = math.pi / 6 / nside**2
    counts, columns, areas = _overlaps(
        nside,
        (row + 2) * nside - x - y - 1,
        x - y,
        90.0 * column + 45.0 * (row != 1),
        _rings(nside, cells.latitude),
        cells.heights / unit,
        cells.longitude,
        np.radians(np.diff(cells.longitude)),
        cells.rows,
        cells.columns,
        cells.row_length,
    )
    starts = np.concatenate([[0], np.cumsum(counts)])
    shared = csr_array((areas * unit, columns, starts), shape=(len(pixels), cells.count))
    # Pixels that lie across |z| = 2/3 were computed in two parts.
    shared.sum_duplicates()
    return shared, np.full(len(pixels), 2 * unit)


def _rings(nside: int, latitude: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rings, from 0 at the north pole to 4 nside, that are at latitudes."""
    z = np.sin(np.radians(latitude))
    to_pole = np.radians(90 - np.abs(latitude))
    # nside √(3(1 - |z|)), without the cancellation near the pole.
    cap = nside * math.sqrt(6) * np.sin(to_pole / 2)
    belt = nside * (2 - 1.5 * z)
    polar = np.where(z > 0, cap, 4 * nside - cap)
    rings: NDArray[np.float64] = np.where(np.abs(z) <= 2 / 3, belt, polar)
    return rings


@numba.njit(nogil=True, cache=True)
def _overlaps(
    nside, rings, across, middles, edges, heights, meridians, widths, rows, columns, row_length
):
    """Return the number of entries of each pixel, and columns and areas of all entries.

    Areas are in units of half a pixel's, as those of polygons in its coordinates.
    """
    counts = np.zeros(len(rings), np.int64)
    entry_columns = np.empty(_FIRST_ENTRIES, np.int64)
    entry_areas = np.empty(_FIRST_ENTRIES)
    used = 0
    polygon = np.empty((_MOST_CORNERS, 2))
    strip = np.empty((_MOST_CORNERS, 2))
    rest = np.empty((_MOST_CORNERS, 2))
    piece = np.empty((_MOST_CORNERS, 2))
    remaining = np.empty((_MOST_CORNERS, 2))
    for pixel in range(len(rings)):
        ring, shift, middle = rings[pixel], across[pixel], middles[pixel]
        before = used
        for part in range(3):
            # The parts north of the belt, in it and south of it.
            first = (0, nside, 3 * nside)[part]
            last = (nside, 3 * nside, 4 * nside)[part]
            if ring + 1 <= first or ring - 1 >= last:
                continue
            size = _diamond(polygon, ring > first, ring < last)
            top, bottom = max(ring - 1, first), min(ring + 1, last)
            row = max(np.searchsorted(edges, top, "right") - 1, 0)
            if row < len(edges) - 1 and edges[row] > top:
                _, size = _cut(polygon, size, 0.0, 1.0, edges[row] - ring, piece, rest)
                polygon, rest = rest, polygon
            while row < len(edges) - 1 and edges[row] < bottom and size > 2:
                inside, size = _cut(polygon, size, 0.0, 1.0, edges[row + 1] - ring, strip, rest)
                polygon, rest = rest, polygon
                row += 1
                if inside < 3:
                    continue
                low, high = _longitudes(strip, inside, nside, ring, shift, part)
                for turn in range(3):
                    origin = middle + 360.0 * turn
                    begin, end = origin + low, origin + high
                    if end <= meridians[0] or begin >= meridians[-1]:
                        continue
                    left = inside
                    remaining[:left] = strip[:left]
                    column = max(np.searchsorted(meridians, begin, "right") - 1, 0)
                    if meridians[column] > begin:
                        slope, offset = _meridian(
                            meridians[column] - origin, nside, ring, shift, part
                        )
                        _, left = _cut(remaining, left, 1.0, -slope, offset, piece, rest)
                        remaining, rest = rest, remaining
                    while column < len(meridians) - 1 and meridians[column] < end and left > 2:
                        slope, offset = _meridian(
                            meridians[column + 1] - origin, nside, ring, shift, part
                        )
                        corners, left = _cut(remaining, left, 1.0, -slope, offset, piece, rest)
                        remaining, rest = rest, remaining
                        area = _area(piece, corners)
                        cell = heights[row - 1] * widths[column]
                        if area > _THINNEST * math.sqrt(min(cell, 2.0)):
                            if used == len(entry_areas):
                                entry_columns = np.append(entry_columns, entry_columns)
                                entry_areas = np.append(entry_areas, entry_areas)
                            entry_columns[used] = rows[row - 1] * row_length + columns[column]
                            entry_areas[used] = area
                            used += 1
                        column += 1
        counts[pixel] = used - before
    return counts, entry_columns[:used].copy(), entry_areas[:used].copy()


@numba.njit(nogil=True, cache=True)
def _diamond(polygon, has_top, has_bottom):
    """Write the corners of a pixel, or of its upper or lower half; return their number."""
    size = 0
    if has_top:
        polygon[size, 0], polygon[size, 1] = 0.0, -1.0
        size += 1
    polygon[size, 0], polygon[size, 1] = 1.0, 0.0
    size += 1
    if has_bottom:
        polygon[size, 0], polygon[size, 1] = 0.0, 1.0
        size += 1
    polygon[size, 0], polygon[size, 1] = -1.0, 0.0
    return size + 1


@numba.njit(nogil=True, cache=True)
def _meridian(degrees, nside, ring, shift, part):
    """Return (slope, offset) of the line a = slope · b + offset of a meridian."""
    eighths = degrees / 45.0
    if part == 0:
        return eighths, eighths * ring - shift
    if part == 1:
        return 0.0, eighths * nside - shift
    return -eighths, eighths * (4 * nside - ring) - shift


@numba.njit(nogil=True, cache=True)
def _longitudes(polygon, size, nside, ring, shift, part):
    """Return the range of degrees east of the base pixel's middle that a polygon spans."""
    low, high = math.inf, -math.inf
    for corner in range(size):
        quarter = float(nside)
        if part == 0:
            quarter = ring + polygon[corner, 1]
        elif part == 2:
            quarter = 4 * nside - ring - polygon[corner, 1]
        # The pole has all longitudes that its other corners have.
        if quarter > 0:
            degrees = 45.0 * (polygon[corner, 0] + shift) / quarter
            low, high = min(low, degrees), max(high, degrees)
    return low, high


@numba.njit(nogil=True, cache=True)
def _cut(polygon, size, along_a, along_b, limit, below, above):
    """Write the parts where along_a · a + along_b · b is below a limit and above; return sizes."""
    belows = aboves = 0
    for corner in range(size):
        following = corner + 1 if corner + 1 < size else 0
        a, b = polygon[corner, 0], polygon[corner, 1]
        height = along_a * a + along_b * b - limit
        next_a, next_b = polygon[following, 0], polygon[following, 1]
        next_height = along_a * next_a + along_b * next_b - limit
        if height <= 0:
            below[belows, 0], below[belows, 1] = a, b
            belows += 1
        if height >= 0:
            above[aboves, 0], above[aboves, 1] = a, b
            aboves += 1
        if (height < 0 and next_height > 0) or (height > 0 and next_height < 0):
            fraction = height / (height - next_height)
            crossing_a = a + fraction * (next_a - a)
            crossing_b = b + fraction * (next_b - b)
            below[belows, 0], below[belows, 1] = crossing_a, crossing_b
            belows += 1
            above[aboves, 0], above[aboves, 1] = crossing_a, crossing_b
            aboves += 1
    return belows, aboves


@numba.njit(nogil=True, cache=True)
def _area(polygon, size):
    """Return the area of a polygon, 0 if it has fewer than three corners."""
    doubled = 0.0
    first_a, first_b = polygon[0, 0], polygon[0, 1]
    for corner in range(1, size - 1):
        one_a, one_b = polygon[corner, 0] - first_a, polygon[corner, 1] - first_b
        other_a, other_b = polygon[corner + 1, 0] - first_a, polygon[corner + 1, 1] - first_b
        doubled += one_a * other_b - one_b * other_a
    return abs(doubled) / 2
