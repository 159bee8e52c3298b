from itertools import pairwise

import healpy
import numpy as np
import pytest

from deepsphere.samplings.healpix import Healpix
from deepsphere.tasks.patch_harmonics import patch_harmonics
from deepsphere.tasks.sky_patches import SkyPatches
from deepsphere.tasks.spectrum_features import (
    band_edges,
    band_powers,
    banded,
    cut_spectra,
    tapered_spectra,
)
from deepsphere.tasks.tapers import cosine_taper

NSIDE = 16
SPHERE = Healpix(NSIDE)
SIDE = np.sqrt(4 * np.pi / 12)


def patches_of(count, numbers):
    pixels = len(SPHERE) // count
    return SkyPatches(NSIDE, pixels, np.array(numbers).reshape(-1, 1))


def test_bands_are_all_degrees_from_2_on():
    for highest, least in [(2, 1), (23, 1), (23, 4), (47, 30), (3071, 4), (3071, 13)]:
        edges = band_edges(highest, least)
        widths = np.diff(edges)
        assert (edges[0], edges[-1]) == (2, highest + 1)
        assert (widths[:-1] >= least).all()
        assert (widths >= np.minimum(0.15 * edges[:-1], least)).all()
    assert len(band_edges(3071, 4)) == 40


def test_means_over_bands_count_every_order_once():
    """A degree l has 2 l + 1 orders: the mean over all of them is that of the coefficients."""
    power = np.random.default_rng(0).normal(size=12)
    edges = np.array([2, 5, 9, 12])
    orders = np.repeat(power, 2 * np.arange(12) + 1)
    starts = np.square(edges)
    expected = [orders[start:stop].mean() for start, stop in pairwise(starts)]
    np.testing.assert_allclose(banded(power, edges), expected)


