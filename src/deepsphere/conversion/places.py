"""Where the values of a field of a data set lie: its dimensions of space, and their grid."""

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from deepsphere.conversion.coordinates import find_coordinates
from deepsphere.conversion.packing import unpacked
from deepsphere.errors import DeepsphereError
from deepsphere.regridding.grid import Grid, LatitudeLongitude, Points

# Degrees that coordinates of one row or column may differ by: those of single precision.
_ONE_LINE = 1e-4


@dataclass(frozen=True, eq=False)
class Places:
    """Where the values of a field lie.

    Attributes
    ----------
    dimensions : tuple of str
        Dimensions of space of the field: (latitude, longitude), or those of the points.
    grid : LatitudeLongitude or Points
        The grid, whose values are numbered as those of an array of these dimensions.
    """

    dimensions: tuple[str, ...]
    grid: Grid


class Finder:
    """Finds places, each grid once: fields of a data set share theirs.

    Parameters
    ----------
    dataset : xarray.Dataset
        As xarray opens it, decoded or not.
    """

    def __init__(self, dataset: xr.Dataset) -> None:
        self._dataset = dataset
        self._known: dict[tuple[str, str], Places] = {}

    def find(self, name: str) -> Places:
        """Return where the values of a field lie.

        Parameters
        ----------
        name : str
            A variable of the data set.

        Raises
        ------
        DeepsphereError
            If the data set does not say it, or what it says is no grid.
        """
        latitude, longitude = find_coordinates(self._dataset, name)
        if (latitude, longitude) not in self._known:
            try:
                self._known[latitude, longitude] = _places(self._dataset, latitude, longitude)
            except DeepsphereError as error:
                raise DeepsphereError(f"{name}, by {latitude} and {longitude}: {error}") from None
        return self._known[latitude, longitude]


def _places(dataset: xr.Dataset, latitude: str, longitude: str) -> Places:
    rows, columns = _flattened(dataset[latitude]), _flattened(dataset[longitude])
    if rows.ndim == columns.ndim == 1 and rows.dims != columns.dims:
        if min(rows.size, columns.size) < 2:
            what = "latitude" if rows.size < 2 else "longitude"
            raise DeepsphereError(
                f"there is only one {what}: a section or a mean along a circle is no map, and "
                "cannot be regridded"
            )
        bounds = _bounds(dataset, latitude), _bounds(dataset, longitude)
        grid: Grid = _axes_grid(_degrees(rows), _degrees(columns), *bounds)
        return Places((str(rows.dims[0]), str(columns.dims[0])), grid)
    if set(rows.dims) != set(columns.dims) or rows.ndim > 2:
        raise DeepsphereError(
            "latitudes and longitudes must be two axes or have the same one or two dimensions; "
            f"found {_sizes(rows)} and {_sizes(columns)}"
        )
    columns = columns.transpose(*rows.dims)
    dimensions = tuple(str(dimension) for dimension in rows.dims)
    north, east = _degrees(rows), _degrees(columns)
    if north.ndim == 2:
        for rows_first in (True, False):
            turned = (north, east) if rows_first else (north.T, east.T)
            if _are_lines(*turned):
                grid = _axes_grid(turned[0][:, 0], turned[1][0], None, None)
                return Places(dimensions if rows_first else dimensions[::-1], grid)
    return Places(dimensions, Points(north, east))


def _axes_grid(
    latitude: NDArray[np.float64],
    longitude: NDArray[np.float64],
    latitude_bounds: NDArray[np.float64] | None,
    longitude_bounds: NDArray[np.float64] | None,
) -> LatitudeLongitude:
    """Return the grid with the bounds that the file has, or made ones where these do not fit."""
    try:
        return LatitudeLongitude(latitude, longitude, latitude_bounds, longitude_bounds)
    except DeepsphereError:
        return LatitudeLongitude(latitude, longitude)


def _flattened(coordinate: xr.DataArray) -> xr.DataArray:
    """Return a coordinate without the dimensions of one value that it has beyond two, as time."""
    singles: list[Hashable] = [
        dimension for dimension in coordinate.dims if coordinate.sizes[dimension] == 1
    ]
    return coordinate.squeeze(singles[: max(0, coordinate.ndim - 2)])


def _degrees(coordinate: xr.DataArray, units: str | None = None) -> NDArray[np.float64]:
    """Return the values of a coordinate in degrees, NaN where there is none."""
    values = unpacked(np.asarray(coordinate.values), coordinate.attrs).astype(np.float64)
    stated = str(coordinate.attrs.get("units", "")) if units is None else units
    if stated.strip().lower().startswith("rad"):
        values = np.degrees(values)
    return values


def _bounds(dataset: xr.Dataset, name: str) -> NDArray[np.float64] | None:
    """Return the bounds of an axis in degrees, None if the file has none of the right shape."""
    axis = dataset[name]
    bounds = axis.attrs.get("bounds", axis.encoding.get("bounds"))
    if bounds not in dataset.variables or dataset[bounds].shape != (axis.size, 2):
        return None
    units = dataset[bounds].attrs.get("units", axis.attrs.get("units", ""))
    return _degrees(dataset[bounds], str(units))


def _are_lines(latitude: NDArray[np.float64], longitude: NDArray[np.float64]) -> bool:
    """Return whether each row has one latitude and each column one longitude."""
    return bool(
        min(latitude.shape) > 1
        and np.abs(latitude - latitude[:, :1]).max() <= _ONE_LINE
        and np.abs(longitude - longitude[:1]).max() <= _ONE_LINE
    )


def _sizes(coordinate: xr.DataArray) -> str:
    sizes = ", ".join(f"{key}: {size}" for key, size in coordinate.sizes.items())
    return f"({sizes})"
