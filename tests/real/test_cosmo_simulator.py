"""Simulated maps beside the spectra of the published ones, which themselves cannot be shared.

The spectra are of 20 maps of each class, averaged to nside 1024 and smoothed by sigma = 3
arcminutes; map 12 of the second class is broken. The published maps also have the noise of their
particles, 1024³ in (4,200 Mpc/h)³, which makes up a tenth of the power at degree 400 and two fifths
of it at 1,500; it is added here. They agree with theory where both can: from degree 10, below which
the replicated box of the simulations shows, to 500; above it theory and noise exceed the real
power, by a sixth at 1,500, as the simulations do not resolve such scales.

Their power is not that of sources at redshift 0.8, as stated, but of sources at redshift 1. That of
the two classes relative to each other hardly depends on the redshift.
"""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.integrate import cumulative_trapezoid, trapezoid

from deepsphere.sources.cosmo.lognormal import draw_convergence, pixel_window
from deepsphere.sources.cosmo.simulator import PUBLISHED, PUBLISHED_CONE, simulated_universes
from deepsphere.sources.cosmo.theory import LightCone

healpy = pytest.importorskip("healpy")
pytest.importorskip("camb")
pytest.importorskip("glass")

FILE = Path(__file__).parents[2].parent / "shared/data/cosmo/psd_data_sigma3.npz"

pytestmark = pytest.mark.skipif(not FILE.is_file(), reason=f"real data not found: {FILE}")

NSIDE = 256
PAIRS = 3
BANDS = np.array([10, 20, 40, 70, 100, 150, 200, 300, 400, 500])
BROKEN = 12


def in_bands(spectrum: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean power of each band, ``(band,)``, every mode counting as much."""
    modes = 2 * np.arange(len(spectrum)) + 1
    sums = np.add.reduceat(spectrum * modes, BANDS)[:-1]
    return sums / np.add.reduceat(modes, BANDS)[:-1]


@pytest.fixture(scope="module")
def real() -> dict[float, NDArray[np.float64]]:
    """Power of the published maps by Omega_m, without what pixels and smoothing took."""
    sigma = np.radians(3 / 60)
    degree = np.arange(3 * NSIDE)
    lost = pixel_window(1024)[: 3 * NSIDE] ** 2 * np.exp(-degree * (degree + 1) * sigma**2)
    with np.load(FILE) as file:
        spectra = {0.26: file["psd_class1"], 0.31: np.delete(file["psd_class2"], BROKEN, axis=0)}
    return {
        matter: in_bands(found.mean(axis=0)[: 3 * NSIDE] / lost)
        for matter, found in spectra.items()
    }


def particle_noise(matter: float, cone: LightCone) -> float:
    """Return ∫ q² / χ² dχ / n: Limber's projection of the flat spectrum 1 / n of n particles a
    volume, with the distance χ as the integral of the Hubble length over redshift.
    """
    hubble = PUBLISHED[matter].hubble
    redshift = np.linspace(0, cone.source, 2001)
    length = 299_792.458 / (100 * hubble * np.sqrt(matter * (1 + redshift) ** 3 + 1 - matter))
    distance = cumulative_trapezoid(length, redshift, initial=0)
    curvature = 1.5 * matter * (100 * hubble / 299_792.458) ** 2
    kernel = curvature * (1 + redshift) * (1 - distance / distance[-1])
    seen = redshift >= cone.nearest
    density = 1024**3 / (4200 / hubble) ** 3
    return float(trapezoid((kernel**2 * length)[seen], redshift[seen])) / density


def simulated(cone: LightCone) -> dict[float, NDArray[np.float64]]:
    """Power of simulated maps by Omega_m, and of the published particles, in bands."""
    return {
        matter: in_bands(
            np.mean(
                [healpy.anafast(draw_convergence(one, (0, pair))) for pair in range(PAIRS)],
                axis=0,
            )
            / pixel_window(NSIDE) ** 2
        )
        + particle_noise(matter, cone)
        for matter, one in simulated_universes(NSIDE, cone=cone).items()
    }


@pytest.fixture(scope="module")
def published() -> dict[float, NDArray[np.float64]]:
    return simulated(PUBLISHED_CONE)


def test_classes_differ_as_the_real_ones(
    real: dict[float, NDArray[np.float64]], published: dict[float, NDArray[np.float64]]
) -> None:
    """The ratio of the classes, in which the chance of the skies cancels as they come in pairs:
    1.26 at degree 10, and within 7 % of 1 from 40 on.
    """
    ratio = published[0.26] / published[0.31]
    np.testing.assert_allclose(ratio, real[0.26] / real[0.31], rtol=0.03)
    assert ratio[0] > 1.2


def test_spectra_have_the_real_shape(
    real: dict[float, NDArray[np.float64]], published: dict[float, NDArray[np.float64]]
) -> None:
    """As sources at redshift 0.8 have it, up to the unit of the maps, in which training data are
    normalized: from degree 20 on within 9 %, of which 2 % to 5 % are the chance of three skies.
    Sources at redshift 0.8 have only two thirds of the real power.
    """
    for matter, spectrum in published.items():
        ratio = (real[matter] / spectrum)[1:]
        assert 1.45 < ratio.mean() < 1.65
        np.testing.assert_allclose(ratio / ratio.mean(), 1, atol=0.09)


def test_spectra_are_the_real_ones_for_farther_sources(
    real: dict[float, NDArray[np.float64]],
) -> None:
    """With sources at redshift 1: within 4 % and three times the deviation of Gaussian skies."""
    found = simulated(LightCone(nearest=0.1, source=1.0, shells=18))
    modes = np.diff(BANDS**2) * PAIRS
    limits = 0.04 + 3 * np.sqrt(2 / modes)
    for matter, spectrum in found.items():
        assert (abs(real[matter] / spectrum - 1) < limits).all()
