"""The sphere on paper: as a globe seen from afar, and as a whole.

:class:`Orthographic` is for pictures that show at a glance that the data lie on a sphere; it hides
half of them. :class:`Mollweide` is for all of the data: it distorts shapes, not areas. Both take
the sphere of radius 1, and cells as polygons with great arcs as sides, that is the ``cells()`` of
any sampling; cells must be smaller than a hemisphere.
"""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.report.shapes import Shapes, join_corners, with_short_sides
from deepsphere.samplings.coordinates import unit_vectors
from deepsphere.samplings.polygons import clip, flat

Float = NDArray[np.float64]

# From a start that is at most a fifth too small, each step of Newton doubles the digits.
_NEWTON_STEPS = 6
_OUTLINE_POINTS = 361


class Projection(Protocol):
    """A way to put the sphere on paper."""

    @property
    def half_axes(self) -> tuple[float, float]:
        """Half the width and height of the ellipse around (0, 0) that the sphere fills."""

    @property
    def description(self) -> str:
        """Where one looks at, in words."""

    def project_points(self, positions: Float) -> tuple[Float, NDArray[np.bool_]]:
        """Return points on paper, shape (..., 2), and which are not hidden, shape (...).

        Parameters
        ----------
        positions : ndarray
            Unit vectors, shape (..., 3).
        """

    def project_cells(self, cells: Float) -> Shapes:
        """Return what is visible of cells.

        Parameters
        ----------
        cells : ndarray
            Unit vectors, shape (pixel, corners, 3), see
            :meth:`~deepsphere.samplings.sampling.Sampling.cells`.
        """


@dataclass(frozen=True)
class Orthographic:
    """A globe seen from infinitely far above a place: a disc of radius 1, north up.

    Parameters
    ----------
    longitude, latitude : float
        The place in the middle, degrees east and north.

    Raises
    ------
    DeepsphereError
        If the longitude is not finite or the latitude not from -90 to 90.
    """

    longitude: float = 0.0
    latitude: float = 0.0

    def __post_init__(self) -> None:
        _check_centre(self.longitude, self.latitude)

    @property
    def half_axes(self) -> tuple[float, float]:
        """Radii of the disc."""
        return 1.0, 1.0

    @property
    def description(self) -> str:
        """Such as ``seen from 20°N 30°E``."""
        latitude = _degrees_text(self.latitude, "N", "S")
        return f"seen from {latitude} {_longitude_text(self.longitude)}"

    def project_points(self, positions: Float) -> tuple[Float, NDArray[np.bool_]]:
        """Return points in the disc, and which are on the near side."""
        turned = positions @ self._axes.T
        return turned[..., 1:], turned[..., 0] > 0

    def project_cells(self, cells: Float) -> Shapes:
        """Return the cells of the near side, cut where they reach beyond its border."""
        near = np.flatnonzero((cells @ self._axes[0] > 0).any(axis=1))
        towards = np.broadcast_to(self._axes[0], (len(near), 1, 3))
        corners, owners = with_short_sides(clip(flat(cells[near]), towards))
        return join_corners(self.project_points(corners)[0], near[owners])

    @property
    def _axes(self) -> Float:
        """Unit vectors towards the viewer, to the right and up, one a row."""
        return _axes_at(self.longitude, self.latitude)


