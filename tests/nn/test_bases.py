"""The functions of each basis against their own formulas, by evaluating Chebyshev sums."""

from fractions import Fraction
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.polynomial.chebyshev import chebval, poly2cheb
from scipy.interpolate import BPoly

from deepsphere.nn.bases import BASES, chebyshev_coefficients

SIZES = [1, 2, 3, 4, 5, 8, 13]
POINTS = np.concatenate([np.linspace(-1, 1, 41), np.cos(np.arange(1, 20))])


def evaluate(basis, kernel_size, points):
    """Return the values of all functions, shape (function, point)."""
    return chebval(points, chebyshev_coefficients(basis, kernel_size).T)


@pytest.mark.parametrize("kernel_size", SIZES)
def test_chebyshev_polynomials_are_themselves(kernel_size):
    assert np.array_equal(chebyshev_coefficients("chebyshev", kernel_size), np.eye(kernel_size))


def test_small_powers_are_those_of_the_tables():
    """1 = T₀, x = T₁, 2x² = T₀ + T₂, 4x³ = 3T₁ + T₃, 8x⁴ = 3T₀ + 4T₂ + T₄."""
    expected = [
        [1, 0, 0, 0, 0],
        [0, 1, 0, 0, 0],
        [1 / 2, 0, 1 / 2, 0, 0],
        [0, 3 / 4, 0, 1 / 4, 0],
        [3 / 8, 0, 1 / 2, 0, 1 / 8],
    ]
    for kernel_size in range(1, 6):
        found = chebyshev_coefficients("monomial", kernel_size)
        assert np.array_equal(found, np.array(expected)[:kernel_size, :kernel_size])


def test_small_bernstein_polynomials_are_those_worked_out_by_hand():
    """(1 - x)²/4, (1 - x²)/2 and (1 + x)²/4, with x² = (T₀ + T₂)/2; below, (1 ∓ x)/2."""
    assert chebyshev_coefficients("bernstein", 1).tolist() == [[1]]
    assert chebyshev_coefficients("bernstein", 2).tolist() == [[1 / 2, -1 / 2], [1 / 2, 1 / 2]]
    expected = [[3 / 8, -1 / 2, 1 / 8], [1 / 4, 0, -1 / 4], [3 / 8, 1 / 2, 1 / 8]]
    assert chebyshev_coefficients("bernstein", 3).tolist() == expected


@pytest.mark.parametrize("kernel_size", SIZES)
def test_the_values_are_those_of_the_definitions(kernel_size):
    degree = kernel_size - 1
    powers = [POINTS**power for power in range(kernel_size)]
    bernstein = [
        comb(degree, index) * ((1 + POINTS) / 2) ** index * ((1 - POINTS) / 2) ** (degree - index)
        for index in range(kernel_size)
    ]
    found = evaluate("monomial", kernel_size, POINTS)
    np.testing.assert_allclose(found, powers, rtol=0, atol=1e-14)
    found = evaluate("bernstein", kernel_size, POINTS)
    np.testing.assert_allclose(found, bernstein, rtol=0, atol=1e-14)


@pytest.mark.parametrize("kernel_size", SIZES)
def test_other_libraries_find_the_same_functions(kernel_size):
    """NumPy turns powers into Chebyshev sums, and SciPy evaluates Bernstein polynomials."""
    monomial = chebyshev_coefficients("monomial", kernel_size)
    for row, power in zip(monomial, np.eye(kernel_size), strict=True):
        expected = np.zeros(kernel_size)
        series = poly2cheb(np.trim_zeros(power, "b"))
        expected[: len(series)] = series
        np.testing.assert_allclose(row, expected, rtol=0, atol=1e-15)
    expected = BPoly(np.eye(kernel_size)[:, None], [-1, 1])(POINTS).T
    found = evaluate("bernstein", kernel_size, POINTS)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("kernel_size", SIZES)
def test_bernstein_polynomials_are_nonnegative_and_sum_to_one(kernel_size):
    values = evaluate("bernstein", kernel_size, POINTS)
    assert values.min() > -1e-15
    np.testing.assert_allclose(values.sum(axis=0), 1, rtol=0, atol=1e-14)
    sums = chebyshev_coefficients("bernstein", kernel_size).sum(axis=0)
    np.testing.assert_allclose(sums, np.eye(kernel_size)[0], rtol=0, atol=1e-15)


