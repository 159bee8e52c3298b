"""Means over the pixels: every cell of a grid counts as much as the pixel has of its area.

For fields on a sampling coarser than the grid, and whenever integrals must be kept: precipitation,
fluxes, shares of classes. First order: the field is taken to be constant in each cell.

Overlaps are exact but for rounding, by one of three ways: in HEALPix' own projection, box by box
for samplings made of rings, and between polygons with great arcs for sides for all others.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from deepsphere.regridding.box_overlap import box_overlap_areas
from deepsphere.regridding.cells import cells_of
from deepsphere.regridding.grid import LatitudeLongitude
from deepsphere.regridding.healpix_overlap import healpix_overlap_areas
from deepsphere.regridding.polygon_overlap import polygon_overlap_areas
from deepsphere.samplings.equiangular import Equiangular
from deepsphere.samplings.gauss_legendre import GaussLegendre
from deepsphere.samplings.healpix import Healpix
from deepsphere.samplings.intersections import SparseMatrix
from deepsphere.samplings.masked import Masked
from deepsphere.samplings.octahedral import Octahedral
from deepsphere.samplings.sampling import Sampling

# A pixel that lacks less than this share of its area is covered.
_WHOLE = 1e-9


def conservative_matrix(grid: LatitudeLongitude, sampling: Sampling) -> SparseMatrix:
    """Return the map from the values of a grid to the means over the pixels of a sampling.

    Parameters
    ----------
    grid : LatitudeLongitude
        Where the values are.
    sampling : Sampling
        The target.

    Returns
    -------
    csr_array
        Shape (pixels, values), float64, sorted indices, all positive. Rows of pixels that the grid
        covers sum to 1; those of others to the share of the pixel that it covers.
    """
    areas, whole = shared_areas(grid, sampling)
    return _shares(areas, whole)


def backward_matrix(sampling: Sampling, grid: LatitudeLongitude) -> SparseMatrix:
    """Return the map from the pixels of a sampling to the means over the cells of a grid.

    Parameters
    ----------
    sampling : Sampling
        Where the values are.
    grid : LatitudeLongitude
        The target.

    Returns
    -------
    csr_array
        Shape (cells, pixels), float64, sorted indices, all positive. Rows sum to the share of the
        cell that the sampling covers. A last column that repeats the first one gets its rows.
    """
    areas, _ = shared_areas(grid, sampling)
    backward = csr_array(areas.T)
    backward.sort_indices()
    backward = _shares(backward, grid.areas)
    if not grid.repeats:
        return backward
    cells = np.arange(len(grid)).reshape(grid.shape)
    cells[:, -1] = cells[:, 0]
    return csr_array(backward[cells.ravel()])


def _shares(areas: SparseMatrix, whole: NDArray[np.float64]) -> SparseMatrix:
    """Return overlaps divided by the areas of the whole targets, or by what rounding made of them.

    A target that is covered then has a row that sums to 1.
    """
    covered: NDArray[np.float64] = areas.sum(axis=1)
    is_whole = np.abs(covered - whole) < _WHOLE * whole
    divisors = np.where(is_whole, covered, whole)
    areas.data /= np.repeat(divisors, np.diff(areas.indptr))
    return areas


def shared_areas(
    grid: LatitudeLongitude, sampling: Sampling
) -> tuple[SparseMatrix, NDArray[np.float64]]:
    """Return the areas that the cells of a grid share with the pixels of a sampling.

    Returns
    -------
    areas : csr_array
        Steradians, float64, shape (pixels, cells), sorted indices, all positive.
    whole : ndarray
        The areas of the pixels by the same account, steradians, float64, shape (pixels,).
    """
    cells = cells_of(grid)
    full = sampling.full if isinstance(sampling, Masked) else sampling
    if isinstance(full, Healpix):
        pixels = sampling.pixels if isinstance(sampling, Masked) else np.arange(len(full))
        return healpix_overlap_areas(cells, full.nside, pixels)
    if isinstance(full, Equiangular | GaussLegendre | Octahedral):
        return box_overlap_areas(cells, sampling.cells())
    return polygon_overlap_areas(cells, sampling.cells())
