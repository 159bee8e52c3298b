"""Which states of a file a model sees together: those right before each.

What counts is the time between states, as in training: where the run knows it, states are
consecutive if they are so far apart, and otherwise if they are next to each other in the file.
"""

import logging

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from deepsphere.conversion.times import decoded
from deepsphere.errors import DeepsphereError

_LOG = logging.getLogger(__name__)
_NAMES = ("time", "t", "valid_time", "times")
_SECONDS = 3600.0
# Times as days in single precision are off by some seconds.
_CLOSE = 60.0


def find_time(dataset: xr.Dataset, dimensions: tuple[str, ...]) -> str | None:
    """Return which of some dimensions is that of time, None if none is.

    Parameters
    ----------
    dataset : xarray.Dataset
        As xarray opens it, decoded or not.
    dimensions : tuple of str
        Names of dimensions that are not of space.
    """
    for name in dimensions:
        if name not in dataset.variables:
            continue
        attributes = dataset.variables[name].attrs
        is_time = (
            _seconds(dataset, name) is not None
            or " since " in str(attributes.get("units", ""))
            or str(attributes.get("standard_name", "")) == "time"
            or str(attributes.get("axis", "")).upper() == "T"
        )
        if is_time:
            return name
    return next((name for name in dimensions if name.lower() in _NAMES), None)


def windows_in_time(
    dataset: xr.Dataset, time: str, length: int, step_hours: float | None
) -> NDArray[np.int64]:
    """Return the consecutive states that end with each state.

    Parameters
    ----------
    dataset : xarray.Dataset
        As xarray opens it, decoded or not.
    time : str
        The dimension of the states.
    length : int
        States that a model sees.
    step_hours : float or None
        From each to the next, if the run knows it.

    Returns
    -------
    ndarray of int64, shape (state, time)
        Their numbers, the last column that of the row; -1 where there is no such state.

    Raises
    ------
    DeepsphereError
        If no state has all that come before.
    """
    states = dataset.sizes[time]
    lags = np.arange(1 - length, 1)
    seconds = _seconds(dataset, time) if time in dataset.variables else None
    if seconds is None or step_hours is None:
        _LOG.warning(
            "the %s does not say how far apart states are: those that are next to each other in "
            "the file are taken to be consecutive",
            "file" if seconds is None else "run",
        )
        windows = np.arange(states)[:, None] + lags
        windows[windows < 0] = -1
        apart = ""
    else:
        order = np.argsort(seconds, kind="stable")
        wanted = seconds[:, None] + lags * step_hours * _SECONDS
        place = np.searchsorted(seconds[order], wanted - _CLOSE)
        found = order[np.minimum(place, states - 1)]
        windows = np.where(np.abs(seconds[found] - wanted) <= _CLOSE, found, -1)
        windows[:, -1] = np.arange(states)
        apart = f", {step_hours:g} hours apart"
    incomplete = int((windows < 0).any(axis=1).sum())
    if incomplete == states:
        raise DeepsphereError(
            f"predict: the run sees {length} consecutive states{apart}; none of the {states} in "
            f"the file has the {length - 1} before it"
        )
    if incomplete:
        _LOG.info(
            "%d of %d times are left without an answer: the run sees %d consecutive states%s",
            incomplete,
            states,
            length,
            apart,
        )
    return windows


def _seconds(dataset: xr.Dataset, name: str) -> NDArray[np.float64] | None:
    """Return times as seconds since the first one, None if they are no times."""
    if name not in dataset.variables or dataset.variables[name].dims != (name,):
        return None
    values = decoded(dataset.variables[name]).values
    if values.dtype.kind == "M":
        seconds: NDArray[np.float64] = (values - values[:1]) / np.timedelta64(1, "s")
        return seconds
    if values.dtype.kind == "O" and values.size and hasattr(values.flat[0], "calendar"):
        return np.array([(value - values[0]).total_seconds() for value in values])
    return None
