"""Tropical cyclones of a simulated atmosphere, and what could be taken for one.

A tropical cyclone has a warm and moist core, and rain around its eye. It is born over a tropical
sea, and is labelled where its wind is a gale. Beside it there are, without a label, lows as windy
but larger and with a cold core, and clusters of clouds as warm and moist but without much wind.
"""

import numpy as np

from deepsphere.sources.fields.simulated_earth import is_sea
from deepsphere.sources.fields.simulated_vortices import Vortex

CYCLONE = 1
"""Number of the class."""

# Rows of the grid across the radius of the strongest wind, at least.
_LEAST_RADIUS = 0.22


def draw_cyclone(
    generator: np.random.Generator, birth: float, summer: float, spacing: float
) -> Vortex:
    """Draw a tropical cyclone, more often in the summer hemisphere.

    Parameters
    ----------
    generator : numpy.random.Generator
        Source of chance.
    birth : float
        Hour that it begins.
    summer : float
        How much it is summer in the north, from -1 to 1.
    spacing : float
        Degrees between the rows of the grid: cyclones are no smaller than it can show.
    """
    north = generator.random() < 0.6 + 0.3 * summer
    longitude, latitude = _at_sea(generator, 8.0, 19.0, 1.0 if north else -1.0)
    return Vortex(
        birth=birth,
        life=generator.uniform(120.0, 220.0),
        longitude=longitude,
        latitude=latitude,
        poleward=generator.uniform(0.8, 2.4),
        radius=max(generator.uniform(0.45, 0.75), _LEAST_RADIUS * spacing),
        shape=generator.uniform(1.4, 1.9),
        wind=generator.uniform(24.0, 50.0),
        warmth=generator.uniform(3.0, 6.0),
        moisture=generator.uniform(12.0, 20.0),
        rain=generator.uniform(1e-6, 3e-6),
        label=CYCLONE,
    )


def draw_cold_low(
    generator: np.random.Generator, birth: float, summer: float, spacing: float
) -> Vortex:
    """Draw a low as windy as a cyclone but larger, outside the tropics, with a cold core."""
    side = 1.0 if generator.random() < 0.5 - 0.2 * summer else -1.0
    return Vortex(
        birth=birth,
        life=generator.uniform(80.0, 160.0),
        longitude=generator.uniform(0.0, 360.0),
        latitude=side * generator.uniform(24.0, 40.0),
        poleward=generator.uniform(0.8, 2.4),
        radius=max(generator.uniform(0.9, 1.5), _LEAST_RADIUS * spacing),
        shape=generator.uniform(1.3, 1.8),
        wind=generator.uniform(16.0, 26.0),
        warmth=generator.uniform(-4.0, -1.0),
        moisture=generator.uniform(2.0, 8.0),
        rain=generator.uniform(1e-7, 3e-7),
        label=0,
    )


def draw_cluster(
    generator: np.random.Generator, birth: float, summer: float, spacing: float
) -> Vortex:
    """Draw a cluster of tropical clouds: warm, moist and rainy as a cyclone, with little wind."""
    side = 1.0 if generator.random() < 0.5 + 0.3 * summer else -1.0
    longitude, latitude = _at_sea(generator, 3.0, 22.0, side)
    return Vortex(
        birth=birth,
        life=generator.uniform(24.0, 72.0),
        longitude=longitude,
        latitude=latitude,
        poleward=0.3,
        radius=max(generator.uniform(0.5, 0.9), _LEAST_RADIUS * spacing),
        shape=1.5,
        wind=generator.uniform(2.0, 8.0),
        warmth=generator.uniform(1.5, 4.0),
        moisture=generator.uniform(12.0, 20.0),
        rain=generator.uniform(1e-6, 3e-6),
        label=0,
    )


def _at_sea(
    generator: np.random.Generator, lowest: float, highest: float, side: float
) -> tuple[float, float]:
    """Return the degrees east and north of a place on the sea, between two latitudes."""
    while True:
        longitude = float(generator.uniform(0.0, 360.0))
        latitude = side * float(generator.uniform(lowest, highest))
        if is_sea(longitude, latitude):
            return longitude, latitude
