"""The signal of a mesh on the sphere, channel by channel, beside a picture of the mesh.

On globes the signal is seen from where the mesh is seen: a point of a globe shows what the ray
that starts there meets, so that the mesh can be made out in the signal. Mollweide maps show all of
it, and so the side that the picture hides.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Patch
from numpy.typing import NDArray

from deepsphere.regridding.mesh_channels import CHANNELS
from deepsphere.report.mesh_pictures import paint_mesh
from deepsphere.report.projections import Mollweide, Orthographic
from deepsphere.report.scales import UNKNOWN, Scale, value_scale
from deepsphere.report.sphere_images import look_up
from deepsphere.report.style import COLOUR_MAP, GREY, new_figure, plain

Float32 = NDArray[np.float32]

# Each surface has these: rows of panels, and columns.
_FEATURES = CHANNELS[:3]
_SURFACES = ("mesh", "convex hull")
_POINTS = 360
# In inches.
_ROUND_PANEL, _WIDE_PANEL = (2.05, 2.05), (3.0, 1.5)
_PICTURE, _HEAD = 3.3, 0.75
# Height of the colour bars, in rows.
_BAR = 0.07


def draw(
    signal: Float32,
    positions: NDArray[np.float64],
    channels: Sequence[str],
    picture: NDArray[np.uint8],
    view: Orthographic,
    projection: Orthographic | Mollweide,
    title: str,
) -> Figure:
    """Draw the signal of a mesh beside its picture.

    Parameters
    ----------
    signal : ndarray of float32, shape (pixel, channel)
        From :func:`~deepsphere.regridding.projection.project`.
    positions : ndarray of float64, shape (pixel, 3)
        Unit vectors of the pixels of the whole sphere.
    channels : sequence of str
        Names of the channels, some of :data:`~deepsphere.regridding.projection.CHANNELS`.
    picture : ndarray of uint8, shape (size, size, 4)
        From :func:`~deepsphere.report.mesh_pictures.render`.
    view : Orthographic
        Where the picture is seen from.
    projection : Orthographic or Mollweide
        How the sphere is shown.
    title : str
        What the mesh is called.

    Returns
    -------
    Figure
        The picture; then channels of the mesh in the upper row, those of its convex hull in the
        lower one, with one colour bar a column. Where a ray meets nothing, which shows if the
        cosine and the sine are there, the panels are grey.

    Raises
    ------
    ValueError
        If the shapes do not fit, or a channel is not known.
    """
    if signal.shape != (len(positions), len(channels)) or not set(channels) <= set(CHANNELS):
        raise ValueError(
            f"a signal must have shape ({len(positions)}, {len(channels)}), and channels of "
            f"{CHANNELS}; found {signal.shape} and {channels}"
        )
    by_name = _without_misses(dict(zip(channels, signal.T, strict=True)))
    columns = [feature for feature in _FEATURES if _panels(feature, by_name)]
    rows = [row for row in range(2) if any(_name(row, column) in by_name for column in columns)]
    width, height = _WIDE_PANEL if isinstance(projection, Mollweide) else _ROUND_PANEL
    figure = new_figure(_PICTURE + width * len(columns), max(height * len(rows), _PICTURE) + _HEAD)
    grid = figure.add_gridspec(
        len(rows) + 1,
        len(columns) + 1,
        width_ratios=[_PICTURE / width, *[1] * len(columns)],
        height_ratios=[*[1] * len(rows), _BAR],
    )
    beside = figure.add_subplot(grid[:, 0])
    paint_mesh(beside, picture)
    beside.add_patch(Circle((0, 0), 1, fill=False, edgecolor="0.8", linewidth=0.8))
    beside.set_title("mesh, and the sphere where rays start", fontsize=9)
    _caption(beside, view, projection)
    image = look_up(positions, projection, _POINTS)
    for place, column in enumerate(columns, start=1):
        scale = _scale(column, _panels(column, by_name))
        for line, row in enumerate(rows):
            axes = figure.add_subplot(grid[line, place])
            values = by_name.get(_name(row, column))
            axes.set_axis_off()
            if values is not None:
                image.paint(axes, values, scale)
                axes.set_title(_heading(row, column), fontsize=9)
        bar = figure.colorbar(
            ScalarMappable(scale.norm, scale.colours),
            cax=figure.add_subplot(grid[-1, place]),
            orientation="horizontal",
        )
        bar.set_label(scale.label, fontsize=8)
        bar.ax.tick_params(labelsize=7)
        bar.outline.set_linewidth(0.5)
    if any(np.isnan(values).any() for values in by_name.values()):
        missed = Patch(color=UNKNOWN, label="the ray meets nothing")
        beside.legend(
            handles=[missed],
            loc="upper center",
            bbox_to_anchor=(0.5, -0.04),
            fontsize=8,
            frameon=False,
        )
    figure.suptitle(plain(title), fontsize=10, x=0.01, ha="left")
    return figure


def _name(row: int, feature: str) -> str:
    """Return the channel of a feature of the mesh, or of its hull in row 1."""
    return CHANNELS[row * len(_FEATURES) + _FEATURES.index(feature)]


def _heading(row: int, feature: str) -> str:
    return f"{feature}, {_SURFACES[row]}"


def _panels(feature: str, by_name: dict[str, Float32]) -> list[Float32]:
    """Return the values of a feature, of both surfaces as far as they are there."""
    names = (_name(row, feature) for row in range(2))
    return [by_name[name] for name in names if name in by_name]


def _without_misses(by_name: dict[str, Float32]) -> dict[str, Float32]:
    """Return channels with NaN where a ray met nothing: there cosine and sine are both 0."""
    shown = dict(by_name)
    for row in range(2):
        distance, cosine, sine = (_name(row, feature) for feature in _FEATURES)
        if cosine in by_name and sine in by_name:
            missed = (by_name[cosine] == 0) & (by_name[sine] == 0)
            for name in {distance, cosine, sine} & by_name.keys():
                shown[name] = np.where(missed, np.float32(np.nan), by_name[name])
    return shown


def _scale(feature: str, values: Sequence[Float32]) -> Scale:
    """Return one scale for a feature of both surfaces."""
    if feature == "distance":
        return value_scale(np.concatenate(values), "distance / radii of the sphere")
    if feature == "cosine":
        return Scale(colormaps["RdBu_r"], Normalize(-1, 1), "cosine of ray and normal")
    return Scale(colormaps[COLOUR_MAP], Normalize(0, 1), "sine of ray and normal")


def _caption(axes: Axes, view: Orthographic, projection: Orthographic | Mollweide) -> None:
    """Say below the picture where it and the maps are seen from."""
    text = view.description
    if projection != view:
        text += f", maps {projection.description}"
    axes.text(
        0.5, 0.0, text, transform=axes.transAxes, fontsize=8, color=GREY, ha="center", va="top"
    )
