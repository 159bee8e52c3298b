"""Confusion matrix: which classes are taken for which, for 2 classes as well as for 55."""

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from deepsphere.report.style import finish, new_figure, plain

Counts = NDArray[np.integer]

# White is nothing: an empty cell then looks empty.
_COLOURS = "Blues"
# Square roots, since most confusions are of a few percent.
_EXPONENT = 0.5
_DARK = 0.35
_EMPTY_ROW = (0.92, 0.92, 0.92, 1.0)
_FEW, _MANY = 6, 20
# In inches: of a cell, and of all of them while there are not too many.
_LARGEST_CELL, _SMALLEST_CELL = 0.62, 0.165
_NARROWEST, _WIDEST = 2.2, 7.5
_POINTS = 72
# In inches: a letter per point of its size, a line of the title, what is beside and below.
_LETTER, _LINE, _BESIDE, _BELOW = 0.0085, 0.17, 2.0, 0.6


def draw(confusion: Counts, classes: Sequence[str], title: str, of_what: str = "samples") -> Figure:
    """Draw a confusion matrix.

    Parameters
    ----------
    confusion : ndarray of int, shape (class, class)
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
        Colour and number of a cell are the share of its row in percent; shares below half a
        percent have no number. Beside the name of each row is how many there are. Rows without
        any are grey.

    Raises
    ------
    ValueError
        If the shape is not that of the classes, or a count is negative.
    """
    count = len(classes)
    if confusion.shape != (count, count) or not count or confusion.min() < 0:
        raise ValueError(
            f"expected counts of shape ({count}, {count}), at least 0; found {confusion.shape}"
        )
    support = confusion.sum(axis=1)
    shares = confusion / np.maximum(support, 1)[:, np.newaxis]
    side = max(min(_LARGEST_CELL * count, _WIDEST), _SMALLEST_CELL * count, _NARROWEST)
    names = [shortened(name) for name in classes]
    label_size = 8.0 if count <= _MANY else 6.5
    margin = _LETTER * label_size * max(map(len, names))
    lines = 1 + len(title.splitlines())
    figure = new_figure(side + margin + _BESIDE, side + margin + _LINE * lines + _BELOW)
    axes = figure.subplots()
    norm = PowerNorm(_EXPONENT, 0, 1)
    colours = colormaps[_COLOURS]
    image = colours(norm(shares))
    image[support == 0] = _EMPTY_ROW
    # Cells are square by the size of the figure: with a fixed shape, the layout cuts off labels.
    axes.imshow(image, interpolation="nearest", aspect="auto")
    right = int(np.trace(confusion))
    total = int(support.sum())
    found = f"{right:,} of {total:,} right" if total else f"no {of_what}"
    finish(axes, f"{title}\n{found}", "predicted class", f"true class (number of {of_what})")
    axes.set_xticks(range(count), [plain(name) for name in names], rotation=90)
    rows = [f"{plain(name)} ({size:,})" for name, size in zip(names, support, strict=True)]
    axes.set_yticks(range(count), rows)
    axes.tick_params(labelsize=label_size, length=0)
    _draw_lines(axes, count)
    _write_shares(axes, shares, _POINTS * side / count)
    bar = figure.colorbar(
        ScalarMappable(norm, colours),
        ax=axes,
        shrink=0.6 if count > _FEW else 1.0,
        aspect=28,
        pad=0.02,
        format=PercentFormatter(1),
        ticks=[0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 1],
    )
    bar.set_label(f"share of the {of_what} of the true class", fontsize=9)
    bar.ax.tick_params(labelsize=8)
    bar.outline.set_linewidth(0.5)
    return figure


def shortened(name: str, longest: int = 22) -> str:
    """Return the name of a class, without its end if it has more letters than the longest."""
    return name if len(name) <= longest else f"{name[: longest - 1]}…"


def _draw_lines(axes: Axes, count: int) -> None:
    """Draw lines between the cells, and none else."""
    axes.grid(visible=False)
    axes.set_xticks(np.arange(count + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(count + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="0.88", linewidth=0.4)
    axes.tick_params(which="minor", length=0)
    axes.set_axisbelow(False)
    axes.spines[["top", "right"]].set_visible(True)
    for spine in axes.spines.values():
        spine.set_linewidth(0.6)


def _write_shares(axes: Axes, shares: NDArray[np.float64], cell: float) -> None:
    """Write the shares in percent into cells of some width in points."""
    percent = np.round(100 * shares).astype(int)
    # Three digits have to fit.
    size = min(9.0, cell / 2.2)
    for row, column in zip(*np.nonzero(percent), strict=True):
        axes.text(
            column,
            row,
            str(percent[row, column]),
            ha="center",
            va="center",
            fontsize=size,
            color="white" if shares[row, column] > _DARK else "black",
        )
