"""How much the pixels of two samplings overlap, and the averages over pixels that follow.

For any two samplings: coarsening where cells do not nest, and conservative maps from one sampling
to another. Where cells nest, ``coarser()`` has the exact map for less work.

Overlaps are those of the polygons of ``cells()``, clipped exactly; where true sides are curved,
the corners in between decide how near the polygons are to the truth. From one HEALPix sampling to
that of half the nside, where the exact weights are 1/4, no weight is off by more than 0.0023, and
in the mean over the rows a part of 0.003 (nside 2) to 0.0003 (nside 32) goes to wrong pixels.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from deepsphere.errors import DeepsphereError
from deepsphere.samplings.intersections import SparseMatrix, intersection_areas
from deepsphere.samplings.polygons import enclosing_balls, polygon_areas
from deepsphere.samplings.sampling import Sampling

# Corners are good to 1e-16, so that cells which only touch overlap in slivers thinner than this.
_THINNEST = 1e-14
# Opposite corners are in a ball of radius 1 or more; their cosine is -1 to this.
_LARGE = 0.99
_OPPOSITE = 1e-12


@dataclass(frozen=True, eq=False)
class Overlap:
    """The overlaps of two samplings, and the averages that they define both ways.

    Attributes
    ----------
    areas : csr_array
        Areas in steradians as :func:`overlap_areas` returns them, shape (target pixels, source
        pixels).
    """

    areas: SparseMatrix

    @cached_property
    def forward(self) -> SparseMatrix:
        """The map from values on the source to means over the pixels of the target.

        Shape (target pixels, source pixels), float64, sorted indices. Rows sum to 1: a pixel that
        the source covers in part gets the mean over that part. A pixel that it does not cover has
        an empty row, which makes every value 0.
        """
        return _with_row_sums_of_one(self.areas)

    @cached_property
    def backward(self) -> SparseMatrix:
        """The map from values on the target to means over the pixels of the source.

        Shape (source pixels, target pixels), otherwise as :attr:`forward`.
        """
        return _with_row_sums_of_one(csr_array(self.areas.T))


def overlap(source: Sampling, target: Sampling) -> Overlap:
    """Return the overlaps of two samplings, computed once for the maps of both directions."""
    return Overlap(overlap_areas(source, target))


def area_overlap(source: Sampling, target: Sampling) -> SparseMatrix:
    """Return the map from values on the source to means over the pixels of the target.

    Parameters
    ----------
    source, target : Sampling
        The samplings; the source covers at least a part of every pixel of the target.

    Returns
    -------
    csr_array
        :attr:`Overlap.forward`: shape (target pixels, source pixels), float64, sorted indices,
        every row sums to 1.

    Raises
    ------
    DeepsphereError
        If a pixel of the target overlaps no pixel of the source.
    """
    matrix = overlap(source, target).forward
    empty = np.flatnonzero(np.diff(matrix.indptr) == 0)
    if empty.size:
        raise DeepsphereError(
            f"{empty.size} of the {len(target)} pixels of {target.name} (the first is {empty[0]}) "
            f"overlap no pixel of {source.name}; mask the first to what the second covers"
        )
    return matrix


def overlap_areas(source: Sampling, target: Sampling) -> SparseMatrix:
    """Return the areas of the intersections of the cells of two samplings.

    Parameters
    ----------
    source, target : Sampling
        The samplings. Cells may be of any shape that fits in half of the sphere. Pixels that have
        the same cell, as stations at one place do, share its overlaps equally.

    Returns
    -------
    csr_array
        Steradians, float64, shape (target pixels, source pixels), sorted indices, no entry that
        is not positive. Overlaps thinner than 1e-14 radians are rounding, and left out.

    Raises
    ------
    DeepsphereError
        If a cell has opposite corners, as those of two or three stations have.
    """
    source_cells, target_cells = _cells(source), _cells(target)
    areas = intersection_areas(source_cells, target_cells, source.positions, target.positions)
    rows = np.repeat(np.arange(len(target)), np.diff(areas.indptr))
    smaller = np.minimum(
        polygon_areas(target_cells)[rows], polygon_areas(source_cells)[areas.indices]
    )
    areas.data[areas.data <= _THINNEST * np.sqrt(smaller)] = 0
    areas.data /= _pixels_of_cell(target_cells)[rows] * _pixels_of_cell(source_cells)[areas.indices]
    areas.eliminate_zeros()
    areas.sort_indices()
    return areas


def _cells(sampling: Sampling) -> NDArray[np.float64]:
    """Return the cells of a sampling if great arcs within them are well defined."""
    cells = sampling.cells()
    _, radii = enclosing_balls(cells)
    large = np.flatnonzero(radii > _LARGE)
    cosines = cells[large] @ cells[large].transpose(0, 2, 1)
    opposite = (cosines < -1 + _OPPOSITE).any(axis=(1, 2))
    if opposite.any():
        raise DeepsphereError(
            f"the cell of pixel {large[opposite][0]} of {sampling.name} has opposite corners, as "
            "where all pixels lie on one circle; add pixels elsewhere"
        )
    return cells


def _pixels_of_cell(cells: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return how many pixels have the same cell as each, themselves included."""
    _, inverse, counts = np.unique(
        cells.reshape(len(cells), -1), axis=0, return_inverse=True, return_counts=True
    )
    return counts[inverse]


def _with_row_sums_of_one(areas: SparseMatrix) -> SparseMatrix:
    """Return a matrix whose rows are divided by their sums; empty ones stay empty."""
    sums: NDArray[np.float64] = areas.sum(axis=1)
    normalised = areas.copy()
    normalised.data /= np.repeat(sums, np.diff(areas.indptr))
    normalised.sort_indices()
    return normalised
