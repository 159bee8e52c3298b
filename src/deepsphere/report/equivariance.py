"""How the levels of a graph act on the spherical harmonics: their errors and their responses.

Beside the errors stand those that the paper plotted for its HEALPix graphs. They are of the same
kind, but with the error of rotating sampled maps on top: at low degrees our measure of the same
graphs gives a third to two thirds of them.

References
----------
Defferrard, Milani, Gusset, Perraudin: DeepSphere, a graph-based spherical CNN (ICLR 2020).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from numpy.typing import NDArray

from deepsphere.files import write_bytes
from deepsphere.report.style import GREY, finish, line_style, new_figure, plain, to_png

Level = Mapping[str, Any]
"""What :func:`deepsphere.graphs.diagnostics.describe_graph` returns."""

# By nside: at which degrees the curves were read, and the errors by the number of neighbours.
# The first one has the kernel of the first DeepSphere (Perraudin et al. 2019).
_PUBLISHED_DEGREES = {32: (10, 50, 90), 128: (50, 200, 350)}
_PUBLISHED_ERRORS = {
    32: {
        "8 (2019)": (0.52, 0.24, 0.16),
        "8": (0.18, 0.053, 0.097),
        "20": (0.083, 0.0138, 0.033),
        "40": (0.048, 0.0050, 0.0088),
    },
    128: {
        "8": (0.077, 0.051, 0.100),
        "20": (0.024, 0.0100, 0.034),
        "40": (0.0099, 0.0018, 0.0078),
    },
}
_HIGHEST_DEGREE = 2.9

_MARKERS = "os^vD<>"
_EMPTY: dict[str, Any] = {"markerfacecolor": "none", "markersize": 7, "linestyle": "none"}
_COMPARED: dict[str, Any] = {"color": GREY, "linestyle": "--", "linewidth": 0.9}
_STARS: dict[str, Any] = {"marker": "*", "markersize": 7, "markerfacecolor": "white"}


def draw_equivariance(levels: Sequence[Level], path: Path) -> None:
    """Write the figure of :func:`draw` to a PNG file, which is replaced if it is there."""
    write_bytes(path, to_png(draw(levels)))


def draw(levels: Sequence[Level]) -> Figure:
    """Draw how the levels of a graph act on the spherical harmonics.

    Parameters
    ----------
    levels : sequence of dict
        At least one, finest first: the ``levels`` of a graph's manifest, as
        :func:`~deepsphere.graphs.diagnostics.describe_graph` gives them.

    Returns
    -------
    Figure
        Both panels are over the degree l as a part of the highest that was measured, which is the
        highest that the sampling can hold, so that all samplings compare.

        Left the equivariance error: over all functions and rotations where this was measured, or
        else that of zonal functions, which is lower by √2 or more, and named so. Errors of zero
        are left out. Stars are the published errors, of nside 128 beside a graph of that, and of
        nside 32 beside all others.

        Right the response λ of each degree over l(l + 1), which on the sphere is the same at all
        degrees, relative to that of the lowest degree. Empty marks are the means of the groups of
        eigenvalues where these are known, and the lowest is then that of the group of l = 1.
    """
    figure = new_figure(9.0, 4.9)
    left, right = figure.subplots(1, 2)
    finest, _, _ = levels[0]["sampling"].partition("[")
    nside = 128 if finest == "healpix:128" else 32
    _draw_published(left, nside)
    right.axhline(1, label="sphere", **_COMPARED)
    for number, level in enumerate(levels):
        if level["equivariance"] is not None:
            _draw_errors(left, level["equivariance"], _style(number))
            _draw_responses(right, level, _style(number))
    degree = "degree l / highest degree of the sampling"
    finish(left, "equivariance error (lower is better)", degree, "|RLf − LRf| / |Lf|")
    finish(right, "response (1 on the sphere)", degree, "λ / l(l + 1), relative to the lowest l")
    left.set_yscale("log", nonpositive="mask")
    right.set_ylim(bottom=0)
    for axes in (left, right):
        axes.set_xscale("log")
        _plain_ticks(axes.xaxis)
    _plain_ticks(left.yaxis)
    figure.legend(
        handles=_legend(levels, nside),
        loc="outside lower center",
        ncols=2,
        fontsize=8,
        frameon=False,
    )
    return figure


def _draw_published(axes: Axes, nside: int) -> None:
    parts = np.array(_PUBLISHED_DEGREES[nside]) / (_HIGHEST_DEGREE * nside)
    for neighbours, errors in _PUBLISHED_ERRORS[nside].items():
        axes.plot(parts, errors, label=f"published {neighbours}", **_COMPARED, **_STARS)
        axes.annotate(
            neighbours,
            (parts[-1], errors[-1]),
            xytext=(7, 0),
            textcoords="offset points",
            verticalalignment="center",
            color=GREY,
            fontsize=7,
        )


def _draw_errors(axes: Axes, measured: Mapping[str, Any], style: Mapping[str, Any]) -> None:
    errors = measured["errors"] if measured["haar"] is None else measured["haar"]
    axes.plot(_parts_of_band(measured["degrees"], measured), errors, **style)


def _draw_responses(axes: Axes, level: Level, style: Mapping[str, Any]) -> None:
    measured, groups = level["equivariance"], level["eigenvalue_groups"]
    series = [(measured["degrees"], measured["responses"], style)]
    # The group of l = 0 is the constant function; that of l = 1 is zero if a graph is in pieces.
    if groups is not None and groups["means"][1:] and groups["means"][1] > 0:
        series.insert(0, (groups["degrees"][1:], groups["means"][1:], {**style, **_EMPTY}))
    lowest = _slopes(*series[0][:2])[0]
    for degrees, responses, look in series:
        if lowest > 0:
            ratios = _slopes(degrees, responses) / lowest
            axes.plot(_parts_of_band(degrees, measured), ratios, **look)


def _parts_of_band(degrees: Sequence[int], measured: Mapping[str, Any]) -> NDArray[np.float64]:
    parts: NDArray[np.float64] = np.asarray(degrees) / max(measured["degrees"])
    return parts


def _slopes(degrees: Sequence[int], responses: Sequence[float]) -> NDArray[np.float64]:
    """Return the responses over l(l + 1)."""
    numbers = np.asarray(degrees)
    slopes: NDArray[np.float64] = np.asarray(responses) / (numbers * (numbers + 1))
    return slopes


def _style(number: int) -> dict[str, Any]:
    """Return how the n-th level is drawn: by shape as well, for those who print in grey."""
    colour, line = line_style(number)
    marker = _MARKERS[number % len(_MARKERS)]
    return {
        "color": colour,
        "linestyle": line,
        "linewidth": 1.4,
        "marker": marker,
        "markersize": 4.5,
    }


def _legend(levels: Sequence[Level], nside: int) -> list[Line2D]:
    handles = [
        Line2D([], [], label=plain(_label(level)), **_style(number))
        for number, level in enumerate(levels)
    ]
    first = "; 2019: Perraudin et al." if nside == 32 else ""
    published = (
        f"published for healpix:{nside} by number of neighbours, and with the\n"
        f"error of rotating maps (Defferrard et al., ICLR 2020{first})"
    )
    handles.append(Line2D([], [], label=published, **_COMPARED, **_STARS))
    if any(level["equivariance"] and level["eigenvalue_groups"] for level in levels):
        groups = {"color": GREY, "marker": _MARKERS[0], **_EMPTY}
        handles.append(Line2D([], [], label="means of groups of eigenvalues", **groups))
    return handles


def _label(level: Level) -> str:
    text: str = level["sampling"]
    if level["neighbours"] is not None:
        text += f", {level['neighbours']['mean']:.1f} neighbours"
    if level["equivariance"] is None:
        return f"{text}, not measured"
    return text if level["equivariance"]["haar"] is not None else f"{text}, zonal functions only"


def _plain_ticks(axis: Axis) -> None:
    """Write the numbers of a logarithmic axis out."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())
