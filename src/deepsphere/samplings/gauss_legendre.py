"""Latitude-longitude grids whose rows are at the nodes of Gauss-Legendre quadrature.

For fields of spectral models, and where integrals over the sphere must be exact: the areas of the
cells are the weights of the quadrature. Every row has as many pixels, so they crowd at the poles;
:mod:`~deepsphere.samplings.octahedral` thins them out there.
"""

import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.samplings.parameters import Parametric, whole_number
from deepsphere.samplings.rings import MOST_PER_AXIS, Rings, grid_neighbours
from deepsphere.samplings.sampling import Coarsening

_NAME = re.compile(r"([0-9]{1,9})x([0-9]{1,9})")


@dataclass(frozen=True)
class GaussLegendre(Parametric):
    """Rows at the Gauss-Legendre nodes, columns of equally spaced longitudes.

    Pixels go row by row from the north, and from 0°E eastwards: pixel ``i * columns + j`` is in row
    i at 2πj/columns.

    Parameters
    ----------
    rows, columns : int
        Two or more rows of three or more pixels, up to 1,000,000.

    Raises
    ------
    DeepsphereError
        If the parameters are anything else.
    """

    rows: int
    columns: int

    def __post_init__(self) -> None:
        self._replace_fields(
            rows=whole_number(self.rows, "gauss-legendre: rows", 2, MOST_PER_AXIS),
            columns=whole_number(self.columns, "gauss-legendre: columns", 3, MOST_PER_AXIS),
        )

    @property
    def name(self) -> str:
        """Such as ``gauss-legendre:64x128``: rows and columns."""
        return f"gauss-legendre:{self.rows}x{self.columns}"

    def __len__(self) -> int:
        return self.rows * self.columns

    @cached_property
    def positions(self) -> NDArray[np.float64]:
        """Unit vectors (x, y, z), shape (pixels, 3): x to 0°E 0°N, y to 90°E, z to the pole."""
        return self._rings.positions()

    @cached_property
    def areas(self) -> NDArray[np.float64]:
        """Area of each pixel's cell in steradians, shape (pixels,); 4π in all.

        These are the weights of the quadrature: sums weighted by them are the integrals of all
        spherical harmonics of degree l < 2 ``rows`` and l < ``columns``.
        """
        return self._rings.areas()

    def neighbours(self) -> NDArray[np.int64]:
        """Return the pixels to the west, north, east and south, int64, shape (pixels, 4).

        Longitude wraps around. The first and the last row are linked across the pole to the pixel
        half a turn away in the same row; with an odd number of columns they are not, and end in -1.
        """
        return grid_neighbours(self.rows, self.columns)

    def cells(self) -> NDArray[np.float64]:
        """Return the corners of each cell, unit vectors of shape (pixels, corners, 3).

        See :meth:`~deepsphere.samplings.rings.Rings.cells`.
        """
        return self._rings.cells()

    def coarser(self) -> Coarsening | None:
        """Return the grid of half the rows and columns, or None if they cannot be halved.

        The cells do not nest: values are averaged over their overlap.
        """
        from deepsphere.samplings.overlap import area_overlap

        if self.rows % 2 or self.rows < 4 or self.columns % 2 or self.columns < 6:
            return None
        coarse = GaussLegendre(self.rows // 2, self.columns // 2)
        return Coarsening(coarse, area_overlap(self, coarse))

    @cached_property
    def _rings(self) -> Rings:
        return gauss_rings(np.full(self.rows, self.columns))


def parse(text: str) -> GaussLegendre:
    """Return the grid named by the text after ``gauss-legendre:``, such as ``64x128``.

    Raises
    ------
    DeepsphereError
        If the text is not of that form, or names no grid.
    """
    match = _NAME.fullmatch(text)
    if match is None:
        raise DeepsphereError(
            f'gauss-legendre: give rows and columns, as in "gauss-legendre:64x128"; found {text!r}'
        )
    return GaussLegendre(int(match[1]), int(match[2]))


def gauss_rings(counts: NDArray[np.int64]) -> Rings:
    """Return rings at the nodes of Gauss-Legendre quadrature, each as high as its node's weight.

    In z, the boundaries are the cumulated weights. They separate the nodes: this is the theorem of
    Chebyshev, Markov and Stieltjes (Szegő, Orthogonal Polynomials, §3.41).

    Parameters
    ----------
    counts : ndarray
        Pixels of each ring from north to south, int64, shape (rings,).
    """
    from scipy.special import roots_legendre

    nodes, weights = roots_legendre(len(counts))
    # How far each boundary lies below the north pole, and read backwards above the south pole.
    # Their ratio is tan²(θ/2), which keeps its digits at both poles, unlike the arc cosine.
    below = np.concatenate([[0.0], np.cumsum(weights)])
    boundaries = 2 * np.arctan2(np.sqrt(below), np.sqrt(below[::-1]))
    return Rings(np.arccos(nodes[::-1]), boundaries, counts)
