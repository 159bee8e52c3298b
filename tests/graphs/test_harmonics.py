import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import eval_legendre, sph_harm_y

from deepsphere.errors import DeepsphereError
from deepsphere.graphs.harmonics import harmonic_blocks, real_harmonics, zonal


@pytest.fixture
def points(scattered):
    """Points all over the sphere, at its poles, and from 1e-20 to 0.1 away from them."""
    close = scattered(42, seed=1)
    close[:, :2] *= np.logspace(-20, -1, 42)[:, np.newaxis]
    close /= np.linalg.norm(close, axis=1, keepdims=True)
    return np.concatenate([scattered(100), close, np.eye(3), -np.eye(3)])


def test_closed_forms(points):
    # https://en.wikipedia.org/wiki/Table_of_spherical_harmonics, real ones, as polynomials.
    x, y, z = points.T
    np.testing.assert_allclose(real_harmonics(0, points), 1 / np.sqrt(4 * np.pi), rtol=1e-15)
    first = np.sqrt(3 / (4 * np.pi)) * np.stack([y, z, x], axis=1)
    np.testing.assert_allclose(real_harmonics(1, points), first, rtol=0, atol=1e-15)
    second = [x * y, y * z, (3 * z**2 - 1) / np.sqrt(12), x * z, (x**2 - y**2) / 2]
    second = np.sqrt(15 / (4 * np.pi)) * np.stack(second, axis=1)
    np.testing.assert_allclose(real_harmonics(2, points), second, rtol=0, atol=2e-15)


@pytest.mark.parametrize("degree", [3, 8, 33, 150])
def test_scipy_agrees(points, degree):
    # Its complex harmonics have the Condon-Shortley phase (-1)^m.
    colatitude = np.arctan2(np.hypot(points[:, 0], points[:, 1]), points[:, 2])[:, np.newaxis]
    longitude = np.arctan2(points[:, 1], points[:, 0])[:, np.newaxis]
    orders = np.arange(1, degree + 1)
    positive = np.sqrt(2) * (-1.0) ** orders * sph_harm_y(degree, orders, colatitude, longitude)
    middle = sph_harm_y(degree, 0, colatitude, longitude)
    expected = np.concatenate([positive.imag[:, ::-1], middle.real, positive.real], axis=1)
    # SciPy's own errors near the poles reach 1e-11 at degree 150.
    np.testing.assert_allclose(real_harmonics(degree, points), expected, rtol=0, atol=2e-11)


def test_degree_1000(points):
    # Upwards in l at fixed m, which shares no step with the recursion under test, in long doubles.
    x, y, z = points.astype(np.longdouble).T
    sine = np.hypot(x, y) / np.hypot(np.hypot(x, y), z)
    cosine = z / np.hypot(np.hypot(x, y), z)
    harmonics = real_harmonics(1000, points)
    for m in (0, 1, 2, 30, 500, 950, 999, 1000):
        even = 2 * np.arange(1, m + 1, dtype=np.longdouble)
        before = np.zeros_like(sine)
        current = np.sqrt(np.prod((even + 1) / even) / (4 * np.pi)) * sine**m
        for k in range(m + 1, 1001):
            growth = np.sqrt(np.longdouble(4 * k**2 - 1) / (k**2 - m**2))
            decay = np.sqrt(np.longdouble((k - 1) ** 2 - m**2) / (4 * (k - 1) ** 2 - 1))
            before, current = current, growth * (cosine * current - decay * before)
        if m > 0:
            current = np.sqrt(2) * current * np.cos(m * np.arctan2(y, x))
        np.testing.assert_allclose(
            harmonics[:, 1000 + m], current.astype(float), rtol=0, atol=1e-11, err_msg=f"{m=}"
        )


@pytest.mark.parametrize("degree", [1, 100, 1000])
def test_squares_sum_to_a_constant(points, degree):
    # Unsöld's theorem: the sum over m of Y_lm² is (2l + 1)/(4π) everywhere.
    sums = np.square(real_harmonics(degree, points)).sum(axis=1)
    np.testing.assert_allclose(sums, (2 * degree + 1) / (4 * np.pi), rtol=1e-11)


