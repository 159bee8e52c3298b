"""Scores against noise, of models and baselines of tasks that differ by their noise alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from deepsphere.files import canonical_json
from deepsphere.report.comparison import SHOWN
from deepsphere.report.quantities import quantity
from deepsphere.report.style import GREY, LINES, finish, line_style, new_figure, plain
from deepsphere.report.table import Cell, Row

_OF_BASELINES = ("s", "^", "v", "X", "P", "*")
_PUBLISHED: dict[str, Any] = {
    "marker": "D",
    "markersize": 7,
    "markerfacecolor": "none",
    "markeredgewidth": 1.3,
    "linestyle": "none",
    "zorder": 4,
}
# Below those of models, and so large that a mark has room in them.
_PUBLISHED_BASELINE = {**_PUBLISHED, "markersize": 10, "markeredgewidth": 1.0, "zorder": 3}
_HELD: dict[str, Any] = {"markersize": 5, "linestyle": "none", "zorder": 3}


@dataclass(frozen=True)
class Line:
    """What one model, or one baseline, reaches at each noise that it was tried at.

    Attributes
    ----------
    label : str
    is_baseline : bool
    cells : dict of float to Cell
        The score, by the noise.
    published : dict of float to float
        The printed score, by the noise.
    """

    label: str
    is_baseline: bool
    cells: Mapping[float, Cell]
    published: Mapping[float, float]


def noise_groups(tasks: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """Return which tasks differ by their noise alone.

    Parameters
    ----------
    tasks : dict of str to dict
        Settings of tasks, but for what is only shown of them, such as their titles.

    Returns
    -------
    list of tuple of str
        Names of tasks of two noises at least, by rising noise.
    """
    alike: dict[str, dict[str, float]] = {}
    for name, settings in tasks.items():
        if "noise" in settings:
            others = {key: value for key, value in settings.items() if key != "noise"}
            alike.setdefault(canonical_json(others), {})[name] = settings["noise"]
    return [
        tuple(sorted(noises, key=lambda name: noises[name]))
        for noises in alike.values()
        if len(set(noises.values())) > 1
    ]


def noise_lines(rows: Sequence[Row], noises: Mapping[str, float]) -> tuple[str, list[Line]]:
    """Return the score of some tasks that is shown, and its lines.

    Rows of one title and protocol, and baselines of one name, are a line. Where there are several
    at one noise, all but the first have lines of their own.

    Parameters
    ----------
    rows : sequence of Row
        Of the tasks.
    noises : dict of str to float
        The noise of each task.

    Returns
    -------
    metric : str
        The first one of the comparisons that any of the rows has.
    lines : list of Line
        Baselines last.
    """
    present = {metric for row in rows for metric in (*row.cells, *row.published)}
    metric = next((metric for metric in SHOWN if metric in present), SHOWN[0])
    protocols: dict[str, set[str]] = {}
    for row in rows:
        protocols.setdefault(row.label, set()).add(row.protocol)
    found: dict[tuple[bool, str], dict[float, Row]] = {}
    for row in rows:
        noise, is_baseline = noises[row.task], row.kind == "baseline"
        label = row.label
        if len(protocols[row.label]) > 1 and row.protocol:
            label += f", {row.protocol}"
        if noise in found.get((is_baseline, label), {}):
            label += f" ({row.name})"
        found.setdefault((is_baseline, label), {})[noise] = row
    lines = [
        Line(
            label,
            is_baseline,
            {noise: row.cells[metric] for noise, row in by_noise.items() if metric in row.cells},
            {
                noise: row.published[metric]
                for noise, row in by_noise.items()
                if metric in row.published
            },
        )
        for (is_baseline, label), by_noise in found.items()
    ]
    return metric, sorted(lines, key=lambda line: line.is_baseline)


def draw(lines: Sequence[Line], metric: str, title: str) -> Figure:
    """Draw scores against noise.

    Parameters
    ----------
    lines : sequence of Line
    metric : str
        What the scores are.
    title : str
        What the tasks have in common.

    Returns
    -------
    Figure
        A line in colour is a model: dots and bars are the mean and the standard deviation over the
        seeds, open diamonds the published scores. Grey lines are baselines; their diamonds hold
        the mark of their line, as its colour does not tell which it is.
    """
    figure = new_figure(8.4, 5.0 + 0.16 * len(lines) / 3)
    axes = figure.subplots()
    coloured = 0
    for number, line in enumerate(lines):
        if line.is_baseline:
            order = number - coloured
            _draw_line(
                axes, line, GREY, LINES[1 + order % 3], _OF_BASELINES[order % len(_OF_BASELINES)]
            )
        else:
            coloured += 1
            _draw_line(axes, line, *line_style(number), "o")
    shown = quantity(metric)
    finish(
        axes,
        "",
        "noise / standard deviation of the maps",
        f"{shown.label} ({shown.better} is better)",
    )
    handles, _ = axes.get_legend_handles_labels()
    if any(line.published for line in lines):
        handles.append(Line2D([], [], color="black", label="published", **_PUBLISHED))
    figure.suptitle(plain(title), fontsize=10)
    figure.legend(handles=handles, loc="outside lower center", ncols=3, fontsize=8, frameon=False)
    return figure


def _draw_line(axes: Axes, line: Line, colour: str, style: str, marker: str) -> None:
    noises = sorted(line.cells)
    cells = [line.cells[noise] for noise in noises]
    deviations = [np.nan if cell.deviation is None else cell.deviation for cell in cells]
    # Without any score the line is in the legend, for its published ones.
    axes.errorbar(
        noises,
        [cell.mean for cell in cells],
        yerr=None if np.isnan(deviations).all() else deviations,
        color=colour,
        linestyle=style,
        linewidth=1.2,
        marker=marker,
        markersize=5 if line.is_baseline else 4,
        capsize=3,
        label=plain(line.label),
    )
    published = list(line.published), list(line.published.values())
    if line.is_baseline:
        axes.plot(*published, color=colour, **_PUBLISHED_BASELINE)
        axes.plot(*published, color=colour, marker=marker, **_HELD)
    else:
        axes.plot(*published, color=colour, **_PUBLISHED)
