r"""Polynomial bases of a filter, as changes of basis.

A filter of K coefficients is a polynomial of degree :math:`P = K - 1` in the rescaled Laplacian,
whose spectrum lies in [-1, 1], whatever basis the coefficients belong to. So one convolution, on
Chebyshev polynomials, serves all: the few weights are turned into Chebyshev coefficients first.

========== ============================================================ ===========================
basis      functions, k or j from 0 to P                                use it
========== ============================================================ ===========================
chebyshev  :math:`T_k(\cos\theta) = \cos k\theta`                       by default: its functions
                                                                        are nearly orthogonal
monomial   :math:`x^k`                                                  to compare: its functions
                                                                        grow ever more alike
bernstein  :math:`\binom P j \left(\frac{1+x}2\right)^{j}               to read a filter, or to
           \left(\frac{1-x}2\right)^{P-j}`                              bound it: a coefficient is
                                                                        about the response at
                                                                        2j/P - 1
========== ============================================================ ===========================

The Bernstein polynomials are nonnegative and sum to one, so a filter's response lies between its
smallest and its largest coefficient (He et al., 2021, arXiv:2106.10994). The layer of that name in
deepsphere-cosmo-tf2 computes something else. Its functions want a spectrum in [0, 2] and are given
one in [-1, 1/2], where they reach :math:`5 \cdot 3^4 / 2^5 = 12.7` in size at degree 5 instead of
staying below 1. And for the last function the loop that multiplies it does not run, so that it is
:math:`2^{-P}` times the one before it, and one coefficient learns nothing of its own. Also, it
makes one coefficient more than it is asked for, K being its degree; here ``kernel_size`` counts
the coefficients in every basis.
"""

from math import comb
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

BasisName = Literal["chebyshev", "monomial", "bernstein"]
BASES: tuple[BasisName, ...] = get_args(BasisName)


def chebyshev_coefficients(basis: BasisName, kernel_size: int) -> NDArray[np.float64]:
    r"""Return the functions of a basis as sums of Chebyshev polynomials.

    Weights w in the basis are the Chebyshev coefficients :math:`c_k = \sum_j w_j M_{jk}`, where M
    is the result. That is safe in every basis, and not so the way back:

    * monomial: the entries are nonnegative and each row sums to one, so that
      :math:`\sum_k |c_k| \le \sum_j |w_j|`. The inverse multiplies that sum by up to
      :math:`|T_P(i)| \approx (1 + \sqrt 2)^P / 2`, which is 17 at degree 4.
    * bernstein: a column's absolute values sum to at most :math:`4 / \pi`, so that
      :math:`|c_k| \le \frac4\pi \max_j |w_j|`.

    Parameters
    ----------
    basis : {"chebyshev", "monomial", "bernstein"}
    kernel_size : int
        The number of functions, at least 1.

    Returns
    -------
    ndarray of float64, shape (kernel_size, kernel_size)
        Row j holds the coefficients of function j, column k those of :math:`T_k`. Every entry is a
        quotient of integers, rounded once.

    Raises
    ------
    ValueError
        If there is no such basis, or no coefficient.

    Notes
    -----
    With :math:`x = \cos\theta` and :math:`q = e^{i\theta}`, a polynomial in x is a palindromic
    polynomial in q and 1/q, and :math:`T_k = (q^k + q^{-k}) / 2`; so the coefficient of
    :math:`T_k` is twice that of :math:`q^k`, or once for k = 0. The coefficients of :math:`q^k` are
    integers but for a power of two, as :math:`x = (1 + q^2) / 2q` and
    :math:`(1 \pm x) / 2 = \pm (1 \pm q)^2 / 4q`.
    """
    if basis not in BASES:
        raise ValueError(f"expected a basis among {', '.join(BASES)}, found {basis!r}")
    if kernel_size < 1:
        raise ValueError(f"expected at least one coefficient, found {kernel_size=}")
    if basis == "chebyshev":
        return np.eye(kernel_size)
    exponential = _monomial if basis == "monomial" else _bernstein
    degree = kernel_size - 1
    return np.array(
        [
            [(2 if order else 1) * exponential(degree, row, order) for order in range(kernel_size)]
            for row in range(kernel_size)
        ]
    )


def _monomial(degree: int, power: int, order: int) -> float:
    """Return the coefficient of q^order in x^power."""
    above = power - order
    return comb(power, above // 2) / 2**power if above >= 0 and above % 2 == 0 else 0.0


def _bernstein(degree: int, index: int, order: int) -> float:
    """Return the coefficient of q^order in the Bernstein polynomial of an index."""
    others = degree - index
    product = sum(
        (-1) ** (others + power) * comb(2 * others, power) * comb(2 * index, degree + order - power)
        for power in range(degree + order + 1)
    )
    coefficient: float = comb(degree, index) * product / 4**degree
    return coefficient
