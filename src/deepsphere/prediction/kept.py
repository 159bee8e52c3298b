"""What of a user's file says where and when its fields are, as it stands there.

Coordinates are neither unpacked nor decoded nor turned round: what is written with them lies on the
user's own grid, number by number.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import xarray as xr

from deepsphere.conversion.coordinates import find_coordinates, named_in

_ENCODING = ("units", "calendar", "dtype", "scale_factor", "add_offset", "_FillValue")


@dataclass(frozen=True)
class Kept:
    """What is kept of a data set.

    Attributes
    ----------
    coordinates : dict of str to xarray.Variable
        Axes, latitudes and longitudes, and what else has no other dimensions.
    others : dict of str to xarray.Variable
        Bounds of these, and the grid mapping.
    grid_mapping : str or None
        What fields say of the grid mapping.
    """

    coordinates: dict[str, xr.Variable]
    others: dict[str, xr.Variable]
    grid_mapping: str | None


def keep(dataset: xr.Dataset, name: str, dimensions: Iterable[str], taken: Iterable[str]) -> Kept:
    """Return what is kept for results with some of the dimensions of a field.

    Parameters
    ----------
    dataset : xarray.Dataset
        As xarray opens it, decoded or not.
    name : str
        The field.
    dimensions : iterable of str
        Those of the results.
    taken : iterable of str
        Names of the results.
    """
    field, dimensions, taken = dataset[name], set(dimensions), set(taken)
    moments = [
        str(key)
        for key, variable in dataset.variables.items()
        if not variable.dims and " since " in str(variable.attrs.get("units", ""))
    ]
    candidates = [
        *map(str, field.dims),
        *find_coordinates(dataset, name),
        *named_in(field, "coordinates"),
        *map(str, field.coords),
        *moments,
    ]
    coordinates: dict[str, xr.Variable] = {}
    others: dict[str, xr.Variable] = {}
    for key in dict.fromkeys(candidates):
        if key not in dataset.variables or key in taken:
            continue
        if not set(dataset.variables[key].dims) <= dimensions:
            continue
        coordinates[key] = _as_it_is(dataset.variables[key])
        for attribute in ("bounds", "climatology"):
            for bounds in named_in(dataset[key], attribute):
                if bounds in dataset.variables and bounds not in taken:
                    others[bounds] = _as_it_is(dataset.variables[bounds])
    mapping = field.attrs.get("grid_mapping", field.encoding.get("grid_mapping"))
    mapped = [key for key in named_in(field, "grid_mapping") if key in dataset.variables]
    mapped = [key for key in mapped if key not in coordinates and not dataset[key].dims]
    others |= {key: _as_it_is(dataset.variables[key]) for key in mapped}
    others = {key: variable for key, variable in others.items() if key not in coordinates}
    return Kept(coordinates, others, str(mapping) if mapped else None)


def _as_it_is(variable: xr.Variable) -> xr.Variable:
    attributes = {
        name: value
        for name, value in variable.attrs.items()
        if isinstance(value, str | int | float | list | np.generic | np.ndarray)
        and name != "coordinates"
    }
    encoding = {name: value for name, value in variable.encoding.items() if name in _ENCODING}
    if "_FillValue" not in attributes:
        # Without a word, xarray marks every floating point variable.
        encoding.setdefault("_FillValue", None)
    # Nor are bounds to name the coordinates that they have dimensions in common with.
    encoding["coordinates"] = None
    return xr.Variable(variable.dims, np.array(variable.values), attributes, encoding)
