"""Weights that are the same for all edges that a symmetry of the sampling maps onto each other.

The fit of :mod:`~deepsphere.graphs.refinement` looks at functions around a few poles, so that of
two edges at places that are alike one gets more than the other. Their mean errs less, as it is a
fit to more poles, and makes the Laplacian commute with the symmetries up to rounding. Compiled with
numba; the tests hold it against scipy.
"""

import numba
import numpy as np
from numpy.typing import NDArray

from deepsphere.graphs.weights import SparseMatrix


def mean_over_orbits(weights: SparseMatrix, symmetries: NDArray[np.int64]) -> SparseMatrix:
    """Return the mean of the weights W[p, p] over permutations p, on the same edges.

    Edges of which an image is no edge are left out: where the edges are as symmetric as the
    sampling, there are none.

    Parameters
    ----------
    weights : csr_array
        Symmetric bit for bit, positive, float64, sorted indices, shape (pixels, pixels).
    symmetries : ndarray
        Permutations that are a group, int64, shape (symmetries, pixels), as from
        :func:`~deepsphere.samplings.symmetries.symmetries`.

    Returns
    -------
    csr_array
        Symmetric bit for bit, with the same bits at all images of an edge. With the identity alone,
        the weights as they are.
    """
    means = weights.copy()
    means.data = np.zeros_like(weights.data)
    _means(weights.indptr, weights.indices, weights.data, symmetries, means.data)
    if not means.data.all():
        means.eliminate_zeros()
    return means


@numba.njit(parallel=True, cache=True)
def _means(offsets, columns, values, symmetries, means):  # type: ignore[no-untyped-def]
    for row in numba.prange(len(offsets) - 1):
        # The images of the entries of the first row of each orbit are all that have images.
        if symmetries[:, row].min() < row:
            continue
        images = np.empty(len(symmetries))
        places = np.empty(len(symmetries), np.int64)
        for entry in range(offsets[row], offsets[row + 1]):
            found = 0
            for which in range(len(symmetries)):
                permutation = symmetries[which]
                first, end = offsets[permutation[row]], offsets[permutation[row] + 1]
                image = permutation[columns[entry]]
                place = first + np.searchsorted(columns[first:end], image)
                if place < end and columns[place] == image:
                    places[found] = place
                    images[found] = values[place]
                    found += 1
            if found == len(symmetries):
                # Sorted, so that the sum has the same bits from either end of an edge.
                images.sort()
                means[places] = images.sum() / found
