"""The Fibonacci spiral: any number of nearly evenly spread points.

For a sampling of just so many pixels, or without rings and special pixels, in tests above all.
There are no neighbours by construction and no nesting hierarchy; where these matter take
:mod:`~deepsphere.samplings.healpix` or :mod:`~deepsphere.samplings.icosahedral`.

References
----------
Swinbank, Purser: Fibonacci grids: a novel approach to global modelling (QJRMS, 2006).
"""

import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.samplings.coordinates import read_only
from deepsphere.samplings.parameters import Parametric, whole_number
from deepsphere.samplings.sampling import Coarsening

# The smaller part of a circle cut in the golden ratio.
_GOLDEN_ANGLE = np.pi * (3 - np.sqrt(5))
_MOST = 100_000_000
_FEWEST_TO_COARSEN = 48


@dataclass(frozen=True)
class Fibonacci(Parametric):
    """Points on a spiral from the north to the south pole, at equal steps of height and longitude.

    Parameters
    ----------
    pixels : int
        How many, from 1 to 100,000,000. Point i of n is at z = 1 - (2i + 1)/n and at i times the
        golden angle π (3 - √5) east.

    Raises
    ------
    DeepsphereError
        If there is no such number of pixels.
    """

    pixels: int

    def __post_init__(self) -> None:
        self._replace_fields(pixels=whole_number(self.pixels, "fibonacci: pixels", 1, _MOST))

    @property
    def name(self) -> str:
        """``fibonacci:12288``."""
        return f"fibonacci:{self.pixels}"

    def __len__(self) -> int:
        return self.pixels

    @cached_property
    def positions(self) -> NDArray[np.float64]:
        """Unit vectors, float64, shape (pixels, 3), from north to south, read-only."""
        number = np.arange(self.pixels)
        height = 1 - (2 * number + 1) / self.pixels
        longitude = _GOLDEN_ANGLE * number
        radius = np.sqrt((1 - height) * (1 + height))
        return read_only(
            np.stack([radius * np.cos(longitude), radius * np.sin(longitude), height], axis=1)
        )

    @cached_property
    def areas(self) -> NDArray[np.float64]:
        """Areas of the Voronoi cells in steradians, float64, shape (pixels,), read-only."""
        from deepsphere.samplings.voronoi import voronoi_areas

        return read_only(voronoi_areas(self.positions))

    def neighbours(self) -> None:
        """Return None: neighbours change along the spiral; a graph finds the nearest points."""

    def cells(self) -> NDArray[np.float64]:
        """Return the corners of the Voronoi cells, float64, shape (pixels, corners, 3)."""
        from deepsphere.samplings.voronoi import voronoi_cells

        return voronoi_cells(self.positions)

    def coarser(self) -> Coarsening | None:
        """Return the spiral of a quarter of the pixels, rounded down; None below 48 pixels.

        The cells do not nest: a coarse pixel is the mean over the parts of cells that lie in it.
        """
        from deepsphere.samplings.overlap import area_overlap

        if self.pixels < _FEWEST_TO_COARSEN:
            return None
        coarse = Fibonacci(self.pixels // 4)
        return Coarsening(coarse, area_overlap(self, coarse))


def parse(text: str) -> Fibonacci:
    """Return the sampling called ``fibonacci:`` and this text, such as ``12288``.

    Raises
    ------
    DeepsphereError
        If the text is anything else.
    """
    if re.fullmatch(r"[0-9]{1,9}", text) is None:
        raise DeepsphereError(
            f'fibonacci: give a number of pixels, as in "fibonacci:12288"; found {text!r}'
        )
    return Fibonacci(int(text))
