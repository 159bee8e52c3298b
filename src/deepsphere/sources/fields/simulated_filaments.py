"""A filament of a simulated atmosphere: moisture and a jet along a curved axis, which move.

The jet is in geostrophic balance across the axis, with weaker winds against it on both sides, so
that it carries no air on the whole.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepsphere.samplings.coordinates import unit_vectors
from deepsphere.sources.fields.simulated_constants import EARTH_RADIUS, SURFACE_DENSITY
from deepsphere.sources.fields.simulated_events import Patch, strength
from deepsphere.sources.fields.simulated_flow import coriolis
from deepsphere.sources.fields.simulated_grid import Grid

Float = NDArray[np.float64]

EXCESS = 7.0
"""Moisture, kg/m², that a filament with a label adds where it is labelled."""

# Widths from the axis that a filament reaches, and share of its length over which it fades.
_REACH = 4.0
_FADING_LENGTH = 0.25


@dataclass(frozen=True, eq=False)
class Filament:
    """A filament.

    Attributes
    ----------
    birth, life : float
        Hour that it begins, and hours that it lasts.
    longitude, latitude : ndarray
        Degrees east and north of the points of its axis at birth, float64 of shape (points,).
    drift : float
        Degrees of longitude a day that it moves east.
    width : float
        Deviation of the profile across, in degrees of arc.
    wind : float
        Along the axis in the middle of its life, m/s.
    moisture, warmth, rain : float
        What it adds there: kg/m², K at 500 hPa, and m/s.
    drop : float
        By how much the pressure is lower there, beside that of the geostrophic balance, Pa.
    label : int
        Number of its class; 0 for none.
    """

    birth: float
    life: float
    longitude: Float
    latitude: Float
    drift: float
    width: float
    wind: float
    moisture: float
    warmth: float
    rain: float
    drop: float
    label: int

    @property
    def length(self) -> float:
        """Degrees of arc from end to end."""
        return float(_lengths(unit_vectors(self.longitude, self.latitude))[-1])

    def labelled_area(self, hour: float) -> float:
        """Return the share of the sphere where it is labelled, about, if on land or sea alone."""
        grown = self.moisture * strength(self.birth, self.life, hour)
        if not self.label or grown <= EXCESS:
            return 0.0
        along = np.linspace(0.0, 1.0, 101)
        excess = np.maximum(grown * _fading(along) / EXCESS, 1.0)
        half_width = np.radians(self.width * np.sqrt(2.0 * np.log(excess)))
        return float(np.radians(self.length) * 2.0 * half_width.mean() / (4.0 * np.pi))

    def patch(self, grid: Grid, hour: float) -> Patch:
        """Return what it adds at an hour of its life."""
        longitude = self.longitude + self.drift * (hour - self.birth) / 24.0
        axis = unit_vectors(longitude, self.latitude)
        lengths = _lengths(axis)
        middle = axis[len(axis) // 2]
        reach = np.degrees(np.arccos(np.clip(axis @ middle, -1.0, 1.0))).max()
        places = grid.near(middle, reach + _REACH * self.width)
        positions = grid.positions[places]
        point = np.argmax(positions @ axis.T, axis=1)
        tangents = _tangents(axis)
        along = lengths[point] + _component(positions, tangents[point])
        across = _component(positions, np.cross(axis, tangents)[point])
        east, north = (directions[places] for directions in grid.axes)
        forward = tangents[point]
        grown = strength(self.birth, self.life, hour) * _fading(along / lengths[-1])
        scaled = across / self.width
        profile = grown * np.exp(-0.5 * scaled**2)
        speed = self.wind * (1.0 - scaled**2) * profile
        f = coriolis(np.degrees(np.arcsin(np.clip(positions[:, 2], -1.0, 1.0))))
        balance = -f * self.wind * np.radians(across) * EARTH_RADIUS * profile * SURFACE_DENSITY
        return Patch(
            places=places,
            eastward=speed * np.einsum("ij,ij->i", forward, east),
            northward=speed * np.einsum("ij,ij->i", forward, north),
            pressure=balance - self.drop * profile,
            middle=self.warmth * profile,
            upper=0.7 * self.warmth * profile,
            moisture=self.moisture * profile,
            rain=self.rain * profile**2,
            inside=(self.moisture * profile > EXCESS) & bool(self.label),
        )


def _lengths(axis: Float) -> Float:
    """Return the degrees of arc from the start to each point."""
    steps = np.linalg.norm(np.diff(axis, axis=0), axis=1)
    return np.asarray(np.degrees(np.cumsum(np.r_[0.0, 2.0 * np.arcsin(steps / 2.0)])))


def _tangents(axis: Float) -> Float:
    """Return unit vectors along the axis, at right angles to its points."""
    slopes = np.gradient(axis, axis=0)
    slopes -= np.einsum("ij,ij->i", slopes, axis)[:, None] * axis
    return np.asarray(slopes / np.linalg.norm(slopes, axis=1)[:, None])


def _component(positions: Float, directions: Float) -> Float:
    """Return how far positions lie in a direction, degrees of arc."""
    sines = np.einsum("ij,ij->i", positions, directions)
    return np.asarray(np.degrees(np.arcsin(np.clip(sines, -1.0, 1.0))))


def _fading(along: Float) -> Float:
    """Return 1 in the middle of the length and smoothly 0 at the ends; ``along`` from 0 to 1."""
    inside = np.clip(np.minimum(along, 1.0 - along) / _FADING_LENGTH, 0.0, 1.0)
    return np.asarray(inside**2 * (3.0 - 2.0 * inside))
