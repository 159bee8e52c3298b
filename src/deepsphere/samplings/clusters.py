"""Clusters of neighbouring points: a hierarchy for points that have none.

Divisive clustering by variance. All points are one cluster at first; again and again the cluster
whose points are farthest from their mean, by the sum of squares, is cut in two, across its
principal axis, where the sum of squares of the two parts is smallest. So a remote point becomes a
cluster of its own before points of a town are parted, and none is joined to others across an ocean,
which cuts by number, as those of a k-d tree, cannot avoid. It is nearly as good as k-means by the
sum of squares that both make small, but nothing is random, and fewer clusters are unions of more.

All is done in space, where no meridian and no pole is a border.

References
----------
Boley: Principal direction divisive partitioning (Data Mining and Knowledge Discovery, 1998), which
cuts at the mean; the best cut instead keeps clumps of unequal number whole.
"""

from heapq import heappop, heappush

import numpy as np
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError

# What differs by less is equal: the last bits of symmetric points differ from processor to
# processor, and would part twins, and choose among equal cuts and clusters, in their own way.
_DECIMALS = 9
_TOLERANCE = 10.0**-_DECIMALS


def clusters_of(positions: NDArray[np.float64], size: int = 4) -> NDArray[np.int64]:
    """Cut points into clusters of neighbours, about one per ``size`` points.

    Parameters
    ----------
    positions : ndarray
        Unit vectors, float64, shape (points, 3). Points may coincide.
    size : int
        How many points a cluster should have in the mean, at least 1. There are points / size
        clusters, rounded, but at least one, and no more than there are places.

    Returns
    -------
    ndarray
        The cluster of each point, int64, shape (points,), from 0 to clusters - 1; none is empty.
        How many points each has follows from where they are. Clusters of a larger size are unions
        of consecutive ones of a smaller. Points at one place, or within 1e-9 of each other (6 mm on
        the Earth), share a cluster. The order of the points does not matter.

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
    # Each cluster is a slice of this order, which is only changed inside of slices that are cut.
    order = np.arange(points)
    starts = [0]
    clusters = [(-_sum_of_squares(positions), 0, points)]
    while clusters and len(starts) < round(points / size):
        _, start, stop = heappop(clusters)
        members = order[start:stop]
        lower = _below_best_cut(positions[members])
        if lower.all():
            continue
        order[start:stop] = np.concatenate([members[lower], members[~lower]])
        cut = start + int(np.count_nonzero(lower))
        starts.append(cut)
        for part in (start, cut), (cut, stop):
            heappush(clusters, (-_sum_of_squares(positions[order[slice(*part)]]), *part))
    first = np.zeros(points, dtype=np.int64)
    first[starts[1:]] = 1
    labels = np.empty(points, dtype=np.int64)
    labels[order] = np.cumsum(first)
    return labels


def _sum_of_squares(positions: NDArray[np.float64]) -> float:
    """Return that of the distances from the mean, to so many digits that equal ones are equal."""
    centred = positions - positions.mean(axis=0)
    return float(f"{np.square(centred).sum():.{_DECIMALS}e}")


def _below_best_cut(positions: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which points lie below the best cut across the principal axis; all if there is none.

    With n points of mean 0, k of them below the cut and of sum s, the sum of squares of the two
    parts is less than that of all by |s|² n / (k (n - k)).

    Parameters
    ----------
    positions : ndarray
        Shape (points, 3).
    """
    points = len(positions)
    centred = positions - positions.mean(axis=0)
    heights = centred @ _principal_axis(centred)
    order = np.argsort(heights)
    below = np.arange(1, points)
    sums = np.cumsum(centred[order], axis=0)[:-1]
    gains = np.square(sums).sum(axis=1) / (below * (points - below))
    gains[np.diff(heights[order]) <= _TOLERANCE] = 0
    best = gains.max(initial=0)
    lower = np.ones(points, dtype=np.bool_)
    if best > 0:
        # The first of equal ones, not the one that rounding favours.
        cut = np.argmax(gains >= best * (1 - _TOLERANCE))
        lower[order[cut + 1 :]] = False
    return lower


def _principal_axis(centred: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the unit vector along which points of mean 0 vary most, its longest component > 0.

    Where all axes of a plane are equal, as for a regular polygon, rounding shall not choose.
    """
    products = centred.T @ centred
    scale = np.trace(products)
    if scale > 0:
        products = np.round(products / scale, _DECIMALS)
    axis: NDArray[np.float64] = np.linalg.eigh(products)[1][:, -1]
    longest = np.argmax(np.abs(axis).round(_DECIMALS // 2))
    return axis if axis[longest] > 0 else -axis
