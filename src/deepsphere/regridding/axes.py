"""The two axes of a latitude-longitude grid: in order, unwrapped, and with the edges of its cells.

For :class:`~deepsphere.regridding.grid.LatitudeLongitude`. Files disagree about everything here:
either axis may run either way, longitudes start anywhere, and may jump by a turn in the middle;
single precision takes latitudes past a pole.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepsphere.errors import DeepsphereError

# Degrees by which single precision and rounded text miss a pole.
_POLE_TOLERANCE = 1e-3
# Parts of a step by which edges may miss each other, or the end of the turn.
_EDGE_TOLERANCE = 1e-2
# A gap of so many of the largest steps is one column more: rounded longitudes vary by less.
_WIDEST_CLOSING_STEP = 1.5


def latitude_axis(values: ArrayLike) -> NDArray[np.float64]:
    """Return checked latitudes: float64 degrees north, shape (rows,), strictly monotonic.

    Parameters
    ----------
    values : array_like
        Degrees north, from either pole to the other. Values past a pole by 0.001° or less are
        taken for the pole.

    Raises
    ------
    DeepsphereError
        If they are fewer than two, not finite, not monotonic or beyond a pole.
    """
    latitude = _numbers(values, "latitudes")
    worst = float(np.abs(latitude).max())
    if worst > 90 + _POLE_TOLERANCE:
        raise DeepsphereError(
            f"grid: latitudes must lie between -90 and 90 degrees; found {worst:g}; "
            "check the unit, and that latitude and longitude are not swapped"
        )
    latitude = np.clip(latitude, -90.0, 90.0)
    _check_monotonic(np.diff(latitude), "latitudes")
    return latitude


def longitude_axis(values: ArrayLike) -> NDArray[np.float64]:
    """Return checked longitudes, unwrapped: float64 degrees east, shape (columns,), monotonic.

    Parameters
    ----------
    values : array_like
        Degrees east, around at most one turn, eastwards or westwards, in steps of 180° or less.
        They may pass from 360 to 0, or from 180 to -180, anywhere.

    Returns
    -------
    ndarray
        The same longitudes but for whole turns; the first one is kept.

    Raises
    ------
    DeepsphereError
        If they are fewer than two, not finite, not monotonic or go more than once around.
    """
    longitude = _numbers(values, "longitudes")
    steps = np.mod(np.diff(longitude), 360.0)
    if np.median(steps) > 180:
        steps -= 360.0
    # A last column that repeats the first one, across a step of one column, is still one turn.
    if np.abs(steps).max() > 180 or abs(steps.sum()) > 360 + _EDGE_TOLERANCE * np.abs(steps).min():
        raise DeepsphereError(
            "grid: longitudes must go around at most once, in one direction, in steps of 180 "
            f"degrees or less; found steps from {steps.min():g} to {steps.max():g} over "
            f"{abs(steps.sum()):g} degrees"
        )
    _check_monotonic(steps, "longitudes")
    plain = np.diff(longitude)
    if np.abs(plain - steps).max() < 180:
        # No step passes the end of the turn: differences would only add their rounding.
        return longitude
    unwrapped: NDArray[np.float64] = longitude[0] + np.concatenate([[0.0], np.cumsum(steps)])
    return unwrapped


def latitude_edges(latitude: NDArray[np.float64], bounds: ArrayLike | None) -> NDArray[np.float64]:
    """Return where rows meet: degrees north, shape (rows + 1,), in the order of the rows.

    Parameters
    ----------
    latitude : ndarray
        See :func:`latitude_axis`.
    bounds : array_like or None
        What the file says, of shape (rows, 2) as in CF, or (rows + 1,). Without it edges are
        halfway between rows, and as far beyond the first and the last one, or at the pole where
        that is less than a step away: rows of a global grid leave no hole there.

    Raises
    ------
    DeepsphereError
        If bounds leave gaps, overlap, or do not hold their rows.
    """
    steps = np.diff(latitude)
    if bounds is None:
        edges = _midpoints(latitude)
        for end, step in ((0, abs(steps[0])), (-1, abs(steps[-1]))):
            pole = np.copysign(90.0, latitude[end] if latitude[end] != 0 else edges[end])
            if abs(pole - latitude[end]) < step * (1 - _EDGE_TOLERANCE):
                edges[end] = pole
        clipped: NDArray[np.float64] = np.clip(edges, -90.0, 90.0)
        return clipped
    edges = _joined(latitude, np.array(bounds, np.float64), np.sign(steps[0]), "latitude")
    edges = np.clip(edges, -90.0, 90.0)
    near_pole = 90 - np.abs(edges) < _POLE_TOLERANCE
    edges[near_pole] = np.copysign(90.0, edges[near_pole])
    return edges


def longitude_edges(
    longitude: NDArray[np.float64], bounds: ArrayLike | None
) -> NDArray[np.float64]:
    """Return where columns meet: degrees east, shape (columns + 1,), in the order of the columns.

    Parameters
    ----------
    longitude : ndarray
        See :func:`longitude_axis`.
    bounds : array_like or None
        What the file says, of shape (columns, 2) as in CF, or (columns + 1,), but for whole turns.
        Without it edges are halfway between columns, also across the end of the turn if the gap
        there is at most 1.5 of the largest steps; else as far beyond the first and the last one.

    Returns
    -------
    ndarray
        The last edge is exactly one turn from the first if the columns go around. A last column
        that repeats the first one has no width.

    Raises
    ------
    DeepsphereError
        If bounds leave gaps, overlap, do not hold their columns, or go more than once around.
    """
    steps = np.diff(longitude)
    direction = np.sign(steps[0])
    tolerance = _EDGE_TOLERANCE * np.abs(steps).min()
    gap = 360 - abs(longitude[-1] - longitude[0])
    if bounds is None:
        edges = _midpoints(longitude)
        if gap <= tolerance:
            edges[0] = (longitude[0] + longitude[-2] - direction * 360) / 2
            edges[-2:] = edges[0] + direction * 360
        elif gap <= _WIDEST_CLOSING_STEP * np.abs(steps).max():
            edges[0] = longitude[0] - direction * gap / 2
            edges[-1] = edges[0] + direction * 360
    else:
        given = np.array(bounds, np.float64)
        if given.ndim == 2:
            centres = longitude[:, np.newaxis]
            given = centres + np.mod(given - centres + 180, 360) - 180
        else:
            given = given - 360 * np.round((given[0] - longitude[0]) / 360)
        edges = _joined(longitude, given, direction, "longitude")
        if gap <= tolerance and abs(edges[-1] - edges[0]) > 360 + tolerance:
            edges[-2:] = edges[0] + direction * 360
    width = abs(edges[-1] - edges[0])
    if width > 360 + tolerance:
        raise DeepsphereError(
            f"grid: the cells must go around at most once; found {width:g} degrees of longitude"
        )
    if width >= 360 - tolerance:
        edges[-1] = edges[0] + direction * 360
    return edges


def _numbers(values: ArrayLike, what: str) -> NDArray[np.float64]:
    numbers = np.array(values, np.float64)
    if numbers.ndim != 1 or len(numbers) < 2:
        raise DeepsphereError(
            f"grid: give two or more {what} in one dimension; found shape {numbers.shape}; give "
            "latitudes and longitudes of every point as Points"
        )
    if not np.isfinite(numbers).all():
        raise DeepsphereError(
            f"grid: {what} must be finite; found {numbers[~np.isfinite(numbers)][0]} at index "
            f"{np.flatnonzero(~np.isfinite(numbers))[0]}"
        )
    return numbers


def _check_monotonic(steps: NDArray[np.float64], what: str) -> None:
    wrong = np.flatnonzero(steps * steps[0] <= 0)
    if wrong.size:
        raise DeepsphereError(
            f"grid: {what} must rise or fall throughout; found a step of {steps[wrong[0]]:g} "
            f"degrees after index {wrong[0]}, and one of {steps[0]:g} after the first"
        )


def _midpoints(centres: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the middles between centres, and as far beyond the first and the last one."""
    middles = (centres[:-1] + centres[1:]) / 2
    return np.concatenate([[2 * centres[0] - middles[0]], middles, [2 * centres[-1] - middles[-1]]])


