"""The rows and columns that simulated atmospheres are made on, and places near a point of them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from deepsphere.samplings.coordinates import unit_vectors

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Grid:
    """Equal steps of latitude from pole to pole and of longitude from 0°E, as the model has them.

    Attributes
    ----------
    rows, columns : int
        How many; the first row is the south pole and the last one the north pole.
    """

    rows: int
    columns: int

    @property
    def spacing(self) -> float:
        """Degrees between rows."""
        return 180.0 / (self.rows - 1)

    @cached_property
    def latitude(self) -> Float:
        """Degrees north of the rows."""
        return np.linspace(-90.0, 90.0, self.rows)

    @cached_property
    def longitude(self) -> Float:
        """Degrees east of the columns."""
        return 360.0 * np.arange(self.columns) / self.columns

    @cached_property
    def areas(self) -> Float:
        """Area of each place, as a share of the sphere; shape (rows, columns)."""
        edges = np.sin(np.radians(np.clip(self._edges, -90.0, 90.0)))
        return np.repeat(np.diff(edges)[:, None] / (2.0 * self.columns), self.columns, axis=1)

    @cached_property
    def positions(self) -> Float:
        """Unit vectors, shape (places, 3), row by row."""
        longitude, latitude = np.meshgrid(self.longitude, self.latitude)
        return unit_vectors(longitude, latitude).reshape(-1, 3)

    @cached_property
    def axes(self) -> tuple[Float, Float]:
        """Unit vectors eastward and northward, shape (places, 3) each."""
        longitude, latitude = np.meshgrid(self.longitude, self.latitude)
        return east_and_north(longitude.ravel(), latitude.ravel())

    def near(self, point: Float, degrees: float) -> NDArray[np.int64]:
        """Return the places within a distance of a point.

        Parameters
        ----------
        point : ndarray
            Unit vector.
        degrees : float
            The distance.
        """
        latitude = np.degrees(np.arcsin(np.clip(point[2], -1.0, 1.0)))
        rows = np.flatnonzero(np.abs(self.latitude - latitude) <= degrees)
        if not len(rows):
            return np.zeros(0, np.int64)
        start, stop = rows[0] * self.columns, (rows[-1] + 1) * self.columns
        close = self.positions[start:stop] @ point >= np.cos(np.radians(min(degrees, 180.0)))
        return np.asarray(start + np.flatnonzero(close))

    @property
    def _edges(self) -> Float:
        """Degrees north of where rows begin and end, half a step beyond the poles."""
        return np.asarray(-90.0 + self.spacing * (np.arange(self.rows + 1) - 0.5))


def east_and_north(longitude: Float, latitude: Float) -> tuple[Float, Float]:
    """Return the unit vectors eastward and northward at some places, shape (..., 3) each.

    Parameters
    ----------
    longitude, latitude : ndarray
        Degrees, of one shape. At the poles longitude says which way is east.
    """
    angle, height = np.radians(longitude), np.radians(latitude)
    zero = np.zeros_like(angle)
    east = np.stack([-np.sin(angle), np.cos(angle), zero], axis=-1)
    north = np.stack(
        [-np.sin(height) * np.cos(angle), -np.sin(height) * np.sin(angle), np.cos(height)], axis=-1
    )
    return east, north
