"""Spectra of the light cone agree with CAMB's own, with closed forms, and with each other."""

import dataclasses
import sys
from typing import Any

import numpy as np
import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.sources.cosmo.theory import (
    Cosmology,
    LightCone,
    Spectra,
    light_cone_spectra,
    with_sum_of,
)

camb = pytest.importorskip("camb")

UNIVERSE = Cosmology(matter=0.31, sigma_8=0.82)
HIGHEST = 300


@pytest.fixture(scope="module")
def spectra() -> Spectra:
    return light_cone_spectra(UNIVERSE, LightCone(), HIGHEST + 1)


@pytest.fixture(scope="module")
def camb_lensing() -> Any:
    """CAMB's convergence of a thin plane of sources at redshift 0.8, by its own line of sight.

    Its kernel begins at the observer, and it knows the primordial amplitude where ours finds it.
    """
    squared = UNIVERSE.hubble**2
    parameters = camb.set_params(
        H0=100 * UNIVERSE.hubble,
        ombh2=UNIVERSE.baryons * squared,
        omch2=(UNIVERSE.matter - UNIVERSE.baryons) * squared,
        mnu=0,
        As=3e-9,
        ns=UNIVERSE.spectral_index,
        halofit_version="takahashi",
        lmax=HIGHEST,
    )
    parameters.Want_CMB = False
    parameters.NonLinear = camb.model.NonLinear_both
    parameters.set_matter_power(redshifts=np.linspace(0.8, 0, 10), kmax=5)
    parameters.SourceWindows = [
        camb.sources.GaussianSourceWindow(redshift=0.8, source_type="lensing", sigma=0.005)
    ]
    return camb.get_results(parameters)


@pytest.fixture(scope="module")
def whole_cone(camb_lensing: Any) -> np.ndarray:
    """Our spectrum of the same matter."""
    universe = dataclasses.replace(UNIVERSE, sigma_8=float(camb_lensing.get_sigma8_0()))
    return light_cone_spectra(universe, LightCone(nearest=0), HIGHEST + 1).convergence


def test_convergence_is_as_camb_has_it(camb_lensing: Any, whole_cone: np.ndarray) -> None:
    """Limber's approximation is off by about 1/l²; CAMB's interpolation over l by some 0.1 %."""
    own = camb_lensing.get_source_cls_dict(lmax=HIGHEST, raw_cl=True)["W1xW1"]
    np.testing.assert_allclose(whole_cone[10:], own[10:], rtol=0.01)


def test_spectra_are_raw(camb_lensing: Any, whole_cone: np.ndarray) -> None:
    """CAMB's default is D_l = l(l + 1) C_l / 2π, which ours must not be."""
    default = camb_lensing.get_source_cls_dict(lmax=HIGHEST)["W1xW1"]
    degree = np.arange(10, HIGHEST + 1)
    np.testing.assert_allclose(
        default[10:] / whole_cone[10:], degree * (degree + 1) / (2 * np.pi), rtol=0.01
    )
    assert default[100] / whole_cone[100] > 1500


def test_linear_power_is_as_sigma_8_squared(spectra: Spectra) -> None:
    """At degree 3 the farthest shell holds matter at k = 0.0013/Mpc, which is linear."""
    half = light_cone_spectra(dataclasses.replace(UNIVERSE, sigma_8=0.41), LightCone(), 4)
    assert spectra.shells[-1, 3] / half.shells[-1, 3] == pytest.approx(4, rel=2e-3)


def test_weights_are_those_of_a_flat_universe_of_matter() -> None:
    """With Ω_m = 1, χ = R (1 - (1 + z)^(-1/2)) with R = 2c/H_0, and with x = χ/R the kernel's
    integral is 6 ∫ x (1 - x/x_s) / (1 - x)² dx, as (H_0/c)² R² = 4. From 0 to x_s it is
    6 (ln(1 - x_s) + 1/(1 - x_s) - 1 - (x_s + 2 ln(1 - x_s) + 1/(1 - x_s) - 1)/x_s).
    The radiation that CAMB adds shortens the distances by some 10^-4 of them.
    """
    cone = LightCone(nearest=0, source=0.8)
    weights = light_cone_spectra(Cosmology(1.0, 0.8), cone, 2).weights
    end = 1 - 1.8**-0.5
    logarithm, pole = np.log(1 - end), 1 / (1 - end) - 1
    expected = 6 * (logarithm + pole - (end + 2 * logarithm + pole) / end)
    assert weights.sum() == pytest.approx(expected, rel=1e-3)
    assert (weights > 0).all()


def test_shells_sum_to_the_convergence(spectra: Spectra) -> None:
    """The kernel is taken as constant in a shell: an error of second order in its thickness."""
    thin = light_cone_spectra(UNIVERSE, LightCone(shells=28), HIGHEST + 1)
    np.testing.assert_allclose(thin.convergence, spectra.convergence, rtol=1e-4)
    errors = [abs(one.summed / one.convergence - 1) for one in (spectra, thin)]
    assert errors[0][100:].max() < 0.004
    assert errors[0][10:].max() < 0.012
    assert errors[1].max() < 0.3 * errors[0].max()


def test_bent_spectra_have_the_same_sum(spectra: Spectra) -> None:
    other = light_cone_spectra(Cosmology(0.26, 0.91), LightCone(), HIGHEST + 1)
    assert abs(other.summed / spectra.summed - 1).max() > 0.1
    bent = with_sum_of(other, spectra)
    np.testing.assert_allclose(bent.summed, spectra.summed, rtol=1e-12)
    np.testing.assert_array_equal(bent.weights, other.weights)
    ratios = bent.shells / other.shells
    np.testing.assert_allclose(ratios, np.broadcast_to(ratios[:1], ratios.shape), rtol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"matter": 0.04, "sigma_8": 0.8}, "0 < baryons < matter <= 1"),
        ({"matter": 1.2, "sigma_8": 0.8}, "found baryons 0.05 and matter 1.2"),
        ({"matter": 0.3, "sigma_8": 0.0}, "found 0 and 0.7"),
        ({"matter": 0.3, "sigma_8": float("nan")}, "found nan"),
    ],
)
def test_impossible_universes(arguments: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Cosmology(**arguments)


def test_impossible_light_cones() -> None:
    with pytest.raises(ValueError, match=r"found 0\.8 and 0\.8"):
        LightCone(nearest=0.8)
    with pytest.raises(ValueError, match=r"found -0\.1"):
        LightCone(nearest=-0.1)
    with pytest.raises(ValueError, match="1 shell or more, found 0"):
        LightCone(shells=0)


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "camb", None)
    with pytest.raises(DeepsphereError, match=r"pip install 'deepsphere-pipeline\[cosmology\]'"):
        light_cone_spectra(UNIVERSE, LightCone(), 4)
