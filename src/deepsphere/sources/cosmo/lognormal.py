"""Maps of the convergence made of chance: lognormal matter on shells, added up along the line of
sight.

**These are mocks, not N-body simulations.** On each shell the overdensity is the exponential of a
Gaussian field, at least -1, with the spectrum of the theory; what is not Gaussian in it follows
from that spectrum and the depth of the shells, and knows no filaments. Shells do not know each
other. The Born sum of the shells is the convergence; light is not followed on bent paths. GLASS
finds the Gaussian spectra and draws the fields.

Use it where maps must be unlike Gaussian ones in a way that depends on the universe, and real
simulations cannot be had.

References
----------
Tessore, Loureiro, Joachimi, von Wietersheim-Kramsta, Jeffrey: GLASS, generator for large scale
structure, Open Journal of Astrophysics 6 (2023). Hilbert, Hartlap, Schneider: Cosmic shear
covariance, the log-normal approximation, A&A 536 (2011).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepsphere.extras import import_extra
from deepsphere.sources.cosmo.theory import Spectra

_DIRECTIONS = 32


@dataclass(frozen=True, eq=False)
class LognormalMatter:
    """What maps of a universe are drawn from.

    Parameters
    ----------
    nside : int
        nside of the maps.
    gaussian : ndarray of float64, shape (shell, degree)
        Raw spectra of the Gaussian fields whose exponentials are the overdensities.
    weights : ndarray of float64, shape (shell,)
        Convergence that an overdensity of 1 of each shell makes.
    """

    nside: int
    gaussian: NDArray[np.float64]
    weights: NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.gaussian.ndim != 2 or self.weights.shape != self.gaussian.shape[:1]:
            raise ValueError(
                "expected spectra (shell, degree) and weights (shell,), "
                f"found {self.gaussian.shape} and {self.weights.shape}"
            )


def degrees_of(nside: int) -> int:
    """Return how many degrees maps are made of: those below 3 nside."""
    return 3 * nside


def pixel_window(nside: int) -> NDArray[np.float64]:
    """Return by what averaging over pixels multiplies the amplitude of each degree.

    It is that of squares of the pixels' area on a plane, which is above the mean over HEALPix's
    pixels, most of which are longer than wide: by 0.3 % at degree nside and 0.8 % at 2 nside.
    healpy downloads the exact one.

    Parameters
    ----------
    nside : int

    Returns
    -------
    ndarray of float64, shape (degree,)
        The root of the mean over directions of the squared Fourier transform of the square.
    """
    side = np.sqrt(np.pi / 3) / nside
    degree = np.arange(degrees_of(nside))
    angle = (np.arange(_DIRECTIONS) + 0.5) * np.pi / 2 / _DIRECTIONS
    periods = np.sqrt(degree * (degree + 1))[:, None] * side / (2 * np.pi)
    transform = np.sinc(periods * np.cos(angle)) * np.sinc(periods * np.sin(angle))
    window: NDArray[np.float64] = np.sqrt(np.mean(transform**2, axis=1))
    return window


def lognormal_matter(spectra: Spectra, nside: int) -> LognormalMatter:
    """Find the Gaussian fields that lognormal matter with given spectra is made of.

    Parameters
    ----------
    spectra : Spectra
        Of the universe, of :func:`degrees_of` nside degrees.
    nside : int
        nside of the maps. Their pixels are means: the spectra are multiplied by the square of
        :func:`pixel_window`.

    Raises
    ------
    DeepsphereError
        If GLASS is not installed.
    ValueError
        If the spectra have another number of degrees.
    """
    degrees = degrees_of(nside)
    if spectra.shells.shape[1] != degrees:
        raise ValueError(f"expected {degrees} degrees, found {spectra.shells.shape[1]}")
    glass = import_extra("glass", "cosmology")
    averaged = spectra.shells * pixel_window(nside) ** 2
    solved = [
        glass.solve_gaussian_spectra([glass.grf.Lognormal()], [spectrum])[0]
        for spectrum in averaged
    ]
    # Not every spectrum is that of a lognormal field; of others the solver may answer below 0.
    return LognormalMatter(nside, np.maximum(solved, 0), spectra.weights)


def draw_convergence(matter: LognormalMatter, words: tuple[int, ...]) -> NDArray[np.float64]:
    """Draw a map of the convergence.

    Parameters
    ----------
    matter : LognormalMatter
        The universe. Universes with the same nside and number of shells get the same initial
        conditions from the same words.
    words : tuple of int
        What the draw depends on, not negative.

    Returns
    -------
    ndarray of float64, shape (12 nside²,)
        RING order.

    Raises
    ------
    DeepsphereError
        If GLASS is not installed.
    """
    glass = import_extra("glass", "cosmology")
    shells = len(matter.weights)
    # GLASS wants the spectra of all pairs of shells; those of different ones are nothing.
    pairs = [
        matter.gaussian[shell] if shell == other else np.zeros(0)
        for shell in range(shells)
        for other in range(shell, -1, -1)
    ]
    overdensities = glass.generate(
        [glass.grf.Lognormal()] * shells,
        pairs,
        matter.nside,
        ncorr=0,
        rng=np.random.default_rng(np.random.SeedSequence(words)),
    )
    convergence = np.zeros(12 * matter.nside**2)
    for weight, overdensity in zip(matter.weights, overdensities, strict=True):
        convergence += weight * overdensity
    return convergence
