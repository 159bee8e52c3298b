"""HEALPix: pixels of equal area on rings of equal latitude, in a hierarchy of four to one.

For fields on the whole sphere, or on patches of it, where every pixel should count as much: maps of
the sky, and global fields that are averaged down level by level. Pixels are in NESTED order here,
where the children of pixel p are 4p to 4p + 3; other software's RING order is left and entered at
the edges through ``to_ring`` and ``from_ring``. The arithmetic, and what NESTED means where nside
is not a power of two, is in :mod:`~deepsphere.samplings.healpix_indices`. A part of a map is made
without the rest of it: patches of nside 8192 are as cheap as whole maps of their size.

References
----------
Górski, Hivon, Banday, Wandelt, Hansen, Reinecke, Bartelmann: HEALPix, a framework for
high-resolution discretization and fast analysis of data distributed on the sphere, ApJ 622 (2005).
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.samplings import healpix_geometry
from deepsphere.samplings.coordinates import read_only
from deepsphere.samplings.healpix_indices import check_nside, odd_factor, ring_of_nested
from deepsphere.samplings.healpix_neighbours import adjacent_pixels
from deepsphere.samplings.healpix_symmetries import healpix_origins
from deepsphere.samplings.masked import Masked
from deepsphere.samplings.parameters import Parametric
from deepsphere.samplings.sampling import Coarsening, coarsening_by_children

# Sides are curves; a cell has its four corners and three points on each side between them, from the
# north corner on to the west, the south and the east one. Fractions of a pixel.
_QUARTERS = np.arange(4) / 4
_OUTLINE_X = np.concatenate([1 - _QUARTERS, np.zeros(4), _QUARTERS, np.ones(4)])
_OUTLINE_Y = np.concatenate([np.ones(4), 1 - _QUARTERS, np.zeros(4), _QUARTERS])

# Numbers of a result that are made at a time: temporary arrays then fit the processor's cache.
_BLOCK_NUMBERS = 1 << 18

_Scalar = TypeVar("_Scalar", bound=np.generic)


@dataclass(frozen=True)
class Healpix(Parametric):
    """The 12 nside² pixels of HEALPix, in NESTED order.

    Parameters
    ----------
    nside : int
        Pixels along the side of each of the 12 base pixels, from 1 to 2^29. Any whole number; a
        power of two is what other software asks for, and what has the deepest hierarchy.

    Raises
    ------
    DeepsphereError
        If nside is anything else.
    """

    nside: int

    def __post_init__(self) -> None:
        self._replace_fields(nside=check_nside(self.nside))

    @property
    def name(self) -> str:
        """``healpix:32``."""
        return f"healpix:{self.nside}"

    def __len__(self) -> int:
        return 12 * self.nside**2

    @cached_property
    def positions(self) -> NDArray[np.float64]:
        """Pixel centres, unit vectors, float64, shape (pixels, 3), NESTED, read-only."""
        return read_only(self._of_all_pixels(self.positions_of, (3,), np.float64))

    @cached_property
    def areas(self) -> NDArray[np.float64]:
        """4π / pixels in steradians for every pixel, float64, shape (pixels,), read-only."""
        # One number in memory, seen as many.
        return np.broadcast_to(np.float64(4 * math.pi / len(self)), (len(self),))

    @cached_property
    def ring_indices(self) -> NDArray[np.int64]:
        """Where each pixel is in RING order, int64, shape (pixels,), read-only."""
        return read_only(
            self._of_all_pixels(lambda pixels: ring_of_nested(self.nside, pixels), (), np.int64)
        )

    def neighbours(self) -> NDArray[np.int64]:
        """Return the pixels that share a side or a corner with each, int64, shape (pixels, 8).

        To the south-west, west, north-west, north, north-east, east, south-east and south. Where
        three base pixels meet the one across the corner is missing and -1 is at the end: 24 pixels
        have 7 neighbours, and with nside 1 all 12 have 6.
        """
        return self._of_all_pixels(self.neighbours_of, (8,), np.int64)

    def cells(self) -> NDArray[np.float64]:
        """Return the corners of each cell, float64, counter-clockwise, shape (pixels, 16, 3).

        The north, west, south and east corner, and three points on each side between these, which
        its neighbour has too, so that the cells leave no gap. Pixels have curved sides, and great
        arcs cut a little off or add a little: cells have the area of their pixel within 1.2 % at
        nside 1 and 0.74 % above, which is what the four around each pole keep at any nside; the
        root mean square is 0.02 % at nside 32, and half of that with every doubling.
        """
        return self._of_all_pixels(self.cells_of, (len(_OUTLINE_X), 3), np.float64)

    def positions_of(self, pixels: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the positions of some pixels, shape (some, 3), without making the others."""
        return healpix_geometry.positions_inside(self.nside, pixels)

    def neighbours_of(self, pixels: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the neighbours of some pixels, shape (some, 8), without making the others."""
        return adjacent_pixels(self.nside, pixels)

    def cells_of(self, pixels: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the cells of some pixels, shape (some, 16, 3), without making the others."""
        return healpix_geometry.positions_inside(
            self.nside, pixels[:, np.newaxis], _OUTLINE_X, _OUTLINE_Y
        )

    def origins_of(self, pixels: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return from which pixels 8 rotations bring a map to some; shape (8, some)."""
        return healpix_origins(self.nside, pixels)

    def quarter(self) -> "Healpix | None":
        """Return half the nside, whose pixel p has the children 4p to 4p + 3; None if it is odd."""
        return None if self.nside % 2 else Healpix(self.nside // 2)

    def coarser(self) -> Coarsening | None:
        """Return half the nside, each pixel the mean of its 4 children; None if nside is odd."""
        coarse = self.quarter()
        if coarse is None:
            return None
        return coarsening_by_children(coarse, np.arange(len(self)).reshape(-1, 4), self.areas)

    def pixels_at(self, vectors: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the pixel that each vector points to, int64.

        Parameters
        ----------
        vectors : ndarray
            Directions (x, y, z), of any positive length, shape (..., 3).

        Raises
        ------
        DeepsphereError
            If a vector is zero or not finite, or the shape is another.
        """
        return healpix_geometry.pixels_at(self.nside, vectors)

    def to_ring(self, values: NDArray[_Scalar], axis: int = 0) -> NDArray[_Scalar]:
        """Return a copy of values of pixels in RING order, for other software.

        Parameters
        ----------
        values : ndarray
            Any array with the pixels along one axis.
        axis : int
            That axis.

        Raises
        ------
        DeepsphereError
            If the axis does not have one value a pixel.
        """
        self._check_axis(values, axis)
        reordered = np.empty_like(values)
        np.moveaxis(reordered, axis, 0)[self.ring_indices] = np.moveaxis(values, axis, 0)
        return reordered

    def from_ring(self, values: NDArray[_Scalar], axis: int = 0) -> NDArray[_Scalar]:
        """Return a copy of values that came in RING order in ours; the inverse of ``to_ring``."""
        self._check_axis(values, axis)
        return np.take(values, self.ring_indices, axis=axis)

    def patch(self, number: int, patches: int) -> NDArray[np.int64]:
        """Return the pixels of one of so many equal patches, each a pixel of a coarser HEALPix.

        Parameters
        ----------
        number : int
            Which patch, from 0 to patches - 1, in NESTED order.
        patches : int
            12 · order² with an order of 1 or, for nside = 2^a · m with odd m, of m, 2m, 4m, ...,
            nside: those whose patches are contiguous in NESTED order.

        Returns
        -------
        ndarray
            Ascending and contiguous, int64, shape (pixels / patches,).

        Raises
        ------
        DeepsphereError
            If there is no such division, or no such patch of it.
        """
        odd = odd_factor(self.nside)
        halvings = (self.nside // odd).bit_length()
        counts = sorted({12, *(12 * (odd << halving) ** 2 for halving in range(halvings))})
        if patches not in counts:
            raise DeepsphereError(
                f"{self.name} cannot be cut in {patches} equal patches; "
                f"give one of {', '.join(map(str, counts))}"
            )
        if number not in range(patches):
            raise DeepsphereError(
                f"{self.name}: {patches} patches go from 0 to {patches - 1}; found {number}"
            )
        size = len(self) // patches
        return np.arange(number * size, (number + 1) * size, dtype=np.int64)

    def _of_all_pixels(
        self,
        function: Callable[[NDArray[np.int64]], NDArray[_Scalar]],
        shape: tuple[int, ...],
        dtype: type[_Scalar],
    ) -> NDArray[_Scalar]:
        """Return what a function gives for all pixels, of this shape and type for each, in blocks.

        Temporary arrays are thus as long as a block and not as the map.
        """
        values = np.empty((len(self), *shape), dtype)
        step = max(1, _BLOCK_NUMBERS // math.prod(shape))
        for start in range(0, len(self), step):
            block = np.arange(start, min(start + step, len(self)))
            values[start : start + step] = function(block)
        return values

    def _check_axis(self, values: NDArray[_Scalar], axis: int) -> None:
        if not -values.ndim <= axis < values.ndim or values.shape[axis] != len(self):
            raise DeepsphereError(
                f"{self.name}: axis {axis} must have {len(self)} pixels; found shape {values.shape}"
            )


def parse(text: str) -> Healpix | Masked:
    """Return the sampling called ``healpix:`` and this text.

    Parameters
    ----------
    text : str
        ``32`` is nside 32; ``1024:7/48`` is patch 7 (from 0) of 48 of nside 1024, see
        :meth:`Healpix.patch`.

    Raises
    ------
    DeepsphereError
        If the text is anything else.
    """
    match = re.fullmatch(r"([0-9]{1,9})(?::([0-9]{1,18})/([0-9]{1,18}))?", text)
    if match is None:
        raise DeepsphereError(
            'healpix: give an nside, as in "healpix:32", or one of its patches, as in '
            f'"healpix:1024:7/48"; found {text!r}'
        )
    full = Healpix(int(match[1]))
    if match[2] is None:
        return full
    return Masked(full, full.patch(int(match[2]), int(match[3])))
