"""All points within a distance of a point.

Take this where a physical range joins points, as with stations that stand close in one country and
far apart in another; the number of neighbours then differs from point to point, and may be zero.
For a number of neighbours take :mod:`~deepsphere.graphs.neighbours`. A k-d tree counts and finds
candidates, block by block; who is near enough is decided here, so that the answer is symmetric.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from deepsphere.errors import DeepsphereError
from deepsphere.graphs.points import check_unit_vectors, chords

_BLOCK_CANDIDATES = 1 << 20
# The tree's distances and ours may differ in the last bits: it is asked for a little more.
_CANDIDATE_MARGIN = 1e-12


def radius_neighbours(
    positions: NDArray[np.float64], radius: float
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float64]]:
    """Find all other points within a distance of every point.

    Memory beyond the result is bounded by a block of rows, or by a single row if that is longer.

    Parameters
    ----------
    positions : ndarray
        Unit vectors, float64, shape (points, 3). Points may coincide.
    radius : float
        Largest chord distance of neighbours in radii of the sphere, more than 0 and at most 2. An
        angle a on the sphere is a chord of 2 sin(a/2).

    Returns
    -------
    offsets : ndarray
        Where each point's neighbours start in the other two arrays, int64, shape (points + 1,):
        those of point i lie from ``offsets[i]`` up to ``offsets[i + 1]``, which is nowhere for a
        point without neighbours.
    columns : ndarray
        The neighbours, int32, shape (pairs,), those of one point sorted by index. A point is never
        its own neighbour; another point at its place is, at distance 0.
    distances : ndarray
        Chord distances to them, float64, shape (pairs,). The distance from i to j has the same
        bits as that from j to i, so that the relation is symmetric.

    Raises
    ------
    DeepsphereError
        If the positions are not unit vectors or the radius is out of range.
    """
    check_unit_vectors(positions)
    if not 0 < radius <= 2:
        raise DeepsphereError(
            f"the radius of a neighbourhood must be a chord distance in (0, 2]; found {radius}; "
            "an angle a is the chord 2 sin(a/2), and kilometres are divided by 6371 first"
        )
    tree = cKDTree(positions)
    reach = radius * (1 + _CANDIDATE_MARGIN)
    candidates = np.asarray(tree.query_ball_point(positions, reach, return_length=True), np.int64)
    # Each point is a candidate of itself, and not its own neighbour.
    columns = np.empty(candidates.sum() - len(positions), dtype=np.int32)
    distances = np.empty(len(columns))
    counts = np.empty(len(positions), dtype=np.int64)
    filled = 0
    for rows in _blocks(candidates):
        counts[rows], found, lengths = _within(tree, positions, rows, radius, reach)
        columns[filled : filled + len(found)] = found
        distances[filled : filled + len(found)] = lengths
        filled += len(found)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    return offsets, columns[:filled], distances[:filled]


def _blocks(candidates: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Cut the rows where another block's worth of candidates is complete."""
    block = np.cumsum(candidates) // _BLOCK_CANDIDATES
    return np.split(np.arange(len(candidates)), np.flatnonzero(np.diff(block)) + 1)


def _within(
    tree: cKDTree,
    positions: NDArray[np.float64],
    rows: NDArray[np.int64],
    radius: float,
    reach: float,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return how many neighbours each of some rows has, which, and how far, row after row."""
    pairs = cKDTree(positions[rows]).sparse_distance_matrix(tree, reach, output_type="ndarray")
    places, ends = pairs["i"], pairs["j"]
    starts = rows[places]
    distances = chords(positions[starts], positions[ends])
    near = np.flatnonzero((distances <= radius) & (starts != ends))
    near = near[np.lexsort((ends[near], places[near]))]
    counts = np.bincount(places[near], minlength=len(rows))
    return counts, ends[near], distances[near]
