"""How strongly neighbours are joined: kernels of the distance, and symmetrisation.

``gaussian`` follows distance, so filters see the geometry of the sphere; with the default width
(the mean distance to the neighbours) the weights are of order 1/2 on any sampling. ``unweighted``
is what the published GHCN graph amounts to: its kernels, exp(-d²/0.1) and exp(-d²/mean d), were so
wide that every weight was within 3 % of 1.
"""

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from deepsphere.errors import DeepsphereError

SparseMatrix = csr_array[np.float64, tuple[int, int]]
Weights = Literal["unweighted", "gaussian"]
Symmetrization = Literal["union", "average"]


def unweighted(distances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a weight of 1 for every distance."""
    return np.ones_like(distances)


def gaussian(distances: NDArray[np.float64], time: float) -> NDArray[np.float64]:
    """Return exp(-d²/(4t)), the heat kernel of the plane after time t, up to its scale.

    Parameters
    ----------
    distances : ndarray
        Chord distances d in radii of the sphere, any shape.
    time : float
        t, positive; see :func:`time_of_width`.

    Returns
    -------
    ndarray
        Weights in [0, 1], same shape. Below the float64 epsilon they are exactly zero: next to
        weights of order 1 they are lost in every sum, and as float32 they would be denormal.

    References
    ----------
    Defferrard, Milani, Gusset, Perraudin: DeepSphere, a graph-based spherical CNN (ICLR 2020).
    """
    if not time > 0:
        raise DeepsphereError(f"the time of a gaussian kernel must be positive; found {time}")
    weights = np.exp(-np.square(distances) / (4 * time))
    weights[weights < np.finfo(np.float64).eps] = 0
    return weights


def time_of_width(width: float) -> float:
    """Return the time t = width²/(4 ln 2), for which a weight is 1/2 at the distance ``width``.

    Raises
    ------
    DeepsphereError
        If the width is not positive, as the mean distance of points that all coincide.
    """
    if not width > 0:
        raise DeepsphereError(
            f"the width of a gaussian kernel must be positive; found {width}; give a width, "
            "or check that the points do not all coincide"
        )
    return width**2 / (4 * math.log(2))


def join(
    indices: NDArray[np.int64], weights: NDArray[np.float64], symmetrization: Symmetrization
) -> SparseMatrix:
    """Return the symmetric weight matrix of points that are joined to their neighbours.

    Parameters
    ----------
    indices : ndarray
        The neighbours of each point, shape (points, neighbours).
    weights : ndarray
        Their weights, same shape; those of (i, j) and (j, i) are equal where both exist.
    symmetrization : {"union", "average"}
        For an edge found from one side only: ``"union"`` keeps it whole, max(W, Wᵀ);
        ``"average"`` gives it half its weight, (W + Wᵀ)/2, as the published GHCN graph.

    Returns
    -------
    csr_array
        Shape (points, points), float64, sorted indices, equal to its transpose bit for bit.
        Weights of zero are no edges.
    """
    points, count = indices.shape
    starts = np.arange(0, points * count + 1, count)
    one_sided = csr_array((weights.ravel(), indices.ravel(), starts), shape=(points, points))
    transposed = one_sided.T.tocsr()
    if symmetrization == "union":
        joined = one_sided.maximum(transposed)
    else:
        joined = (one_sided + transposed) / 2
    joined.eliminate_zeros()
    joined.sort_indices()
    return csr_array(joined)
