"""The cells of a latitude-longitude grid as the exact overlaps want them: in one known order."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepsphere.regridding.grid import LatitudeLongitude


@dataclass(frozen=True, eq=False)
class Cells:
    """Boxes between parallels from north to south and meridians eastwards.

    Attributes
    ----------
    latitude : ndarray
        Degrees north of the parallels, float64, shape (rows + 1,), falling.
    longitude : ndarray
        Degrees east of the meridians, float64, shape (columns + 1,), rising, from a first one in
        [0, 360), without columns of no width.
    rows, columns : ndarray
        The row and the column of the grid that each row and column is, int64.
    row_length : int
        Columns of the grid.
    count : int
        Cells of the grid.
    """

    latitude: NDArray[np.float64]
    longitude: NDArray[np.float64]
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    row_length: int
    count: int

    @property
    def heights(self) -> NDArray[np.float64]:
        """Differences of z = sin(latitude) across the rows, float64, shape (rows,)."""
        north, south = np.radians(self.latitude[:-1]), np.radians(self.latitude[1:])
        # As a product, which keeps its digits next to a pole.
        heights: NDArray[np.float64] = 2 * np.cos((north + south) / 2) * np.sin((north - south) / 2)
        return heights

    @property
    def wraps(self) -> bool:
        """Whether the columns go all around."""
        return bool(self.longitude[-1] - self.longitude[0] == 360)


def cells_of(grid: LatitudeLongitude) -> Cells:
    """Return the cells of a grid."""
    latitude, longitude = grid.row_edges, grid.column_edges
    rows, columns = np.arange(grid.shape[0]), np.arange(grid.shape[1])
    if latitude[0] < latitude[-1]:
        latitude, rows = latitude[::-1], rows[::-1]
    if longitude[0] > longitude[-1]:
        longitude, columns = longitude[::-1], columns[::-1]
    latitude, rows = _without_empty(latitude, rows)
    longitude, columns = _without_empty(longitude, columns)
    first = np.mod(longitude[0], 360.0)
    turned = first + (longitude - longitude[0])
    if longitude[-1] - longitude[0] == 360:
        turned[-1] = first + 360
    return Cells(latitude, turned, rows, columns, grid.shape[1], len(grid))


def _without_empty(
    edges: NDArray[np.float64], numbers: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Leave out rows or columns that begin where they end."""
    wide = np.diff(edges) != 0
    return np.append(edges[:-1][wide], edges[-1]), numbers[wide]
