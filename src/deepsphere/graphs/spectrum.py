"""The largest eigenvalue of a Laplacian, on which its rescaling stands.

Lanczos iterations with a fixed start, or all eigenvalues of a tiny graph. The usual shortcuts are
worse: the bound 2 max degree (or 2, normalized) is 20-84 % too large and wastes that part of the
filters' range, and power iterations end some percent too low, outside the margin of the rescaling.
"""

import numpy as np
from scipy.sparse.linalg import eigsh

from deepsphere.graphs.weights import SparseMatrix

_DENSE_VERTICES = 256
_TOLERANCE = 1e-4
_SIGNIFICANT_DIGITS = 6


def largest_eigenvalue(laplacian: SparseMatrix) -> float:
    """Return lmax, the same number for the same Laplacian.

    Parameters
    ----------
    laplacian : csr_array
        Symmetric and positive semi-definite, float64, shape (vertices, vertices).

    Returns
    -------
    float
        The largest eigenvalue, rounded to 6 digits. Lanczos converges from below and stops at a
        residual of 1e-4 of it, so that it is at most that much too low (1e-5 is usual). The
        rounding hides the bits that depend on the machine's linear algebra, as the number goes
        into manifests.
    """
    vertices = laplacian.shape[0]
    if not laplacian.data.any():
        return 0.0
    if vertices <= _DENSE_VERTICES:
        value = np.linalg.eigvalsh(laplacian.toarray())[-1]
    else:
        # Not the constant vector: it is in the kernel, and Lanczos would never leave it.
        start = np.random.default_rng(0).standard_normal(vertices)
        value = eigsh(
            laplacian, k=1, which="LA", v0=start, tol=_TOLERANCE, return_eigenvectors=False
        )[0]
    return float(f"{value:.{_SIGNIFICANT_DIGITS}g}")
