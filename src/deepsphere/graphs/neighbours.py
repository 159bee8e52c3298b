"""The nearest neighbours of points on the sphere.

Neighbours are ordered by distance and then by index, so that equally far points (regular grids) and
points at one place (stations) give one answer only. Where points are spread evenly,
:mod:`~deepsphere.graphs.cells` finds them; elsewhere a k-d tree finds candidates for the choice.
Memory beyond the result is bounded by a block of rows, except where thousands of points coincide.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from deepsphere.errors import DeepsphereError
from deepsphere.graphs.cells import nearest_in_cells
from deepsphere.graphs.points import check_unit_vectors, chords
from deepsphere.graphs.threads import compiled_threads

_BLOCK_CANDIDATES = 1 << 20
# The tree's distances and ours may differ in the last bits; a candidate within this relative
# margin of the last one kept may have an equally near point that the tree left out.
_TIE_MARGIN = 1e-12


def nearest_neighbours(
    positions: NDArray[np.float64], count: int, threads: int = 1
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Find the nearest other points of every point.

    Parameters
    ----------
    positions : ndarray
        Unit vectors, float64, shape (points, 3). Points may coincide.
    count : int
        How many neighbours each point gets.
    threads : int
        Threads of the search; the result does not depend on them.

    Returns
    -------
    indices : ndarray
        The neighbours, int32, shape (points, count), nearest first and equally near ones by
        index. A point is never its own neighbour; another point at its place is.
    distances : ndarray
        Chord distances to them in radii of the sphere, float64, shape (points, count). The
        distance from i to j has the same bits as that from j to i.

    Raises
    ------
    DeepsphereError
        If the positions are not unit vectors or there are too few of them.
    """
    check_unit_vectors(positions)
    if not 1 <= count < len(positions):
        raise DeepsphereError(
            f"{count} neighbours were asked for among {len(positions)} points; "
            f"give a number from 1 to {len(positions) - 1}"
        )
    with compiled_threads(threads):
        in_cells = nearest_in_cells(positions, count)
    if in_cells is None:
        return neighbours_by_tree(positions, count, np.arange(len(positions)), threads)
    indices, distances, found = in_cells
    rest = np.flatnonzero(~found)
    indices[rest], distances[rest] = neighbours_by_tree(positions, count, rest, threads)
    return indices, distances


def neighbours_by_tree(
    positions: NDArray[np.float64], count: int, rows: NDArray[np.int64], threads: int = 1
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Find the nearest other points of some points, however they are spread.

    Parameters
    ----------
    positions, count, threads
        As in :func:`nearest_neighbours`.
    rows : ndarray
        Of which points, int64, shape (rows,).

    Returns
    -------
    indices, distances : ndarray
        As of :func:`nearest_neighbours`, shape (rows, count).
    """
    indices = np.empty((len(rows), count), dtype=np.int32)
    distances = np.empty((len(rows), count))
    if not len(rows):
        return indices, distances
    tree = cKDTree(positions)
    places = np.arange(len(rows))
    # The point itself, its neighbours, and one more that shows whether the last place is tied.
    candidates = min(count + 2, len(positions))
    while places.size:
        tied = []
        for block in np.array_split(places, -(-places.size * candidates // _BLOCK_CANDIDATES)):
            of_points = rows[block]
            reach, found = tree.query(positions[of_points], k=candidates, workers=threads)
            indices[block], distances[block], is_tied = _choose(
                positions, of_points, np.asarray(found), np.asarray(reach)[:, -1], count
            )
            tied.append(block[is_tied])
        places = np.concatenate(tied)
        candidates = min(2 * candidates, len(positions))
    return indices, distances


def _choose(
    positions: NDArray[np.float64],
    rows: NDArray[np.int64],
    found: NDArray[np.int64],
    reach: NDArray[np.float64],
    count: int,
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]:
    """Choose among the nearest candidates, and say where more of them must be looked at."""
    distances = chords(positions[rows][:, np.newaxis], positions[found])
    distances[found == rows[:, np.newaxis]] = np.inf
    # The tree sorts by distance, but puts the point itself first and does not break ties.
    found = np.roll(found, -1, axis=1)
    distances = np.roll(distances, -1, axis=1)
    before, after = distances[:, :-1], distances[:, 1:]
    in_order = (before < after) | ((before == after) & (found[:, :-1] < found[:, 1:]))
    wrong = np.flatnonzero(~in_order.all(axis=1))
    order = np.lexsort((found[wrong], distances[wrong]), axis=-1)
    found[wrong] = np.take_along_axis(found[wrong], order, axis=-1)
    distances[wrong] = np.take_along_axis(distances[wrong], order, axis=-1)
    is_tied = reach <= distances[:, count - 1] * (1 + _TIE_MARGIN)
    if found.shape[1] == len(positions):
        is_tied[:] = False
    return found[:, :count], distances[:, :count], is_tied
