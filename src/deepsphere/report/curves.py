"""Learning curves: the training loss and the monitored error, epoch by epoch."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from numpy.typing import NDArray

from deepsphere.report.quantities import QUANTITIES, with_unit
from deepsphere.report.style import finish, line_style, new_figure, plain

History = Sequence[Mapping[str, Any]]
"""One entry an epoch: ``epoch``, ``loss``, and now and then metrics by the name of a split."""

_SPLITS = ("validation", "test")
_METRICS = ("mse", "accuracy", "map")


def draw(histories: Mapping[str, Sequence[History]], title: str, unit: str) -> Figure:
    """Draw the learning curves of the variants of a task.

    Parameters
    ----------
    histories : dict of str to sequence of history
        By the label of the variant, one history a seed.
    title : str
        Title of the task.
    unit : str
        Unit of the data, as in a store ("degC").

    Returns
    -------
    Figure
        Left the training loss, as the model sees it: in normalized units if the task normalizes.
        Right the mean squared error, the accuracy or the mAP of the monitored split. A thin line
        is a seed, a thick one the mean over the seeds.
    """
    figure = new_figure(8.4, 3.9)
    left, right = figure.subplots(1, 2)
    metric = _monitored_metric(histories)
    splits: set[str] = set()
    for number, (label, seeds) in enumerate(histories.items()):
        style = line_style(number)
        _lines(left, [_loss(seed) for seed in seeds], style, label)
        _lines(right, [_score(seed, metric) for seed in seeds], style)
        splits.update(
            split for seed in seeds for entry in seed for split in _SPLITS if split in entry
        )
    monitored = " and ".join(split for split in _SPLITS if split in splits) or "monitored"
    shown = QUANTITIES[metric]
    label = with_unit(shown.label, shown.unit_of(unit))
    finish(left, "training", "epoch", "loss of the training samples")
    finish(right, monitored, "epoch", f"{label} of the {monitored} samples")
    figure.suptitle(plain(title), fontsize=10)
    for axes, better in ((left, "lower"), (right, shown.better)):
        if axes.lines and better == "lower":
            axes.set_yscale("log")
            _plain_ticks(axes)
    if histories:
        figure.legend(loc="outside lower center", ncols=3, fontsize=8, frameon=False)
    return figure


def _loss(history: History) -> dict[int, float]:
    return {entry["epoch"]: entry["loss"] for entry in history}


def _score(history: History, metric: str) -> dict[int, float]:
    return {
        entry["epoch"]: entry[split][metric]
        for entry in history
        for split in _SPLITS
        if split in entry and metric in entry[split]
    }


def _monitored_metric(histories: Mapping[str, Sequence[History]]) -> str:
    """Return the metric that the histories of a task have."""
    found = {
        metric
        for seeds in histories.values()
        for seed in seeds
        for entry in seed
        for split in _SPLITS
        for metric in entry.get(split, ())
    }
    return next((metric for metric in _METRICS if metric in found), _METRICS[0])


def _lines(
    axes: Axes,
    seeds: Sequence[Mapping[int, float]],
    style: tuple[str, str],
    label: str | None = None,
) -> None:
    """Draw the curves of the seeds, and their mean over the epochs that all of them have."""
    colour, line = style
    shared = sorted(set.intersection(*(set(seed) for seed in seeds))) if seeds else []
    if len(seeds) > 1:
        for seed in seeds:
            axes.plot(*_points(seed), color=colour, linestyle=line, linewidth=0.6, alpha=0.45)
    mean = {epoch: float(np.mean([seed[epoch] for seed in seeds])) for epoch in shared}
    axes.plot(
        *_points(mean),
        color=colour,
        linestyle=line,
        linewidth=1.5,
        marker="o" if len(mean) == 1 else None,
        markersize=3,
        label=plain(label) if label else None,
    )


def _points(curve: Mapping[int, float]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    epochs = sorted(curve)
    return np.asarray(epochs, np.int64), np.asarray([curve[epoch] for epoch in epochs], np.float64)


def _plain_ticks(axes: Axes) -> None:
    """Write the numbers of a logarithmic axis out, as most curves stay within a decade."""
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5, 7)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
