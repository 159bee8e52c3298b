"""Filters of a convolution: their coefficients, spectral responses, sections and maps.

:mod:`deepsphere.nn.filters` has the numbers, from a layer and the pixels of its graph::

    views = filter_views(layer, hierarchy.positions[0], pixel=0, areas=hierarchy.areas[0])
    plot_filters(views, "first layer").savefig("filters.pdf")

This module draws them, and needs no PyTorch.
"""

import math
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import AsinhNorm
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from deepsphere.nn.learned_filters import Curves, FilterViews, Float
from deepsphere.report.style import GREY, finish, line_style, new_figure, plain

_WIDTH, _CURVES_HEIGHT = 9.0, 6.2
_FEWEST_COLUMNS, _MOST_COLUMNS = 3, 4
_MAP_POINTS = 400
# Blue is negative, white zero, red positive; grey is where there is no pixel.
_SIGNED_COLOURS = "RdBu_r"
_NO_PIXEL = "0.8"
# A scale is linear below this share of its limit.
_LINEAR = 0.1
_TICKS = np.array([-1, -0.4, -_LINEAR, 0, _LINEAR, 0.4, 1])
# As a part of the axis.
_TICK_DISTANCE = 0.035
# Pixels reach this part of the way that is usual to the eighth nearest pixel: it is 0.71 to the
# corners of a square among squares, and 0.70 to the farthest corners of HEALPix pixels.
_REACH, _NEAREST = 0.75, 8


def plot_filters(views: FilterViews, title: str = "") -> Figure:
    """Draw filters in all ways.

    Parameters
    ----------
    views : FilterViews
        Of some filters; with more than 7, they differ in lines as well as in colours.
    title : str
        Such as the name of the layer.

    Returns
    -------
    Figure
        Above, the filters together. The coefficients; the spectral response, with the degrees l
        on top where they are known; what becomes of a single pixel, to east and west (solid, dots)
        and to north and south (dotted, triangles); and the same for all pixels around it, by their
        distance: on one curve, if a filter were the same in all directions.

        Below, the same on a map of each filter: the gnomonic projection, with north up and circles
        of equal distance. Every pixel has the points that are nearest to it.

        The pixel itself often has a value far above all others. So the scales of what becomes of
        it are linear near zero and logarithmic beyond a tenth of the largest value (asinh).
    """
    number = len(views.channels)
    rows = math.ceil(number / _MOST_COLUMNS)
    columns = max(math.ceil(number / rows), _FEWEST_COLUMNS)
    heights = _CURVES_HEIGHT, 0.3 + 0.85 * rows * _WIDTH / columns
    figure = new_figure(_WIDTH, sum(heights))
    curves, maps = figure.subfigures(2, 1, squeeze=False, height_ratios=heights).ravel()
    _draw_curves(curves, views)
    _draw_maps(maps, views, rows, columns)
    figure.suptitle(plain(title), fontsize=10)
    return figure


def _draw_curves(figure: SubFigure, views: FilterViews) -> None:
    coefficients, responses, circles, distances = figure.subplots(2, 2).ravel()
    orders = np.arange(len(views.coefficients), dtype=np.float64)
    _plot(coefficients, (orders, views.coefficients), marker="o")
    coefficients.xaxis.set_major_locator(MaxNLocator(integer=True))
    finish(coefficients, "coefficients", "order k of the Chebyshev polynomial", "coefficient c")
    _plot(responses, views.response)
    spectrum = "spectral response"
    if views.degrees is not None:
        _draw_degrees(responses, *views.degrees)
        spectrum += " (on top: degree l)"
    finish(responses, spectrum, "eigenvalue of the rescaled Laplacian", "response h")
    _plot(circles, _in_degrees(views.eastward), marker="o", markersize=3)
    _plot(circles, _in_degrees(views.northward), marker="^", markersize=3, linestyle=":")
    finish(
        circles,
        "impulse response to east (●) and north (▲)",
        "degrees from the pixel",
        "value (asinh scale)",
    )
    _plot(distances, _in_degrees(views.around), marker=".", markersize=4, linestyle="none")
    finish(
        distances, "impulse response at all pixels", "degrees from the pixel", "value (asinh scale)"
    )
    limit = _limit(views.around[1])
    for axes in (circles, distances):
        axes.set_yscale("asinh", linear_width=_LINEAR * limit)
        axes.yaxis.set_major_locator(FixedLocator((_TICKS * limit).tolist()))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _number(value)))
        axes.yaxis.set_minor_locator(NullLocator())
    figure.legend(
        handles=_legend(views),
        title="input channel → output channel",
        title_fontsize=8,
        loc="outside lower center",
        ncols=6,
        fontsize=8,
        frameon=False,
    )


