"""The nearest neighbours of points, and all others that are as far as the last one.

On a regular sampling several points are often equally far, and a fixed number of neighbours takes
some of them and leaves others out, by their index or by the last bit of a distance: then a graph is
not as symmetric as its sampling. With ties, some points have a few more neighbours than others, and
n points at one place have n - 1 each. For a fixed number, as in published graphs, take
:mod:`~deepsphere.graphs.neighbours`.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from deepsphere.graphs.neighbours import nearest_neighbours
from deepsphere.graphs.points import chords

# Relative difference up to which distances are taken for equal: far above rounding.
_SAME_DISTANCE = 1e-9
# The tree's distances and ours may differ in the last bits: it is asked for a little more.
_CANDIDATE_MARGIN = 1e-12


def neighbours_with_ties(
    positions: NDArray[np.float64], count: int, threads: int = 1
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float64]]:
    """Find all other points that are no farther than the last of so many nearest ones.

    Parameters
    ----------
    positions, count, threads
        As of :func:`~deepsphere.graphs.neighbours.nearest_neighbours`, which says what is refused.

    Returns
    -------
    offsets : ndarray
        Where each point's neighbours start in the other two arrays, int64, shape (points + 1,).
    columns : ndarray
        The neighbours, int32, shape (pairs,): at least ``count`` of every point, in no order.
    distances : ndarray
        Chord distances to them in radii of the sphere, float64, shape (pairs,). The distance from i
        to j has the same bits as that from j to i.
    """
    # One more neighbour shows where the last place is tied.
    more = count + int(0 < count < len(positions) - 1)
    indices, lengths = nearest_neighbours(positions, more, threads)
    reach = lengths[:, count - 1] * (1 + _SAME_DISTANCE)
    tied = lengths[:, -1] <= reach if more > count else np.zeros(len(positions), dtype=np.bool_)
    rows = np.flatnonzero(tied)
    places, ends, further = _within(positions, rows, reach[rows], threads)
    counts = np.full(len(positions), count)
    counts[rows] = np.bincount(places, minlength=len(rows))
    offsets = np.concatenate([[0], np.cumsum(counts)])
    in_tied_row = np.repeat(tied, counts)
    columns = np.empty(len(in_tied_row), dtype=np.int32)
    columns[~in_tied_row] = indices[~tied, :count].ravel()
    columns[in_tied_row] = ends
    distances = np.empty(len(columns))
    distances[~in_tied_row] = lengths[~tied, :count].ravel()
    distances[in_tied_row] = further
    return offsets, columns, distances


def _within(
    positions: NDArray[np.float64],
    rows: NDArray[np.int64],
    reach: NDArray[np.float64],
    threads: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return the places in rows, the neighbours within the reach of each row, and how far."""
    if not rows.size:
        return rows, rows, np.empty(0)
    candidates = cKDTree(positions).query_ball_point(
        positions[rows], reach * (1 + _CANDIDATE_MARGIN), workers=threads, return_sorted=True
    )
    places = np.repeat(np.arange(len(rows)), [len(found) for found in candidates])
    ends = np.concatenate(candidates).astype(np.int64)
    distances = chords(positions[rows[places]], positions[ends])
    near = (distances <= reach[places]) & (ends != rows[places])
    return places[near], ends[near], distances[near]
