"""Spherical harmonics against SciPy's, and random fields against what they are said to be."""

from itertools import islice

import numpy as np
import pytest
from scipy.special import sph_harm_y

from deepsphere.sources.fields.simulated_grid import Grid
from deepsphere.sources.fields.simulated_harmonics import (
    Harmonics,
    evolution,
    normalized_legendre,
    rossby_haurwitz,
)

GRID = Grid(37, 72)
DEGREE = 12


@pytest.fixture(scope="module")
def harmonics() -> Harmonics:
    return Harmonics(GRID.latitude, GRID.columns, DEGREE)


@pytest.mark.parametrize(("degree", "order"), [(0, 0), (1, 0), (1, 1), (7, 3), (12, 12), (12, 0)])
def test_values_are_those_of_scipy(harmonics: Harmonics, degree: int, order: int) -> None:
    coefficients = np.zeros((DEGREE + 1, DEGREE + 1), np.complex128)
    coefficients[order, degree] = 0.7 - 0.4j if order else 0.7
    colatitude = np.radians(90 - GRID.latitude)[:, np.newaxis]
    longitude = np.radians(GRID.longitude)
    # The coefficient of order -m is the conjugate, which doubles the real part.
    expected = (1 + (order > 0)) * np.real(
        coefficients[order, degree]
        * (-1) ** order
        * sph_harm_y(degree, order, colatitude, longitude)
    )
    # At the poles they are those of a point 1e-3 degrees away.
    np.testing.assert_allclose(harmonics.values(coefficients), expected, atol=3e-4)
    np.testing.assert_allclose(harmonics.values(coefficients)[1:-1], expected[1:-1], atol=1e-13)


def test_gradient_is_the_limit_of_differences(harmonics: Harmonics) -> None:
    generator = np.random.default_rng(0)
    coefficients = next(evolution(DEGREE, 5, 3, 24, 0.0).steps(generator, 3))
    step = 1e-4
    shifted = [
        Harmonics(GRID.latitude + way * step, GRID.columns, DEGREE).values(coefficients)
        for way in (-1, 1)
    ]
    northward = (shifted[1] - shifted[0]) / (2 * np.radians(step))
    turned = [
        coefficients * np.exp(1j * way * 1e-6 * np.arange(DEGREE + 1)[:, np.newaxis])
        for way in (-1, 1)
    ]
    eastward = (harmonics.values(turned[1]) - harmonics.values(turned[0])) / 2e-6
    eastward /= np.cos(np.radians(GRID.latitude))[:, np.newaxis]
    east, north = harmonics.gradient(coefficients)
    inner = slice(1, -1)
    np.testing.assert_allclose(north[inner], northward[inner], atol=1e-5)
    np.testing.assert_allclose(east[inner], eastward[inner], atol=1e-5)


def test_a_gradient_at_a_pole_is_one_vector_seen_from_all_sides(harmonics: Harmonics) -> None:
    generator = np.random.default_rng(1)
    coefficients = next(evolution(DEGREE, 5, 3, 24, 0.0).steps(generator, 3))
    east, north = harmonics.gradient(coefficients)
    angle = np.radians(GRID.longitude)
    x = -np.sin(angle) * east[-1] - np.cos(angle) * north[-1]
    y = np.cos(angle) * east[-1] - np.sin(angle) * north[-1]
    np.testing.assert_allclose(x, x[0], atol=1e-3)
    np.testing.assert_allclose(y, y[0], atol=1e-3)


def test_a_random_field_has_mean_0_and_variance_1(harmonics: Harmonics) -> None:
    steps = evolution(DEGREE, 6, 3, 2, 0.01).steps(np.random.default_rng(2), 3)
    fields = [harmonics.values(coefficients) for coefficients in islice(steps, 400)]
    # Some 50 harmonics with most of the variance, and 400 states that forget each other.
    assert np.mean([np.sum(field * GRID.areas) for field in fields]) == pytest.approx(0, abs=1e-3)
    variance = np.mean([np.sum(field**2 * GRID.areas) for field in fields])
    assert variance == pytest.approx(1, abs=0.03)


def test_a_field_forgets_as_it_is_told_to(harmonics: Harmonics) -> None:
    # Without turning, the correlation of a degree after its memory is 1/e.
    recipe = evolution(DEGREE, 6, 3, 10, 0.0)
    still = type(recipe)(recipe.power, np.full(DEGREE + 1, 10.0), 0 * recipe.turning)
    first, later = zip(
        *(islice(still.steps(np.random.default_rng(seed), 10), 2) for seed in range(200)),
        strict=True,
    )
    product = np.sum(np.real(np.conj(first) * np.array(later)))
    assert product / np.sum(np.abs(first) ** 2) == pytest.approx(np.exp(-1), abs=0.02)


def test_waves_move_as_rossby_and_haurwitz_said() -> None:
    # On an Earth of 2 pi / 24 radians an hour, the wave of degree l stands in a wind of
    # s = 2 w / (l (l + 1) - 2).
    rotation = 7.292e-5 * 3600
    degree = np.array([6])
    standing = 2 * rotation / (6 * 7 - 2)
    assert rossby_haurwitz(degree, standing) == pytest.approx(0, abs=1e-12)
    assert rossby_haurwitz(degree, 2 * standing) > 0
    assert rossby_haurwitz(np.array([1]), 0.01) == -0.01


def test_legendre_functions_are_orthonormal() -> None:
    nodes, weights = np.polynomial.legendre.leggauss(30)
    table = normalized_legendre(nodes, np.sqrt(1 - nodes**2), 10)
    for order in (0, 1, 4):
        products = 2 * np.pi * np.einsum("ax,bx,x->ab", table[order], table[order], weights)
        expected = np.diag((np.arange(11) >= order).astype(float))
        np.testing.assert_allclose(products, expected, atol=1e-12)


def test_too_few_columns() -> None:
    with pytest.raises(ValueError, match="degree 12 needs more than 24 columns: 24"):
        Harmonics(GRID.latitude, 24, 12)
