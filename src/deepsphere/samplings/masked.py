"""Part of a sampling: the land, a patch of the sky, the stations of a continent.

Use it wherever some pixels never have data: they then cost neither memory nor time, and no
convolution mixes them in. Data that are missing now and then are the business of a loss instead.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.samplings.coordinates import read_only
from deepsphere.samplings.parameters import Parametric
from deepsphere.samplings.sampling import Coarsening, Pixelwise, Sampling


@dataclass(frozen=True, eq=False)
class Masked(Parametric):
    """Some pixels of a sampling, in its order.

    Parameters
    ----------
    full : Sampling
        The sampling. If it is itself a part of one, ``pixels`` are indices into that part.
    pixels : array_like
        Which of its pixels, strictly increasing whole numbers, shape (pixels,).

    Attributes
    ----------
    full : Sampling
        The full sampling, never itself a part.
    pixels : ndarray
        Indices into the full sampling, a read-only int64 copy, shape (pixels,).

    Raises
    ------
    DeepsphereError
        If there is no pixel, or they are not strictly increasing, out of range or no integers.
    """

    full: Sampling
    pixels: NDArray[np.int64]

    def __post_init__(self) -> None:
        full, pixels = self.full, _checked(self.full, self.pixels)
        if isinstance(full, Masked):
            pixels, full = full.pixels[pixels], full.full
        self._replace_fields(full=full, pixels=read_only(pixels))

    @classmethod
    def where(cls, full: Sampling, mask: ArrayLike) -> "Masked":
        """Return the pixels where a mask is true.

        Parameters
        ----------
        full : Sampling
            The sampling.
        mask : array_like
            Booleans, shape (pixels,). Numbers are refused, NaN among them: what counts as kept is
            to be said by a comparison.

        Raises
        ------
        DeepsphereError
            If the mask is not boolean, has another shape, or keeps no pixel.
        """
        kept = np.asarray(mask)
        if kept.shape != (len(full),) or kept.dtype != np.bool_:
            raise DeepsphereError(
                f"a mask of {full.name} must be boolean and have shape ({len(full)},); found "
                f"{kept.dtype} of shape {kept.shape}; compare numbers with something, as in map > 0"
            )
        return cls(full, np.flatnonzero(kept))

    @property
    def name(self) -> str:
        """The name of the full sampling and the number of pixels, such as ``healpix:64[768]``."""
        return f"{self.full.name}[{len(self)}]"

    def __len__(self) -> int:
        return len(self.pixels)

    def __repr__(self) -> str:
        return f"Masked({self.name})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Masked):
            return NotImplemented
        return self.full == other.full and np.array_equal(self.pixels, other.pixels)

    def __hash__(self) -> int:
        return hash((self.full, self.pixels.tobytes()))

    @cached_property
    def positions(self) -> NDArray[np.float64]:
        """Unit vectors, float64, shape (pixels, 3), read-only."""
        if isinstance(self.full, Pixelwise):
            return read_only(self.full.positions_of(self.pixels))
        return read_only(self.full.positions[self.pixels])

    @cached_property
    def areas(self) -> NDArray[np.float64]:
        """Areas of the cells in steradians, float64, shape (pixels,), read-only."""
        return read_only(self.full.areas[self.pixels])

    def neighbours(self) -> NDArray[np.int64] | None:
        """Return the kept pixels around each pixel, int64, shape (pixels, most).

        In the order of the full sampling, padded with -1 at the end; None if that has none.
        """
        if isinstance(self.full, Pixelwise):
            around = self.full.neighbours_of(self.pixels)
        else:
            around_all = self.full.neighbours()
            if around_all is None:
                return None
            around = around_all[self.pixels]
        kept = self._places_of(around)
        most = (kept >= 0).sum(axis=1).max()
        order = np.argsort(kept < 0, axis=1, kind="stable")[:, :most]
        return np.take_along_axis(kept, order, axis=1)

    def cells(self) -> NDArray[np.float64]:
        """Return the corners of each cell, float64, shape (pixels, corners, 3)."""
        if isinstance(self.full, Pixelwise):
            return self.full.cells_of(self.pixels)
        return self.full.cells()[self.pixels]

    def complete(self, steps: int = 1) -> "Masked":
        """Return the smallest part that has this one and all siblings of its pixels.

        These are the fine pixels of the coarse ones that the part reaches: pooling over whole
        parents loses nothing at the border, and needs no padding. Where pixels of the full sampling
        have no ``children``, the part stays as it is.

        Parameters
        ----------
        steps : int
            After how many steps of :meth:`coarser` all pixels still have all of their children;
            as many as there are, if there are fewer. With 0 the part stays as it is.
        """
        if steps < 1:
            return self
        if isinstance(self.full, Pixelwise):
            coarse, parents = self.full.quarter(), np.unique(self.pixels // 4)
            if coarse is None:
                return self
            reached = Masked(coarse, parents).complete(steps - 1).pixels
            children = 4 * reached[:, np.newaxis] + np.arange(4)
        else:
            coarsening = self.full.coarser()
            if coarsening is None or coarsening.children is None:
                return self
            parents = np.flatnonzero(np.isin(coarsening.children, self.pixels).any(axis=1))
            reached = Masked(coarsening.coarse, parents).complete(steps - 1).pixels
            children = coarsening.children[reached]
        return Masked(self.full, np.sort(children, axis=None))

    def coarser(self) -> Coarsening | None:
        """Return the coarser pixels that have any child here, and the means over these children.

        The weights are those of the full sampling, made to sum to 1. There are ``children`` only
        where all of them are here, see :meth:`complete`. None if the full sampling has no coarser.
        """
        from scipy.sparse import csr_array

        if isinstance(self.full, Pixelwise):
            return self._quarter(self.full.quarter())
        coarsening = self.full.coarser()
        if coarsening is None:
            return None
        matrix = csr_array(coarsening.matrix[:, self.pixels])
        matrix.eliminate_zeros()
        kept = np.flatnonzero(np.diff(matrix.indptr))
        matrix = csr_array(matrix[kept])
        matrix.data /= np.repeat(matrix.sum(axis=1), np.diff(matrix.indptr))
        children = None
        if coarsening.children is not None:
            places = self._places_of(coarsening.children[kept])
            children = places if (places >= 0).all() else None
        return Coarsening(Masked(coarsening.coarse, kept), matrix, children)

    def _quarter(self, coarse: Sampling | None) -> Coarsening | None:
        """Return the coarsening by a coarse sampling whose pixel p has the children 4p to 4p + 3.

        As ``coarser`` says, but without a matrix of the full sampling.
        """
        from scipy.sparse import csr_array

        if coarse is None:
            return None
        parents, rows, counts = np.unique(self.pixels // 4, return_inverse=True, return_counts=True)
        weights = self.areas / np.bincount(rows, self.areas)[rows]
        starts = np.concatenate([[0], np.cumsum(counts)])
        matrix = csr_array((weights, np.arange(len(self)), starts), (len(parents), len(self)))
        whole = len(self) == 4 * len(parents)
        children = np.arange(len(self)).reshape(-1, 4) if whole else None
        return Coarsening(Masked(coarse, parents), matrix, children)

    def _places_of(self, pixels: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return for pixels of the full sampling their indices here, -1 for others and for -1."""
        places = np.searchsorted(self.pixels, pixels)
        found = np.take(self.pixels, places, mode="clip") == pixels
        return np.where(found, places, -1)


def _checked(full: Sampling, pixels: ArrayLike) -> NDArray[np.int64]:
    """Return an int64 copy of strictly increasing indices into a sampling."""
    given = np.array(pixels)
    if given.ndim != 1 or given.size == 0:
        raise DeepsphereError(
            f"a part of {full.name} needs pixels of shape (pixels,), at least one; "
            f"found shape {given.shape}"
        )
    if not np.issubdtype(given.dtype, np.integer):
        raise DeepsphereError(
            f"a part of {full.name} is given by indices of pixels; found {given.dtype}; "
            "for a boolean mask use Masked.where"
        )
    wrong = np.flatnonzero((given < 0) | (given >= len(full)))
    if wrong.size:
        raise DeepsphereError(
            f"pixels of {full.name} go from 0 to {len(full) - 1}; found {given[wrong[0]]} "
            f"({wrong.size} such pixels)"
        )
    indices = given.astype(np.int64)
    wrong = np.flatnonzero(np.diff(indices) <= 0)
    if wrong.size:
        first = wrong[0]
        raise DeepsphereError(
            f"pixels of a part of {full.name} must be strictly increasing; found "
            f"{indices[first + 1]} after {indices[first]}; use numpy.unique"
        )
    return indices
