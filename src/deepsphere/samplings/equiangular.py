"""Latitude-longitude grids with equal steps in latitude and in longitude.

For fields that come as an image of the globe, and for what is published on such grids. Pixels crowd
at the poles, so an equal-area sampling serves graph convolutions better. Three kinds of rows:

========  ==================  =============================================================
poles     colatitude of row i  known as
========  ==================  =============================================================
none      (i + 1/2) π/rows    SOFT (Kostelec & Rockmore 2008), Fejér's first rule
north     i π/rows            Driscoll & Healy 1994, as in lie_learn and s2cnn
both      i π/(rows - 1)      Clenshaw-Curtis; ERA5 and other fields that include both poles
========  ==================  =============================================================

A row at a pole is ``columns`` pixels at one place that share the polar cap, a sector each.
"""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.samplings.coordinates import read_only
from deepsphere.samplings.parameters import Parametric, whole_number
from deepsphere.samplings.rings import MOST_PER_AXIS, Rings, grid_neighbours
from deepsphere.samplings.sampling import Coarsening, coarsening_by_children

Poles = Literal["none", "north", "both"]

_NAME = re.compile(r"([0-9]{1,9})x([0-9]{1,9})(?::(north|both))?")


@dataclass(frozen=True)
class Equiangular(Parametric):
    """Rows of equally spaced colatitudes, columns of equally spaced longitudes.

    Pixels go row by row from the north, and from 0°E eastwards: pixel ``i * columns + j`` is in row
    i at 2πj/columns. Cells reach halfway to the next row and column, or to the pole.

    Parameters
    ----------
    rows, columns : int
        Two or more rows of three or more pixels, up to 1,000,000.
    poles : {"none", "north", "both"}
        Which poles have a row of their own.

    Raises
    ------
    DeepsphereError
        If the parameters are anything else.
    """

    rows: int
    columns: int
    poles: Poles = "none"

    def __post_init__(self) -> None:
        self._replace_fields(
            rows=whole_number(self.rows, "equiangular: rows", 2, MOST_PER_AXIS),
            columns=whole_number(self.columns, "equiangular: columns", 3, MOST_PER_AXIS),
        )
        if self.poles not in ("none", "north", "both"):
            raise DeepsphereError(
                f"equiangular: poles must be 'none', 'north' or 'both'; found {self.poles!r}"
            )

    @classmethod
    def soft(cls, bandwidth: int) -> "Equiangular":
        """Return the grid of SOFT: 2b rows, no pole among them, of 2b pixels."""
        return cls(2 * bandwidth, 2 * bandwidth, "none")

    @classmethod
    def driscoll_healy(cls, bandwidth: int) -> "Equiangular":
        """Return the grid of Driscoll & Healy: 2b rows, the first at the north pole, of 2b pixels.

        The south pole has no row.
        """
        return cls(2 * bandwidth, 2 * bandwidth, "north")

    @classmethod
    def clenshaw_curtis(cls, bandwidth: int) -> "Equiangular":
        """Return the Clenshaw-Curtis grid: 2b + 1 rows, the poles among them, of 2b + 2 pixels."""
        return cls(2 * bandwidth + 1, 2 * bandwidth + 2, "both")

    @property
    def name(self) -> str:
        """Such as ``equiangular:128x128`` or ``equiangular:129x258:both``: rows, columns, poles."""
        suffix = "" if self.poles == "none" else f":{self.poles}"
        return f"equiangular:{self.rows}x{self.columns}{suffix}"

    def __len__(self) -> int:
        return self.rows * self.columns

    @cached_property
    def positions(self) -> NDArray[np.float64]:
        """Unit vectors (x, y, z), shape (pixels, 3): x to 0°E 0°N, y to 90°E, z to the pole."""
        return self._rings.positions()

    @cached_property
    def areas(self) -> NDArray[np.float64]:
        """Area of each pixel's cell in steradians, shape (pixels,); 4π in all."""
        return self._rings.areas()

    @cached_property
    def quadrature(self) -> NDArray[np.float64]:
        """Weight of each pixel in an exact integral, steradians, shape (pixels,); 4π in all.

        The sum of weights times values is the integral of every spherical harmonic of degree
        l < ``rows`` and l < ``columns`` (l < ``rows - 1`` for ``poles="north"`` and odd rows):
        Fejér's first rule, Driscoll & Healy's weights or Clenshaw-Curtis, all not negative. The
        areas are the weights of the midpoint rule instead, exact for constants only.
        """
        weights = _row_weights(self.rows, self.poles) * (2 * np.pi / self.columns)
        return read_only(np.repeat(weights, self.columns))

    def neighbours(self) -> NDArray[np.int64]:
        """Return the pixels to the west, north, east and south, int64, shape (pixels, 4).

        Longitude wraps around. The first and the last row are linked across the pole to the pixel
        half a turn away in the same row; with an odd number of columns they are not, and end in -1.
        A row at a pole is no exception. Its pixels have neighbours at distance zero, where a
        weight must be finite.
        """
        return grid_neighbours(self.rows, self.columns)

    def cells(self) -> NDArray[np.float64]:
        """Return the corners of each cell, unit vectors of shape (pixels, corners, 3).

        See :meth:`~deepsphere.samplings.rings.Rings.cells`.
        """
        return self._rings.cells()

    def coarser(self) -> Coarsening | None:
        """Return the grid of half the rows and columns, or None if they cannot be halved.

        Without poles, a coarse pixel's children are a block of 2 × 2, by row and column, as in
        DeepSphere. The rows nest; the block's centre lies half a fine column east of the pixel.
        With poles, every other row stays, and values are averaged over the cells' overlap.
        """
        from deepsphere.samplings.overlap import area_overlap

        rows = self.rows + 1 if self.poles == "both" else self.rows
        if rows % 2 or rows < 4 or self.columns % 2 or self.columns < 6:
            return None
        coarse = Equiangular(rows // 2, self.columns // 2, self.poles)
        if self.poles != "none":
            return Coarsening(coarse, area_overlap(self, coarse))
        blocks = np.arange(len(self)).reshape(coarse.rows, 2, coarse.columns, 2)
        children = blocks.transpose(0, 2, 1, 3).reshape(-1, 4)
        return coarsening_by_children(coarse, children, self.areas)

    @cached_property
    def _rings(self) -> Rings:
        if self.poles == "both":
            colatitudes = np.linspace(0, np.pi, self.rows)
        else:
            first = 0.5 if self.poles == "none" else 0.0
            colatitudes = (np.arange(self.rows) + first) * np.pi / self.rows
        between = (colatitudes[:-1] + colatitudes[1:]) / 2
        boundaries = np.concatenate([[0.0], between, [np.pi]])
        return Rings(colatitudes, boundaries, np.full(self.rows, self.columns))


def parse(text: str) -> Equiangular:
    """Return the grid named by the text after ``equiangular:``, such as ``129x258:both``.

    Raises
    ------
    DeepsphereError
        If the text is not of that form, or names no grid.
    """
    match = _NAME.fullmatch(text)
    if match is None:
        raise DeepsphereError(
            "equiangular: give rows, columns and which poles have a row, as in "
            '"equiangular:128x128", "equiangular:128x128:north" or "equiangular:129x258:both"; '
            f"found {text!r}"
        )
    return Equiangular(int(match[1]), int(match[2]), cast(Poles, match[3] or "none"))


def _row_weights(rows: int, poles: Poles) -> NDArray[np.float64]:
    """Return weights of the rows whose sums are integrals over z = cos θ from -1 to 1.

    They integrate the interpolant in cos(mθ), or in sin(mθ)/sin θ for Driscoll & Healy, whose sum
    over m a cosine or sine transform does (Waldvogel, BIT 46, 2006; Driscoll & Healy, Advances in
    Applied Mathematics 15, 1994).
    """
    from scipy.fft import dct, dst

    degrees = np.arange(rows)
    if poles == "north":
        # w(θ) = 4/rows sin θ Σ sin(mθ)/m over odd m < rows, which is zero at the pole.
        m = degrees[1:]
        sums = dst(np.where(m % 2 == 1, 1 / m, 0.0), type=1)
        return np.concatenate([[0.0], 2 / rows * np.sin(m * np.pi / rows) * sums])
    # The integral of cos(mθ) over z is 2/(1 - m²) for even m and zero for odd.
    moments = np.zeros(rows)
    moments[::2] = 2 / (1 - degrees[::2] ** 2)
    if poles == "none":
        weights: NDArray[np.float64] = dct(moments, type=3) / rows
        return weights
    weights = dct(moments, type=1) / (rows - 1)
    weights[[0, -1]] /= 2
    return weights
