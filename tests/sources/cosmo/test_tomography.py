"""What shells do to the light of several sources, against CAMB's distances."""

import numpy as np
import pytest

from deepsphere.sources.cosmo.theory import Cosmology, LightCone, light_cone_spectra
from deepsphere.sources.cosmo.tomography import comoving_distance, lensing_weights

UNIVERSE = Cosmology(0.3, 0.8)


def test_distances_without_a_cosmological_constant():
    """With matter alone E = (1 + z)^3/2, and the distance is 2 c/H_0 (1 - 1 / √(1 + z))."""
    redshifts = np.array([0.0, 0.1, 1.0, 3.0])
    found = comoving_distance(Cosmology(1.0, 0.8, hubble=0.5), redshifts)
    expected = 2 * 299_792.458 / 50 * (1 - 1 / np.sqrt(1 + redshifts))
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_the_farthest_source_is_that_of_the_light_cone():
    pytest.importorskip("camb")
    cone = LightCone(0.1, 0.8, 14)
    expected = light_cone_spectra(UNIVERSE, cone, 2).weights
    np.testing.assert_allclose(lensing_weights(UNIVERSE, cone, 0.8), expected, rtol=2e-3)


def test_shells_behind_a_source_do_nothing():
    """And those before it what they do in a light cone that ends there."""
    cone = LightCone(0.1, 0.8, 14)
    found = lensing_weights(UNIVERSE, cone, 0.4)
    assert not found[6:].any()
    np.testing.assert_allclose(found[:6], lensing_weights(UNIVERSE, LightCone(0.1, 0.4, 6), 0.4))
    farther = lensing_weights(UNIVERSE, cone, 0.8)
    assert (farther[:6] > found[:6]).all()
    # A source within a shell is lensed by what of the shell lies in front of it.
    within = lensing_weights(UNIVERSE, cone, 0.375)
    assert 0 < within[5] < found[5]
    assert not within[6:].any()
