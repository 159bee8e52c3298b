"""Rotations that only swap the pixels of a sampling.

Under them nothing is interpolated, so what should commute with rotations can be asked to do so up
to rounding: the weights of a graph (:mod:`deepsphere.graphs.orbits`), or a network
(:mod:`deepsphere.nn.equivariance`). :func:`symmetries` has those that are known of a sampling,
:func:`permutation_by_rotation` makes any other where they are needed for a test.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from deepsphere.samplings.masked import Masked
from deepsphere.samplings.sampling import Sampling, Symmetric

_SAME_PLACE = 1e-9


def symmetries(sampling: Sampling) -> NDArray[np.int64]:
    """Return permutations of a sampling's pixels by rotations that map it onto itself.

    Parameters
    ----------
    sampling : Sampling
        Any. Of HEALPix there are 8, see :mod:`~deepsphere.samplings.healpix_symmetries`; of a part
        of it those that map the part onto itself, found without the rest of the map; of others
        only the identity.

    Returns
    -------
    ndarray of int64, shape (symmetries, pixels)
        A group, the identity first. ``map[row]`` is a rotated map.
    """
    full = sampling.full if isinstance(sampling, Masked) else sampling
    if not isinstance(full, Symmetric):
        return np.arange(len(sampling), dtype=np.int64)[np.newaxis]
    if not isinstance(sampling, Masked):
        return full.origins_of(np.arange(len(full)))
    origins = full.origins_of(sampling.pixels)
    onto_itself = (np.sort(origins, axis=1) == sampling.pixels).all(axis=1)
    places: NDArray[np.int64] = np.searchsorted(sampling.pixels, origins[onto_itself])
    return places


def permutation_by_rotation(
    positions: NDArray[np.float64], rotation: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Return which pixel a rotation brings to each pixel, so that ``map[result]`` is rotated.

    Parameters
    ----------
    positions : ndarray of float64, shape (pixels, 3)
        Unit vectors, no two of them at one place.
    rotation : ndarray of float64, shape (3, 3)
        Orthogonal; it brings what is at x to ``rotation @ x``.

    Returns
    -------
    ndarray of int64, shape (pixels,)

    Raises
    ------
    ValueError
        If the rotation brings a pixel to where there is none within 1e-9.
    """
    distances, pixels = cKDTree(positions).query(positions @ rotation)
    farthest = np.max(distances)
    if farthest > _SAME_PLACE:
        raise ValueError(f"expected a rotation of pixels onto pixels, found one {farthest:.3g} off")
    return np.asarray(pixels, dtype=np.int64)
