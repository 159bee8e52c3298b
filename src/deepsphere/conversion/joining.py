"""Several data sets on one sampling as one, along time."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from deepsphere.conversion.times import UNDECODED
from deepsphere.errors import DeepsphereError


def join(parts: Sequence[xr.Dataset], names: Sequence[str]) -> xr.Dataset:
    """Return data sets as one, in the order of their times.

    Parameters
    ----------
    parts : sequence of xarray.Dataset
        As :func:`~deepsphere.conversion.regridding.regrid` returns them, on one sampling, with the
        same variables and a time that rises throughout each.
    names : sequence of str
        What they are, for messages, such as their paths.

    Raises
    ------
    DeepsphereError
        If one has other variables or no time, or times of two overlap.
    """
    if len(parts) == 1:
        return parts[0]
    for part, name in zip(parts, names, strict=True):
        if list(part.data_vars) != list(parts[0].data_vars):
            raise DeepsphereError(
                f"{name} has the variables {', '.join(map(str, part.data_vars))}; those of "
                f"{names[0]} are {', '.join(map(str, parts[0].data_vars))}; name those that all "
                "files have"
            )
    time = _time_of(parts[0], names[0])
    lengthened, firsts = [], []
    for part, name in zip(parts, names, strict=True):
        own = _time_of(part, name)
        units = [data[own].attrs.get(UNDECODED) for data, own in ((parts[0], time), (part, own))]
        if own != time or units[0] != units[1]:
            raise DeepsphereError(
                f"{name} has the time {own} in {units[1]}; that of {names[0]} is {time} in "
                f"{units[0]}; bring them to one unit first"
            )
        if not part[time].dims:
            part = _with_dimension(part, time)
        lengthened.append(part)
        firsts.append(part[time].values[0])
    order = sorted(range(len(parts)), key=lambda number: firsts[number])
    _check_rising([lengthened[number] for number in order], [names[i] for i in order], time)
    moving = [name for name, data in lengthened[0].data_vars.items() if time in data.dims]
    if not moving:
        raise DeepsphereError(f"{names[0]}: no variable has the dimension {time} of the others")
    try:
        joined = xr.concat(
            [lengthened[number] for number in order],
            dim=time,
            data_vars="minimal",
            coords="minimal",
            compat="override",
            join="exact",
            combine_attrs="override",
        )
    except ValueError as error:
        raise DeepsphereError(
            f"the files differ in more than time: {str(error).splitlines()[0]}"
        ) from None
    return joined


def _time_of(dataset: xr.Dataset, name: str) -> str:
    """Return the name of the time along which a data set goes on, or at which it is."""
    times = [str(key) for key in dataset.coords if _is_time(dataset[key], str(key))]
    # Of several, such as the time of a forecast and when it was made, the one that is a dimension.
    times.sort(key=lambda key: (dataset[key].dims != (key,), key not in ("time", "valid_time")))
    if not times or dataset[times[0]].ndim > 1:
        raise DeepsphereError(f"{name} has no time along which files could be joined")
    if dataset[times[0]].dims not in ((), (times[0],)):
        raise DeepsphereError(f"{name} has the time {times[0]}, which is no dimension of its own")
    return times[0]


def _is_time(coordinate: xr.DataArray, name: str) -> bool:
    if coordinate.ndim > 1:
        return False
    attributes = coordinate.attrs
    values = coordinate.values
    is_calendar = values.dtype.kind == "O" and hasattr(values.flat[0], "calendar")
    return bool(
        values.dtype.kind == "M"
        or is_calendar
        or UNDECODED in attributes
        or str(attributes.get("standard_name", "")) == "time"
        or str(attributes.get("axis", "")).upper() == "T"
        or name.lower() == "time"
    )


def _with_dimension(dataset: xr.Dataset, time: str) -> xr.Dataset:
    """Return a data set of one time with a dimension for it in every field."""
    fields = {
        name: data.expand_dims(time) for name, data in dataset.drop_vars(time).data_vars.items()
    }
    coordinates = dataset.coords.to_dataset().drop_vars(time)
    extended: xr.Dataset = xr.Dataset(fields, coordinates.coords, dataset.attrs)
    value: Any = dataset[time]
    return extended.assign_coords({time: (time, np.atleast_1d(value.values), value.attrs)})


def _check_rising(parts: Sequence[xr.Dataset], names: Sequence[str], time: str) -> None:
    last: Any = None
    for part, name in zip(parts, names, strict=True):
        for value in part[time].values:
            if last is not None and not value > last:
                raise DeepsphereError(
                    f"times must rise from file to file; found {value} after {last} in {name}; "
                    "leave out the file that overlaps"
                )
            last = value
