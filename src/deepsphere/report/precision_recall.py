"""Precision against recall of each event, for every variant and baseline of a segmentation.

The curves are of scores in bins, at 512 recalls
(:class:`deepsphere.tasks.average_precision.BinnedScores`); the average precisions in the legend are
the exact ones of the table.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from deepsphere.report.style import GREY, finish, line_style, new_figure, plain
from deepsphere.report.table import Row
from deepsphere.tasks.segmentation_metrics import metric_of_class

Float = NDArray[np.float64]

RECALLS = np.linspace(0, 1, 512)
"""Where curves are drawn."""

_PANEL, _LINE, _AROUND = 3.7, 0.19, 1.1
_WIDEST = 3
# None of them dotted, as chance is.
_BASELINE_LINES = ("-", "--", "-.", (0, (6, 2, 1, 2, 1, 2)))
_CHANCE: dict[str, Any] = {"color": "black", "linestyle": (0, (1, 3)), "linewidth": 1.0}


@dataclass(frozen=True)
class Curve:
    """What a run, or a baseline, reaches at falling thresholds.

    Attributes
    ----------
    precision, recall : ndarray of float64, shape (class, point)
        The recall rises; NaN of a class without samples.
    """

    precision: Float = field(repr=False)
    recall: Float = field(repr=False)

    def __post_init__(self) -> None:
        """Check that the shapes are one.

        Raises
        ------
        ValueError
            If they are not.
        """
        if self.precision.ndim != 2 or self.precision.shape != self.recall.shape:
            raise ValueError(
                "expected precision and recall of one shape (class, point), found "
                f"{self.precision.shape} and {self.recall.shape}"
            )

    def at(self, number: int, recalls: Float) -> Float:
        """Return the precision of a class at the highest threshold that reaches some recalls.

        Its mean over evenly spread recalls is the average precision.

        Parameters
        ----------
        number : int
            The class.
        recalls : ndarray of float64, shape (n,)

        Returns
        -------
        ndarray of float64, shape (n,)
            NaN if the class has no samples.
        """
        reached = np.searchsorted(self.recall[number], recalls)
        found: Float = self.precision[number, np.minimum(reached, self.recall.shape[1] - 1)]
        return found


def draw(
    rows: Sequence[Row],
    curves: Sequence[Sequence[Curve]],
    classes: Sequence[str],
    frequencies: Float,
    title: str,
) -> Figure:
    """Draw the curves of all rows of a task, one panel an event.

    Parameters
    ----------
    rows : sequence of Row
        Baselines and variants.
    curves : sequence of sequence of Curve
        Of each row one a seed; none, if they are not known.
    classes : sequence of str
        Names of the classes; the first one is the background, which has no panel.
    frequencies : ndarray of float64, shape (class,)
        The share of each class in all pixels: the precision of chance.
    title : str
        Title of the task.

    Returns
    -------
    Figure
        A line is the mean over the seeds, with a band from the lowest to the highest of them.
        Baselines are grey. The dotted line is chance. The legend says the mean average precision
        of each row, and that of each event, as the table does.

    Raises
    ------
    ValueError
        If rows, or classes, have not as many curves, or frequencies.
    """
    if len(rows) != len(curves) or frequencies.shape != (len(classes),):
        raise ValueError(
            f"expected curves of {len(rows)} rows and frequencies of {len(classes)} classes, found "
            f"{len(curves)} and {frequencies.shape}"
        )
    events = range(1, len(classes))
    columns = min(len(events), _WIDEST)
    lines = -(-len(events) // columns)
    styles = list(_styles(rows))
    shown = [number for number, found in enumerate(curves) if found]
    figure = new_figure(
        max(_PANEL * columns, 2 * _PANEL) + 0.4,
        _PANEL * lines + _AROUND + _LINE * (len(shown) + 1),
    )
    panels = figure.subplots(lines, columns, squeeze=False).ravel()
    for axes in panels[len(events) :]:
        axes.set_axis_off()
    for axes, event in zip(panels, events, strict=False):
        for number in shown:
            _curve(axes, curves[number], event, styles[number])
        axes.axhline(frequencies[event], **_CHANCE)
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1.02)
        axes.set_aspect("equal")
        finish(axes, classes[event], "recall", "precision")
    handles = [
        Line2D([], [], label=plain(legend_text(rows[number], classes)), **styles[number])
        for number in shown
    ]
    shares = ", ".join(f"{100 * frequencies[event]:.2g} %" for event in events)
    chance = Line2D([], [], label=f"chance: share of the pixels ({shares})", **_CHANCE)
    figure.suptitle(plain(title), fontsize=10, x=0.01, ha="left")
    figure.legend(handles=[*handles, chance], loc="outside lower center", fontsize=8, frameon=False)
    return figure


def legend_text(row: Row, classes: Sequence[str]) -> str:
    """Return a row's label, its mAP and the average precision of each event, as in the table."""
    events = [
        f"{name} {row.cells[metric].text}"
        for name in classes[1:]
        if (metric := metric_of_class("average_precision", name)) in row.cells
    ]
    scores = f"mAP {row.cells['map'].text}" if "map" in row.cells else "no mAP"
    return f"{row.label}: {scores}" + (f" ({', '.join(events)})" if events else "")


def _styles(rows: Sequence[Row]) -> Iterator[dict[str, Any]]:
    """Yield the colour and the line style of each row."""
    baselines = variants = 0
    for row in rows:
        if row.kind == "baseline":
            line = _BASELINE_LINES[baselines % len(_BASELINE_LINES)]
            yield {"color": GREY, "linestyle": line}
            baselines += 1
        else:
            colour, line = line_style(variants)
            yield {"color": colour, "linestyle": line}
            variants += 1


def _curve(axes: Axes, seeds: Sequence[Curve], event: int, style: dict[str, Any]) -> None:
    """Draw the mean of some curves, and a band from the lowest to the highest."""
    found = np.array([seed.at(event, RECALLS) for seed in seeds])
    axes.plot(RECALLS, found.mean(axis=0), linewidth=1.5, **style)
    if len(found) > 1:
        lowest, highest = found.min(axis=0), found.max(axis=0)
        axes.fill_between(RECALLS, lowest, highest, color=style["color"], alpha=0.18, linewidth=0)