def _joined(
    centres: NDArray[np.float64], bounds: NDArray[np.float64], direction: float, axis: str
) -> NDArray[np.float64]:
    """Return the edges that bounds of shape (cells, 2) or (cells + 1,) say, after checks."""
    count = len(centres)
    if not np.isfinite(bounds).all():
        raise DeepsphereError(
            f"grid: {axis} bounds must be finite; leave the bounds out to have them made"
        )
    tolerance = _EDGE_TOLERANCE * float(np.abs(np.diff(centres)).min())
    if bounds.shape == (count, 2):
        begin, end = np.moveaxis(direction * np.sort(direction * bounds, axis=1), 1, 0)
        apart = np.abs(end[:-1] - begin[1:])
        if apart.max() > tolerance:
            raise DeepsphereError(
                f"grid: {axis} bounds must join; found a gap or an overlap of "
                f"{apart.max():g} degrees; leave the bounds out to have them made"
            )
        edges = np.append(begin, end[-1])
    elif bounds.shape == (count + 1,):
        edges = bounds
    else:
        raise DeepsphereError(
            f"grid: {axis} bounds must have shape ({count}, 2) or ({count + 1},); found "
            f"{bounds.shape}"
        )
    ahead, behind = direction * (edges[1:] - centres), direction * (centres - edges[:-1])
    if min(ahead.min(), behind.min()) < -tolerance:
        raise DeepsphereError(
            f"grid: {axis} bounds must hold their centres; that of index "
            f"{np.argmin(np.minimum(ahead, behind))} lies outside; leave the bounds out to have "
            "them made"
        )
    return edges
