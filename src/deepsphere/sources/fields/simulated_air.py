"""Temperature and moisture of a simulated atmosphere: what follows from latitude and from formulas.

Air keeps the temperature and the moisture of the latitude that it comes from:
:func:`sea_level_temperature` and its like are asked at the latitude that the wind has brought it
from. Heights and pressures then follow from hydrostatic balance.
"""

import numpy as np
from numpy.typing import NDArray

from deepsphere.sources.fields.simulated_constants import (
    GAS_CONSTANT,
    GRAVITY,
    LAPSE_RATE,
    SURFACE_DENSITY,
)

Float = NDArray[np.float64]

_DAYS = 365.0
_WARMEST_DAY = 200.0
# The lowest level of the model lies at this share of the pressure at the surface.
_LOWEST_LEVEL = 0.99253
_VAPOUR = 0.622


def summer_of(day: Float) -> Float:
    """Return how much it is summer in the north, from -1 to 1.

    Parameters
    ----------
    day : ndarray
        Days since 1 January, of a year with 365 days.
    """
    return np.asarray(np.cos(2.0 * np.pi * (day - _WARMEST_DAY) / _DAYS))


def sea_level_temperature(latitude: Float, summer: float) -> Float:
    """Return the mean temperature, K, of the air at sea level.

    Parameters
    ----------
    latitude : ndarray
        Degrees north; also beyond a pole, on its other side.
    summer : float
        How much it is summer in the north.
    """
    sine = np.sin(np.radians(latitude - 4.0 * summer))
    return np.asarray(300.0 - 43.0 * np.abs(sine) ** 2.4 + 3.0 * summer * sine)


def middle_temperature(latitude: Float, summer: float) -> Float:
    """Return the mean temperature, K, at 500 hPa; arguments as before."""
    sine = np.sin(np.radians(latitude - 4.0 * summer))
    return np.asarray(268.0 - 31.0 * np.abs(sine) ** 2.2 + 2.5 * summer * sine)


def upper_temperature(latitude: Float, summer: float) -> Float:
    """Return the mean temperature, K, at 200 hPa: in the stratosphere next to the poles."""
    sine = np.sin(np.radians(latitude - 4.0 * summer))
    return np.asarray(219.0 - 5.0 * sine**2 - 4.0 * sine**4 + 9.0 * summer * sine**3)


def saturation_humidity(temperature: Float, pressure: Float) -> Float:
    """Return the specific humidity, kg/kg, of air that is full of vapour.

    Over water, by the formula of Bolton (Mon. Wea. Rev. 108, 1980, equation 10).

    Parameters
    ----------
    temperature, pressure : ndarray
        K and Pa, of shapes that fit.
    """
    celsius = temperature - 273.15
    vapour = 611.2 * np.exp(17.67 * celsius / np.maximum(celsius + 243.5, 50.0))
    return np.asarray(_VAPOUR * vapour / (pressure - (1.0 - _VAPOUR) * vapour))


def surface_pressure(sea_level: Float, temperature: Float, height: Float) -> Float:
    """Return the pressure, Pa, at the height of the ground.

    That of air whose temperature falls by 6.5 K a kilometre from ``temperature`` at sea level:
    ``p0 (1 - L z / T)**(g / (R L))``.

    Parameters
    ----------
    sea_level, temperature, height : ndarray
        Pressure in Pa and temperature in K at sea level, and height in m, of shapes that fit.
    """
    exponent = GRAVITY / (GAS_CONSTANT * LAPSE_RATE)
    return np.asarray(sea_level * (1.0 - LAPSE_RATE * height / temperature) ** exponent)


def thickness(lower: float, upper: float, temperature: Float) -> Float:
    """Return the metres between two pressures, hPa, in air of a mean temperature (hypsometric)."""
    return np.asarray(GAS_CONSTANT / GRAVITY * np.log(lower / upper) * temperature)


def height_of_1000(sea_level: Float) -> Float:
    """Return the height, m, of 1000 hPa over the sea, from the pressure there."""
    return np.asarray((sea_level - 1.0e5) / (SURFACE_DENSITY * GRAVITY))


def height_of_200(
    height_of_1000: Float, sea_level_temperature: Float, middle: Float, upper: Float
) -> Float:
    """Return the height, m, of 200 hPa.

    The layers from 1000 to 500 and from 500 to 200 hPa have the means of the temperatures at their
    ends.

    Parameters
    ----------
    height_of_1000 : ndarray
        In m.
    sea_level_temperature, middle, upper : ndarray
        Temperatures, K, at sea level, at 500 and at 200 hPa.
    """
    lower_layer = thickness(1000.0, 500.0, (sea_level_temperature + middle) / 2.0)
    upper_layer = thickness(500.0, 200.0, (middle + upper) / 2.0)
    return np.asarray(height_of_1000 + lower_layer + upper_layer)


def height_of_lowest_level(temperature: Float, humidity: Float) -> Float:
    """Return the height, m, of the model's lowest level above the ground.

    Parameters
    ----------
    temperature, humidity : ndarray
        K and kg/kg, of the air there.
    """
    virtual = temperature * (1.0 + (1.0 / _VAPOUR - 1.0) * humidity)
    return thickness(1.0, _LOWEST_LEVEL, virtual)
