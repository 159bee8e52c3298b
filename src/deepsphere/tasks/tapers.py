"""Windows that fall to 0 towards the border of what was seen of a sphere.

A map that is cut off at a border has power of all scales there, which hides what is small: a
spectrum of a patch is that of the sphere only where a window takes the border away.

References
----------
J. Grain, M. Tristram, R. Stompor: Polarized CMB power spectrum estimation using the pure
pseudo-cross-spectrum approach, Phys. Rev. D 79 (2009): the window C2.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from deepsphere.samplings.healpix import Healpix

Array = NDArray[np.float64]

_BLOCK_PIXELS = 1 << 18


def cosine_taper(nside: int, pixels: NDArray[np.int64], width: float) -> Array:
    """Return a window over some pixels of a sphere.

    Parameters
    ----------
    nside : int
    pixels : ndarray of int64, shape (pixel,)
        NESTED, different.
    width : float
        How far from the border the window rises, in radians.

    Returns
    -------
    ndarray of float64, shape (pixel,)
        (1 - cos(π x)) / 2 of the chord x to the nearest pixel outside, in units of the chord of
        ``width``; 1 from x = 1 on, and 1 everywhere if the pixels are all of the sphere.
    """
    sphere = Healpix(nside)
    inside = np.zeros(len(sphere), np.bool_)
    inside[pixels] = True
    border = np.zeros(len(sphere), np.bool_)
    blocks = [
        pixels[start : start + _BLOCK_PIXELS] for start in range(0, len(pixels), _BLOCK_PIXELS)
    ]
    for block in blocks:
        neighbours = sphere.neighbours_of(block)
        border[neighbours[neighbours >= 0]] = True
    border &= ~inside
    if not border.any():
        return np.ones(len(pixels))
    tree = KDTree(sphere.positions_of(np.flatnonzero(border)))
    chord = 2 * np.sin(width / 2)
    distances = np.concatenate(
        [tree.query(sphere.positions_of(block), distance_upper_bound=chord)[0] for block in blocks]
    )
    window: Array = (1 - np.cos(np.pi * np.minimum(distances / chord, 1))) / 2
    return window
