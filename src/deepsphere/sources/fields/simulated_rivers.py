"""Atmospheric rivers of a simulated atmosphere, and what could be taken for one.

An atmospheric river is a long and narrow plume of moisture from the subtropics to the middle
latitudes, with a jet along its axis. It is labelled where it has clearly more moisture than the air
around it. Beside it there are, without a label, pools as moist and windy that are not long, jets
without moisture, and short tropical gales as windy, moist and warm as a cyclone that go straight
on.
"""

import numpy as np

from deepsphere.sources.fields.simulated_filaments import Filament

RIVER = 2
"""Number of the class."""

_POINTS = 32
# Rows of the grid in a width, at least.
_LEAST_WIDTH = 0.4


def draw_river(
    generator: np.random.Generator, birth: float, summer: float, spacing: float
) -> Filament:
    """Draw an atmospheric river, more often in the winter hemisphere.

    Parameters
    ----------
    generator : numpy.random.Generator
        Source of chance.
    birth : float
        Hour that it begins.
    summer : float
        How much it is summer in the north, from -1 to 1.
    spacing : float
        Degrees between the rows of the grid: rivers are no narrower than it can show.
    """
    start, end = generator.uniform(15.0, 27.0), generator.uniform(40.0, 56.0)
    return _filament(
        generator,
        birth,
        side=_side(generator, -0.2 * summer),
        latitudes=(start, end),
        eastward=generator.uniform(20.0, 45.0),
        width=max(generator.uniform(1.6, 2.4), _LEAST_WIDTH * spacing),
        moisture=generator.uniform(14.0, 24.0),
        wind=generator.uniform(10.0, 20.0),
        rain=generator.uniform(1e-7, 4e-7),
        label=RIVER,
    )


def draw_pool(
    generator: np.random.Generator, birth: float, summer: float, spacing: float
) -> Filament:
    """Draw a pool as moist and windy as a river, but about as wide as it is long."""
    start = generator.uniform(18.0, 46.0)
    width = max(generator.uniform(2.2, 3.2), _LEAST_WIDTH * spacing)
    return _filament(
        generator,
        birth,
        side=_side(generator, -0.2 * summer),
        latitudes=(start, start + generator.uniform(2.0, 5.0)),
        eastward=generator.uniform(3.0, 7.0),
        width=width,
        moisture=generator.uniform(14.0, 24.0),
        wind=generator.uniform(10.0, 20.0),
        rain=generator.uniform(1e-7, 4e-7),
        label=0,
    )


def draw_dry_jet(
    generator: np.random.Generator, birth: float, summer: float, spacing: float
) -> Filament:
    """Draw a jet as long and windy as a river, but dry."""
    start, end = generator.uniform(20.0, 32.0), generator.uniform(40.0, 58.0)
    return _filament(
        generator,
        birth,
        side=_side(generator, -0.2 * summer),
        latitudes=(start, end),
        eastward=generator.uniform(20.0, 45.0),
        width=max(generator.uniform(1.6, 2.4), _LEAST_WIDTH * spacing),
        moisture=generator.uniform(-4.0, 3.0),
        wind=generator.uniform(12.0, 24.0),
        rain=0.0,
        label=0,
    )


def draw_surge(
    generator: np.random.Generator, birth: float, summer: float, spacing: float
) -> Filament:
    """Draw a tropical gale that goes straight on: windy, moist, warm and low as a cyclone."""
    start, end = generator.uniform(7.0, 22.0, 2)
    sense = 1.0 if generator.random() < 0.5 else -1.0
    return _filament(
        generator,
        birth,
        side=_side(generator, 0.3 * summer),
        latitudes=(start, end),
        eastward=sense * generator.uniform(7.0, 15.0),
        width=max(generator.uniform(1.3, 2.0), _LEAST_WIDTH * spacing),
        moisture=generator.uniform(4.0, 22.0),
        wind=generator.uniform(18.0, 42.0),
        rain=generator.uniform(2e-7, 3e-6),
        label=0,
        warmth=generator.uniform(0.0, 6.0),
        drop=generator.uniform(0.0, 2000.0),
    )


def _filament(
    generator: np.random.Generator,
    birth: float,
    side: float,
    latitudes: tuple[float, float],
    eastward: float,
    width: float,
    moisture: float,
    wind: float,
    rain: float,
    label: int,
    warmth: float = 0.0,
    drop: float = 0.0,
) -> Filament:
    """Return a filament that bends between two latitudes, anywhere around the Earth."""
    start = generator.uniform(0.0, 360.0)
    bend = generator.uniform(0.15, 0.85, 2)
    at = np.linspace(0.0, 1.0, _POINTS)
    # A parabola with a control point off the middle of the line from end to end.
    weights = np.stack([(1 - at) ** 2, 2 * at * (1 - at), at**2])
    first, last = latitudes
    latitude = weights.T @ np.array([first, first + bend[0] * (last - first), last])
    longitude = weights.T @ np.array([start, start + bend[1] * eastward, start + eastward])
    return Filament(
        birth=birth,
        life=generator.uniform(60.0, 140.0),
        longitude=longitude,
        latitude=side * latitude,
        drift=generator.uniform(3.0, 9.0) * np.sign(eastward),
        width=width,
        wind=wind,
        moisture=moisture,
        warmth=warmth,
        rain=rain,
        drop=drop,
        label=label,
    )


def _side(generator: np.random.Generator, northward: float) -> float:
    return 1.0 if generator.random() < 0.5 + northward else -1.0