@dataclass(frozen=True)
class Mollweide:
    """The whole sphere in an ellipse twice as wide as high; all areas as they are on the sphere.

    Parallels are straight and horizontal. The half axes are 2√2 and √2, so that the area is 4π.

    Parameters
    ----------
    longitude : float
        The meridian in the middle, degrees east.

    Raises
    ------
    DeepsphereError
        If the longitude is not finite.
    """

    longitude: float = 0.0

    def __post_init__(self) -> None:
        _check_centre(self.longitude, 0.0)

    @property
    def half_axes(self) -> tuple[float, float]:
        """2√2 and √2."""
        return 2 * math.sqrt(2), math.sqrt(2)

    @property
    def description(self) -> str:
        """Such as ``centred on 30°E``."""
        return f"centred on {_longitude_text(self.longitude)}"

    def project_points(self, positions: Float) -> tuple[Float, NDArray[np.bool_]]:
        """Return points in the ellipse; none is hidden."""
        turned = positions @ self._axes.T
        eastward = np.where(turned[..., 1] < 0, -1.0, 1.0)
        return _mollweide(turned, eastward), np.ones(turned.shape[:-1], dtype=np.bool_)

    def project_cells(self, cells: Float) -> Shapes:
        """Return all cells, cut where they cross the border, or a meridian every 90° from it.

        The other meridians matter at the poles only: a quarter of a cell around a pole has a corner
        there, and the pole is where all meridians meet again on paper.
        """
        corners, owners = flat(cells)
        turned = corners @ self._axes.T, owners
        polygons: list[Float] = []
        pixels = []
        for forward in (1.0, -1.0):
            for eastward in (1.0, -1.0):
                borders = np.array([[forward, 0.0, 0.0], [0.0, eastward, 0.0]])
                quarters = np.broadcast_to(borders, (len(cells), 2, 3))
                corners, owners = with_short_sides(clip(turned, quarters))
                part = join_corners(_mollweide(corners, np.full(len(corners), eastward)), owners)
                polygons += part.polygons
                pixels.append(part.pixels)
        return Shapes(polygons, np.concatenate(pixels))

    @property
    def _axes(self) -> Float:
        return _axes_at(self.longitude, 0.0)


def outline(projection: Projection) -> Float:
    """Return the border of the sphere on paper, shape (points, 2), the last one being the first."""
    angles = np.linspace(0, 2 * np.pi, _OUTLINE_POINTS)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1) * projection.half_axes


def _degrees_text(degrees: float, positive: str, negative: str) -> str:
    """Return degrees with the letter of their side: ``30°N``."""
    letter = positive if degrees > 0 else negative if degrees < 0 else ""
    return f"{abs(degrees):g}°{letter}"


def _longitude_text(longitude: float) -> str:
    return _degrees_text(round((longitude + 180) % 360 - 180, 1), "E", "W")


def _check_centre(longitude: float, latitude: float) -> None:
    if not math.isfinite(longitude) or not -90 <= latitude <= 90:
        raise DeepsphereError(
            "a map is seen from a finite longitude and a latitude from -90 to 90 degrees; found "
            f"{longitude=:g}, {latitude=:g}"
        )


def _axes_at(longitude: float, latitude: float) -> Float:
    """Return unit vectors outward, to the east and to the north of a place, one a row."""
    # North is the place that is 90° of latitude on: this holds at the poles too.
    longitudes = np.array([longitude, longitude + 90, longitude])
    return unit_vectors(longitudes, np.array([latitude, 0.0, latitude + 90]))


def _mollweide(turned: Float, eastward: Float) -> Float:
    """Return points on paper, shape (..., 2).

    The equation 2θ + sin 2θ = π sin φ of the latitude φ becomes t - sin t = π (1 - sin |φ|) with
    t = π - 2 |θ|, which keeps its digits near the poles.

    Parameters
    ----------
    turned : ndarray
        Unit vectors, outward, to the east and to the north of the middle, shape (..., 3).
    eastward : ndarray
        On which side of the middle the points are, 1 or -1, shape (...): this decides for those
        on the border, which are on both.
    """
    forward, aside, north = np.moveaxis(turned, -1, 0)
    difference = np.pi * (forward**2 + aside**2) / (1 + np.abs(north))
    angle = np.cbrt(6 * difference)
    for _ in range(_NEWTON_STEPS):
        slope = 2 * np.sin(angle / 2) ** 2
        error = angle - np.sin(angle) - difference
        angle = angle - np.divide(error, slope, out=np.zeros_like(error), where=slope > 0)
    longitude = eastward * np.arctan2(np.abs(aside), forward)
    horizontal = 2 * math.sqrt(2) / np.pi * longitude * np.sin(angle / 2)
    vertical = math.sqrt(2) * np.copysign(np.cos(angle / 2), north)
    return np.stack([horizontal, vertical], axis=-1)
