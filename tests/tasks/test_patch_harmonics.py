import healpy
import numpy as np
import pytest

from deepsphere.samplings.healpix import Healpix
from deepsphere.tasks.patch_harmonics import patch_harmonics


@pytest.mark.parametrize(
    ("nside", "number", "patches"),
    [(8, 0, 1), (8, 0, 12), (8, 6, 12), (8, 11, 12), (8, 37, 48), (8, 700, 768), (6, 1, 12)],
)
def test_coefficients_and_power_are_those_of_healpy(nside, number, patches):
    pixels = np.arange(12 * nside**2).reshape(patches, -1)[number]
    values = np.random.default_rng(0).normal(size=(2, len(pixels)))
    maps = np.zeros((2, 12 * nside**2))
    maps[:, pixels] = values
    ring = Healpix(nside).to_ring(maps, axis=1)
    harmonics = patch_harmonics(nside, pixels)
    left, right = (harmonics.coefficients(each) for each in values)
    np.testing.assert_allclose(left, healpy.map2alm(ring[0], iter=0), rtol=1e-10, atol=1e-14)
    expected = [healpy.anafast(ring[0], iter=0), healpy.anafast(ring[0], ring[1], iter=0)]
    assert harmonics.highest == len(expected[0]) - 1 == 3 * nside - 1
    np.testing.assert_allclose(harmonics.power(left, left), expected[0], rtol=1e-10)
    np.testing.assert_allclose(harmonics.power(left, right), expected[1], rtol=1e-7, atol=1e-14)


def test_only_the_rings_of_the_patch_are_summed():
    assert len(patch_harmonics(8, np.arange(768)).rings["theta"]) == 31
    assert len(patch_harmonics(8, Healpix(8).patch(0, 12)).rings["theta"]) == 15
    assert len(patch_harmonics(8, Healpix(8).patch(0, 768)).rings["theta"]) == 1
