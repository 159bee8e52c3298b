"""How strongly neighbours are joined: kernels of the distance, and symmetrisation.

``gaussian`` follows distance, so filters see the geometry of the sphere; its width comes from
:mod:`~deepsphere.graphs.widths`. A weight of 1 for all is what the published GHCN graph amounts to:
its kernels, exp(-d²/0.1) and exp(-d²/mean d), were so wide that weights were close to 1.
``inverse_distance`` is for the published equiangular graphs: the text of the DeepSphere papers has
1/d, the code that ran 1/(d² + 1e-8).
"""

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from deepsphere.errors import DeepsphereError

SparseMatrix = csr_array[np.float64, tuple[int, int]]
Symmetrization = Literal["union", "average"]

_BLOCK_ROWS = 1 << 18
# Stations at a pole are 1e-16 apart if their longitudes differ.
_ONE_PLACE = 1e-10


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
    weights = np.square(distances)
    weights /= -4 * time
    np.exp(weights, out=weights)
    weights[weights < np.finfo(np.float64).eps] = 0
    return weights


def inverse_distance(distances: NDArray[np.float64], power: Literal[1, 2]) -> NDArray[np.float64]:
    """Return 1/d, or 1/(d² + 1e-8).

    Raises
    ------
    DeepsphereError
        If two points lie at one place, for the power 1.
    """
    if power == 2:
        return 1 / (np.square(distances) + 1e-8)
    if not (distances > _ONE_PLACE).all():
        raise DeepsphereError(
            "inverse distances need points at different places; found two at one place; take "
            "gaussian weights, or a sampling without pixels at the poles"
        )
    return 1 / distances


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
    return width * width / (4 * math.log(2))


def join(
    indices: NDArray[np.integer], weights: NDArray[np.float64], symmetrization: Symmetrization
) -> SparseMatrix:
    """Return the symmetric weight matrix of points that are joined to as many neighbours each.

    Parameters
    ----------
    indices : ndarray
        The neighbours of each point, shape (points, neighbours).
    weights : ndarray
        Their weights, same shape; those of (i, j) and (j, i) are equal where both exist.
    symmetrization : {"union", "average"}
        See :func:`symmetrize`.
    """
    points, count = indices.shape
    starts = np.arange(0, points * count + 1, count)
    one_sided = compressed(weights.ravel(), indices.ravel(), starts, points)
    return symmetrize(one_sided, symmetrization)


def compressed(
    values: NDArray[np.float64],
    columns: NDArray[np.integer],
    offsets: NDArray[np.integer],
    width: int,
) -> SparseMatrix:
    """Return a matrix of compressed rows, with indices of 4 bytes where they are enough.

    scipy takes 8 bytes for all if one of the arrays has them, which adds half to the memory.

    Parameters
    ----------
    values, columns, offsets : ndarray
        As of a csr_array; offsets of shape (rows + 1,).
    width : int
        Number of columns.
    """
    largest = max(int(offsets[-1]), width)
    kind: type[np.signedinteger] = np.int32 if largest < np.iinfo(np.int32).max else np.int64
    indices = columns.astype(kind, copy=False)
    matrix: SparseMatrix = csr_array(
        (values, indices, offsets.astype(kind, copy=False)), shape=(len(offsets) - 1, width)
    )
    return matrix


def symmetrize(one_sided: SparseMatrix, symmetrization: Symmetrization) -> SparseMatrix:
    """Return a symmetric matrix of one whose entries (i, j) and (j, i) agree where both exist.

    Parameters
    ----------
    one_sided : csr_array
        Shape (points, points), float64, not negative.
    symmetrization : {"union", "average"}
        For an edge found from one side only: ``"union"`` keeps it whole, max(W, Wᵀ);
        ``"average"`` gives it half its weight, (W + Wᵀ)/2, as the published GHCN graph.

    Returns
    -------
    csr_array
        Shape (points, points), float64, sorted indices, equal to its transpose bit for bit.
        Weights of zero are no edges.
    """
    transposed = one_sided.T.tocsr()
    joined: SparseMatrix
    if symmetrization == "union":
        joined = one_sided.maximum(transposed).tocsr()
    else:
        joined = one_sided * 0.5 + transposed * 0.5
    joined.eliminate_zeros()
    joined.sort_indices()
    return joined
