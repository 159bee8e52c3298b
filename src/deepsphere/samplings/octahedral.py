"""The reduced Gaussian grids O_N of the European Centre for Medium-Range Weather Forecasts.

For fields of its model and reanalyses on their own grid. Rows are those of
:mod:`~deepsphere.samplings.gauss_legendre`, with fewer pixels towards the poles, so that pixels are
about equally far apart: areas are within a quarter of their mean but for some rings around the
poles, where they sink to a fifth of it.
"""

import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.samplings.gauss_legendre import gauss_rings
from deepsphere.samplings.parameters import Parametric, whole_number
from deepsphere.samplings.rings import Rings
from deepsphere.samplings.sampling import Coarsening

_NAME = re.compile(r"[0-9]{1,9}")
_LARGEST = 1_000_000
_PIXELS_AT_POLE = 20
_PIXELS_MORE_PER_RING = 4


@dataclass(frozen=True)
class Octahedral(Parametric):
    """The octahedral reduced Gaussian grid O_N: 2N rings, 4N(N + 9) pixels.

    The i-th ring from either pole, i = 0 to N - 1, has 20 + 4i pixels: as many as if the faces of
    an octahedron were ruled. Pixels go ring by ring from the north, and from 0°E eastwards.

    Parameters
    ----------
    number : int
        N, the rings between a pole and the equator; from 1 to 1,000,000.

    Raises
    ------
    DeepsphereError
        If the number is anything else.
    """

    number: int

    def __post_init__(self) -> None:
        self._replace_fields(number=whole_number(self.number, "octahedral: N", 1, _LARGEST))

    @property
    def name(self) -> str:
        """Such as ``octahedral:104``, which ECMWF calls O104."""
        return f"octahedral:{self.number}"

    def __len__(self) -> int:
        return 4 * self.number * (self.number + 9)

    @cached_property
    def positions(self) -> NDArray[np.float64]:
        """Unit vectors (x, y, z), shape (pixels, 3): x to 0°E 0°N, y to 90°E, z to the pole."""
        return self._rings.positions()

    @cached_property
    def areas(self) -> NDArray[np.float64]:
        """Area of each pixel's cell in steradians, shape (pixels,); 4π in all.

        These are the quadrature weights of the row, shared by its pixels.
        """
        return self._rings.areas()

    def neighbours(self) -> None:
        """Return None: the pixels of two rings do not face each other."""

    def cells(self) -> NDArray[np.float64]:
        """Return the corners of each cell, unit vectors of shape (pixels, corners, 3).

        See :meth:`~deepsphere.samplings.rings.Rings.cells`.
        """
        return self._rings.cells()

    def coarser(self) -> Coarsening | None:
        """Return the grid O_{N/2}, or None if N is odd.

        The cells do not nest: values are averaged over their overlap.
        """
        from deepsphere.samplings.overlap import area_overlap

        if self.number % 2:
            return None
        coarse = Octahedral(self.number // 2)
        return Coarsening(coarse, area_overlap(self, coarse))

    @cached_property
    def _rings(self) -> Rings:
        north = _PIXELS_AT_POLE + _PIXELS_MORE_PER_RING * np.arange(self.number)
        return gauss_rings(np.concatenate([north, north[::-1]]))


def parse(text: str) -> Octahedral:
    """Return the grid named by the text after ``octahedral:``, such as ``104``.

    Raises
    ------
    DeepsphereError
        If the text is not of that form, or names no grid.
    """
    if _NAME.fullmatch(text) is None:
        raise DeepsphereError(f'octahedral: give N, as in "octahedral:104"; found {text!r}')
    return Octahedral(int(text))
