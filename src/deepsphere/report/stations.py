"""Map of the errors of the pixels: where on the sphere predictions are good and where not."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MultipleLocator
from numpy.typing import NDArray

from deepsphere.report.quantities import unit_text, with_unit
from deepsphere.report.style import COLOUR_MAP, GREY, finish, new_figure

_GRATICULE_STEPS = (1, 2, 5, 10, 15, 30)
_LARGEST_REGION = (180.0, 90.0)
_MARGIN = 2.0
_PERCENTILES = (2, 98)


def draw(
    longitude: NDArray[np.floating],
    latitude: NDArray[np.floating],
    error: NDArray[np.floating],
    title: str,
    unit: str,
) -> Figure:
    """Draw the mean absolute error of each pixel at its place.

    Parameters
    ----------
    longitude, latitude : ndarray, shape (pixel,)
        Degrees east and north.
    error : ndarray, shape (pixel,)
        Mean absolute error in the unit of the data; NaN where it is unknown.
    title : str
        Title of the variant.
    unit : str
        Unit of the data, as in a store ("degC").

    Returns
    -------
    Figure
        A map with equal steps of longitude and latitude, true to scale at its middle latitude: of
        the whole sphere, or of the region if the pixels lie in a small one. The colours span the
        errors but for the 2 % at either end.
    """
    east = (np.asarray(longitude, np.float64) + 180) % 360 - 180
    north = np.asarray(latitude, np.float64)
    (west_end, east_end), (south_end, north_end) = _extent(east, north)
    stretch = 1 / np.cos(np.deg2rad((south_end + north_end) / 2))
    shape = stretch * (north_end - south_end) / (east_end - west_end)
    figure = new_figure(8.4, float(np.clip(7.0 * shape, 2.2, 6.5)) + 0.7)
    axes = figure.subplots()
    known = np.isfinite(error)
    size = float(np.clip(6000 / max(len(east), 1), 8, 45))
    if not known.all():
        axes.scatter(
            east[~known],
            north[~known],
            s=size,
            facecolors="none",
            edgecolors=GREY,
            linewidths=0.8,
            label="no target known",
        )
        figure.legend(loc="outside lower left", fontsize=8, frameon=False)
    # The largest errors come last, so that no pixel with a small one hides them.
    order = np.flatnonzero(known)[np.argsort(error[known], kind="stable")]
    low, high = np.percentile(error[known], _PERCENTILES) if known.any() else (0.0, 1.0)
    points = axes.scatter(
        east[order],
        north[order],
        c=error[order],
        s=size,
        cmap=COLOUR_MAP,
        vmin=low,
        vmax=high if high > low else low + 1,
        edgecolors="black",
        linewidths=0.3,
    )
    axes.set_xlim(west_end, east_end)
    axes.set_ylim(south_end, north_end)
    axes.set_aspect(float(stretch))
    finish(axes, title, "longitude", "latitude")
    axes.spines[["top", "right"]].set_visible(True)
    step = _graticule_step(east_end - west_end)
    axes.xaxis.set_major_locator(MultipleLocator(step))
    axes.yaxis.set_major_locator(MultipleLocator(step))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _degrees(value, "E", "W")))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _degrees(value, "N", "S")))
    bar = figure.colorbar(points, ax=axes, extend="both", shrink=0.85, pad=0.02)
    bar.set_label(with_unit("mean absolute error", unit_text(unit)), fontsize=9)
    bar.ax.tick_params(labelsize=8)
    # A layout leaves too little room at first where the scale of a map is given.
    figure.draw_without_rendering()
    return figure


def _extent(
    east: NDArray[np.float64], north: NDArray[np.float64]
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the ends of a map in degrees: of a region, or of the whole sphere."""
    whole = (-180.0, 180.0), (-90.0, 90.0)
    if not len(east):
        return whole
    if np.ptp(east) > _LARGEST_REGION[0] or np.ptp(north) > _LARGEST_REGION[1]:
        return whole
    return (
        (max(float(east.min()) - _MARGIN, -180), min(float(east.max()) + _MARGIN, 180)),
        (max(float(north.min()) - _MARGIN, -90), min(float(north.max()) + _MARGIN, 90)),
    )


def _graticule_step(width: float) -> int:
    """Return the smallest step in degrees that draws no more than a dozen meridians."""
    fitting = (step for step in _GRATICULE_STEPS if width / step <= 12)
    return next(fitting, _GRATICULE_STEPS[-1])


def _degrees(value: float, positive: str, negative: str) -> str:
    letter = positive if value > 0 else negative if value < 0 else ""
    return f"{abs(value):g}°{letter}"
