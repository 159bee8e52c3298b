"""The nearest neighbours of points on the sphere.

A k-d tree finds candidates; the choice among them is made here, by distance and then by index, so
that equally far points (regular grids) and points at one place (stations) give one answer only.
Memory beyond the result is bounded by a block of rows, except where thousands of points coincide.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from deepsphere.errors import DeepsphereError

_BLOCK_CANDIDATES = 1 << 20
_UNIT_TOLERANCE = 1e-6
# The tree's distances and ours may differ in the last bits; a candidate within this relative
# margin of the last one kept may have an equally near point that the tree left out.
_TIE_MARGIN = 1e-12


def nearest_neighbours(
    positions: NDArray[np.float64], count: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Find the nearest other points of every point.

    Parameters
    ----------
    positions : ndarray
        Unit vectors, float64, shape (points, 3). Points may coincide.
    count : int
        How many neighbours each point gets.

    Returns
    -------
    indices : ndarray
        The neighbours, int64, shape (points, count), nearest first and equally near ones by
        index. A point is never its own neighbour; another point at its place is.
    distances : ndarray
        Chord distances to them in radii of the sphere, float64, shape (points, count). The
        distance from i to j has the same bits as that from j to i.

    Raises
    ------
    DeepsphereError
        If the positions are not unit vectors or there are too few of them.
    """
    _check(positions, count)
    tree = cKDTree(positions)
    indices = np.empty((len(positions), count), dtype=np.int64)
    distances = np.empty((len(positions), count))
    rows = np.arange(len(positions))
    # The point itself, its neighbours, and one more that shows whether the last place is tied.
    candidates = min(count + 2, len(positions))
    while rows.size:
        tied = []
        for block in np.array_split(rows, -(-rows.size * candidates // _BLOCK_CANDIDATES)):
            indices[block], distances[block], is_tied = _nearest_candidates(
                tree, positions, block, count, candidates
            )
            tied.append(block[is_tied])
        rows = np.concatenate(tied)
        candidates = min(2 * candidates, len(positions))
    return indices, distances


def _nearest_candidates(
    tree: cKDTree,
    positions: NDArray[np.float64],
    rows: NDArray[np.int64],
    count: int,
    candidates: int,
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]:
    """Choose among the nearest candidates, and say where more of them must be looked at."""
    reach, found = tree.query(positions[rows], k=candidates)
    # Plain sums of squares, in this order: the same bits both ways, and on every machine.
    x, y, z = np.moveaxis(np.square(positions[found] - positions[rows, np.newaxis]), -1, 0)
    distances = np.sqrt(x + y + z)
    distances[found == rows[:, np.newaxis]] = np.inf
    order = np.lexsort((found, distances), axis=-1)[:, :count]
    nearest = np.take_along_axis(distances, order, axis=-1)
    is_tied = np.asarray(reach)[:, -1] <= nearest[:, -1] * (1 + _TIE_MARGIN)
    if candidates == len(positions):
        is_tied[:] = False
    return np.take_along_axis(found, order, axis=-1), nearest, is_tied


def _check(positions: NDArray[np.float64], count: int) -> None:
    if positions.ndim != 2 or positions.shape[1] != 3:
        raise DeepsphereError(
            f"positions must be unit vectors of shape (points, 3); found shape {positions.shape}"
        )
    lengths = np.linalg.norm(positions, axis=1)
    wrong = np.flatnonzero(~(np.abs(lengths - 1) <= _UNIT_TOLERANCE))
    if wrong.size:
        raise DeepsphereError(
            f"positions must be unit vectors; found length {lengths[wrong[0]]} at index "
            f"{wrong[0]} ({wrong.size} such points); convert longitude and latitude first"
        )
    if not 1 <= count < len(positions):
        raise DeepsphereError(
            f"{count} neighbours were asked for among {len(positions)} points; "
            f"give a number from 1 to {len(positions) - 1}"
        )
