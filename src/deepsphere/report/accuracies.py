"""How well each class is found: bars, the best class first."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator
from numpy.typing import NDArray

from deepsphere.report.confusion import shortened
from deepsphere.report.style import COLOURS, GREY, finish, new_figure, plain
from deepsphere.tasks.classification_metrics import class_scores

# In inches: all but the bars, and each of these.
_AROUND, _BAR = 1.5, 0.17
_WIDTH = 6.4


def draw(
    confusion: NDArray[np.int64], classes: Sequence[str], title: str, of_what: str = "samples"
) -> Figure:
    """Draw the accuracy and the F1 of each class.

    Parameters
    ----------
    confusion : ndarray of int64, shape (class, class)
        How often each true class (row) was taken for each class (column); see
        :func:`~deepsphere.tasks.classification_metrics.confusion_matrix`.
    classes : sequence of str
        Their names.
    title : str
        Title of the variant.
    of_what : str
        What is counted.

    Returns
    -------
    Figure
        A bar is the share of the samples of a class that are found, a diamond its F1. Bars are
        sorted, and those of one length are in the order of the classes. The line is the share of
        all samples. Classes without samples are left out, and their number is told.

    Raises
    ------
    ValueError
        If the shape is not that of the classes, or there is no sample.
    """
    count = len(classes)
    support = confusion.sum(axis=1)
    if confusion.shape != (count, count) or not support.any():
        raise ValueError(
            f"expected counts of shape ({count}, {count}) with a sample; found {confusion.shape} "
            f"with {support.sum()}"
        )
    scores = class_scores(confusion)
    recall, f1 = scores["recall"], scores["f1"]
    order = np.argsort(-recall, kind="stable")
    order = order[support[order] > 0]
    places = np.arange(len(order))
    figure = new_figure(_WIDTH, _AROUND + _BAR * len(order))
    axes = figure.subplots()
    overall = float(np.trace(confusion) / support.sum())
    axes.barh(places, recall[order], height=0.7, color=COLOURS[5], label="accuracy of the class")
    axes.plot(
        f1[order],
        places,
        linestyle="none",
        marker="D",
        markersize=4.5,
        color=COLOURS[1],
        markeredgecolor="white",
        markeredgewidth=0.5,
        label="F1 of the class",
    )
    axes.axvline(
        overall, color=GREY, linestyle="--", linewidth=1.0, label=f"accuracy: {overall:.3f}"
    )
    axes.set_xlim(0, 1.02)
    axes.xaxis.set_major_locator(MultipleLocator(0.1))
    axes.set_ylim(len(order) - 0.4, -0.6)
    horizontal = f"accuracy (share of the {of_what} found), F1"
    if left_out := count - len(order):
        horizontal += f"\n{left_out} of {count} classes have no {of_what}"
    finish(axes, title, horizontal, f"class ({of_what})")
    axes.grid(visible=False, axis="y")
    names = [f"{plain(shortened(classes[number]))} ({support[number]:,})" for number in order]
    axes.set_yticks(places, names, fontsize=7.5)
    axes.tick_params(axis="y", length=0)
    figure.legend(loc="outside lower center", ncols=3, fontsize=8, frameon=False)
    return figure
