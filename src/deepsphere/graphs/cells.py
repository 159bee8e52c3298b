"""The nearest neighbours of evenly spread points, by sorting the points into cubic cells.

Faster than a tree where points are spread evenly, as in any regular sampling: the neighbours of a
point are looked for in its cell and the 26 around it. That is exact if as many as are wanted lie
within a cell's width; for the other points :mod:`~deepsphere.graphs.neighbours` asks a tree.
"""

import math

import numba
import numpy as np
from numpy.typing import NDArray

# With half as many more points than are wanted within a cell's width, hardly any point has too few.
_SLACK = 1.35
_MOST_IN_A_CELL = 64
_AXIS_CELLS = 1 << 20
# A point that is this much farther, relatively, may still round to the same distance.
_ROUNDING = 1e-14
_INSIDE = 1 - 1e-9


def nearest_in_cells(
    positions: NDArray[np.float64], count: int
) -> tuple[NDArray[np.int32], NDArray[np.float64], NDArray[np.bool_]] | None:
    """Find the nearest other points of every point that has enough of them near it.

    Parameters
    ----------
    positions : ndarray
        Unit vectors, float64, shape (points, 3). Points may coincide.
    count : int
        How many neighbours are wanted.

    Returns
    -------
    indices, distances : ndarray
        As of :func:`~deepsphere.graphs.neighbours.nearest_neighbours`, where found.
    found : ndarray
        For which points, bool, shape (points,).

    None if the points are spread so unevenly that cells would not help.
    """
    width = _cell_width(positions, count)
    keys, stride = _keys(positions, width)
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    firsts = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
    starts = np.append(firsts, len(keys))
    if np.diff(starts).max() > _MOST_IN_A_CELL * (count + 2):
        return None
    indices = np.empty((len(positions), count), dtype=np.int32)
    distances = np.empty((len(positions), count))
    found = np.zeros(len(positions), dtype=np.bool_)
    limit = width * _INSIDE
    _search(positions[order], order, keys[firsts], starts, limit, stride, indices, distances, found)
    return indices, distances, found


def _cell_width(positions: NDArray[np.float64], count: int) -> float:
    """Return the radius of a disk that holds somewhat more points than are wanted.

    The area over which the points are spread is first taken to be the sphere's, and then that of
    the cells that hold a point, which is more than half of them for points that fill their part.
    """
    area = 4 * math.pi
    for _ in range(3):
        width = math.sqrt(_SLACK * (count + 2) * area / (math.pi * len(positions)))
        occupied = len(np.unique(_keys(positions, width)[0]))
        # A surface meets about 1.5 cubes of side 1 for each unit of its area.
        smaller = occupied * width**2 / 1.5
        if smaller > 0.5 * area:
            break
        area = smaller
    return max(width, 2 / _AXIS_CELLS)


def _keys(positions: NDArray[np.float64], width: float) -> tuple[NDArray[np.int64], int]:
    """Return the number of each point's cell, and how far it is to the next along the second axis.

    Cells beside each other along the third axis have consecutive numbers, and there is an empty one
    at every end.
    """
    stride = int(2 / width) + 4
    x, y, z = ((positions + 1) / width).astype(np.int64).T + 1
    return (x * stride + y) * stride + z, stride


@numba.njit(cache=True)
def _first(keys, key):  # type: ignore[no-untyped-def]
    low, high = 0, len(keys)
    while low < high:
        middle = (low + high) // 2
        if keys[middle] < key:
            low = middle + 1
        else:
            high = middle
    return low


@numba.njit(parallel=True, cache=True)
def _search(positions, order, keys, starts, limit, stride, indices, distances, found):  # type: ignore[no-untyped-def]
    count = indices.shape[1]
    for cell in numba.prange(len(keys)):
        # The points of three cells in a row along the third axis are one range.
        begins = np.empty(9, np.int64)
        ends = np.empty(9, np.int64)
        ranges = 0
        for along_x in range(-1, 2):
            for along_y in range(-1, 2):
                middle = keys[cell] + (along_x * stride + along_y) * stride
                low = _first(keys, middle - 1)
                high = low
                while high < len(keys) and keys[high] <= middle + 1:
                    high += 1
                if high > low:
                    begins[ranges] = starts[low]
                    ends[ranges] = starts[high]
                    ranges += 1
        near = np.empty(count + 1)
        which = np.empty(count + 1, np.int64)
        for point in range(starts[cell], starts[cell + 1]):
            kept = 0
            farthest = limit * limit
            for part in range(ranges):
                for other in range(begins[part], ends[part]):
                    x = positions[other, 0] - positions[point, 0]
                    y = positions[other, 1] - positions[point, 1]
                    z = positions[other, 2] - positions[point, 2]
                    square = x * x + y * y + z * z
                    if square > farthest or other == point:
                        continue
                    distance = math.sqrt(square)
                    index = order[other]
                    place = kept
                    while place > 0 and (
                        near[place - 1] > distance
                        or (near[place - 1] == distance and which[place - 1] > index)
                    ):
                        near[place] = near[place - 1]
                        which[place] = which[place - 1]
                        place -= 1
                    near[place] = distance
                    which[place] = index
                    kept = min(kept + 1, count)
                    if kept == count:
                        last = near[count - 1]
                        farthest = min(farthest, last * last * (1 + _ROUNDING))
            row = order[point]
            if kept == count:
                found[row] = True
                for place in range(count):
                    indices[row, place] = which[place]
                    distances[row, place] = near[place]
