"""Where the maps of a store are on the sphere, if their pixels are HEALPix ones.

A sample is a whole sphere, a patch of one, or, with parts, several patches that are answered for on
their own.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.samplings.healpix import Healpix, parse
from deepsphere.samplings.masked import Masked
from deepsphere.tasks.class_samples import ClassSamples


@dataclass(frozen=True, eq=False)
class SkyPatches:
    """Patches of HEALPix: runs of equally many consecutive pixels, NESTED.

    Attributes
    ----------
    nside : int
    pixels : int
        Of a patch.
    numbers : ndarray of int64, shape (sample, part)
        Which patch of the sphere it is: the one whose first pixel is ``pixels`` times its number.
    seen : ndarray of bool, shape (pixel of the sphere,), or None
        Which pixels were seen, NESTED; all, if None.
    """

    nside: int
    pixels: int
    numbers: NDArray[np.int64] = field(repr=False)
    seen: NDArray[np.bool_] | None = field(default=None, repr=False)

    def run(self, patch: int) -> NDArray[np.int64]:
        """Return the pixels of a patch, NESTED, shape (pixel,)."""
        return np.arange(patch * self.pixels, (patch + 1) * self.pixels)

    def mask(self, patch: int) -> NDArray[np.bool_]:
        """Return which pixels of a patch were seen, shape (pixel,)."""
        if self.seen is None:
            return np.ones(self.pixels, np.bool_)
        return self.seen[self.run(patch)]


def sky_patches(samples: ClassSamples) -> SkyPatches:
    """Return where the maps of all samples of a store are.

    Raises
    ------
    DeepsphereError
        If the store's attribute ``sampling`` is not that of such maps.
    """
    store, parts = samples.store, samples.parts
    name = str(store.attrs.get("sampling", ""))
    kind, _, parameters = name.partition(":")
    sampling = parse(parameters) if kind == "healpix" else None
    if sampling is None or len(sampling) != store.shape[1]:
        raise DeepsphereError(
            f"baselines: spectra are those of HEALPix maps; {store.folder} has {store.shape[1]} "
            f"pixels of the sampling {name or 'unknown'}; leave the spectra out"
        )
    sphere = Healpix(int(parameters.partition(":")[0]))
    first = int(sampling.pixels[0]) // len(sampling) if isinstance(sampling, Masked) else 0
    patches = store.coordinates.get("patch", np.full(len(store), first)).astype(np.int64)
    seen = store.coordinates.get("seen")
    return SkyPatches(
        nside=sphere.nside,
        pixels=len(sampling) // parts,
        numbers=patches[:, None] * parts + np.arange(parts),
        seen=seen.astype(np.bool_) if seen is not None and len(seen) == len(sphere) else None,
    )