@pytest.mark.parametrize("degree", [1, 2, 400])
def test_only_order_zero_lives_at_the_poles(degree):
    values = real_harmonics(degree, np.array([[0.0, 0, 1], [0.0, 0, -1]]))
    expected = np.zeros((2, 2 * degree + 1))
    expected[:, degree] = np.sqrt((2 * degree + 1) / (4 * np.pi)) * np.array([1, (-1) ** degree])
    np.testing.assert_allclose(values, expected, rtol=1e-12, atol=1e-25)


def test_orthonormal():
    # 40 rows of Gauss and 80 columns integrate products of two harmonics up to degree 39 exactly.
    heights, weights = np.polynomial.legendre.leggauss(40)
    angles = 2 * np.pi * np.arange(80) / 80
    radii = np.sqrt(1 - heights**2)[:, np.newaxis]
    height = np.broadcast_to(heights[:, np.newaxis], (40, 80))
    grid = np.stack([radii * np.cos(angles), radii * np.sin(angles), height], axis=-1)
    areas = np.repeat(weights * 2 * np.pi / 80, 80)[:, np.newaxis]
    positions = grid.reshape(-1, 3)
    bases = [real_harmonics(degree, positions) for degree in (0, 1, 2, 17, 39)]
    basis = np.concatenate(bases, axis=1)
    np.testing.assert_allclose(basis.T @ (areas * basis), np.eye(basis.shape[1]), atol=1e-13)


@pytest.mark.parametrize(
    ("degree", "columns"), [(0, 2), (5, 2), (5, 3), (16, 32), (16, 33), (40, 32)]
)
def test_blocks_are_columns(scattered, degree, columns):
    positions = scattered(50)
    whole = real_harmonics(degree, positions)
    seen = []
    for orders, values in harmonic_blocks(degree, positions, columns):
        assert values.shape == (50, len(orders))
        assert 1 <= len(orders) <= columns
        np.testing.assert_array_equal(values, whole[:, degree + orders])
        seen.extend(np.abs(orders).tolist())
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == 2 * degree + 1


@settings(derandomize=True, deadline=None, max_examples=30)
@given(st.integers(0, 300), st.integers(0, 1000))
def test_addition_theorem(degree, seed):
    # The sum over m of Y_lm(x) Y_lm(p) is (2l + 1)/(4π) P_l(<x, p>).
    points = np.random.default_rng(seed).standard_normal((6, 3))
    points = np.concatenate([points / np.linalg.norm(points, axis=1, keepdims=True), np.eye(3)])
    harmonics = real_harmonics(degree, points)
    expected = 4 * np.pi / (2 * degree + 1) * harmonics @ harmonics.T
    # At the pole P_l has the slope l(l + 1)/2, by which the rounding of <x, p> grows: 3e-11 here.
    np.testing.assert_allclose(zonal(degree, points, points), expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("degree", [0, 1, 2, 11, 1000])
def test_zonal_is_a_legendre_polynomial(scattered, degree):
    # More values than are worked on at once.
    positions, poles = scattered(6000), np.concatenate([scattered(2, seed=1), np.eye(3)[2:]])
    cosines = np.clip(positions @ poles.T, -1, 1)
    expected = eval_legendre(degree, cosines)
    np.testing.assert_allclose(zonal(degree, positions, poles), expected, rtol=0, atol=1e-11)


def test_zonal_is_one_at_its_pole(scattered):
    poles = scattered(20)
    np.testing.assert_allclose(np.diagonal(zonal(50, poles, poles)), 1, rtol=1e-11)
    np.testing.assert_allclose(np.diagonal(zonal(51, -poles, poles)), -1, rtol=1e-11)


def test_bad_input(scattered):
    positions = scattered(4)
    with pytest.raises(DeepsphereError, match="from 0; found -1"):
        real_harmonics(-1, positions)
    with pytest.raises(DeepsphereError, match="from 0; found -2"):
        zonal(-2, positions, positions)
    with pytest.raises(DeepsphereError, match="at least 2 harmonics; found 1"):
        next(harmonic_blocks(3, positions, columns=1))
