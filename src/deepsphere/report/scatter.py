"""Predicted against observed values, as a two-dimensional histogram."""

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from numpy.typing import NDArray

from deepsphere.report.quantities import unit_text, with_unit
from deepsphere.report.style import COLOUR_MAP, COLOURS, finish, new_figure

_FEWEST_BINS, _MOST_BINS = 20, 100


def draw(
    prediction: NDArray[np.floating],
    target: NDArray[np.floating],
    known: NDArray[np.bool_],
    title: str,
    unit: str,
) -> Figure:
    """Draw how often each pair of observed and predicted values occurs.

    Parameters
    ----------
    prediction, target : ndarray, any shape
        In the unit of the data.
    known : ndarray of bool, same shape
        Where the target counts.
    title : str
        Title of the variant.
    unit : str
        Unit of the data, as in a store ("degC").

    Returns
    -------
    Figure
        Square axes with one range for both, the identity line, and logarithmic colour.
    """
    counted = known & np.isfinite(prediction)
    predicted, observed = prediction[counted], target[counted]
    figure = new_figure(4.8, 4.2)
    axes = figure.subplots()
    limits = _limits(np.concatenate([predicted, observed]))
    bins = int(np.clip(np.sqrt(len(observed)) / 2, _FEWEST_BINS, _MOST_BINS))
    counts, horizontal, vertical = np.histogram2d(
        observed, predicted, bins=bins, range=(limits, limits)
    )
    image = axes.pcolormesh(
        horizontal,
        vertical,
        np.ma.masked_equal(counts.T, 0),
        norm=LogNorm(1, max(counts.max(), 2)),
        cmap=COLOUR_MAP,
        rasterized=True,
    )
    axes.plot(limits, limits, color=COLOURS[1], linewidth=1.0, label="predicted = observed")
    axes.set_xlim(*limits)
    axes.set_ylim(*limits)
    axes.set_aspect("equal")
    shown = unit_text(unit)
    finish(axes, title, with_unit("observed", shown), with_unit("predicted", shown))
    axes.legend(loc="upper left", fontsize=8, frameon=False)
    bar = figure.colorbar(image, ax=axes, shrink=0.85)
    bar.set_label(f"pairs in a bin (of {len(observed):,})", fontsize=9)
    bar.ax.tick_params(labelsize=8)
    return figure


def _limits(values: NDArray[np.floating]) -> tuple[float, float]:
    """Return a range that holds all values and is not empty."""
    if not values.size:
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    margin = 0.02 * (high - low) or 0.5
    return low - margin, high + margin
