"""Retrievals: some queries, and what a network finds nearest to each, as pictures.

What stands for an object is up to the caller: its signal, or a picture of its mesh::

    image = look_up(positions, Orthographic(30, 20), 110)
    draw(rows, target, classes, lambda axes, row: image.paint(axes, signals[row], scale), title)
    draw(rows, target, classes, lambda axes, row: paint_mesh(axes, pictures[row]), title)
"""

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from numpy.typing import NDArray

from deepsphere.report.confusion import shortened
from deepsphere.report.scales import Scale
from deepsphere.report.style import COLOURS, GREY, new_figure, plain

Paint = Callable[[Axes, int], None]
"""Paints an object, given by its row of the predictions, into axes."""

# In inches: pictures, room for a name below or above them, the title, a bar.
_TILE, _LINE = 1.05, 0.17
_HEAD, _BAR = 0.7, 0.55
_LONGEST_NAME = 16
# Width of the gap between queries and answers, in tiles.
_GAP = 0.12
_RIGHT, _WRONG = COLOURS[0], COLOURS[1]


def draw(
    rows: NDArray[np.integer],
    target: NDArray[np.integer],
    classes: Sequence[str],
    paint: Paint,
    title: str,
    scale: Scale | None = None,
) -> Figure:
    """Draw queries and what is found for them.

    Parameters
    ----------
    rows : ndarray of int, shape (query, 1 + place)
        The query, then what is found for it, best first; -1 where nothing is. See
        :func:`~deepsphere.report.retrieved.nearest_rows`.
    target : ndarray of int, shape (row,)
        The true classes.
    classes : sequence of str
        Their names.
    paint : Paint
        How an object is shown.
    title : str
        Title of the variant.
    scale : Scale or None
        What the colours of the pictures mean, if a bar is to say it.

    Returns
    -------
    Figure
        A row a query, which is on the left. What is found is framed and has the name of its class
        below: with ✓ and a full blue line if that is the query's, with ✗ and a dashed red one if
        not.

    Raises
    ------
    ValueError
        If there is no query or no place, or a row that does not exist.
    """
    if rows.ndim != 2 or rows.shape[0] < 1 or rows.shape[1] < 2 or rows.max() >= len(target):
        raise ValueError(
            f"expected rows below {len(target)} of shape (query, 1 + place), found {rows.shape=}"
        )
    queries, columns = rows.shape
    figure = new_figure(
        _TILE * (columns + _GAP) + 0.2,
        (_TILE + 2 * _LINE) * queries + _HEAD + _BAR * (scale is not None),
    )
    # Names may be wider than pictures, which the layout must not make room for.
    figure.set_layout_engine("constrained", h_pad=_LINE)
    # An empty column is the gap.
    panels = figure.subplots(
        queries, columns + 1, squeeze=False, width_ratios=[1, _GAP, *[1] * (columns - 1)]
    )
    for axes in panels.flat:
        axes.set_axis_off()
    places = np.delete(panels, 1, axis=1)
    for axes, text in zip(places[0], ["query", *map(str, range(1, columns))], strict=True):
        axes.set_title(text, fontsize=9, color=GREY)
    for line, members in zip(places, rows, strict=True):
        label = target[members[0]]
        for axes, member in zip(line, members, strict=True):
            if member >= 0:
                paint(axes, int(member))
                name = plain(shortened(classes[target[member]], _LONGEST_NAME))
                if axes is line[0]:
                    _write_below(axes, name, "black", "bold")
                else:
                    _judge(axes, name, target[member] == label)
    answers = rows[:, 1:]
    right = int(((target[answers] == target[rows[:, :1]]) & (answers >= 0)).sum())
    figure.suptitle(
        plain(f"{title}\n{right} of {(answers >= 0).sum()} of the query's class"),
        fontsize=10,
        x=0.01,
        ha="left",
    )
    if scale is not None:
        bar = figure.colorbar(
            ScalarMappable(scale.norm, scale.colours),
            ax=list(panels.flat),
            orientation="horizontal",
            shrink=0.4,
            aspect=35,
        )
        bar.set_label(plain(scale.label), fontsize=8)
        bar.ax.tick_params(labelsize=7)
        bar.outline.set_linewidth(0.5)
    return figure


def _judge(axes: Axes, name: str, is_right: bool) -> None:
    """Say whether what axes show is of the right class."""
    colour = _RIGHT if is_right else _WRONG
    axes.add_patch(
        FancyBboxPatch(
            (0, 0),
            1,
            1,
            boxstyle="round,pad=0,rounding_size=0.05",
            transform=axes.transAxes,
            clip_on=False,
            fill=False,
            edgecolor=colour,
            linewidth=1.6,
            linestyle="-" if is_right else "--",
        )
    )
    _write_below(axes, f"{'✓' if is_right else '✗'} {name}", colour, "normal")


def _write_below(axes: Axes, text: str, colour: str, weight: str) -> None:
    axes.text(
        0.5,
        -0.04,
        text,
        transform=axes.transAxes,
        fontsize=7,
        color=colour,
        fontweight=weight,
        ha="center",
        va="top",
        in_layout=False,
    )
