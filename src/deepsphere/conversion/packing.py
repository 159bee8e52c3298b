"""Numbers as they are meant, of numbers as files hold them: packed, and with marks for missing.

The attributes are those of the CF conventions: ``scale_factor`` and ``add_offset``, ``_FillValue``
and ``missing_value``, of which either may name several values, and ``_Unsigned``. Floating point
numbers without either may also hold the mark that the NetCDF library writes by itself where nothing
was written. ``valid_range`` and its like are not looked at, as xarray does: in too many files they
are wrong.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

PACKING = (
    "scale_factor",
    "add_offset",
    "_FillValue",
    "missing_value",
    "_Unsigned",
    "valid_range",
    "valid_min",
    "valid_max",
    "actual_range",
)
"""Attributes that say nothing of numbers once they are unpacked."""

_DEFAULT_MARK = 9.969209968386869e36
# float32 holds all whole numbers of so many bytes.
_SMALL_INTEGER_BYTES = 2


def unpacked(values: NDArray[Any], attributes: Mapping[Any, Any]) -> NDArray[Any]:
    """Return numbers as they are meant, NaN where there is none.

    Parameters
    ----------
    values : ndarray
        Numbers of any type and shape, as in the file.
    attributes : mapping
        Those of the variable; none of them is asked for, and what is no number is passed over.

    Returns
    -------
    ndarray
        The same array if nothing is packed or missing; float64 if it was packed; else floating
        point of the same size, or of one that holds the whole numbers.
    """
    if values.dtype.kind == "i" and str(attributes.get("_Unsigned", "")).lower() == "true":
        values = values.view(values.dtype.str.replace("i", "u"))
    missing = _is_missing(values, attributes)
    scale, offset = (_numbers(attributes.get(key)) for key in ("scale_factor", "add_offset"))
    if scale.size == 1 or offset.size == 1:
        values = values.astype(np.float64)
        if scale.size == 1:
            values *= scale[0]
        if offset.size == 1:
            values += offset[0]
    if missing is not None:
        if values.dtype.kind in "iu":
            small = values.dtype.itemsize <= _SMALL_INTEGER_BYTES
            values = values.astype(np.float32 if small else np.float64)
        values = np.where(missing, values.dtype.type(np.nan), values)
    return values


def missing_marks(dtype: np.dtype[Any], attributes: Mapping[Any, Any]) -> NDArray[Any]:
    """Return the values that mean none, of a type, shape (marks,); NaN means none anyway.

    Marks that the type cannot hold are left out.
    """
    given = [_numbers(attributes.get(key)) for key in ("_FillValue", "missing_value")]
    marks = np.concatenate(given)
    if not marks.size and dtype.kind == "f":
        marks = np.array([_DEFAULT_MARK])
    marks = marks[np.isfinite(marks)]
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        marks = marks[(marks >= limits.min) & (marks <= limits.max) & (marks == np.round(marks))]
    with np.errstate(over="ignore"):
        return np.unique(marks.astype(dtype))


def _is_missing(values: NDArray[Any], attributes: Mapping[Any, Any]) -> NDArray[np.bool_] | None:
    """Return where there is no value by a mark, or None if there is one everywhere."""
    if values.dtype.kind not in "iuf":
        return None
    missing: NDArray[np.bool_] | None = None
    for mark in missing_marks(values.dtype, attributes):
        found = values == mark
        missing = found if missing is None else missing | found
    return missing if missing is not None and missing.any() else None


def _numbers(value: Any) -> NDArray[np.float64]:
    """Return the numbers of an attribute, also of one written as text, shape (numbers,)."""
    if value is None:
        return np.empty(0)
    try:
        return np.atleast_1d(np.asarray(value)).astype(np.float64).ravel()
    except (TypeError, ValueError):
        return np.empty(0)
