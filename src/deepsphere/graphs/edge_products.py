"""Products of edge weights with differences of fields along the edges, and their transpose.

The two loops that the fit of edge weights consists of. Rows are independent and each sum runs in
the order of the edges, so the result does not depend on the number of threads, and an edge has the
same bits seen from either end. Compiled with numba; the tests hold them against plain numpy.
"""

import numba
import numpy as np
from numpy.typing import NDArray


@numba.njit(parallel=True, cache=True)
def _sums(offsets, columns, values, fields, sums):  # type: ignore[no-untyped-def]
    for row in numba.prange(len(offsets) - 1):
        for edge in range(offsets[row], offsets[row + 1]):
            column = columns[edge]
            for field in range(fields.shape[1]):
                sums[row, field] += values[edge] * (fields[row, field] - fields[column, field])


@numba.njit(parallel=True, cache=True)
def _products(offsets, columns, left, right, products):  # type: ignore[no-untyped-def]
    for row in numba.prange(len(offsets) - 1):
        for edge in range(offsets[row], offsets[row + 1]):
            column = columns[edge]
            total = 0.0
            for field in range(left.shape[1]):
                total += (left[row, field] - left[column, field]) * (
                    right[row, field] - right[column, field]
                )
            products[edge] = total


def sums_of_differences(
    offsets: NDArray[np.integer],
    columns: NDArray[np.integer],
    values: NDArray[np.float64],
    fields: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return Σ_j values_ij (fields_i - fields_j), the combinatorial Laplacian times the fields.

    Parameters
    ----------
    offsets, columns : ndarray of int
        The edges in compressed rows, shapes (pixels + 1,) and (edges,).
    values : ndarray
        One number an edge, float64, shape (edges,).
    fields : ndarray
        Functions on the pixels, float64, shape (pixels, functions).

    Returns
    -------
    ndarray
        float64, shape (pixels, functions).
    """
    sums = np.zeros_like(fields)
    _sums(offsets, columns, values, fields, sums)
    return sums


def products_of_differences(
    offsets: NDArray[np.integer],
    columns: NDArray[np.integer],
    left: NDArray[np.float64],
    right: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return Σ_f (left_if - left_jf)(right_if - right_jf) of each edge (i, j).

    The derivative of Σ left · :func:`sums_of_differences` of ``right`` with respect to the weight
    that both directions of an edge share: that sum is half of Σ values · products.

    Parameters
    ----------
    offsets, columns : ndarray of int
        The edges in compressed rows, shapes (pixels + 1,) and (edges,).
    left, right : ndarray
        Functions on the pixels, float64, shape (pixels, functions).

    Returns
    -------
    ndarray
        float64, shape (edges,), the same bits for (i, j) and (j, i).
    """
    products = np.empty(len(columns))
    _products(offsets, columns, left, right, products)
    return products