def _plot(axes: Axes, curves: Curves, **look: Any) -> None:
    places, values = curves
    axes.axhline(0, color="0.7", linewidth=0.8, zorder=1)
    for index, filtered in enumerate(values.T):
        colour, line = line_style(index)
        settings: dict[str, Any] = {
            "color": colour,
            "linestyle": line,
            "linewidth": 1.2,
            "markersize": 4,
            **look,
        }
        axes.plot(places, filtered, **settings)


def _in_degrees(curves: Curves) -> Curves:
    angles, values = curves
    return np.degrees(angles), values


def _draw_degrees(axes: Axes, degrees: NDArray[np.int64], eigenvalues: Float) -> None:
    """Write degrees on top of an axis, from the lowest on, where there is room."""
    low, high = axes.get_xlim()
    shown: list[int] = []
    for index, place in enumerate(eigenvalues):
        # The eigenvalues of the highest degrees of a graph may fall again.
        if not shown or place - eigenvalues[shown[-1]] > _TICK_DISTANCE * (high - low):
            shown.append(index)
    top = axes.secondary_xaxis("top")
    top.set_xticks(eigenvalues[shown], [f"{degree}" for degree in degrees[shown]])
    top.tick_params(labelsize=8)
    top.spines[:].set_visible(False)


def _legend(views: FilterViews) -> list[Line2D]:
    looks: list[dict[str, Any]] = [
        dict(zip(("color", "linestyle"), line_style(index), strict=True))
        for index in range(len(views.channels))
    ]
    pairs = zip(looks, _labels(views), strict=True)
    return [Line2D([], [], label=label, **look) for look, label in pairs]


def _labels(views: FilterViews) -> list[str]:
    return [f"{entering} → {leaving}" for entering, leaving in views.channels.tolist()]


def _draw_maps(figure: SubFigure, views: FilterViews, rows: int, columns: int) -> None:
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    plane, values = views.plane
    edge = math.tan(views.extent)
    pixels, covered = _pixels_on_grid(plane, edge)
    rings = _rings(views.extent)
    for axes, label, filtered in zip(panels, _labels(views), values.T, strict=False):
        _draw_map(figure, axes, np.where(covered, filtered[pixels], np.nan), edge)
        _draw_rings(axes, rings)
        axes.set_title(label, fontsize=9, loc="left")
    for axes in panels[len(views.channels) :]:
        axes.set_axis_off()
    circles = ", ".join(f"{ring:g}°" for ring in rings)
    figure.suptitle(f"impulse response on a map: north is up, circles at {circles}", fontsize=10)


def _pixels_on_grid(plane: Float, edge: float) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the nearest pixel of each point of a square grid, and whether it reaches there."""
    line = ((np.arange(_MAP_POINTS) + 0.5) / _MAP_POINTS * 2 - 1) * edge
    grid = np.stack(np.meshgrid(line, line), axis=-1)
    directions = _unproject(plane)
    tree = cKDTree(directions)
    around, _ = tree.query(directions, k=[min(_NEAREST + 1, len(plane))])
    distances, pixels = map(np.asarray, tree.query(_unproject(grid)))
    return pixels, distances <= _REACH * np.median(around)


def _unproject(plane: Float) -> Float:
    """Return directions (outward, east, north), the unit vectors of points on the plane."""
    outward = np.ones((*plane.shape[:-1], 1))
    vectors = np.concatenate([outward, plane], axis=-1)
    directions: Float = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return directions


def _draw_map(figure: SubFigure, axes: Axes, image: Float, edge: float) -> None:
    limit = _limit(image[np.isfinite(image)])
    drawn = axes.imshow(
        image,
        origin="lower",
        extent=(-edge, edge, -edge, edge),
        cmap=colormaps[_SIGNED_COLOURS].with_extremes(bad=_NO_PIXEL),
        norm=AsinhNorm(_LINEAR * limit, -limit, limit),
        interpolation="nearest",
    )
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(drawn, ax=axes, shrink=0.8, pad=0.03, aspect=15)
    ticks = (_TICKS * limit).tolist()
    bar.set_ticks(ticks, labels=[_number(tick) for tick in ticks])
    bar.minorticks_off()
    bar.ax.tick_params(labelsize=7)


def _draw_rings(axes: Axes, rings: list[float]) -> None:
    for ring in rings:
        radius = math.tan(math.radians(ring))
        axes.add_patch(Circle((0, 0), radius, fill=False, color=GREY, linewidth=0.6, linestyle=":"))


def _rings(extent: float) -> list[float]:
    """Return round angles within an extent, in degrees."""
    degrees = math.degrees(extent)
    ticks = MaxNLocator(4, steps=[1, 2, 5, 10]).tick_values(0, degrees)
    return [float(tick) for tick in ticks if 0 < tick <= degrees]


def _limit(values: Float) -> float:
    """Return 1, 2 or 5 times a power of ten that no value exceeds in size."""
    largest = float(np.abs(values).max(initial=0))
    if largest == 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(largest))
    return next((step * power for step in (1, 2, 5) if step * power >= largest), 10 * power)


def _number(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")
