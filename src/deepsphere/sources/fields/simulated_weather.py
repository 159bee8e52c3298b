"""Temperature, vapour and rain of a simulated state, from its wind, random fields and events."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepsphere.sources.fields import simulated_air as air
from deepsphere.sources.fields.simulated_constants import EARTH_RADIUS, LAPSE_RATE
from deepsphere.sources.fields.simulated_earth import Ground
from deepsphere.sources.fields.simulated_flow import Flow, bump

Float = NDArray[np.float64]

# Hours that air has gone with the wind from where it got its temperature and moisture.
_CARRIED_HOURS = 13.0
_STRAYED_DEGREES = 3.0
_FARTHEST = 22.0
# A column of air holds little more, kg/m².
_MOST_MOISTURE = 85.0
_FREEZING_SEA = 271.35


@dataclass(frozen=True, eq=False)
class Surroundings:
    """What stays as it is.

    Attributes
    ----------
    latitude, longitude : ndarray
        Degrees north of shape (rows, 1), and east of shape (columns,).
    ground : Ground
        Of shape (rows, columns).
    sea_anomaly : ndarray
        What the sea is warmer than its latitude, K, of shape (rows, columns).
    """

    latitude: Float
    longitude: Float
    ground: Ground
    sea_anomaly: Float


@dataclass(frozen=True, eq=False)
class Texture:
    """Random fields with variance 1, float64 of shape (rows, columns) each.

    Attributes
    ----------
    strayed : ndarray
        How far air has come from the south, beside what the wind of the moment says.
    wet : ndarray
        Moisture of the column and rain.
    humid : ndarray
        Humidity at the ground.
    shear : ndarray
        How the wind at 850 hPa differs from that below.
    """

    strayed: Float
    wet: Float
    humid: Float
    shear: Float


@dataclass(frozen=True, eq=False)
class Temperatures:
    """Temperatures, K, float64 of shape (rows, columns) each.

    Attributes
    ----------
    sea_level, reference, surface, middle, upper : ndarray
        At sea level, at the reference height over the ground, of the surface itself, and at 500 and
        200 hPa.
    brought : ndarray
        By how much air is warmer where it comes from than it is now at sea level.
    """

    sea_level: Float
    reference: Float
    surface: Float
    middle: Float
    upper: Float
    brought: Float


def temperatures(
    around: Surroundings,
    flow: Flow,
    texture: Texture,
    added: Mapping[str, Float],
    summer: float,
    day: float,
) -> Temperatures:
    """Return the temperatures of air that the wind has brought from other latitudes.

    Parameters
    ----------
    around : Surroundings
        What stays as it is.
    flow : Flow
        The wind.
    texture : Texture
        Random fields.
    added : mapping of str to ndarray
        What the events add, shape (rows, columns): ``middle`` and ``upper``, K.
    summer : float
        How much it is summer in the north, from -1 to 1.
    day : float
        Days since 1 January, at 0°E.
    """
    latitude, land = around.latitude, around.ground.land
    carried = np.degrees(flow.northward * _CARRIED_HOURS * 3600.0 / EARTH_RADIUS)
    away = np.clip(carried + _STRAYED_DEGREES * texture.strayed, -_FARTHEST, _FARTHEST)
    climate = air.sea_level_temperature(latitude, summer)
    foreign = air.sea_level_temperature(latitude - away, summer) - climate
    swing = 12.0 * land * summer * np.sin(np.radians(latitude))
    local_hour = 24.0 * (day % 1.0) + around.longitude / 15.0
    daily = land * np.cos(2.0 * np.pi * (local_hour - 15.0) / 24.0)
    # At sea level air takes on the temperature of the sea, less so that of land.
    kept = (0.4 + 0.5 * land) * foreign
    sea_level = climate + kept + swing + 2.0 * daily + 0.2 * added["middle"]
    reference = sea_level - LAPSE_RATE * around.ground.height
    sea = np.maximum(climate + 1.0 + around.sea_anomaly, _FREEZING_SEA)
    middle = air.middle_temperature(latitude - away, summer) + 0.5 * texture.strayed
    upper = air.upper_temperature(latitude + away, summer) + 1.2 * texture.shear
    return Temperatures(
        sea_level=sea_level,
        reference=reference,
        surface=land * (reference + 1.0 + 3.0 * daily) + (1.0 - land) * sea,
        middle=middle + added["middle"],
        upper=upper + added["upper"],
        brought=foreign - kept,
    )


def water(
    around: Surroundings,
    saturated: Float,
    brought: Float,
    texture: Texture,
    added: Mapping[str, Float],
    summer: float,
) -> tuple[Float, Float, Float]:
    """Return the vapour of the column, kg/m², the humidity at the ground, kg/kg, and the rain, m/s.

    Parameters
    ----------
    around : Surroundings
        What stays as it is.
    saturated : ndarray
        Humidity of air full of vapour at the ground, kg/kg.
    brought : ndarray
        See :class:`Temperatures`.
    texture : Texture
        Random fields.
    added : mapping of str to ndarray
        What the events add, shape (rows, columns): ``moisture``, kg/m², and ``rain``, m/s.
    summer : float
        How much it is summer in the north, from -1 to 1.
    """
    belt = around.latitude - 6.0 * summer
    rising = 0.2 * bump(belt, 0.0, 8.0) - 0.25 * bump(np.abs(belt), 23.0, 8.0)
    wetness = np.clip(0.8 - 0.2 * around.ground.land + 0.07 * texture.humid, 0.2, 1.0)
    # The upper part of the column keeps the moisture of where it comes from.
    moister = rising + 0.055 * brought + 0.24 * texture.wet
    column = 3000.0 * wetness * saturated * np.exp(moister)
    column += np.maximum(added["moisture"], -0.5 * column)
    column *= (1.0 + (column / _MOST_MOISTURE) ** 4) ** -0.25
    humidity = np.minimum(wetness + 0.008 * added["moisture"], 1.0) * saturated
    lifted = 1.1 * texture.wet + 4.0 * rising + 0.08 * brought + 0.5 * texture.humid
    return column, humidity, 8e-9 * np.exp(lifted) * (column / 25.0) + added["rain"]
