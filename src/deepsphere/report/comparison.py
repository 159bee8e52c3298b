"""Comparison of the baselines and variants of a task, metric by metric."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from deepsphere.report.quantities import quantity, with_unit
from deepsphere.report.style import COLOURS, GREY, finish, new_figure, plain, unique_labels
from deepsphere.report.table import Row

SHOWN = ("mse", "mae", "r2", "accuracy", "weighted_f1", "micro_map", "map", "mean_accuracy")
"""The metrics that a figure shows, if the task has them: three at most have room."""

_BASELINE: dict[str, Any] = {"marker": "o", "markersize": 5, "color": GREY}
_VARIANT: dict[str, Any] = {"marker": "o", "markersize": 5, "color": COLOURS[0]}
_SEED: dict[str, Any] = {
    "marker": "o",
    "markersize": 8,
    "markerfacecolor": "none",
    "color": COLOURS[0],
    "alpha": 0.6,
}
_PUBLISHED: dict[str, Any] = {
    "marker": "D",
    "markersize": 6,
    "markerfacecolor": "none",
    "markeredgewidth": 1.4,
    "color": COLOURS[1],
}
_BEST_BASELINE: dict[str, Any] = {"color": GREY, "linestyle": ":", "linewidth": 1.2}


def draw(rows: Sequence[Row], title: str, unit: str) -> Figure:
    """Draw the metrics of the rows of a task, one panel a metric.

    Parameters
    ----------
    rows : sequence of Row
        The baselines and variants of one task.
    title : str
        Title of the task.
    unit : str
        Unit of the data, as in a store ("degC").

    Returns
    -------
    Figure
        A line of each panel is a row: a ring a seed, a dot their mean, a diamond the published
        value, and a dotted line through all of them at the best baseline.
    """
    figure = new_figure(9.0, 1.5 + 0.27 * len(rows))
    shown_metrics = _of_rows(rows)
    panels = figure.subplots(1, len(shown_metrics), sharey=True, squeeze=False)[0]
    for axes, metric in zip(panels, shown_metrics, strict=True):
        _panel(axes, rows, metric)
        shown = quantity(metric)
        label = with_unit(shown.label, shown.unit_of(unit))
        finish(axes, "", f"{label} ({shown.better} is better)", "")
        axes.grid(visible=False, axis="x")
    labels = unique_labels([row.label for row in rows], [row.name for row in rows])
    panels[0].set_yticks(range(len(rows)), [plain(label) for label in labels])
    panels[0].set_ylim(len(rows) - 0.5, -0.5)
    figure.suptitle(plain(title), fontsize=10)
    figure.legend(
        handles=_legend(rows), loc="outside lower center", ncols=5, fontsize=8, frameon=False
    )
    return figure


def _of_rows(rows: Sequence[Row]) -> tuple[str, ...]:
    """Return the metrics to show: those that any of the rows has, or else the first one."""
    present = {metric for row in rows for metric in (*row.cells, *row.published)}
    return tuple(metric for metric in SHOWN if metric in present) or SHOWN[:1]


def _panel(axes: Axes, rows: Sequence[Row], metric: str) -> None:
    for height, row in enumerate(rows):
        if metric in row.cells:
            cell = row.cells[metric]
            if len(cell.values) > 1:
                heights = [height] * len(cell.values)
                axes.plot(cell.values, heights, linestyle="none", **_SEED)
            style = _BASELINE if row.kind == "baseline" else _VARIANT
            axes.plot([cell.mean], [height], linestyle="none", **style)
        if metric in row.published:
            axes.plot([row.published[metric]], [height], linestyle="none", **_PUBLISHED)
    baselines = [
        row.cells[metric].mean for row in rows if row.kind == "baseline" and metric in row.cells
    ]
    if baselines:
        axes.axvline(quantity(metric).best(baselines), zorder=1, **_BEST_BASELINE)


def _legend(rows: Sequence[Row]) -> list[Line2D]:
    """Return a handle for each kind of mark that the rows call for."""
    baselines = any(row.kind == "baseline" and row.cells for row in rows)
    variants = any(row.kind == "variant" for row in rows)
    several = any(len(cell.values) > 1 for row in rows for cell in row.cells.values())
    published = any(row.published for row in rows)
    marks = (
        ("baseline", baselines, _BASELINE),
        ("mean over the seeds" if several else "variant", variants, _VARIANT),
        ("one seed", several, _SEED),
        ("published", published, _PUBLISHED),
        ("best baseline", baselines, _BEST_BASELINE),
    )
    return [
        Line2D([], [], label=label, **{"linestyle": "none", **style})
        for label, present, style in marks
        if present
    ]
