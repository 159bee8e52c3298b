"""Smoothing and large scales: healpy's, and closed forms."""

import healpy
import numpy as np
import pytest

from deepsphere.samplings.healpix import Healpix
from deepsphere.sources.cosmo.skies import UNSEEN
from deepsphere.sources.cosmo.spherical import large_scale_power, smoothed


def test_smoothing_is_that_of_healpy() -> None:
    sphere, sigma = Healpix(32), np.radians(2.5)
    ring = np.random.default_rng(0).standard_normal(len(sphere))
    expected = sphere.from_ring(healpy.smoothing(ring, sigma=sigma))
    found = smoothed(sphere.from_ring(ring), 32, sigma)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_width_is_the_standard_deviation() -> None:
    """z² - 1/3 has degree 2 only: a Gaussian multiplies it by exp(-2 * 3 sigma² / 2).

    The factor is 0.62; with 0.4 as the full width at half maximum it would be 0.92. What is left is
    the error of quadrature on HEALPix after 3 iterations.
    """
    z = Healpix(32).positions[:, 2]
    values, sigma = z**2 - 1 / 3, 0.4
    found = smoothed(values, 32, sigma)
    np.testing.assert_allclose(found, values * np.exp(-3 * sigma**2), rtol=0, atol=3e-5)


def test_smoothing_keeps_the_border_of_what_was_seen_as_healpy_does() -> None:
    sphere, sigma = Healpix(16), 0.1
    values = np.random.default_rng(1).standard_normal(len(sphere))
    values[: len(sphere) // 3] = np.nan
    ring = sphere.to_ring(np.nan_to_num(values, nan=UNSEEN))
    expected = sphere.from_ring(healpy.smoothing(ring, sigma=sigma))
    found = smoothed(values, 16, sigma)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(values))
    np.testing.assert_allclose(found, np.where(expected == UNSEEN, np.nan, expected), atol=1e-12)


@pytest.mark.parametrize("nside", [16, 64, 96])
def test_power_of_a_dipole(nside: int) -> None:
    """a z is a sqrt(4 pi / 3) Y_10, whose power is that squared over the 3 orders of degree 1."""
    power = large_scale_power(5 * Healpix(nside).positions[:, 2].astype(np.float32), nside, 4)
    np.testing.assert_allclose(power, [25 * 4 * np.pi / 9, 0, 0, 0], rtol=1e-2, atol=1e-5)
