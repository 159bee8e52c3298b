"""The sphere as an image: for many small maps of one sampling, such as one a channel or a sample.

:func:`look_up` finds once which pixel each point of the image shows; to paint further values then
takes no longer than to colour an image, and it does not matter how many pixels there are. For one
large map, or a part of the sphere, take :mod:`~deepsphere.report.maps`.
"""

import math
from dataclasses import dataclass, field

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Polygon
from numpy.typing import NDArray
from scipy.spatial import KDTree

from deepsphere.report.projections import Mollweide, Orthographic, outline
from deepsphere.report.scales import Scale
from deepsphere.report.style import GREY
from deepsphere.samplings.coordinates import unit_vectors

Float = NDArray[np.float64]

_BEYOND = 1.02


@dataclass(frozen=True, eq=False)
class SphereImage:
    """Which pixel of a sampling is seen where.

    Attributes
    ----------
    projection : Orthographic or Mollweide
        How the sphere is seen.
    pixels : ndarray
        Numbers of pixels, int64, shape (height, width), the upper row first. The image reaches to
        the borders of the sphere; what is beyond these shows the pixel 0, which nobody sees.
    """

    projection: Orthographic | Mollweide
    pixels: NDArray[np.int64] = field(repr=False)

    @property
    def points(self) -> tuple[Float, Float]:
        """Where the points of the image are on paper: to the right, shape (width,), and up, shape
        (height,).
        """
        half_width, half_height = self.projection.half_axes
        height, width = self.pixels.shape
        return _centres(width) * half_width, -_centres(height) * half_height

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Which points of the image show the sphere, shape (height, width)."""
        half_width, half_height = self.projection.half_axes
        horizontal, vertical = self.points
        squares: Float = (horizontal / half_width) ** 2 + (vertical[:, None] / half_height) ** 2
        return squares < 1

    def paint(self, axes: Axes, values: NDArray[np.floating], scale: Scale) -> None:
        """Paint values into axes, which show nothing but the sphere then.

        Parameters
        ----------
        axes : Axes
        values : ndarray
            Value of each pixel, shape (pixel,). Those that are not finite are grey.
        scale : Scale
            Which colour stands for which value.
        """
        width, height = self.projection.half_axes
        image = axes.imshow(
            scale.colours_of(values[self.pixels]),
            extent=(-width, width, -height, height),
            interpolation="antialiased",
        )
        border = Polygon(outline(self.projection), fill=False, edgecolor=GREY, linewidth=0.8)
        axes.add_patch(border)
        image.set_clip_path(border)
        axes.set_xlim(-_BEYOND * width, _BEYOND * width)
        axes.set_ylim(-_BEYOND * height, _BEYOND * height)
        axes.set_axis_off()


def look_up(positions: Float, projection: Orthographic | Mollweide, height: int) -> SphereImage:
    """Return which pixel is seen where: the nearest one.

    Parameters
    ----------
    positions : ndarray
        Unit vectors of the pixels of the whole sphere, shape (pixel, 3).
    projection : Orthographic or Mollweide
        How the sphere is seen.
    height : int
        Points of the image from bottom to top; as many or twice as many are from left to right.

    Raises
    ------
    ValueError
        If there is no pixel, or the height is not positive.
    """
    if positions.ndim != 2 or positions.shape[1] != 3 or not len(positions) or height < 1:
        raise ValueError(
            "an image needs positions of shape (pixel, 3) and at least 1 point from bottom to "
            f"top; found {positions.shape} and {height}"
        )
    directions, inside = image_directions(projection, height)
    pixels = np.zeros(inside.shape, np.int64)
    pixels[inside] = KDTree(positions).query(directions)[1]
    return SphereImage(projection, pixels)


def image_directions(
    projection: Orthographic | Mollweide, height: int
) -> tuple[Float, NDArray[np.bool_]]:
    """Return what the points of an image look at: for samplings that know the pixel of a direction.

    Parameters
    ----------
    projection : Orthographic or Mollweide
        How the sphere is seen.
    height : int
        Points of the image from bottom to top.

    Returns
    -------
    directions : ndarray of float64, shape (points inside, 3)
        Unit vectors, of the points inside the sphere's border alone.
    inside : ndarray of bool, shape (height, width)
        Which points these are, the upper row first.
    """
    half_width, half_height = projection.half_axes
    width = round(height * half_width / half_height)
    horizontal = _centres(width) * half_width
    vertical = -_centres(height) * half_height
    points = np.stack(np.meshgrid(horizontal, vertical), axis=-1)
    inside = ((points / projection.half_axes) ** 2).sum(axis=-1) < 1
    return _directions(projection, points[inside]), inside


def view_axes(view: Orthographic) -> Float:
    """Return unit vectors towards the viewer, to the right and up, one a row."""
    towards = unit_vectors(np.array(view.longitude), np.array(view.latitude))
    return np.stack([towards, *view.project_points(np.eye(3))[0].T])


def _centres(count: int) -> Float:
    """Return the middles of equal parts of the interval from -1 to 1."""
    return (2 * np.arange(count) + 1) / count - 1


def _directions(projection: Orthographic | Mollweide, points: Float) -> Float:
    """Return what is seen at points inside the sphere's border, shape (points, 2): unit vectors."""
    x, y = points.T
    if isinstance(projection, Orthographic):
        depth = np.sqrt(np.maximum(1 - x**2 - y**2, 0))
        return np.stack([depth, x, y], axis=1) @ view_axes(projection)
    # Snyder, Map projections: a working manual (1987), equations 31-2 to 31-8 for radius 1.
    angle = np.arcsin(y / math.sqrt(2))
    latitude = np.degrees(np.arcsin((2 * angle + np.sin(2 * angle)) / math.pi))
    turn = np.degrees(math.pi * x / (2 * math.sqrt(2) * np.cos(angle)))
    return unit_vectors(projection.longitude + turn, latitude)
