"""What theory says of the matter between us and a source of light: angular power spectra.

CAMB gives the spectrum of matter in three dimensions, with what is not linear in it by halofit
(Takahashi et al. 2012). Limber's approximation projects it, on shells of matter and on the
convergence, in one integral each. Its relative error falls as 1/l²: about 1 % at degree 10.

**Spectra are raw**, C_l, in the unit of the squared field. CAMB's own angular spectra are, by
default, l(l + 1) C_l / 2π instead, which at degree 100 is 1,607 times as much and looks just as
plausible.

References
----------
Lewis, Challinor, Lasenby: Efficient computation of CMB anisotropies in closed FRW models, ApJ 538
(2000), CAMB. Takahashi, Sato, Nishimichi, Taruya, Oguri: Revising the halofit model for the
nonlinear matter power spectrum, ApJ 761 (2012). LoVerde, Afshordi: Extended Limber approximation,
PRD 78 (2008). Bartelmann, Schneider: Weak gravitational lensing, Physics Reports 340 (2001).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepsphere.extras import import_extra

_LIGHT_SPEED = 299_792.458
"""In km/s."""

_NON_LINEAR = "takahashi"
# Any: transfer functions do not depend on it, and it is scaled to the sigma_8 that is asked for.
_TRIAL_AMPLITUDE = 2e-9
# Wavenumbers per Mpc. CAMB solves up to the first; further, where only degrees above 4,000 or the
# matter around us look, its interpolator goes on with a power law.
_SOLVED_WAVENUMBER = 10.0
_EXTRAPOLATED_WAVENUMBER = 1e4
# Redshifts that CAMB solves for; the spectrum is interpolated between them by cubic splines.
_REDSHIFTS = 16
# Gauss-Legendre nodes a shell.
_NODES = 8


@dataclass(frozen=True)
class Cosmology:
    """A flat universe with a cosmological constant and massless neutrinos.

    Parameters
    ----------
    matter : float
        Density of all matter in units of the critical one, Ω_m, between ``baryons`` and 1.
    sigma_8 : float
        Standard deviation of the linear overdensity today in spheres of 8 Mpc/h.
    hubble : float
        Hubble's constant in 100 km/s/Mpc, h.
    baryons : float
        Density of baryons in units of the critical one, Ω_b.
    spectral_index : float
        Slope of the primordial spectrum, n_s.

    Raises
    ------
    ValueError
        If a density, ``sigma_8`` or ``hubble`` is out of its range.
    """

    matter: float
    sigma_8: float
    hubble: float = 0.7
    baryons: float = 0.05
    spectral_index: float = 0.96

    def __post_init__(self) -> None:
        if not 0 < self.baryons < self.matter <= 1:
            raise ValueError(
                "expected 0 < baryons < matter <= 1, "
                f"found baryons {self.baryons:g} and matter {self.matter:g}"
            )
        if not (self.sigma_8 > 0 and self.hubble > 0):
            raise ValueError(
                f"expected sigma_8 and hubble above 0, found {self.sigma_8:g} and {self.hubble:g}"
            )


@dataclass(frozen=True)
class LightCone:
    """The matter that bends the light of a source, cut in shells of equal steps of redshift.

    Parameters
    ----------
    nearest : float
        Redshift where the matter begins; what is nearer is left out.
    source : float
        Redshift of the source, where the matter ends.
    shells : int
        Number of shells.

    Raises
    ------
    ValueError
        If the redshifts do not grow from 0 on, or there is no shell.
    """

    nearest: float = 0.1
    source: float = 0.8
    shells: int = 14

    def __post_init__(self) -> None:
        if not 0 <= self.nearest < self.source:
            raise ValueError(
                f"expected 0 <= nearest < source, found {self.nearest:g} and {self.source:g}"
            )
        if self.shells < 1:
            raise ValueError(f"expected 1 shell or more, found {self.shells}")

    @property
    def edges(self) -> NDArray[np.float64]:
        """Redshifts between the shells, ``(shell + 1,)``."""
        return np.linspace(self.nearest, self.source, self.shells + 1)


@dataclass(frozen=True, eq=False)
class Spectra:
    """Angular power spectra of a light cone, raw C_l from degree 0 on.

    Parameters
    ----------
    shells : ndarray of float64, shape (shell, degree)
        Of the overdensity of each shell, the mean along its depth.
    weights : ndarray of float64, shape (shell,)
        Convergence that an overdensity of 1 of each shell makes.
    convergence : ndarray of float64, shape (degree,)
        Of the convergence of the whole light cone, not cut in shells.
    """

    shells: NDArray[np.float64]
    weights: NDArray[np.float64]
    convergence: NDArray[np.float64]

    @property
    def summed(self) -> NDArray[np.float64]:
        """Spectrum of the weighted sum of independent shells, ``(degree,)``.

        With steps of 0.05 of redshift it is that of the convergence within 0.4 % from degree 100
        on, and 1 % at degree 10.
        """
        total: NDArray[np.float64] = self.weights**2 @ self.shells
        return total


def with_sum_of(spectra: Spectra, reference: Spectra) -> Spectra:
    """Return spectra bent so that their weighted sum is that of others, degree by degree.

    All shells are multiplied by the same ratio. Fields with these spectra cannot be told from those
    of the reference by their variance, at any smoothing, nor by their power spectrum.

    Parameters
    ----------
    spectra : Spectra
        What to change.
    reference : Spectra
        Whose sum to take, of as many degrees.
    """
    ratio = reference.summed / spectra.summed
    return Spectra(spectra.shells * ratio, spectra.weights, reference.convergence)


def light_cone_spectra(cosmology: Cosmology, cone: LightCone, degrees: int) -> Spectra:
    """Return the spectra of matter and convergence in Limber's approximation.

    With the distance χ, the lensing kernel q(χ) = 3/2 Ω_m (H_0/c)² (1 + z) χ (1 - χ/χ_source) and
    the spectrum P of matter, C_l is ∫ q² / χ² P((l + 1/2)/χ, z) dχ for the convergence, and for a
    shell the same with 1 over its thickness in place of q.

    Parameters
    ----------
    cosmology : Cosmology
        The universe.
    cone : LightCone
        The shells of matter.
    degrees : int
        Number of degrees; the largest is one less.

    Raises
    ------
    DeepsphereError
        If CAMB is not installed.
    """
    results, power = _solve(cosmology, cone)
    edges = results.comoving_radial_distance(cone.edges)
    thickness = np.diff(edges)
    nodes, node_weights = np.polynomial.legendre.leggauss(_NODES)
    distances = edges[:-1, None] + thickness[:, None] * (nodes + 1) / 2
    steps = thickness[:, None] * node_weights / 2
    redshifts = results.redshift_at_comoving_radial_distance(distances.ravel()).reshape(
        distances.shape
    )
    curvature = 1.5 * cosmology.matter * (100 * cosmology.hubble / _LIGHT_SPEED) ** 2
    kernel = curvature * (1 + redshifts) * distances * (1 - distances / edges[-1])

    wavenumbers = (np.arange(degrees) + 0.5) / distances[..., None]
    matter = power.P(
        np.repeat(redshifts.ravel(), degrees), wavenumbers.ravel(), grid=False
    ).reshape(wavenumbers.shape)
    projected = matter * (steps / distances**2)[..., None]
    return Spectra(
        shells=projected.sum(axis=1) / thickness[:, None] ** 2,
        weights=(kernel * steps).sum(axis=1),
        convergence=np.einsum("sn,snl->l", kernel**2, projected),
    )


def _solve(cosmology: Cosmology, cone: LightCone) -> tuple[Any, Any]:
    """Return CAMB's results and its interpolator of matter's spectrum, both in Mpc without h."""
    camb = import_extra("camb", "cosmology")
    squared = cosmology.hubble**2
    parameters = camb.set_params(
        H0=100 * cosmology.hubble,
        ombh2=cosmology.baryons * squared,
        omch2=(cosmology.matter - cosmology.baryons) * squared,
        omk=0,
        mnu=0,
        As=_TRIAL_AMPLITUDE,
        ns=cosmology.spectral_index,
        halofit_version=_NON_LINEAR,
        WantCls=False,
    )
    parameters.NonLinear = camb.model.NonLinear_both
    parameters.set_matter_power(
        redshifts=np.linspace(cone.source, 0, _REDSHIFTS), kmax=_SOLVED_WAVENUMBER
    )
    results = camb.get_transfer_functions(parameters)
    results.calc_power_spectra()
    parameters.InitPower.set_params(
        As=_TRIAL_AMPLITUDE * (cosmology.sigma_8 / results.get_sigma8_0()) ** 2,
        ns=cosmology.spectral_index,
    )
    results.power_spectra_from_transfer(parameters.InitPower)
    power = results.get_matter_power_interpolator(
        nonlinear=True,
        hubble_units=False,
        k_hunit=False,
        extrap_kmax=_EXTRAPOLATED_WAVENUMBER,
    )
    return results, power
