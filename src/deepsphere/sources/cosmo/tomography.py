"""Several sources behind one another: what the same shells of matter do to the light of each.

Maps of the convergence of sources at several distances are channels of one map. They share the
matter in front of the nearest source, and are alike for that.
"""

import numpy as np
from numpy.typing import NDArray

from deepsphere.sources.cosmo.theory import Cosmology, LightCone

_LIGHT_SPEED = 299_792.458
"""In km/s."""

_NODES = 16
"""Gauss-Legendre nodes a shell, and a distance."""


def lensing_weights(cosmology: Cosmology, cone: LightCone, source: float) -> NDArray[np.float64]:
    """Return the convergence that an overdensity of 1 of each shell makes for one source.

    It is the integral of the lensing kernel, as in
    :func:`~deepsphere.sources.cosmo.theory.light_cone_spectra`, over the shell, or over what of it
    lies in front of the source. Distances are those of matter and a cosmological constant alone,
    which is 0.1 % too long at most, up to redshift 3.

    Parameters
    ----------
    cosmology : Cosmology
    cone : LightCone
        The shells of matter, up to its own source.
    source : float
        Redshift of the source.

    Returns
    -------
    ndarray of float64, shape (shell,)
        0 where the shell lies behind the source.
    """
    edges = np.minimum(cone.edges, source)
    redshifts, steps = _nodes(edges[:-1], edges[1:])
    distances = comoving_distance(cosmology, redshifts)
    to_source = comoving_distance(cosmology, np.array(source))
    per_redshift = _LIGHT_SPEED / (100 * cosmology.hubble) / _expansion(cosmology, redshifts)
    curvature = 1.5 * cosmology.matter * (100 * cosmology.hubble / _LIGHT_SPEED) ** 2
    kernel = curvature * (1 + redshifts) * distances * (1 - distances / to_source)
    weights: NDArray[np.float64] = (kernel * per_redshift * steps).sum(axis=-1)
    return weights


def comoving_distance(cosmology: Cosmology, redshifts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return distances in Mpc, c/H_0 times the integral of 1 / E(z), of the redshifts' shape."""
    nodes, steps = _nodes(np.zeros_like(redshifts), redshifts)
    integral: NDArray[np.float64] = (steps / _expansion(cosmology, nodes)).sum(axis=-1)
    return _LIGHT_SPEED / (100 * cosmology.hubble) * integral


def _expansion(cosmology: Cosmology, redshifts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Hubble's rate in units of that of today, E(z)."""
    matter = cosmology.matter
    rate: NDArray[np.float64] = np.sqrt(matter * (1 + redshifts) ** 3 + 1 - matter)
    return rate


def _nodes(
    low: NDArray[np.float64], high: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return where to sum from low to high, and the weights there, along a new last axis."""
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    half = (high - low)[..., None] / 2
    return low[..., None] + half * (nodes + 1), half * weights
