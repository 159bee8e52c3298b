"""Events on the sphere: a field, and outlines of the pixels that are, or are taken for, a class.

Outlines are drawn of images (:mod:`~deepsphere.report.sphere_images`), so that it does not matter
how many pixels there are; they follow the borders of the pixels to a point of the image. Where an
event goes on beyond the border of the paper, its outline is open.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from deepsphere.report.animations import to_gif
from deepsphere.report.lines import GRATICULE_STEP, graticule, visible_pieces
from deepsphere.report.projections import Mollweide, Orthographic
from deepsphere.report.scales import Scale, value_scale
from deepsphere.report.sphere_images import SphereImage, look_up
from deepsphere.report.style import COLOURS, GREY, new_figure, plain

Float = NDArray[np.float64]
Classes = NDArray[np.uint8]

# Dark on the pale colours of fields, and of different brightness.
_EVENT_COLOURS = (COLOURS[1], COLOURS[6], COLOURS[0], COLOURS[3], COLOURS[2])
# Pale greens and blues: the darker half of the colours is left to outlines.
_FIELD_COLOURS = ListedColormap(colormaps["GnBu"](np.linspace(0, 0.5, 256)))
# Of true events, and of those that were found: a broad pale line, and a narrow one.
_TRUE: dict[str, Any] = {"linewidths": 3.6, "alpha": 0.6}
_FOUND: dict[str, Any] = {"linewidths": 1.1}
_POINTS = 420
# In inches: of the whole sphere with its bar, and of globes.
_WIDTH, _AROUND, _HEIGHTS = 8.0, 0.8, (4.7, 3.7)
# Files of animations are large.
_FRAMES_PER_SECOND, _DOTS_PER_INCH = 2, 80


@dataclass(frozen=True)
class State:
    """A field, and where events truly are and where they were found.

    Attributes
    ----------
    values : ndarray of float, shape (pixel,)
        The field; what is not finite is grey.
    truth, found : ndarray of uint8, shape (pixel,)
        Classes; the first one, the background, and numbers of none have no outline.
    title : str
        What state it is.
    """

    values: NDArray[np.floating] = field(repr=False)
    truth: Classes = field(repr=False)
    found: Classes = field(repr=False)
    title: str

    def __post_init__(self) -> None:
        """Check that the shapes are one.

        Raises
        ------
        ValueError
            If they are not.
        """
        shapes = {self.values.shape, self.truth.shape, self.found.shape}
        if len(shapes) > 1 or self.values.ndim != 1:
            raise ValueError(f"expected one shape (pixel,), found {sorted(shapes)}")


@dataclass(frozen=True)
class Paper:
    """A view of the sphere, ready to be painted on.

    Attributes
    ----------
    image : SphereImage
    coasts : tuple of ndarray
        What is seen of coastlines, on paper, each of shape (points, 2).
    """

    image: SphereImage
    coasts: tuple[Float, ...] = field(repr=False)

    @classmethod
    def of(
        cls,
        positions: Float,
        projection: Orthographic | Mollweide,
        coasts: Sequence[Float],
        points: int = _POINTS,
    ) -> "Paper":
        """Return the paper for pixels at some positions.

        Parameters
        ----------
        positions : ndarray
            Unit vectors of the pixels of the whole sphere, shape (pixel, 3).
        projection : Orthographic or Mollweide
            How the sphere is seen.
        coasts : sequence of ndarray
            See :func:`~deepsphere.report.coastlines.coastlines`.
        points : int
            Of the image, from bottom to top.
        """
        seen = [piece for line in coasts for piece in visible_pieces(line, projection)]
        return cls(look_up(positions, projection, points), tuple(seen))


def field_scale(values: NDArray[np.floating], label: str) -> Scale:
    """Return the scale of a field that outlines are seen on: pale greens and blues.

    Parameters
    ----------
    values : ndarray
        Of all maps that are to be compared, of any shape.
    label : str
        What the values are, with their unit.
    """
    limits = value_scale(values, label)
    return Scale(_FIELD_COLOURS, limits.norm, label)


def draw(
    state: State, whole: Paper, globes: Sequence[Paper], classes: Sequence[str], scale: Scale
) -> Figure:
    """Draw a state on a map of the whole sphere, and on globes below it.

    Parameters
    ----------
    state : State
    whole : Paper
        A map of the whole sphere.
    globes : sequence of Paper
        Up to three globes, or none.
    classes : sequence of str
        Names of the classes; the first one is the background.
    scale : Scale
        Which colour stands for which value of the field.

    Returns
    -------
    Figure
        Of each event, a broad pale line is around what is true, a narrow one around what was found.
    """
    figure = _figure(bool(globes))
    _paint_all(figure, state, whole, globes, classes, scale)
    return figure


def animate(states: Sequence[State], whole: Paper, classes: Sequence[str], scale: Scale) -> bytes:
    """Return a GIF of states that follow one another, each as :func:`draw` draws it.

    Parameters
    ----------
    states : sequence of State
        At least one.
    whole, classes, scale
        See :func:`draw`.
    """
    figure = _figure(has_globes=False)

    def paint_frame(frame: int) -> None:
        figure.clear()
        _paint_all(figure, states[frame], whole, (), classes, scale)

    return to_gif(figure, paint_frame, len(states), _FRAMES_PER_SECOND, _DOTS_PER_INCH)


def _figure(has_globes: bool) -> Figure:
    return new_figure(_WIDTH, _AROUND + sum(_HEIGHTS[: 1 + has_globes]))


def _paint_all(
    figure: Figure,
    state: State,
    whole: Paper,
    globes: Sequence[Paper],
    classes: Sequence[str],
    scale: Scale,
) -> None:
    rows = 1 + bool(globes)
    grid = figure.add_gridspec(rows, max(len(globes), 1), height_ratios=_HEIGHTS[:rows])
    wide = figure.add_subplot(grid[0, :])
    paint(wide, state, whole, classes, scale)
    scale.draw_bar(figure, wide, is_below=True)
    for place, globe in enumerate(globes):
        paint(figure.add_subplot(grid[1, place]), state, globe, classes, scale)
    figure.suptitle(plain(state.title), fontsize=10, x=0.01, ha="left")
    figure.legend(
        handles=_handles(classes), loc="outside lower center", ncols=2, fontsize=8, frameon=False
    )


def paint(axes: Axes, state: State, paper: Paper, classes: Sequence[str], scale: Scale) -> None:
    """Paint a state into axes; see :func:`draw`."""
    image = paper.image
    image.paint(axes, state.values, scale)
    grid = LineCollection(
        list(graticule(image.projection)), colors="black", linewidths=0.4, alpha=0.25
    )
    axes.add_collection(grid)
    axes.add_collection(LineCollection(paper.coasts, colors="0.45", linewidths=0.6))
    for number in range(1, len(classes)):
        colour = _colour(number)
        for members, style in ((state.truth, _TRUE), (state.found, _FOUND)):
            _outline(axes, image, members == number, colors=[colour], **style)
    view = f"{image.projection.description}, lines every {GRATICULE_STEP}°"
    axes.text(
        0.5, -0.01, view, transform=axes.transAxes, fontsize=8, color=GREY, va="top", ha="center"
    )


def _outline(axes: Axes, image: SphereImage, members: NDArray[np.bool_], **style: Any) -> None:
    """Draw lines around pixels."""
    seen = np.ma.masked_where(~image.inside, members[image.pixels].astype(np.float32))
    # Without both, there is no line, and a warning.
    if seen.min() < seen.max():
        axes.contour(*image.points, seen, levels=[0.5], **style)


def _handles(classes: Sequence[str]) -> list[Line2D]:
    """Return what the legend says of each event."""
    return [
        Line2D(
            [],
            [],
            color=_colour(number),
            linewidth=style["linewidths"],
            alpha=style.get("alpha"),
            label=plain(f"{name}, {what}"),
        )
        for number, name in enumerate(classes)
        if number
        for what, style in (("true", _TRUE), ("found", _FOUND))
    ]


def _colour(number: int) -> str:
    """Return the colour of a class but the background."""
    return _EVENT_COLOURS[(number - 1) % len(_EVENT_COLOURS)]
