"""Which variables of a data set say the latitudes and the longitudes of a field.

Files say it in many ways: by ``standard_name``, by units such as ``degrees_north``, by ``axis``, or
only by a name. In order, the coordinates are looked for among those that the attribute
``coordinates`` of the field names, those that are named like its dimensions, those that xarray
attached to it, and all others that share its dimensions. Axes of rotated and of projected grids are
none.
"""

import re
from collections.abc import Iterable
from typing import Any

import xarray as xr

from deepsphere.errors import DeepsphereError

_UNITS = {
    "latitude": re.compile(r"(deg(ree)?s?|°)[_ ]?n(orth)?"),
    "longitude": re.compile(r"(deg(ree)?s?|°)[_ ]?e(ast)?"),
}
_NAMES = {
    "latitude": re.compile(
        r"(nav_|grid_center_|geo|c|x|t|u|v)?lat(s|itude|itudes|cell|_rho|_psi|_[tuvfc])?|gphi[tuvf]"
        r"|yc",
    ),
    "longitude": re.compile(
        r"(nav_|grid_center_|geo|c|x|t|u|v)?lon(s|g|gitude|gitudes|cell|_rho|_psi|_[tuvfc])?"
        r"|glam[tuvf]|xc",
    ),
}
_AXES = {"latitude": "Y", "longitude": "X"}
_PLAIN_UNITS = re.compile(r"(deg(ree)?s?|°|rad(ian)?s?)?")
# Mappings whose axes are latitude and longitude.
_UNPROJECTED = ("", "latitude_longitude", "healpix")
_TRACKS = ("point", "timeseries", "trajectory", "profile")


def find_coordinates(dataset: xr.Dataset, name: str) -> tuple[str, str]:
    """Return the names of the latitudes and the longitudes of a field.

    Parameters
    ----------
    dataset : xarray.Dataset
        As xarray opens it, decoded or not.
    name : str
        The field.

    Raises
    ------
    DeepsphereError
        If there are none, or several.
    """
    field = dataset[name]
    tracks = str(dataset.attrs.get("featureType", "")).replace("_", "").lower()
    if tracks in _TRACKS or tracks.endswith("profile"):
        raise DeepsphereError(
            f"{name} holds no field but values along tracks or at stations (featureType "
            f"{dataset.attrs['featureType']})"
        )
    mapping = _mapping(dataset, field)
    named = named_in(field, "coordinates")
    dimensions = [str(dimension) for dimension in field.dims]
    attached = [str(key) for key in field.coords]
    everything = [str(key) for key in dataset.variables if key != name]
    for group in (named, dimensions, attached, everything):
        latitudes, longitudes = (
            _of_kind(dataset, field, group, kind) for kind in ("latitude", "longitude")
        )
        if mapping not in _UNPROJECTED:
            latitudes, longitudes = (
                [key for key in keys if dataset[key].dims != (key,)]
                for keys in (latitudes, longitudes)
            )
        pairs = [
            (latitude, longitude)
            for latitude in latitudes
            for longitude in longitudes
            if _fit(dataset[latitude], dataset[longitude])
        ]
        if len(pairs) > 1:
            raise DeepsphereError(
                f"{name} has several latitudes or longitudes, {', '.join(latitudes + longitudes)}; "
                "name those of the field in its attribute 'coordinates'"
            )
        if pairs:
            return pairs[0]
    found = ", ".join(f"{key}({size})" for key, size in field.sizes.items()) or "none"
    if mapping not in _UNPROJECTED:
        raise DeepsphereError(
            f"{name} is on a grid that is rotated or projected ({mapping}) and has no latitude and "
            f"longitude of each point; dimensions: {found}"
        )
    lacking = [
        kind for kind in ("latitude", "longitude") if not _of_kind(dataset, field, everything, kind)
    ]
    lacks = " and no ".join(lacking) or "latitude and longitude that fit each other"
    raise DeepsphereError(
        f"{name} has no {lacks}; dimensions: {found}; if they are in another file, merge it with "
        "xarray and pass the data set"
    )


def is_coordinate(dataset: xr.Dataset, name: str, kind: str) -> bool:
    """Return whether a variable holds latitudes, or longitudes.

    Parameters
    ----------
    dataset : xarray.Dataset
        As xarray opens it.
    name : str
        The variable.
    kind : {"latitude", "longitude"}
        Which of the two.
    """
    variable = dataset.variables[name]
    if variable.dtype.kind not in "iuf":
        return False
    standard_name, units, axis, long_name = (
        str(variable.attrs.get(key, "")).strip()
        for key in ("standard_name", "units", "axis", "long_name")
    )
    if standard_name:
        return standard_name.lower() == kind
    units = units.lower()
    if _UNITS[kind].fullmatch(units):
        return True
    if not _PLAIN_UNITS.fullmatch(units):
        return False
    if axis.upper() == _AXES[kind] and units:
        return True
    return bool(_NAMES[kind].fullmatch(name.lower())) or long_name.lower().startswith(kind)


def named_in(variable: xr.DataArray, attribute: str) -> list[str]:
    """Return the names in an attribute, which xarray moves to the encoding when it decodes it."""
    value: Any = variable.attrs.get(attribute, variable.encoding.get(attribute, ""))
    return [word.rstrip(":") for word in value.split()] if isinstance(value, str) else []


def mentioned(dataset: xr.Dataset) -> set[str]:
    """Return the names of the variables that others name as their bounds or coordinates."""
    names: set[str] = set()
    for key in dataset.variables:
        for attribute in ("bounds", "climatology", "coordinates", "grid_mapping"):
            names.update(named_in(dataset[key], attribute))
    return names


def _of_kind(
    dataset: xr.Dataset, field: xr.DataArray, names: Iterable[str], kind: str
) -> list[str]:
    """Return which of some variables are latitudes or longitudes of the field's points."""
    return [
        name
        for name in dict.fromkeys(names)
        if name in dataset.variables
        and dataset.variables[name].ndim > 0
        and set(dataset.variables[name].dims) <= set(field.dims)
        and is_coordinate(dataset, name, kind)
    ]


def _fit(latitude: xr.DataArray, longitude: xr.DataArray) -> bool:
    """Return whether the two are axes of a grid, or say both where each point is."""
    if latitude.ndim == longitude.ndim == 1:
        return True
    return latitude.ndim > 1 and set(latitude.dims) == set(longitude.dims)


def _mapping(dataset: xr.Dataset, field: xr.DataArray) -> str:
    """Return the name of the projection of a field's grid, empty if none is said."""
    for name in named_in(field, "grid_mapping"):
        if name in dataset.variables:
            return str(dataset.variables[name].attrs.get("grid_mapping_name", ""))
    return ""
