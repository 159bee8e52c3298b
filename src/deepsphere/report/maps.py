"""Maps of the sphere: a globe, or all of it.

One value a pixel, drawn as the pixel's cell::

    scale = value_scale(values, "temperature / °C")
    draw_map(values, sampling.cells(), Orthographic(30, 20), scale).savefig("globe.pdf")
    draw_map(values, sampling.cells(), Mollweide(), scale).savefig("sky.pdf")

Stations have cells too, but these say nothing of what was measured: draw :func:`caps` around their
positions instead. There are no coastlines. Up to some 100,000 pixels take seconds; of more, draw
means over the pixels of a coarser sampling, as no figure shows more. For moving pictures see
:mod:`~deepsphere.report.animations`.
"""

import math

import numpy as np
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Polygon
from numpy.typing import NDArray

from deepsphere.report.lines import GRATICULE_STEP, graticule
from deepsphere.report.projections import Projection, outline
from deepsphere.report.scales import UNKNOWN, Scale
from deepsphere.report.shapes import Shapes
from deepsphere.report.style import GREY, finish, new_figure

Float = NDArray[np.float64]

_WIDE_SIZE, _ROUND_SIZE = (7.6, 4.7), (4.9, 4.5)
_CAP_CORNERS = 24
# Caps cover this part of the sphere, but are neither dots nor continents.
_COVERED = 0.25
_SMALLEST_CAP, _LARGEST_CAP = 0.4, 3.0
_BEYOND = 1.03
# Light cells show on it.
_BACKGROUND = "0.88"


def draw_map(
    values: NDArray[np.floating],
    cells: Float,
    projection: Projection,
    scale: Scale,
    title: str = "",
) -> Figure:
    """Draw a map.

    Parameters
    ----------
    values : ndarray
        Value of each pixel, shape (pixel,). Pixels whose value is not finite are grey.
    cells : ndarray
        Corners of each pixel, unit vectors, shape (pixel, corners, 3): the ``cells()`` of a
        sampling, or :func:`caps`. What no cell covers is light grey.
    projection : Projection
        A globe (:class:`~deepsphere.report.projections.Orthographic`) or a map of the whole sphere
        (:class:`~deepsphere.report.projections.Mollweide`).
    scale : Scale
        Which colour stands for which value.
    title : str
        What the map shows.

    Returns
    -------
    Figure
        The map with parallels and meridians every 30° and a colour bar.

    Raises
    ------
    ValueError
        If the shapes are not these.
    """
    check_shapes(values.shape, cells.shape)
    figure = empty_map(projection)
    paint_map(figure, values, projection.project_cells(cells), projection, scale, title)
    return figure


def caps(positions: Float, radius: float | None = None) -> Float:
    """Return circles around positions, as cells.

    Parameters
    ----------
    positions : ndarray
        Unit vectors, shape (pixel, 3).
    radius : float or None
        In degrees, below 90. None makes it fit the number of positions: from 0.4° for many to 3°
        for few.

    Returns
    -------
    ndarray
        Unit vectors, shape (pixel, 24, 3), counter-clockwise seen from outside.
    """
    if radius is None:
        # A cap of the radius r has the area π r² or just below.
        fitting = math.degrees(math.sqrt(4 * _COVERED / max(len(positions), 1)))
        radius = min(max(fitting, _SMALLEST_CAP), _LARGEST_CAP)
    turns = np.arange(_CAP_CORNERS) * (2 * np.pi / _CAP_CORNERS)
    # Any axis serves that is not close to the position: the one of its smallest coordinate.
    other = np.eye(3)[np.abs(positions).argmin(axis=1)]
    first = np.cross(other, positions)
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    second = np.cross(positions, first)
    around = (
        np.cos(turns)[:, np.newaxis] * first[:, np.newaxis]
        + np.sin(turns)[:, np.newaxis] * second[:, np.newaxis]
    )
    angle = math.radians(radius)
    corners: Float = math.cos(angle) * positions[:, np.newaxis] + math.sin(angle) * around
    return corners


def check_shapes(values: tuple[int, ...], cells: tuple[int, ...]) -> None:
    """Refuse values and cells that do not fit each other."""
    if len(cells) != 3 or cells[2] != 3:
        raise ValueError(f"cells must have shape (pixel, corners, 3); found {cells}")
    if values != cells[:1]:
        raise ValueError(f"a map of {cells[0]} cells must have shape ({cells[0]},); found {values}")


def empty_map(projection: Projection) -> Figure:
    """Return an empty figure of the size for a projection."""
    return new_figure(*(_WIDE_SIZE if _is_wide(projection) else _ROUND_SIZE))


def paint_map(
    figure: Figure,
    values: NDArray[np.floating],
    shapes: Shapes,
    projection: Projection,
    scale: Scale,
    title: str,
) -> None:
    """Paint a map into a figure, in place of what was there.

    Parameters
    ----------
    figure : Figure
        From :func:`empty_map`.
    values : ndarray
        Shape (pixel,).
    shapes : Shapes
        The cells in that projection.
    projection, scale, title
        See :func:`draw_map`.
    """
    figure.clear()
    axes = figure.subplots()
    width, height = projection.half_axes
    axes.set_xlim(-_BEYOND * width, _BEYOND * width)
    axes.set_ylim(-_BEYOND * height, _BEYOND * height)
    axes.set_aspect("equal")
    border = outline(projection)
    axes.add_patch(Polygon(border, facecolor=_BACKGROUND, edgecolor="none", zorder=0))
    # Edges in the colour of the cell close the hair lines that smooth edges leave between cells.
    axes.add_collection(
        PolyCollection(
            shapes.polygons,
            facecolors=scale.colours_of(values)[shapes.pixels],
            edgecolors="face",
            linewidths=0.7,
            rasterized=True,
        )
    )
    axes.add_collection(
        LineCollection(list(graticule(projection)), colors="black", linewidths=0.4, alpha=0.3)
    )
    axes.add_patch(Polygon(border, fill=False, edgecolor=GREY, linewidth=0.9, zorder=2))
    finish(axes, title, "", "")
    axes.set_axis_off()
    view = f"{projection.description}, lines every {GRATICULE_STEP}°"
    axes.text(0, -0.01, view, transform=axes.transAxes, fontsize=8, color=GREY, va="top")
    if not np.isfinite(values).all():
        unknown = Patch(color=UNKNOWN, label="no value")
        axes.legend(handles=[unknown], loc="lower right", fontsize=8, frameon=False)
    scale.draw_bar(figure, axes, is_below=_is_wide(projection))


def _is_wide(projection: Projection) -> bool:
    width, height = projection.half_axes
    return width > height
