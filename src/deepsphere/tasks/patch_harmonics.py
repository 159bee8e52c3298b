"""Spherical harmonics of a HEALPix map of which only a patch is not 0.

ducc0 sums over the rings that the patch touches alone: a 48th of the sphere then takes a fraction
of the time of all of it. It takes the threads that ``OMP_NUM_THREADS`` allows. One map at nside
1024 and its coefficients take 0.3 GB.

References
----------
M. Reinecke, D. S. Seljebotn: Libsharp, spherical harmonic transforms revisited, A&A 554 (2013).
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepsphere.extras import import_extra
from deepsphere.samplings.healpix_indices import ring_of_nested

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]


@dataclass(frozen=True, eq=False)
class PatchHarmonics:
    """Coefficients of a patch, up to the degree 3 nside - 1.

    Attributes
    ----------
    nside : int
    places : ndarray of int64, shape (pixel,)
        Where the pixels of the patch are, counted in RING order from the first ring it touches.
    rings : dict
        Those rings, as ducc0 takes them: co-latitude, number of pixels, longitude of the first one
        (radians) and its place.
    """

    nside: int
    places: NDArray[np.int64] = field(repr=False)
    rings: dict[str, Any] = field(repr=False)

    @property
    def highest(self) -> int:
        """The largest degree."""
        return 3 * self.nside - 1

    def coefficients(self, values: Array) -> Complex:
        """Return the coefficients of a map.

        Parameters
        ----------
        values : ndarray of float64, shape (pixel,)
            Of the patch, in the order of ``places``; the rest of the map is 0.

        Returns
        -------
        ndarray of complex128, shape (coefficient,)
            The sums over the pixels of values, conjugate harmonics and the area of a pixel: of
            order 0 those of all degrees, then of order 1 those from degree 1 on, and so on. What
            ``healpy.map2alm`` gives with ``iter=0``.
        """
        strip = np.zeros((1, int(self.rings["nphi"].sum())))
        strip[0, self.places] = values
        found: Complex = import_extra("ducc0", "cosmology").sht.adjoint_synthesis(
            map=strip, lmax=self.highest, spin=0, nthreads=0, **self.rings
        )[0]
        found *= np.pi / (3 * self.nside**2)
        return found

    def power(self, left: Complex, right: Complex) -> Array:
        """Return the cross spectrum of the coefficients of two maps, C_l of l from 0 on.

        Returns
        -------
        ndarray of float64, shape (degree,)
            The mean of the products over the orders of a degree. Their sum is not divided by how
            much of the sphere was seen.
        """
        power = np.zeros(self.highest + 1)
        products = (left * right.conj()).real
        start = 0
        for order in range(self.highest + 1):
            stop = start + self.highest + 1 - order
            power[order:] += products[start:stop] * (2 if order else 1)
            start = stop
        return power / (2 * np.arange(self.highest + 1) + 1)


def patch_harmonics(nside: int, pixels: NDArray[np.int64]) -> PatchHarmonics:
    """Return the harmonics of a patch.

    Parameters
    ----------
    nside : int
    pixels : ndarray of int64, shape (pixel,)
        NESTED, in the order of the values of maps.

    Raises
    ------
    DeepsphereError
        If ducc0 is not installed.
    """
    rings = import_extra("ducc0", "cosmology").healpix.Healpix_Base(nside, "RING").sht_info()
    starts = rings["ringstart"].astype(np.int64)
    places = ring_of_nested(nside, pixels)
    first, last = np.searchsorted(starts, [places.min(), places.max()], side="right") - 1
    touched = {name: column[first : last + 1] for name, column in rings.items()}
    touched["ringstart"] = touched["ringstart"] - rings["ringstart"][first]
    return PatchHarmonics(nside, places - starts[first], touched)
