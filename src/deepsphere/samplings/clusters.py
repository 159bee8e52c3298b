"""Clusters of neighbouring points, of nearly equal size: a hierarchy for points that have none.

A set of points is cut in two halves across the longest of its extents along x, y and z, each half
again, and so on, as in a k-d tree. All is done in space, where no meridian and no pole is a
border, and points at one place are points like all others. Unlike spectral clustering of a graph,
nothing is random, clusters are of equal size, and a million points take seconds.

References
----------
Bentley: Multidimensional binary search trees used for associative searching (CACM, 1975).
"""

import math

import numpy as np
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError

# Decimals of coordinates that are compared: the last bits of symmetric points differ from processor
# to processor, and would part ties, and choose among equal extents, in their own way.
_DECIMALS = 9


def clusters_of(positions: NDArray[np.float64], size: int = 4) -> NDArray[np.int64]:
    """Cut points into clusters of neighbours.

    Parameters
    ----------
    positions : ndarray
        Unit vectors, float64, shape (points, 3). Points may coincide.
    size : int
        How many points a cluster should have, at least 1. There are 2^d clusters, where d is such
        that their mean size is nearest to this in ratio.

    Returns
    -------
    ndarray
        The cluster of each point, int64, shape (points,), from 0 to clusters - 1; none is empty.
        Sizes differ by 1 at most. Clusters 2c and 2c + 1 are the halves of cluster c of those of
        twice the size. Points at one height in the direction of a cut are parted by index.

    Raises
    ------
    DeepsphereError
        If there is no point, a position is not finite, or the size is not a positive number.
    """
    if positions.ndim != 2 or positions.shape[1] != 3 or not np.isfinite(positions).all():
        raise DeepsphereError(
            "positions to cluster must be finite and of shape (points, 3); found shape "
            f"{positions.shape} and {np.count_nonzero(~np.isfinite(positions))} other values"
        )
    points = len(positions)
    if not points or not size >= 1:
        raise DeepsphereError(
            f"{points} points cannot make clusters of {size}; give at least one point and a size "
            "from 1 on"
        )
    depth = min(max(0, round(math.log2(points / size))), points.bit_length() - 1)
    coordinates = np.round(positions, _DECIMALS)
    order = np.arange(points)
    starts = np.zeros(1, dtype=np.int64)
    for _ in range(depth):
        sizes = np.diff(starts, append=points)
        clusters = np.repeat(np.arange(len(starts)), sizes)
        heights = _heights(coordinates[order], starts, clusters)
        order = order[np.lexsort((order, heights, clusters))]
        starts = np.stack([starts, starts + sizes // 2], axis=1).ravel()
    labels = np.empty(points, dtype=np.int64)
    labels[order] = np.repeat(np.arange(len(starts)), np.diff(starts, append=points))
    return labels


def _heights(
    coordinates: NDArray[np.float64], starts: NDArray[np.int64], clusters: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the coordinate of each point in which its cluster is longest.

    Parameters
    ----------
    coordinates : ndarray
        Those of cluster 0, 1, ..., shape (points, 3).
    starts : ndarray
        Where each cluster starts, shape (clusters,).
    clusters : ndarray
        The cluster of each point, shape (points,).
    """
    extents = np.maximum.reduceat(coordinates, starts) - np.minimum.reduceat(coordinates, starts)
    longest: NDArray[np.float64] = coordinates[
        np.arange(len(coordinates)), extents.argmax(axis=1)[clusters]
    ]
    return longest
