"""Spherical harmonics of HEALPix maps: smoothing them, and their power on large scales.

healpy does both, the one dependency that only this source has. Maps are NESTED here.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepsphere.extras import import_extra
from deepsphere.samplings.healpix_indices import ring_of_nested

_BLOCK_PIXELS = 1 << 18
_LARGE_SCALES_NSIDE = 32


def smoothed(values: NDArray[np.float64], nside: int, sigma: float) -> NDArray[np.float64]:
    """Return a map smoothed by a Gaussian.

    Parameters
    ----------
    values : ndarray of float64, shape (pixel,)
        NESTED. Pixels that are NaN count as 0, and stay NaN.
    nside : int
    sigma : float
        Standard deviation in radians; not the full width at half maximum.

    Returns
    -------
    ndarray of float64, shape (pixel,)
        Coefficient l m of the spherical harmonics is multiplied by exp(-l (l + 1) sigma² / 2), for
        l < 3 nside.

    Raises
    ------
    DeepsphereError
        If healpy is not installed.
    """
    healpy = import_extra("healpy", "cosmology")
    ring = np.empty_like(values)
    for block, places in _ring_blocks(nside):
        ring[places] = np.nan_to_num(values[block], nan=0.0)
    ring = healpy.smoothing(ring, sigma=sigma)
    result = np.empty_like(values)
    for block, places in _ring_blocks(nside):
        result[block] = np.where(np.isnan(values[block]), np.nan, ring[places])
    return result


def large_scale_power(
    values: NDArray[np.floating[Any]], nside: int, highest: int
) -> NDArray[np.float64]:
    """Return the power of a map on large scales.

    Parameters
    ----------
    values : ndarray of float, shape (pixel,)
        NESTED; pixels that are NaN count as 0.
    nside : int
    highest : int
        The largest degree, at most 2 nside.

    Returns
    -------
    ndarray of float64, shape (highest,)
        C_l of the degrees l from 1 on.

    Raises
    ------
    DeepsphereError
        If healpy is not installed.
    """
    healpy = import_extra("healpy", "cosmology")
    means = np.nan_to_num(values, nan=0.0)
    while nside > _LARGE_SCALES_NSIDE and nside % 2 == 0:
        nside //= 2
        means = means.reshape(-1, 4).mean(axis=1, dtype=np.float64)
    ring = np.empty(len(means))
    for block, places in _ring_blocks(nside):
        ring[places] = means[block]
    power: NDArray[np.float64] = healpy.anafast(ring, lmax=highest)
    return power[1:]


def _ring_blocks(nside: int) -> Any:
    """Yield slices of a NESTED map and the RING indices of their pixels.

    All indices of nside 1024 at once would take more memory than two maps.
    """
    pixels = 12 * nside**2
    for start in range(0, pixels, _BLOCK_PIXELS):
        stop = min(start + _BLOCK_PIXELS, pixels)
        yield slice(start, stop), ring_of_nested(nside, np.arange(start, stop))
