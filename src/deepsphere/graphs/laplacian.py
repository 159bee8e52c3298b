"""The Laplacian of a weighted graph.

``combinatorial`` (the default everywhere, and that of the DeepSphere papers' text) has the constant
function in its kernel. ``normalized`` has an eigenvalue of at most 2 on every graph, but its kernel
is the square root of the degree, which dips at the border of a partial sphere; use it to reproduce
the published HEALPix networks.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array

from deepsphere.graphs.weights import SparseMatrix

LaplacianKind = Literal["combinatorial", "normalized"]


def combinatorial_laplacian(
    weights: SparseMatrix, mass: NDArray[np.float64] | None = None
) -> SparseMatrix:
    """Return L = D - W, where D holds the degrees (sums of weights), or M^(-1/2) L M^(-1/2).

    Parameters
    ----------
    weights : csr_array
        Symmetric weights without self-loops, shape (vertices, vertices).
    mass : ndarray, optional
        The diagonal of M, positive, shape (vertices,).

    Returns
    -------
    csr_array
        Same shape, sorted indices, equal to its transpose bit for bit. The spectrum lies within
        [0, 2 max degree]; zero occurs once for each connected component.
    """
    laplacian = csr_array(diags_array(_degrees(weights)) - weights)
    laplacian.sort_indices()
    if mass is not None:
        roots = np.sqrt(mass)
        rows = np.repeat(roots, np.diff(laplacian.indptr))
        # The product of the two roots comes first: it commutes, so (i, j) and (j, i) round alike.
        laplacian.data /= rows * roots[laplacian.indices]
    return laplacian


def normalized_laplacian(weights: SparseMatrix) -> SparseMatrix:
    """Return L = I - D^(-1/2) W D^(-1/2); the row of a vertex without edges is zero.

    Parameters
    ----------
    weights : csr_array
        Symmetric weights without self-loops, shape (vertices, vertices).

    Returns
    -------
    csr_array
        Same shape, sorted indices, equal to its transpose bit for bit. The spectrum lies within
        [0, 2]; zero occurs once for each connected component, a lone vertex being one.
    """
    degrees = _degrees(weights)
    roots = np.sqrt(degrees)
    edges = weights.tocoo()
    # The product of the two roots comes first: it commutes, so (i, j) and (j, i) round alike.
    edges.data = edges.data / (roots[edges.row] * roots[edges.col])
    laplacian = csr_array(diags_array((degrees > 0).astype(np.float64)) - edges)
    laplacian.sort_indices()
    return laplacian


def _degrees(weights: SparseMatrix) -> NDArray[np.float64]:
    return np.asarray(weights.sum(axis=1), dtype=np.float64)
