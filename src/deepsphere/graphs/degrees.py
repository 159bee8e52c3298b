"""Which degrees of spherical harmonics a sampling can hold."""

import math

import numpy as np
from numpy.typing import NDArray

_LOWEST = 4


def degrees_within(areas: NDArray[np.float64], low: int = 3, high: int = 10) -> list[int]:
    """Return degrees from 4 to the highest that pixels of these areas can hold.

    Parameters
    ----------
    areas : ndarray
        Areas of the pixels in steradians, shape (pixels,). Those of a part of the sphere hold what
        pixels of their size hold on the full sphere.
    low, high : int
        How many degrees in even ratios up to a sixth of the band, and in even steps above.

    Returns
    -------
    list of int
        Increasing; fewer where they would coincide, and at least one.
    """
    # HEALPix of Nside holds degrees up to 3 Nside - 1, and has 12 Nside² pixels.
    nside = math.sqrt(4 * math.pi / float(np.mean(areas[areas > 0])) / 12)
    top = max(min(2.9 * nside, 3 * nside - 1), 1.0)
    ratios = np.geomspace(min(_LOWEST, top), max(top / 6, min(_LOWEST, top)), low)
    steps = np.linspace(top / 6, top, high + 1)[1:]
    degrees = np.unique(np.round(np.concatenate([ratios, steps])).astype(int))
    return [int(degree) for degree in degrees if degree >= 1]
