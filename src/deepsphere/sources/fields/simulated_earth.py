"""A rough Earth: where land is, and how high. For simulated atmospheres, not for maps.

A few ellipses stand for the continents and mountains. They are where those of the Earth are, so
that fields look familiar, and as high as to give the surface pressure its mean and deviation.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from deepsphere.samplings.coordinates import unit_vectors

Float = NDArray[np.float64]

# Degrees east and north of the middle, half axes in degrees, and how far the first axis is turned
# from east to north; height in metres.
_CONTINENTS = (
    (20.0, 5.0, 24.0, 17.0, 0.0, 500.0),
    (23.0, -18.0, 14.0, 18.0, 0.0, 900.0),
    (5.0, 22.0, 22.0, 11.0, 0.0, 400.0),
    (25.0, 52.0, 24.0, 12.0, 20.0, 150.0),
    (90.0, 58.0, 42.0, 16.0, 0.0, 400.0),
    (100.0, 33.0, 22.0, 13.0, -15.0, 600.0),
    (78.0, 20.0, 8.0, 12.0, 0.0, 350.0),
    (50.0, 27.0, 11.0, 9.0, -40.0, 700.0),
    (134.0, -25.0, 19.0, 11.0, 0.0, 250.0),
    (-60.0, -8.0, 18.0, 14.0, -15.0, 250.0),
    (-65.0, -35.0, 8.0, 18.0, 0.0, 300.0),
    (-98.0, 48.0, 27.0, 20.0, 0.0, 450.0),
    (-102.0, 26.0, 9.0, 10.0, -45.0, 900.0),
    (-42.0, 73.0, 12.0, 11.0, 0.0, 1300.0),
    (0.0, -90.0, 19.0, 19.0, 0.0, 1500.0),
)
_MOUNTAINS = (
    (88.0, 34.0, 15.0, 6.5, -8.0, 4100.0),
    (-70.0, -20.0, 4.0, 20.0, 0.0, 2600.0),
    (-111.0, 41.0, 8.0, 14.0, 15.0, 1300.0),
    (38.0, 8.0, 6.0, 9.0, 0.0, 1100.0),
    (-42.0, 73.0, 9.0, 8.0, 0.0, 1300.0),
    (90.0, -83.0, 17.0, 13.0, 0.0, 1700.0),
)
_EDGE = 4.0
_SHORE = 0.2


@dataclass(frozen=True, eq=False)
class Ground:
    """What is below the air.

    Attributes
    ----------
    land : ndarray
        1 on land, 0 on sea, in between along the coasts; float64 of any shape.
    height : ndarray
        Metres above the sea, of the same shape.
    """

    land: Float
    height: Float


def ground_at(longitude: Float, latitude: Float) -> Ground:
    """Return the ground at some places.

    Parameters
    ----------
    longitude, latitude : ndarray
        Degrees east and north, of one shape.
    """
    places = unit_vectors(longitude, latitude)
    levels = [(_level(places, *ellipse[:5]), ellipse[5]) for ellipse in _CONTINENTS]
    land = np.max([level for level, _ in levels], axis=0)
    # Highest of the levels, without an edge where two of them meet.
    height = np.sum([level * top**2 for level, top in levels], axis=0)
    height = height / np.maximum(np.sum([level * top for level, top in levels], axis=0), 1.0)
    for ellipse in _MOUNTAINS:
        height = height + ellipse[5] * _level(places, *ellipse[:5]) ** 1.5
    return Ground(land, height * land)


def is_sea(longitude: float, latitude: float) -> bool:
    """Return whether there is sea within half a degree of a place, in degrees east and north."""
    return bool(_sea_map()[round(latitude) + 90, round(longitude) % 360])


@cache
def _sea_map() -> NDArray[np.bool_]:
    """Return where the sea is, by degrees from the south pole and from 0°E."""
    places = np.meshgrid(np.arange(360.0), np.arange(-90.0, 91.0))
    return np.asarray(ground_at(*places).land < _SHORE)


def _level(
    places: Float, longitude: float, latitude: float, first: float, second: float, turn: float
) -> Float:
    """Return 1 inside of an ellipse on the tangent plane and 0 outside, smooth at its edge."""
    east, north, along = _plane(places, longitude, latitude)
    cosine, sine = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    across = np.hypot(
        (cosine * east + sine * north) / first, (cosine * north - sine * east) / second
    )
    depth = np.minimum((1.0 - across) * min(first, second), (along - 0.1) * 100.0)
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(4.0 * depth / _EDGE, -50.0, 50.0))))


def _plane(places: Float, longitude: float, latitude: float) -> tuple[Float, Float, Float]:
    """Return degrees east and north of a point, and the cosine of the distance to it."""
    angle, height = np.radians(longitude), np.radians(latitude)
    east = np.array([-np.sin(angle), np.cos(angle), 0.0])
    up = np.array([np.cos(height) * np.cos(angle), np.cos(height) * np.sin(angle), np.sin(height)])
    north = np.cross(up, east)
    cosine = places @ up
    distance = np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))
    x, y = places @ east, places @ north
    scale = distance / np.maximum(np.hypot(x, y), 1e-9)
    return x * scale, y * scale, cosine
