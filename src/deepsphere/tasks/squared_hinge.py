r"""The minimum that a linear support-vector machine is, exact up to rounding.

For features x of samples, and their signs s of 1 or -1, the coefficients w and the offset b have
the least

.. math:: \frac{|w|^2 + b^2}{2} + C \sum_i \max(0, 1 - s_i (w \cdot x_i + b))^2,

which is what scikit-learn's ``LinearSVC`` approaches step by step. This sum is quadratic as long as
no sample enters or leaves those of margin :math:`s (w \cdot x + b) < 1`. So Newton's method ends
after some ten linear systems, each as large as there are features, or samples if these are fewer.
For many values of C each starts from the last, and few samples enter or leave.

References
----------
S. S. Keerthi, D. DeCoste: A modified finite Newton method for fast solution of large scale linear
SVMs, JMLR 6 (2005).
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

_BLOCK_ROWS = 4096
_MOST_STEPS = 200
_CLOSE = 1e-12
"""Change of coefficients, relative to them, that is rounding alone."""


def hinge_minima(features: Array, signs: Array, costs: Sequence[float]) -> Iterator[Array]:
    """Yield the coefficients of the machine of each C.

    Parameters
    ----------
    features : ndarray of float64, shape (sample, feature)
    signs : ndarray of float64, shape (sample,)
        1 or -1.
    costs : sequence of float
        Values of C, best in a rising order.

    Yields
    ------
    ndarray of float64, shape (feature + 1,)
        The last one is the offset.
    """
    rows = np.ones((len(features), features.shape[1] + 1))
    rows[:, :-1] = features
    basis = None
    if len(rows) < rows.shape[1]:
        # The coefficients are a sum of samples: as many orthogonal directions hold them all.
        basis, triangle = linalg.qr(rows.T, mode="economic")
        rows = np.ascontiguousarray(triangle.T)
    products = _Products(rows)
    coefficients = np.zeros(rows.shape[1])
    for cost in costs:
        coefficients = _minimum(rows, signs, cost, coefficients, products)
        yield coefficients if basis is None else basis @ coefficients


class _Products:
    """The matrix of products of the features of some samples, changed by those that differ."""

    def __init__(self, rows: Array) -> None:
        self.rows = rows
        self.chosen = np.zeros(len(rows), np.bool_)
        self.matrix = np.zeros((rows.shape[1],) * 2)

    def of(self, chosen: Mask) -> Array:
        """Return the sum over some samples of the outer products of their features."""
        if 2 * (chosen != self.chosen).sum() > chosen.sum():
            self.chosen, self.matrix = np.zeros_like(chosen), np.zeros_like(self.matrix)
        for sign, changed in ((1, chosen & ~self.chosen), (-1, self.chosen & ~chosen)):
            (places,) = np.nonzero(changed)
            for start in range(0, len(places), _BLOCK_ROWS):
                block = self.rows[places[start : start + _BLOCK_ROWS]]
                self.matrix += sign * (block.T @ block)
        self.chosen = chosen
        return self.matrix


def _minimum(rows: Array, signs: Array, cost: float, start: Array, products: _Products) -> Array:
    """Return the coefficients of the least sum, from those of another one."""
    coefficients = start
    margins = signs * (rows @ coefficients)
    for _ in range(_MOST_STEPS):
        inside = margins < 1
        curvature = 2 * cost * products.of(inside)
        curvature[np.diag_indices_from(curvature)] += 1
        errors = np.where(inside, 1 - margins, 0)
        gradient = coefficients - 2 * cost * (rows.T @ (signs * errors))
        direction = -linalg.cho_solve(linalg.cho_factor(curvature, lower=True), gradient)
        changes = signs * (rows @ direction)
        is_small = np.linalg.norm(direction) <= _CLOSE * np.linalg.norm(coefficients)
        if is_small or np.array_equal(inside, margins + changes < 1):
            return coefficients + direction
        step = _least(coefficients, direction, margins, changes, cost)
        coefficients = coefficients + step * direction
        margins = signs * (rows @ coefficients)
    return coefficients


def _least(
    coefficients: Array, direction: Array, margins: Array, changes: Array, cost: float
) -> float:
    """Return how far along a direction the sum is least.

    Its derivative rises and is linear between the places where margins become 1.
    """
    errors = 1 - margins
    counts = (errors > 0) | ((errors == 0) & (changes < 0))
    crossing = np.where(counts, changes > 0, changes < 0)
    places = errors[crossing] / changes[crossing]
    order = np.argsort(places)
    entering = np.where(counts[crossing], -1, 1)[order]
    constants, slopes = (
        2 * cost * np.cumsum([total[counts].sum(), *(entering * total[crossing][order])])
        for total in (-changes * errors, changes**2)
    )
    constants += coefficients @ direction
    slopes += direction @ direction
    beyond = constants[:-1] + slopes[:-1] * places[order] >= 0
    piece = int(beyond.argmax()) if beyond.any() else len(beyond)
    return float(-constants[piece] / slopes[piece])
