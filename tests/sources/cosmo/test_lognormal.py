"""Maps have the spectra that they are drawn from, and the skewness of lognormal fields."""

import sys
from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import skew

from deepsphere.errors import DeepsphereError
from deepsphere.sources.cosmo.lognormal import (
    LognormalMatter,
    draw_convergence,
    lognormal_matter,
    pixel_window,
)
from deepsphere.sources.cosmo.theory import Cosmology, LightCone, Spectra, light_cone_spectra

healpy = pytest.importorskip("healpy")
pytest.importorskip("camb")
pytest.importorskip("glass")

NSIDE = 64
MAPS = 8
BANDS = (2, 5, 10, 20, 40, 80, 128)


@pytest.fixture(scope="module")
def spectra() -> Spectra:
    return light_cone_spectra(Cosmology(0.31, 0.82), LightCone(), 3 * NSIDE)


@pytest.fixture(scope="module")
def matter(spectra: Spectra) -> LognormalMatter:
    return lognormal_matter(spectra, NSIDE)


@pytest.fixture(scope="module")
def maps(matter: LognormalMatter) -> np.ndarray:
    return np.stack([draw_convergence(matter, (5, number)) for number in range(MAPS)])


def test_spectra_are_those_of_theory(spectra: Spectra, maps: np.ndarray) -> None:
    """A band of Gaussian maps has Σ (2l + 1) independent modes a map, so that its power has the
    relative standard deviation √(2 / Σ). Maps that are not Gaussian have somewhat more: here it may
    be off by 4.5 of them. Beyond that, 1 % is for the exponential's power above degree 3 nside,
    which the pixels alias, and for the quadrature of the analysis; hence no degree above 2 nside.
    """
    expected = spectra.summed * pixel_window(NSIDE) ** 2
    modes = 2 * np.arange(3 * NSIDE) + 1
    found = np.mean([healpy.anafast(one, iter=3) for one in maps], axis=0)
    for first, end in pairwise(BANDS):
        band = slice(first, end)
        ratio = (modes * found)[band].sum() / (modes * expected)[band].sum()
        deviation = np.sqrt(2 / (MAPS * modes[band].sum()))
        assert abs(ratio - 1) < 4.5 * deviation + 0.01, f"degrees {first} to {end - 1}: {ratio}"


def test_window_is_that_of_averages_over_pixels() -> None:
    """Maps of one degree, averaged over pixels of 8 by 8 finer ones: what is left of the variance
    is the square of the window.
    """
    nside, fine = 16, 128
    random = np.random.default_rng(1)
    for degree, tolerance in ((4, 1e-3), (16, 4e-3), (32, 1e-2)):
        shares = []
        for _ in range(4):
            size = healpy.Alm.getsize(degree)
            harmonics = random.standard_normal(size) + 1j * random.standard_normal(size)
            harmonics[healpy.Alm.getlm(degree)[0] != degree] = 0
            values = healpy.alm2map(harmonics, fine)
            shares.append(np.mean(healpy.ud_grade(values, nside) ** 2) / np.mean(values**2))
        assert pixel_window(nside)[degree] == pytest.approx(np.mean(shares) ** 0.5, rel=tolerance)
    assert pixel_window(nside)[0] == 1


def test_skewness_of_one_shell() -> None:
    """exp(g - s/2) - 1 with a Gaussian g of variance s has the skewness (v + 3) √v with
    v = exp(s) - 1 its variance. A white spectrum up to degree 3 nside - 1 has
    s = 9 nside² C / 4π. Averages over 8 maps of 49,152 hardly correlated pixels are within 5 %.
    """
    variance = 0.2
    gaussian = np.full((1, 3 * NSIDE), variance * 4 * np.pi / (9 * NSIDE**2))
    shell = LognormalMatter(NSIDE, gaussian, np.ones(1))
    drawn = np.stack([draw_convergence(shell, (number,)) for number in range(MAPS)])
    moment = np.expm1(variance)
    assert drawn.mean() == pytest.approx(0, abs=0.01)
    assert drawn.var() == pytest.approx(moment, rel=0.02)
    assert skew(drawn.ravel()) == pytest.approx((moment + 3) * moment**0.5, rel=0.05)


def test_nothing_is_emptier_than_empty(matter: LognormalMatter, maps: np.ndarray) -> None:
    assert maps.min() > -matter.weights.sum()


def test_draws_depend_on_their_words_alone(matter: LognormalMatter, maps: np.ndarray) -> None:
    again = draw_convergence(matter, (5, 3))
    np.testing.assert_allclose(again, maps[3], rtol=0, atol=1e-12)
    correlations = np.corrcoef(maps[:4])[np.triu_indices(4, 1)]
    assert abs(correlations).max() < 0.2


def test_universes_share_initial_conditions(matter: LognormalMatter, maps: np.ndarray) -> None:
    other = lognormal_matter(
        light_cone_spectra(Cosmology(0.26, 0.91), LightCone(), 3 * NSIDE), NSIDE
    )
    twin = draw_convergence(other, (5, 0))
    assert np.corrcoef(twin, maps[0])[0, 1] > 0.95
    assert not np.allclose(twin, maps[0], rtol=0.05)


def test_wrong_shapes(spectra: Spectra) -> None:
    with pytest.raises(ValueError, match="expected 96 degrees, found 192"):
        lognormal_matter(spectra, 32)
    with pytest.raises(ValueError, match=r"found \(2, 4\) and \(3,\)"):
        LognormalMatter(2, np.zeros((2, 4)), np.zeros(3))


def test_without_the_extra(
    matter: LognormalMatter, spectra: Spectra, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "glass", None)
    for act in (
        lambda: lognormal_matter(spectra, NSIDE),
        lambda: draw_convergence(matter, (0,)),
    ):
        with pytest.raises(DeepsphereError, match="glass is not installed"):
            act()
