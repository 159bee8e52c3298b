"""Attributes of fields, from a file of any kind to plain JSON of what is still true."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from deepsphere.conversion.packing import PACKING

# What says where the values lay, or how.
_OF_PLACES = (
    "coordinates",
    "grid_mapping",
    "cell_measures",
    "ancillary_variables",
    "bounds",
    "climatology",
    "grid_type",
    "CDI_grid_type",
    "CDI_grid_num_LPE",
    "number_of_grid_in_reference",
    "location",
    "mesh",
    "stagger",
)
_OF_GRIB = "GRIB_"


def plain_attributes(attributes: Mapping[Any, Any]) -> dict[str, Any]:
    """Return attributes as plain JSON: text, numbers and lists of these; the rest is left out."""
    plain = {str(name): _plain(value) for name, value in attributes.items()}
    return {name: value for name, value in plain.items() if value is not None}


def field_attributes(attributes: Mapping[Any, Any]) -> dict[str, Any]:
    """Return those attributes of a field that hold on any sampling, as plain JSON."""
    return {
        name: value
        for name, value in plain_attributes(attributes).items()
        if name not in (*PACKING, *_OF_PLACES) and not name.startswith(_OF_GRIB)
    }


def _plain(value: Any) -> Any:
    """Return a value as plain JSON, None where there is no such."""
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if isinstance(value, list | tuple):
        parts = [_plain(part) for part in value]
        return None if any(part is None for part in parts) else parts
    return None
