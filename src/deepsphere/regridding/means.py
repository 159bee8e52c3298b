"""Weighted means of fields, compiled: what applying weights spends its time with.

The indices and the weights of a matrix are longer than a field. Four fields go through them at
once, which takes half as long as one after the other. Sums are taken in float64 in the order of the
matrix, as :mod:`scipy.sparse` does, so that results are the same to the last bit.
"""

# numba finds the types of what it compiles.
# mypy: disable-error-code="no-untyped-def"

import math
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from deepsphere.samplings.intersections import SparseMatrix

_AT_ONCE = 4


def write_means(
    matrix: SparseMatrix,
    divisors: NDArray[np.float64],
    smallest_share: float,
    fields: NDArray[Any],
    means: NDArray[np.float32],
) -> None:
    """Write the weighted means of the values that are there.

    Parameters
    ----------
    matrix : csr_array
        Weights, float64, shape (target, source).
    divisors : ndarray
        What the sum of a target is divided by if no value of it is missing, float64, shape
        (target,).
    smallest_share : float
        If some are missing, it is the sum of the weights of the others; a target where that is
        less than this is NaN.
    fields : ndarray
        Real numbers of any type, shape (field, source); NaN is missing.
    means : ndarray
        Written: float32, shape (field, target).
    """
    # numba need not look for negative indices where there are none.
    starts, indices = (_unsigned(array) for array in (matrix.indptr, matrix.indices))
    given = (starts, indices, matrix.data, divisors, smallest_share)
    dtype = fields.dtype if fields.dtype in (np.float32, np.float64) else np.dtype(np.float64)
    for start in range(0, len(fields), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        # Also writeable, or numba would compile the loops again.
        values = np.require(fields[part], dtype, ["C", "W"])
        if len(values) == _AT_ONCE:
            _four(*given, values, means[part])
            continue
        for one, its_means in zip(values, means[part], strict=True):
            _one(*given, one, its_means)


def _unsigned(indices: NDArray[Any]) -> NDArray[Any]:
    return indices.view(f"u{indices.itemsize}")


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _four(starts, indices, weights, divisors, smallest_share, fields, means):
    first, second, third, fourth = fields[0], fields[1], fields[2], fields[3]
    for target in range(len(starts) - 1):
        a = b = c = d = 0.0
        for entry in range(starts[target], starts[target + 1]):
            source, weight = indices[entry], weights[entry]
            a += weight * first[source]
            b += weight * second[source]
            c += weight * third[source]
            d += weight * fourth[source]
        means[0, target] = a / divisors[target]
        means[1, target] = b / divisors[target]
        means[2, target] = c / divisors[target]
        means[3, target] = d / divisors[target]
        if math.isnan(a + b + c + d):
            for number, total in enumerate((a, b, c, d)):
                if math.isnan(total):
                    means[number, target] = _known(
                        starts, indices, weights, smallest_share, fields[number], target
                    )


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _one(starts, indices, weights, divisors, smallest_share, field, means):
    for target in range(len(starts) - 1):
        total = 0.0
        for entry in range(starts[target], starts[target + 1]):
            total += weights[entry] * field[indices[entry]]
        means[target] = total / divisors[target]
        if math.isnan(total):
            means[target] = _known(starts, indices, weights, smallest_share, field, target)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _known(starts, indices, weights, smallest_share, field, target):
    """Return the mean of the values that are there."""
    total = share = 0.0
    for entry in range(starts[target], starts[target + 1]):
        value = field[indices[entry]]
        if not math.isnan(value):
            total += weights[entry] * value
            share += weights[entry]
    return total / share if share >= smallest_share else math.nan
