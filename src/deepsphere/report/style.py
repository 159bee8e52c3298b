"""How all figures look, and how they become PNG images.

Figures are made without ``pyplot``: they belong to nobody but the caller, and need no screen.
"""

from collections.abc import Sequence
from io import BytesIO
from textwrap import wrap

from matplotlib.axes import Axes
from matplotlib.figure import Figure

DPI = 120
"""Dots per inch of the saved figures."""

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Colours that people with any kind of colour vision can tell apart (Okabe and Ito, 2008)."""

LINES = ("-", "--", ":", "-.")
"""Styles of lines, for when the colours run out."""

GREY = "#6b6b6b"
"""Colour of what stands for comparison."""

COLOUR_MAP = "viridis"
"""Colour map of densities and errors: evenly bright steps, safe for any colour vision."""

_TITLE_WIDTH = 58


def new_figure(width: float, height: float) -> Figure:
    """Return an empty white figure; its size in inches."""
    return Figure(figsize=(width, height), dpi=DPI, layout="constrained", facecolor="white")


def finish(axes: Axes, title: str, horizontal: str, vertical: str) -> None:
    """Give axes their title and labels, faint grid lines, and no box."""
    lines = [part for line in title.splitlines() for part in wrap(line, _TITLE_WIDTH)]
    axes.set_title(plain("\n".join(lines)), fontsize=10, loc="left")
    axes.set_xlabel(plain(horizontal), fontsize=9)
    axes.set_ylabel(plain(vertical), fontsize=9)
    axes.tick_params(labelsize=8)
    axes.grid(color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def line_style(number: int) -> tuple[str, str]:
    """Return colour and line style of the n-th of some curves, n from 0."""
    return COLOURS[number % len(COLOURS)], LINES[number // len(COLOURS) % len(LINES)]


def unique_labels(labels: Sequence[str], names: Sequence[str]) -> list[str]:
    """Return labels to tell things apart by: where two are the same, their names are added."""
    return [
        f"{label} ({name})" if labels.count(label) > 1 else label
        for label, name in zip(labels, names, strict=True)
    ]


def plain(text: str) -> str:
    """Return text that matplotlib shows as it is, without reading mathematics into it."""
    return text.replace("$", r"\$")


def to_png(figure: Figure) -> bytes:
    """Return a figure as a PNG image; the same figure gives the same bytes."""
    stream = BytesIO()
    figure.savefig(stream, format="png", dpi=DPI, metadata={"Software": None})
    return stream.getvalue()
