"""The lengths of all edges of a graph, without a copy of the positions for each of them."""

import numba
import numpy as np
from numpy.typing import NDArray

from deepsphere.graphs.weights import SparseMatrix


@numba.njit(parallel=True, cache=True)
def _lengths(offsets, columns, positions, lengths):  # type: ignore[no-untyped-def]
    for row in numba.prange(len(offsets) - 1):
        for entry in range(offsets[row], offsets[row + 1]):
            column = columns[entry]
            x = positions[column, 0] - positions[row, 0]
            y = positions[column, 1] - positions[row, 1]
            z = positions[column, 2] - positions[row, 2]
            lengths[entry] = np.sqrt(x * x + y * y + z * z)


def edge_lengths(joined: SparseMatrix, positions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the chord distance between the two ends of each entry of a matrix.

    Parameters
    ----------
    joined : csr_array
        Shape (pixels, pixels); its values do not matter.
    positions : ndarray
        Unit vectors, float64, shape (pixels, 3).

    Returns
    -------
    ndarray
        float64, shape (entries,), in the order of the entries, with the bits of
        :func:`~deepsphere.graphs.points.chords`.
    """
    lengths = np.empty(joined.nnz)
    _lengths(joined.indptr, joined.indices, positions, lengths)
    return lengths
