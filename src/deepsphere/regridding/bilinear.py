"""Linear interpolation in latitude and in longitude between the four values around a pixel.

For fields on a sampling finer than the grid, or as fine: it gives the value at the pixel's centre,
which of a coarser sampling says little about the rest of the pixel. It keeps no integral.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from deepsphere.regridding.grid import LatitudeLongitude
from deepsphere.samplings.coordinates import longitude_latitude
from deepsphere.samplings.intersections import SparseMatrix
from deepsphere.samplings.sampling import Sampling

_Brackets = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]

# Of a step: next to a row or a column by less than this is on it.
_ON_LINE = 1e-12


def bilinear_matrix(grid: LatitudeLongitude, sampling: Sampling) -> SparseMatrix:
    """Return the map from the values of a grid to those interpolated to the pixels' centres.

    Parameters
    ----------
    grid : LatitudeLongitude
        Where the values are.
    sampling : Sampling
        The target.

    Returns
    -------
    csr_array
        Shape (pixels, values), float64, sorted indices, no zero stored; rows sum to 1, or are
        empty where the centre lies in no cell of the grid. Between the last column and the first
        one of a grid that goes around there is no seam. Between the last row and a pole without a
        row, the row's mean stands at the pole. In the outer halves of the outermost cells of a
        regional grid the value stays what it is at their centres.
    """
    longitude, latitude = longitude_latitude(sampling.positions)
    pixels = np.flatnonzero(grid.holds(longitude, latitude))
    lower, upper, to_upper, to_pole = _rows(grid, latitude[pixels])
    west, east, to_east = _columns(grid, longitude[pixels])
    columns = len(grid.longitude)
    here = 1 - to_pole
    entries = [
        (pixels, lower * columns + west, here * (1 - to_upper) * (1 - to_east)),
        (pixels, lower * columns + east, here * (1 - to_upper) * to_east),
        (pixels, upper * columns + west, here * to_upper * (1 - to_east)),
        (pixels, upper * columns + east, here * to_upper * to_east),
        _means_of_rows(grid, pixels, lower, to_pole),
    ]
    rows, values, weights = (np.concatenate(parts) for parts in zip(*entries, strict=True))
    matrix = csr_array((weights, (rows, values)), shape=(len(sampling), len(grid)))
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    return matrix


def _means_of_rows(
    grid: LatitudeLongitude,
    pixels: NDArray[np.int64],
    row: NDArray[np.int64],
    to_pole: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return the entries of pixels beyond the last row: the mean of the row, with its weight."""
    beyond = np.flatnonzero(to_pole)
    columns = len(grid.longitude)
    shares = np.abs(np.diff(grid.column_edges)) / 360
    return (
        np.repeat(pixels[beyond], columns),
        (row[beyond, np.newaxis] * columns + np.arange(columns)).ravel(),
        np.outer(to_pole[beyond], shares).ravel(),
    )


def _rows(
    grid: LatitudeLongitude, latitude: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the rows around latitudes, the weight of the second, and that of the pole beyond."""
    order = np.argsort(grid.latitude)
    rows = grid.latitude[order]
    below = np.clip(np.searchsorted(rows, latitude, "right") - 1, 0, len(rows) - 2)
    to_upper = _snapped((latitude - rows[below]) / (rows[below + 1] - rows[below]))
    to_pole = np.zeros_like(latitude)
    for pole, last in ((-90.0, rows[0]), (90.0, rows[-1])):
        if grid.wraps and pole in grid.row_edges:
            beyond = np.abs(latitude - pole) < abs(last - pole)
            to_pole[beyond] = (latitude[beyond] - last) / (pole - last)
    lower, upper = order[below], order[below + 1]
    lower = np.where(to_upper >= 1, upper, lower)
    to_upper = np.where(to_upper >= 1, 0.0, to_upper)
    return lower, upper, to_upper, to_pole


def _columns(grid: LatitudeLongitude, longitude: NDArray[np.float64]) -> _Brackets:
    """Return the columns around longitudes, and the weight of the second."""
    count = len(grid.longitude) - grid.repeats
    order = np.argsort(grid.longitude[:count])
    columns = grid.longitude[order]
    if grid.wraps:
        order = np.append(order, order[0])
        columns = np.append(columns, columns[0] + 360)
        longitude = columns[0] + np.mod(longitude - columns[0], 360)
    else:
        # Those in the outer half of a cell at the western end are behind the first column.
        middle = (columns[0] + columns[-1]) / 2
        longitude = middle + np.mod(longitude - middle + 180, 360) - 180
    west = np.clip(np.searchsorted(columns, longitude, "right") - 1, 0, len(columns) - 2)
    to_east = _snapped((longitude - columns[west]) / (columns[west + 1] - columns[west]))
    return order[west], order[west + 1], to_east


def _snapped(fractions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return fractions between 0 and 1; what misses an end by rounding is there."""
    nearest = np.round(fractions)
    snapped = np.where(np.abs(fractions - nearest) < _ON_LINE, nearest, fractions)
    return np.clip(snapped, 0.0, 1.0)
