"""Coordinates that are no places: times decoded, other numbers unpacked.

Times that xarray cannot decode (months, the year 0) stay numbers. Their units then lie in the
attribute ``undecoded_units``: with ``units``, no one could open the result without switching the
decoding of times off.
"""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from deepsphere.conversion.packing import PACKING, unpacked

UNDECODED = "undecoded_units"
_DATE_UNITS = "day as %Y%m%d.%f"


def decoded(coordinate: xr.Variable, units: str = "", calendar: str = "") -> xr.Variable:
    """Return a coordinate with times for numbers that mean times, and unpacked numbers.

    Parameters
    ----------
    coordinate : xarray.Variable
        As in the file, or decoded already.
    units, calendar : str
        Those of its bounds' times, which need not have any of their own.

    Returns
    -------
    xarray.Variable
        In memory, without the attributes of packing.
    """
    attributes = dict(coordinate.attrs)
    if coordinate.dtype.kind not in "iuf":
        return xr.Variable(coordinate.dims, coordinate.values, attributes)
    units = str(attributes.get("units", units))
    if units == _DATE_UNITS:
        times = _dates(unpacked(np.asarray(coordinate.values), attributes))
        if times is not None:
            attributes = _without(attributes, (*PACKING, "units", "calendar"))
            return xr.Variable(coordinate.dims, times, attributes)
    if " since " in units:
        calendar = str(attributes.get("calendar", calendar)) or "standard"
        raw = {**attributes, "units": units, "calendar": calendar}
        stated = xr.Dataset({"time": xr.Variable(coordinate.dims, coordinate.values, raw)})
        try:
            times = xr.decode_cf(stated, decode_timedelta=False)["time"].values
        except (ValueError, OverflowError, ArithmeticError, ImportError):
            attributes[UNDECODED] = f"{units} ({calendar} calendar)"
            attributes = _without(attributes, ("units", "calendar"))
        else:
            attributes = _without(attributes, (*PACKING, "units", "calendar"))
            return xr.Variable(coordinate.dims, times, attributes)
    values = unpacked(np.asarray(coordinate.values), attributes)
    return xr.Variable(coordinate.dims, values, _without(attributes, PACKING))


def _dates(numbers: NDArray[np.generic]) -> NDArray[np.datetime64] | None:
    """Return the times of numbers such as 19850131.25, None if any is none."""
    given = np.asarray(numbers, np.float64)
    if not np.isfinite(given).all() or (given < 0).any():
        return None
    dates = np.floor(given)
    year, month, day = dates // 10000, dates // 100 % 100, dates % 100
    if ((month < 1) | (month > 12) | (day < 1) | (day > 31)).any():
        return None
    months = ((year - 1970) * 12 + month - 1).astype(np.int64).astype("M8[M]")
    seconds = np.round((given - dates) * 86400).astype(np.int64)
    times = months.astype("M8[D]") + (day - 1).astype(np.int64) + seconds.astype("m8[s]")
    decoded_times: NDArray[np.datetime64] = times.astype("M8[ns]")
    return decoded_times


def _without(attributes: dict, names: tuple[str, ...]) -> dict:  # type: ignore[type-arg]
    return {key: value for key, value in attributes.items() if key not in names}
