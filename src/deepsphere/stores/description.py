"""What the dataset of a store must hold, and what is added to it.

==================== ========================================= =====================================
name                 dimensions                                content
==================== ========================================= =====================================
``data``             (sample, cell, channel)                   float32 or float16; NaN: no value
``longitude``        (cell,)                                   degrees east
``latitude``         (cell,)                                   degrees north
``time``             (sample,), optional                       datetime64
``split``            (sample,), optional                       0 train, 1 validation, 2 test
any other coordinate (sample,), (cell,) or (channel,)          numbers
attributes           JSON; ``channels`` names the channels
==================== ========================================= =====================================

Names are attributes because zarr 3 has no specified string arrays. The metadata follow the CF
conventions 1.13.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from deepsphere.errors import DeepsphereError
from deepsphere.files import canonical_json

if TYPE_CHECKING:
    import xarray as xr

DATA = "data"
DIMENSIONS = ("sample", "cell", "channel")
SPLITS = ("train", "validation", "test")
"""Names of the splits, by their numbers."""

_CONVENTIONS = "CF-1.13"
_CF_ATTRIBUTES = {
    "time": {"standard_name": "time"},
    "longitude": {"standard_name": "longitude", "units": "degrees_east"},
    "latitude": {"standard_name": "latitude", "units": "degrees_north"},
}
_TIME_UNITS = {"days": "D", "seconds": "s", "nanoseconds": "ns"}


def describe(dataset: "xr.Dataset") -> "xr.Dataset":
    """Check the dataset of a store and complete its CF attributes.

    Parameters
    ----------
    dataset : xarray.Dataset
        See the table above. Attributes that are there already stay.

    Returns
    -------
    xarray.Dataset
        The same variables, the data untouched (and as lazy as they were).

    Raises
    ------
    DeepsphereError
        If something is missing, or has other dimensions or another type.
    """
    _check_data(dataset)
    for name in ("longitude", "latitude"):
        if name not in dataset.coords or dataset[name].dims != ("cell",):
            raise DeepsphereError(f"store: the dataset needs a coordinate {name!r} of (cell,)")
    for key, variable in dataset.variables.items():
        if key != DATA:
            _check_coordinate(str(key), variable)
        _check_attributes(f"of {key!r}", variable.attrs)
    _check_attributes("of the dataset", dataset.attrs)
    _check_channels(dataset)
    described = dataset.copy(deep=False)
    described.attrs = {"Conventions": _CONVENTIONS, **dataset.attrs}
    for name, attributes in _CF_ATTRIBUTES.items():
        if name in described.coords:
            described[name].attrs = {**attributes, **dataset[name].attrs}
    return described


def encodings(dataset: "xr.Dataset", samples_per_chunk: int) -> dict[str, dict[str, Any]]:
    """Return xarray's encoding of every variable: uncompressed, whole arrays, NaN to fill.

    Parameters
    ----------
    dataset : xarray.Dataset
        From :func:`describe`.
    samples_per_chunk : int
        Only the data are cut, along the samples.
    """
    encoding: dict[str, dict[str, Any]] = {}
    for name, variable in dataset.variables.items():
        encoding[str(name)] = {"compressors": None, "filters": None, "chunks": variable.shape}
        if variable.dtype.kind == "M":
            encoding[str(name)] |= _time_encoding(variable.values)
    shape = dataset[DATA].shape
    encoding[DATA] |= {
        "chunks": (samples_per_chunk, *shape[1:]),
        "fill_value": dataset[DATA].dtype.type("nan"),
    }
    return encoding


def _check_data(dataset: "xr.Dataset") -> None:
    if DATA not in dataset:
        raise DeepsphereError(f"store: the dataset has no variable {DATA!r}")
    data = dataset[DATA]
    if data.dims != DIMENSIONS:
        raise DeepsphereError(
            f"store: {DATA!r} must have the dimensions {DIMENSIONS}; found {data.dims}; "
            "transpose it"
        )
    if data.dtype not in (np.float32, np.float16):
        raise DeepsphereError(
            f"store: {DATA!r} must be float32 or float16; found {data.dtype}; convert it"
        )
    if 0 in data.shape:
        raise DeepsphereError(
            f"store: there is nothing to store: {DATA!r} has the shape {data.shape} (samples, "
            "cells, channels); check what the source selects"
        )


def _check_coordinate(name: str, variable: "xr.Variable") -> None:
    if len(variable.dims) != 1 or variable.dims[0] not in DIMENSIONS:
        raise DeepsphereError(
            f"store: {name!r} must have one of the dimensions {DIMENSIONS}; found {variable.dims}"
        )
    if variable.dtype.kind not in "biufM":
        raise DeepsphereError(
            f"store: {name!r} must hold numbers or times; found {variable.dtype}; put names into "
            "an attribute"
        )
    if variable.dtype.kind == "M" and np.isnat(variable.values).any():
        raise DeepsphereError(f"store: {name!r} must hold a time for every sample; found NaT")


def _check_attributes(where: str, attributes: dict[Any, Any]) -> None:
    for name, value in attributes.items():
        try:
            canonical_json(value)
        except (TypeError, ValueError) as error:
            raise DeepsphereError(
                f"store: the attribute {name!r} {where} is not plain JSON: {error}"
            ) from None


def _check_channels(dataset: "xr.Dataset") -> None:
    channels = dataset.attrs.get("channels")
    count = dataset.sizes["channel"]
    if not isinstance(channels, list | tuple) or not all(isinstance(c, str) for c in channels):
        raise DeepsphereError(
            "store: the attribute 'channels' must list the names of the channels; "
            f"found {channels!r}"
        )
    if len(channels) != count or len(set(channels)) != count:
        raise DeepsphereError(
            f"store: the attribute 'channels' must hold {count} different names, one for each "
            f"channel; found {list(channels)}"
        )


def _time_encoding(times: np.ndarray[Any, np.dtype[np.datetime64]]) -> dict[str, str]:
    """Return the coarsest encoding as whole numbers that keeps every time."""
    unit = next(
        name for name, code in _TIME_UNITS.items() if (times.astype(f"M8[{code}]") == times).all()
    )
    return {
        "units": f"{unit} since 1970-01-01",
        "calendar": "proleptic_gregorian",
        "dtype": "int64",
    }
