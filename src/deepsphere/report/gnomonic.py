"""A window on a part of the sphere: the gnomonic projection, for details of large maps.

Great circles are straight lines on it. For the whole sphere see
:mod:`~deepsphere.report.projections`.
"""

import math
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from deepsphere.report.projections import Orthographic
from deepsphere.report.scales import Scale
from deepsphere.report.sphere_images import view_axes

Float = NDArray[np.float64]

_WIDEST = 60.0
_TICKS = 4


@dataclass(frozen=True)
class Gnomonic:
    """A square window on the plane that touches the sphere at a place, north up and east right.

    Parameters
    ----------
    longitude, latitude : float
        The place in the middle, degrees east and north.
    reach : float
        Degrees from the middle to the middle of each side, up to 60.

    Raises
    ------
    ValueError
        If the reach is not from above 0 to 60.
    """

    longitude: float
    latitude: float
    reach: float

    def __post_init__(self) -> None:
        if not 0 < self.reach <= _WIDEST:
            raise ValueError(f"expected a reach above 0 and to {_WIDEST:g} degrees, found {self}")

    @property
    def description(self) -> str:
        """Such as ``around 20°N 30°E``."""
        return self._globe.description.replace("seen from", "around")

    def directions(self, points: int) -> Float:
        """Return where on the sphere the points of an image are.

        Parameters
        ----------
        points : int
            Points of each side.

        Returns
        -------
        ndarray
            Unit vectors, float64, shape (points, points, 3), the upper row first.
        """
        line = ((2 * np.arange(points) + 1) / points - 1) * math.tan(math.radians(self.reach))
        right, up = np.meshgrid(line, -line)
        outward = np.ones_like(right)
        seen = np.stack([outward, right, up], axis=-1) @ view_axes(self._globe)
        directions: Float = seen / np.linalg.norm(seen, axis=-1, keepdims=True)
        return directions

    def paint(self, axes: Axes, image: NDArray[np.floating], scale: Scale) -> None:
        """Paint an image into axes, whose ticks are degrees from the middle.

        Parameters
        ----------
        axes : Axes
        image : ndarray
            Value of each point, shape (points, points), the upper row first. Those that are not
            finite are grey.
        scale : Scale
            Which colour stands for which value.
        """
        edge = math.tan(math.radians(self.reach))
        axes.imshow(
            scale.colours_of(image), extent=(-edge, edge, -edge, edge), interpolation="antialiased"
        )
        located = MaxNLocator(_TICKS, steps=[1, 2, 5, 10]).tick_values(-self.reach, self.reach)
        degrees = [float(tick) for tick in located if abs(tick) <= self.reach]
        places = np.tan(np.radians(degrees))
        labels = [f"{number:g}°".replace("-", "−") for number in degrees]
        axes.set_xticks(places, labels, fontsize=7)
        axes.set_yticks(places, labels, fontsize=7)

    @property
    def _globe(self) -> Orthographic:
        return Orthographic(self.longitude, self.latitude)