@pytest.mark.parametrize("kernel_size", SIZES)
def test_mirrored_bernstein_polynomials_are_those_of_the_mirrored_index(kernel_size):
    """B_j(-x) = B_{P-j}(x) and T_k(-x) = (-1)^k T_k(x)."""
    functions = chebyshev_coefficients("bernstein", kernel_size)
    assert np.array_equal(functions[::-1], functions * (-1.0) ** np.arange(kernel_size))


@pytest.mark.parametrize("kernel_size", SIZES)
def test_the_change_of_basis_is_as_well_conditioned_as_told(kernel_size):
    """The powers in T_n have alternating signs, so that |T_n(i)| is the sum of their sizes."""
    monomial = chebyshev_coefficients("monomial", kernel_size)
    assert monomial.min() >= 0
    assert np.array_equal(monomial.sum(axis=1), np.ones(kernel_size))
    degree = kernel_size - 1
    growth = ((1 + np.sqrt(2)) ** degree + (1 - np.sqrt(2)) ** degree) / 2
    inverse = np.abs(np.linalg.inv(monomial)).sum(axis=1).max()
    assert inverse == pytest.approx(abs(growth), rel=1e-9)
    bernstein = chebyshev_coefficients("bernstein", kernel_size)
    assert np.abs(bernstein).sum(axis=0).max() <= 4 / np.pi


@settings(derandomize=True, max_examples=100, deadline=None)
@given(
    basis=st.sampled_from(BASES),
    weights=st.lists(st.floats(-10, 10), min_size=1, max_size=12),
    point=st.floats(-1, 1),
)
def test_a_filter_has_the_same_response_in_its_basis_and_in_chebyshev_polynomials(
    basis, weights, point
):
    degree = len(weights) - 1
    values = {
        "chebyshev": lambda index: np.cos(index * np.arccos(point)),
        "monomial": lambda index: point**index,
        "bernstein": lambda index: (
            comb(degree, index) * (1 + point) ** index * (1 - point) ** (degree - index) / 2**degree
        ),
    }[basis]
    expected = sum(weight * values(index) for index, weight in enumerate(weights))
    response = chebval(point, weights @ chebyshev_coefficients(basis, len(weights)))
    assert response == pytest.approx(expected, rel=0, abs=1e-11)
    if basis == "bernstein":
        assert min(weights) - 1e-11 <= response <= max(weights) + 1e-11


def multiplied(series, constant, slope):
    """Multiply an exact Chebyshev sum by constant + slope x, with 2 x T_k = T_{k+1} + T_{|k-1|}."""
    result = [constant * coefficient for coefficient in [*series, Fraction(0)]]
    for order, coefficient in enumerate(series):
        for neighbour in (order + 1, abs(order - 1)):
            result[neighbour] += slope * coefficient / 2
    return result


@pytest.mark.parametrize("kernel_size", [1, 2, 5, 12, 32])
def test_every_entry_is_a_fraction_rounded_once(kernel_size):
    half = Fraction(1, 2)
    for index in range(kernel_size):
        power, bernstein = [Fraction(1)], [Fraction(comb(kernel_size - 1, index))]
        for factor in range(kernel_size - 1):
            power = multiplied(power, *((0, 1) if factor < index else (1, 0)))
            bernstein = multiplied(bernstein, half, half if factor < index else -half)
        for basis, exact in (("monomial", power), ("bernstein", bernstein)):
            row = chebyshev_coefficients(basis, kernel_size)[index]
            assert row.tolist() == [float(coefficient) for coefficient in exact]


@pytest.mark.parametrize("basis", ["Chebyshev", "legendre", ""])
def test_an_unknown_basis_is_refused(basis):
    with pytest.raises(ValueError) as caught:
        chebyshev_coefficients(basis, 3)
    message = f"expected a basis among chebyshev, monomial, bernstein, found {basis!r}"
    assert str(caught.value) == message


@pytest.mark.parametrize("basis", BASES)
def test_no_coefficient_is_refused(basis):
    with pytest.raises(ValueError, match="expected at least one coefficient, found kernel_size=0"):
        chebyshev_coefficients(basis, 0)
