"""In which of the two orders of :mod:`~deepsphere.samplings.ugscnn` values are, told by themselves.

Data over these meshes carry no coordinates. In the right order neighbours have similar values; in
the other one most pairs that would be neighbours are far apart.
"""

import numpy as np
from numpy.typing import ArrayLike

from deepsphere.errors import DeepsphereError
from deepsphere.samplings.ugscnn import Ugscnn

# Smooth fields of level 5 have a roughness below 0.1 in the right order and of about 0.75 in the
# other, a quarter of whose sides are right; the ratio is then far from this limit.
_CLEARLY_SMOOTHER = 0.5


def roughness(values: ArrayLike, sampling: Ugscnn) -> float:
    """Return how unlike neighbours are, compared with any two pixels.

    Parameters
    ----------
    values : array_like
        Finite numbers, shape (vertices,) or (channels, vertices).
    sampling : Ugscnn
        The order the values are taken to be in.

    Returns
    -------
    float
        The mean absolute difference of neighbours over that of all pairs of pixels (Gini's mean
        difference), averaged over the channels that are not constant: 0 for smooth fields, about 1
        for noise or pixels out of order.

    Raises
    ------
    DeepsphereError
        If the values have another shape, are not finite, or are all alike.
    """
    channels = np.atleast_2d(np.asarray(values, dtype=np.float64))
    if channels.ndim != 2 or channels.shape[1] != len(sampling):
        raise DeepsphereError(
            f"{sampling.name}: values must have shape (vertices,) or (channels, vertices) with "
            f"{len(sampling)} vertices; found shape {np.shape(values)}"
        )
    if not np.isfinite(channels).all():
        raise DeepsphereError(f"{sampling.name}: values must be finite; leave broken channels out")
    channels = channels[np.ptp(channels, axis=1) > 0]
    if not len(channels):
        raise DeepsphereError(f"{sampling.name}: constant values tell nothing of their order")
    neighbours = sampling.neighbours()
    pixel, place = np.nonzero(neighbours >= 0)
    differences = np.abs(channels[:, pixel] - channels[:, neighbours[pixel, place]])
    # In order, the gap between the i-th and the next of n values lies between i · (n - i) pairs.
    count = len(sampling)
    pairs_across = np.arange(1, count) * np.arange(count - 1, 0, -1.0)
    gaps = np.diff(np.sort(channels, axis=1), axis=1)
    any_two_differ = gaps @ pairs_across / (count * (count - 1) / 2)
    return float((differences.mean(axis=1) / any_two_differ).mean())


def orientation_of(values: ArrayLike, level: int) -> Ugscnn:
    """Return the sampling whose order the values are in, recognised by their smoothness.

    The :func:`roughness` over the sides of one orientation must be less than half of that over the
    sides of the other. Give fields that vary slowly, such as temperature at 200 hPa.

    Parameters
    ----------
    values : array_like
        Finite numbers, shape (vertices,) or (channels, vertices).
    level : int
        The level of subdivision. At level 0 both orientations have the same sides.

    Raises
    ------
    DeepsphereError
        If neither orientation is clearly smoother, or as for :func:`roughness`.
    """
    candidates = Ugscnn(level, "equator"), Ugscnn(level, "upward")
    equator, upward = (roughness(values, candidate) for candidate in candidates)
    if min(equator, upward) >= _CLEARLY_SMOOTHER * max(equator, upward):
        raise DeepsphereError(
            f"ugscnn: the values are in neither order of level {level}, or too rough to tell: "
            f"neighbours differ by {equator:.3f} (equator) and {upward:.3f} (upward) of the "
            "difference of any two pixels; one must be less than half of the other; try a smooth "
            "field, or another sampling"
        )
    return candidates[0] if equator < upward else candidates[1]
