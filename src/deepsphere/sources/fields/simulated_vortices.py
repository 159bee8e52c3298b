"""A vortex of a simulated atmosphere, which moves, grows and decays.

It has the wind and pressure of Holland's profile (Mon. Wea. Rev. 108, 1980). It goes west and
polewards, and turns east beyond 25 degrees.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import lambertw

from deepsphere.sources.fields.simulated_constants import SURFACE_DENSITY
from deepsphere.sources.fields.simulated_events import Patch, strength
from deepsphere.sources.fields.simulated_grid import Grid

Float = NDArray[np.float64]

GALE = 17.0
"""Wind of a gale, m/s: where that of a vortex with a label is more, it is labelled."""

# In radii of the strongest wind: where the profile begins to be cut off, and where it is.
_FADES_FROM, _ENDS_AT = 7.0, 12.0
_WESTWARD, _TURNING_LATITUDE, _TURNING_WIDTH = 4.0, 25.0, 4.0


@dataclass(frozen=True)
class Vortex:
    """A vortex.

    Attributes
    ----------
    birth, life : float
        Hour that it begins, and hours that it lasts.
    longitude, latitude : float
        Degrees east and north of where it is born.
    poleward : float
        Degrees a day that it goes towards its pole; positive.
    radius : float
        Of the strongest wind, in degrees of arc.
    shape : float
        Holland's parameter B.
    wind : float
        Strongest wind of its life, m/s.
    warmth : float
        Of its core at 500 hPa, K.
    moisture : float
        Of its core, kg/m².
    rain : float
        Around its eye, m/s.
    label : int
        Number of its class; 0 for none.
    """

    birth: float
    life: float
    longitude: float
    latitude: float
    poleward: float
    radius: float
    shape: float
    wind: float
    warmth: float
    moisture: float
    rain: float
    label: int

    def place(self, hour: float) -> tuple[float, float]:
        """Return the degrees east and north of its middle at an hour."""
        days = (hour - self.birth) / 24.0
        start = abs(self.latitude)
        end = start + self.poleward * days
        # The eastward speed, a sigmoid of the latitude, integrated along the way.
        bends = [
            _TURNING_WIDTH * np.logaddexp(0.0, (at - _TURNING_LATITUDE) / _TURNING_WIDTH)
            for at in (start, end)
        ]
        eastward = 2.0 * _WESTWARD * (bends[1] - bends[0]) / self.poleward - _WESTWARD * days
        longitude = self.longitude + eastward / np.cos(np.radians(start))
        return float(longitude % 360.0), float(np.sign(self.latitude) * min(end, 85.0))

    def labelled_area(self, hour: float) -> float:
        """Return the share of the sphere where its wind is a gale, 0 if it has no label."""
        return float(0.5 * (1.0 - np.cos(np.radians(self._labelled_radius(hour)))))

    def patch(self, grid: Grid, hour: float) -> Patch:
        """Return what it adds at an hour of its life."""
        longitude, latitude = np.radians(self.place(hour))
        cosine = np.cos(latitude)
        centre = np.array(
            [cosine * np.cos(longitude), cosine * np.sin(longitude), np.sin(latitude)]
        )
        places = grid.near(centre, _ENDS_AT * self.radius)
        positions = grid.positions[places]
        around = np.cross(centre, positions)
        sine = np.linalg.norm(around, axis=1)
        distance = np.degrees(np.arctan2(sine, positions @ centre))
        grown = strength(self.birth, self.life, hour)
        window = _window(distance / self.radius)
        speed = holland_wind(distance, self.radius, self.wind * grown, self.shape)
        drop = holland_drop(distance, self.radius, self.wind * grown, self.shape)
        # Counter-clockwise in the north.
        turning = around * (np.sign(latitude) * window * speed / np.maximum(sine, 1e-12))[:, None]
        east, north = (axis[places] for axis in grid.axes)
        ring = (speed / max(self.wind, 1e-9)) ** 2
        scaled = distance / self.radius
        return Patch(
            places=places,
            eastward=np.einsum("ij,ij->i", turning, east),
            northward=np.einsum("ij,ij->i", turning, north),
            pressure=-window * drop,
            middle=grown * self.warmth * np.exp(-((scaled / 3.0) ** 2)),
            upper=0.7 * grown * self.warmth * np.exp(-((scaled / 4.0) ** 2)),
            moisture=grown * self.moisture * np.exp(-((scaled / 4.5) ** 2)),
            rain=window * self.rain * (ring + grown * 0.3 * np.exp(-((scaled / 3.0) ** 2))),
            inside=distance < self._labelled_radius(hour),
        )

    def _labelled_radius(self, hour: float) -> float:
        """Return the distance within which it is labelled, its eye included; 0 for nowhere."""
        wind = self.wind * strength(self.birth, self.life, hour)
        if not self.label or wind <= GALE:
            return 0.0
        return min(gale_radius(self.radius, wind, self.shape), _FADES_FROM * self.radius)


def holland_wind(distance: Float, radius: float, wind: float, shape: float) -> Float:
    """Return the wind of a vortex, m/s: ``wind sqrt(y exp(1 - y))``, ``y = (radius / distance)^B``.

    Parameters
    ----------
    distance : ndarray
        From its middle, in the unit of ``radius``.
    radius, wind : float
        Of the strongest wind, and how strong it is.
    shape : float
        B.
    """
    ratio = _ratio(distance, radius, shape)
    return np.asarray(wind * np.sqrt(ratio * np.exp(1.0 - ratio)))


def holland_drop(distance: Float, radius: float, wind: float, shape: float) -> Float:
    """Return by how much the pressure is lower than far away, Pa; arguments as before.

    ``Δp (1 - exp(-y))`` with ``Δp = density e wind² / B``: the gradient that turns this wind around
    in cyclostrophic balance, ``density wind² / distance``.
    """
    depth = SURFACE_DENSITY * np.e * wind**2 / shape
    return np.asarray(-depth * np.expm1(-_ratio(distance, radius, shape)))


def gale_radius(radius: float, wind: float, shape: float) -> float:
    """Return the distance within which there is a gale around the eye; arguments as before."""
    ratio = -float(lambertw(-((GALE / wind) ** 2) / np.e).real)
    return float(radius * ratio ** (-1.0 / shape))


def _ratio(distance: Float, radius: float, shape: float) -> Float:
    """Return y, at most 700 where it would be infinite."""
    tiny = radius * 700.0 ** (-1.0 / shape)
    return np.asarray((radius / np.maximum(distance, tiny)) ** shape)


def _window(scaled: Float) -> Float:
    """Return 1 near the middle, and smoothly 0 where a vortex ends."""
    phase = np.clip((scaled - _FADES_FROM) / (_ENDS_AT - _FADES_FROM), 0.0, 1.0)
    return np.asarray(np.cos(0.5 * np.pi * phase) ** 2)
