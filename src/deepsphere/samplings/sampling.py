"""What every sampling of the sphere has, and what joins it to a coarser one."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError

if TYPE_CHECKING:
    from scipy.sparse import csr_array

_ROW_SUM_TOLERANCE = 1e-9


class Sampling(Protocol):
    """Where the pixels of a sphere, or of a part of it, are.

    Samplings are frozen and can be compared, hashed, copied and pickled. Positions and areas are
    made when first asked for, kept, and read-only.
    """

    @property
    def name(self) -> str:
        """Short text that says which sampling it is, such as ``healpix:32``."""

    def __len__(self) -> int:
        """Return the number of pixels."""

    @property
    def positions(self) -> NDArray[np.float64]:
        """Unit vectors (x, y, z), shape (pixels, 3): x to 0°E 0°N, y to 90°E, z to the pole."""

    @property
    def areas(self) -> NDArray[np.float64]:
        """Area of each pixel's cell in steradians, shape (pixels,); 4π in all for a full sphere."""

    def neighbours(self) -> NDArray[np.int64] | None:
        """Return the pixels around each pixel, shape (pixels, most), padded with -1 at the end.

        None where the family has no such notion. The relation is symmetric.
        """

    def cells(self) -> NDArray[np.float64]:
        """Return the corners of each cell, unit vectors of shape (pixels, corners, 3).

        Counter-clockwise seen from outside, joined by great arcs; where a cell has fewer corners
        than others its last one is repeated. Curved sides have corners in between.
        """

    def coarser(self) -> "Coarsening | None":
        """Return the next coarser sampling and the map to it, or None if there is none."""


@runtime_checkable
class Pixelwise(Protocol):
    """What a sampling has besides if it knows any of its pixels without making all others.

    A patch of a map that is too large to be made as a whole then costs what the patch has.
    """

    def positions_of(self, pixels: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the rows of ``positions`` of pixels of shape (some,)."""

    def neighbours_of(self, pixels: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the rows of ``neighbours()`` of pixels of shape (some,)."""

    def cells_of(self, pixels: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the rows of ``cells()`` of pixels of shape (some,)."""

    def quarter(self) -> Sampling | None:
        """Return the coarser sampling, whose pixel p has the children 4p to 4p + 3, or None."""


@runtime_checkable
class Symmetric(Protocol):
    """What a sampling has besides if rotations are known that only swap its pixels."""

    def origins_of(self, pixels: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return from which pixels they bring a map to some: shape (symmetries, some).

        The symmetries are a group, the identity first.
        """


@dataclass(frozen=True, eq=False)
class Coarsening:
    """A coarser sampling and the map to it.

    Attributes
    ----------
    coarse : Sampling
        The coarser sampling.
    matrix : csr_array
        Averages values of the fine pixels over the coarse ones: shape (coarse pixels, fine
        pixels), float64, sorted indices, no negative entry, every row sums to 1.
    children : ndarray or None
        The fine pixels of each coarse one, int64, shape (coarse pixels, children), where every
        fine pixel has exactly one coarse one and all of these have as many; else None.

    Raises
    ------
    DeepsphereError
        If the matrix or the children are anything else.
    """

    coarse: Sampling
    matrix: "csr_array[np.float64, tuple[int, int]]" = field(repr=False)
    children: NDArray[np.int64] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        matrix, expected = self.matrix, len(self.coarse)
        lowest = matrix.data.min(initial=0.0)
        if matrix.shape[0] != expected or lowest < 0 or not matrix.has_sorted_indices:
            raise DeepsphereError(
                f"the map to {self.coarse.name} must have {expected} rows, sorted indices and no "
                f"negative entry; found shape {matrix.shape} and entries from {lowest:g} on"
            )
        sums: NDArray[np.float64] = matrix.sum(axis=1)
        if not np.allclose(sums, 1, rtol=0, atol=_ROW_SUM_TOLERANCE):
            raise DeepsphereError(
                f"the rows of the map to {self.coarse.name} must sum to 1; "
                f"found {sums.min()} to {sums.max()}"
            )
        if self.children is not None and not _are_partition(self.children, *matrix.shape):
            raise DeepsphereError(
                f"the children of the {expected} pixels of {self.coarse.name} must name each of "
                f"the {matrix.shape[1]} fine pixels once; found shape {self.children.shape}"
            )


def coarsening_by_children(
    coarse: Sampling, children: NDArray[np.int64], areas: NDArray[np.float64]
) -> Coarsening:
    """Return the map that averages over the children of each coarse pixel, weighted by their areas.

    Parameters
    ----------
    coarse : Sampling
        The coarser sampling.
    children : ndarray
        Fine pixels of each coarse one, int64, shape (coarse pixels, children).
    areas : ndarray
        Areas of the fine pixels, shape (fine pixels,).
    """
    from scipy.sparse import csr_array

    weights = areas[children]
    weights = weights / weights.sum(axis=1, keepdims=True)
    starts = np.arange(0, children.size + 1, children.shape[1])
    matrix = csr_array((weights.ravel(), children.flatten(), starts), (len(children), len(areas)))
    matrix.sort_indices()
    return Coarsening(coarse, matrix, children)


def _are_partition(children: NDArray[np.int64], coarse: int, fine: int) -> bool:
    """Say whether each of the coarse pixels has as many children, and each fine pixel one row."""
    if children.ndim != 2 or len(children) != coarse or children.size != fine:
        return False
    seen = np.zeros(fine, dtype=np.bool_)
    seen[children[(children >= 0) & (children < fine)]] = True
    return bool(seen.all())