@pytest.mark.parametrize(("count", "number"), [(1, 0), (12, 0), (12, 7), (48, 33)])
def test_cut_spectra_are_those_of_healpy_with_the_patch_in_front(count, number):
    values = np.random.default_rng(0).normal(size=(len(SPHERE) // count, 2)).astype(np.float32)
    degrees = np.arange(3 * NSIDE)
    expected = []
    for column in values.T:
        sky = np.full(len(SPHERE), healpy.UNSEEN)
        sky[: len(column)] = column
        ring = healpy.reorder(sky, n2r=True)
        expected.append(healpy.alm2cl(healpy.map2alm(ring, iter=0)) * degrees * (degrees + 1))
    found = cut_spectra(patches_of(count, [number]))(values, (0, 0))
    np.testing.assert_allclose(found, np.concatenate(expected), rtol=1e-10)


def test_iterations_of_healpy_change_little_below_twice_nside():
    values = np.random.default_rng(0).normal(size=256)
    sky = np.zeros(len(SPHERE))
    sky[:256] = values
    iterated = healpy.anafast(healpy.reorder(sky, n2r=True), iter=3)
    degrees = np.arange(3 * NSIDE)
    found = cut_spectra(patches_of(12, [0]))(values[:, None], (0, 0)) / np.maximum(
        degrees * (degrees + 1), 1
    )
    shares = (found / iterated)[1:]
    assert np.abs(shares[: 2 * NSIDE] - 1).mean() < 0.01
    assert np.abs(shares[2 * NSIDE :] - 1).mean() < 0.2


def test_a_window_recovers_the_spectrum_that_a_hard_border_hides():
    """A Gaussian sky of a spectrum that falls by four orders of magnitude, seen through a patch.

    A band of M orders, of which the share of the sphere leaves f M apart, has a relative error of
    √(2 / (f M)) a sky. What a window still mixes is allowed for by 5 %, but in the
    two bands where the spectrum is least.
    """
    nside, skies = 64, 60
    degrees = np.arange(2 * nside + 1)
    spectrum = 10.0 ** (-4 * np.square(degrees / degrees[-1]))
    edges = band_edges(2 * nside, 8)
    patch = Healpix(nside).patch(5, 12)
    harmonics = patch_harmonics(nside, patch)
    windows = [np.ones(len(patch)), cosine_taper(nside, patch, SIDE / 5)]
    deviations = np.sqrt(spectrum / 2)[healpy.Alm.getlm(2 * nside)[0]]
    random = np.random.default_rng(0)
    means = np.zeros((2, len(edges) - 1))
    for _ in range(skies):
        # Of order 0 they are real, and have all of the power.
        coefficients = deviations * (random.normal(size=(2, len(deviations))).T @ [1, 1j])
        coefficients[: len(degrees)] = np.sqrt(2) * coefficients[: len(degrees)].real
        sky = Healpix(nside).from_ring(healpy.alm2map(coefficients, nside))
        for mean, window in zip(means, windows, strict=True):
            mean += band_powers(sky[patch][:, None], window, harmonics, edges)[0, 0] / skies
    hard, tapered = means / banded(spectrum, edges)
    fourth = np.power(windows[1], 4).sum()
    share = np.square(np.square(windows[1]).sum()) / fourth / (12 * nside**2)
    errors = np.sqrt(2 / (np.diff(np.square(edges)) * share * skies))
    inner = slice(2, -2)
    assert (np.abs(tapered - 1)[inner] < 3 * errors[inner] + 0.05).all()
    assert errors[inner].max() < 0.05
    assert tapered[-1] < 1.2
    assert hard[-1] > 2.5


@pytest.mark.parametrize(("count", "number"), [(1, 0), (12, 2), (12, 6), (48, 11)])
def test_white_noise_has_the_same_power_on_all_scales_wherever_the_patch_is(count, number):
    """Of deviation σ, the power is σ² times the area of a pixel, whatever the window."""
    random = np.random.default_rng(0)
    patches = patches_of(count, [number])
    features = tapered_spectra(patches)
    values = 3 * random.normal(size=(150, patches.pixels, 1))
    found = np.exp([features(value, (0, 0)) for value in values]).mean(axis=0)
    expected = 9 * 4 * np.pi / len(SPHERE)
    # The mean that is taken away was power as well, of waves that the patch does not hold.
    held = band_edges(3 * NSIDE - 1, least := int(np.ceil(np.pi / (SIDE * np.sqrt(12 / count)))))
    found = found[held[:-1] > 2 * least]
    np.testing.assert_allclose(found, expected, rtol=0.1)
    assert found.mean() == pytest.approx(expected, rel=0.03)


def test_channels_are_correlated_as_their_skies_are():
    """Channels a and (3 a + 4 b) / 5 of independent a and b have a correlation of 3 / 5."""
    random = np.random.default_rng(0)
    patches = patches_of(12, [4])
    features = tapered_spectra(patches)
    found = []
    for _ in range(60):
        first, second = random.normal(size=(2, patches.pixels))
        values = np.stack([first, (3 * first + 4 * second) / 5, -first], axis=1)
        found.append(features(values, (0, 0)).reshape(6, -1))
    own, correlations = np.split(np.array(found), 2, axis=1)
    np.testing.assert_allclose(own[:, 0], own[:, 2])
    np.testing.assert_allclose(correlations[:, 1], -1)
    np.testing.assert_allclose(correlations[:, 0], -correlations[:, 2])
    # Bands of few waves are correlated less than that in the mean.
    assert correlations[:, 0, -3:].mean() == pytest.approx(0.6, abs=0.02)
    assert (np.abs(correlations) <= 1 + 1e-12).all()


def test_a_level_is_taken_away():
    patches = patches_of(12, [4])
    values = np.random.default_rng(0).normal(size=(patches.pixels, 1))
    low, high = (tapered_spectra(patches)(values + level, (0, 0)) for level in (0, 1000))
    np.testing.assert_allclose(low, high, atol=1e-6)


def test_what_was_not_seen_has_no_border_in_the_spectrum():
    """A step of 1000 where nothing was seen is not in the window."""
    seen = np.ones(len(SPHERE), np.bool_)
    hidden = SPHERE.patch(3, 12)[:128]
    seen[hidden] = False
    patches = SkyPatches(NSIDE, len(SPHERE), np.array([[0]]), seen)
    values = np.random.default_rng(0).normal(size=(len(SPHERE), 1))
    stepped = values.copy()
    stepped[hidden] += 1000
    features = tapered_spectra(patches)
    np.testing.assert_array_equal(features(values, (0, 0)), features(stepped, (0, 0)))


def test_a_patch_without_anything_has_finite_features():
    seen = np.arange(len(SPHERE)) >= 256
    patches = SkyPatches(NSIDE, 256, np.array([[0, 1]]), seen)
    for part in (0, 1):
        assert np.isfinite(tapered_spectra(patches)(np.zeros((256, 2)), (0, part))).all()
