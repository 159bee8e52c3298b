"""The value of the nearest point of a grid: for labels, and for what must not be averaged.

For fields it errs more than the other methods, see :mod:`~deepsphere.regridding.build`. Nearest
means the shortest way on the sphere: next to a pole that may be a point of another row than the one
of nearest latitude.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

from deepsphere.regridding.grid import Grid, LatitudeLongitude, Points
from deepsphere.samplings.coordinates import longitude_latitude
from deepsphere.samplings.intersections import SparseMatrix
from deepsphere.samplings.sampling import Sampling

# The corners of a triangle's cell are as far from its centre as the three next centres, those of a
# square nearer: the fourth nearest place leaves room for cells that are less regular.
_CELL_NEIGHBOURS = 4
# Distances under which points are at one place: 6 m on Earth.
_ONE_PLACE = 1e-6


def nearest_matrix(grid: Grid, sampling: Sampling) -> SparseMatrix:
    """Return the map from the values of a grid to those nearest to the pixels of a sampling.

    Parameters
    ----------
    grid : LatitudeLongitude or Points
        Where the values are.
    sampling : Sampling
        The target.

    Returns
    -------
    csr_array
        Shape (pixels, values), float64: a single 1 a row. Rows of pixels whose centres lie in no
        cell of the grid are empty; for points see :func:`nearest_place_matrix`.
    """
    if isinstance(grid, Points):
        return nearest_place_matrix(grid.positions, sampling.positions)
    pixels, values = _nearest_cells(grid, sampling.positions)
    return _selection(pixels, values, (len(sampling), len(grid)))


def nearest_place_matrix(
    places: NDArray[np.float64], positions: NDArray[np.float64]
) -> SparseMatrix:
    """Return the map from values at places to those nearest to positions.

    Parameters
    ----------
    places : ndarray
        Where the values are, unit vectors, float64, shape (values, 3); a value whose place is NaN
        is nowhere.
    positions : ndarray
        The targets, unit vectors, float64, shape (targets, 3); NaN likewise.

    Returns
    -------
    csr_array
        Shape (targets, values), float64: a single 1 a row. A place's cell is taken to reach as far
        as the fourth nearest other place; rows of targets in no cell are empty.
    """
    known = np.flatnonzero(np.isfinite(places[:, 0]))
    _, first = np.unique(np.round(places[known] / _ONE_PLACE), axis=0, return_index=True)
    known = known[np.sort(first)]
    tree = cKDTree(places[known])
    targets = np.flatnonzero(np.isfinite(positions[:, 0]))
    distances, nearest = (np.ravel(found) for found in tree.query(positions[targets], k=[1]))
    neighbours = min(_CELL_NEIGHBOURS, len(known) - 1)
    reach = np.full(len(known), np.inf)
    if neighbours:
        reach = np.ravel(tree.query(places[known], k=[neighbours + 1])[0])
    in_cell = distances <= reach[nearest]
    return _selection(targets[in_cell], known[nearest[in_cell]], (len(positions), len(places)))


def _selection(
    targets: NDArray[np.int64], values: NDArray[np.int64], shape: tuple[int, int]
) -> SparseMatrix:
    """Return the matrix that gives each of some targets, ascending, its value."""
    counts = np.zeros(shape[0] + 1, np.int64)
    counts[targets + 1] = 1
    return csr_array((np.ones(len(targets)), values, np.cumsum(counts)), shape=shape)


def _nearest_cells(
    grid: LatitudeLongitude, positions: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the pixels in the grid, ascending, and the values nearest to them.

    At a difference of longitude δ, a place of latitude φ is nearest to the latitude ψ of
    tan ψ = tan φ / cos δ, and the distance grows with that from ψ; it also grows with δ.
    """
    longitude, latitude = longitude_latitude(positions)
    pixels = np.flatnonzero(grid.holds(longitude, latitude))
    longitude, latitude = longitude[pixels], np.radians(latitude[pixels])
    column = _nearest_columns(grid, longitude)
    apart = np.radians(grid.longitude[column] - longitude)
    best = np.degrees(np.arctan2(np.sin(latitude), np.cos(latitude) * np.cos(apart)))
    order = np.argsort(grid.latitude)
    middles = (grid.latitude[order][:-1] + grid.latitude[order][1:]) / 2
    row = order[np.searchsorted(middles, best)]
    return pixels, row * len(grid.longitude) + column


def _nearest_columns(grid: LatitudeLongitude, longitude: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the columns nearest to longitudes of degrees east."""
    count = len(grid.longitude) - grid.repeats
    order = np.argsort(grid.longitude[:count])
    centres = grid.longitude[order]
    # From halfway across the gap between the last column and the first one.
    start = (centres[0] + centres[-1] - 360) / 2
    middles = (centres[:-1] + centres[1:]) / 2
    columns: NDArray[np.int64] = order[
        np.searchsorted(middles, start + np.mod(longitude - start, 360))
    ]
    return columns
