"""The wind of a simulated atmosphere, and the pressure that goes with it.

The flow has no divergence. It is a mean wind of each latitude (trade winds, westerlies, polar
easterlies) and waves, the derivatives of a random stream function ``ψ``. Its geopotential ``Φ`` is
in balance with it: exactly, ``f u = -dΦ/dy``, for the mean wind, and ``Φ = f ψ`` for the waves,
which is geostrophic but for the change of ``f`` with latitude, and leaves the equator without
pressure gradients.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepsphere.sources.fields.simulated_constants import EARTH_RADIUS, EARTH_ROTATION
from deepsphere.sources.fields.simulated_grid import Grid
from deepsphere.sources.fields.simulated_harmonics import Complex, Harmonics, evolution

Float = NDArray[np.float64]

STEERING = 0.008
"""Radians of longitude an hour by which the mean wind carries what is in the air: 10 m/s at 45°."""

# Deviation of a component of the waves' wind in the storm tracks, m/s, and what is left of it at
# the equator; degree of the strongest waves, and how fast smaller ones are weaker.
_WAVE_SPEED = 8.5
_TROPICAL_SHARE = 0.32
_PEAK, _SLOPE = 8.0, 4.8
_MEMORY_HOURS = 72.0
_FRICTION, _INFLOW = 0.85, np.radians(20.0)

_FINE_LATITUDES = np.linspace(-90.0, 90.0, 1801)


@dataclass(frozen=True, eq=False)
class Flow:
    """Wind and geopotential, float64 of shape (rows, columns) each.

    Attributes
    ----------
    eastward, northward : ndarray
        Wind of the lower atmosphere, above the friction of the ground, m/s.
    geopotential : ndarray
        Of its balance, m²/s²; mean 0.
    """

    eastward: Float
    northward: Float
    geopotential: Float


@dataclass(frozen=True, eq=False)
class FlowModel:
    """Makes flows on a grid.

    Attributes
    ----------
    grid : Grid
        The grid.
    harmonics : Harmonics
        Spherical harmonics on it.
    """

    grid: Grid
    harmonics: Harmonics

    def flows(self, generator: np.random.Generator, hours: float, summers: Float) -> Iterator[Flow]:
        """Yield flows at equal steps.

        Parameters
        ----------
        generator : numpy.random.Generator
            Source of chance.
        hours : float
            Between two of them.
        summers : ndarray
            How much it is summer in the north at each of them, from -1 to 1.
        """
        waves = evolution(self.harmonics.degree, _PEAK, _SLOPE, _MEMORY_HOURS, STEERING)
        degrees = np.arange(self.harmonics.degree + 1)
        # Of the gradient of a field with variance 1, in 1/radian and for one component.
        variance = waves.power * (2.0 * degrees + 1.0) / (4.0 * np.pi)
        steepness = np.sqrt(np.sum(variance * degrees * (degrees + 1.0)) / 2.0)
        amplitude = _WAVE_SPEED * EARTH_RADIUS / steepness
        steps = waves.steps(generator, hours)
        for summer, coefficients in zip(summers, steps, strict=False):
            yield self._flow(amplitude * coefficients, float(summer))

    def _flow(self, coefficients: Complex, summer: float) -> Flow:
        """Return the flow of a stream function, m²/s, in a season."""
        latitude = self.grid.latitude
        share, slope = _storm_tracks(latitude, summer)
        stream = self.harmonics.values(coefficients)
        along, across = self.harmonics.gradient(coefficients)
        northward = share[:, None] * along / EARTH_RADIUS
        eastward = -(share[:, None] * across + slope[:, None] * stream) / EARTH_RADIUS
        geopotential = (coriolis(latitude) * share)[:, None] * stream
        geopotential -= np.sum(geopotential * self.grid.areas)
        geopotential += mean_geopotential(latitude, summer)[:, None]
        return Flow(eastward + mean_wind(latitude, summer)[:, None], northward, geopotential)


def coriolis(latitude: Float) -> Float:
    """Return the Coriolis parameter, 1/s, of degrees north."""
    return 2.0 * EARTH_ROTATION * np.sin(np.radians(latitude))


def mean_wind(latitude: Float, summer: float) -> Float:
    """Return the mean eastward wind of each latitude, m/s; 0 at the poles.

    Parameters
    ----------
    latitude : ndarray
        Degrees north.
    summer : float
        How much it is summer in the north, from -1 to 1: all belts move north with it, and winter
        has the stronger westerlies.
    """
    shifted = latitude - 4.0 * summer
    winter = 1.0 - 0.25 * summer * np.sign(shifted)
    size = np.abs(shifted)
    belts = (
        10.5 * winter * bump(size, 46.0, 13.0)
        - 7.0 * winter * bump(size, 14.0, 10.0)
        - 3.0 * bump(size, 75.0, 10.0)
    )
    return np.asarray(belts * np.sqrt(np.cos(np.radians(latitude)).clip(0.0)))


def mean_geopotential(latitude: Float, summer: float) -> Float:
    """Return the geopotential, m²/s², that balances :func:`mean_wind`: ``f u = -dΦ/dy``, mean 0."""
    force = coriolis(_FINE_LATITUDES) * mean_wind(_FINE_LATITUDES, summer)
    step = np.radians(_FINE_LATITUDES[1] - _FINE_LATITUDES[0]) * EARTH_RADIUS
    slopes = -(force[1:] + force[:-1]) / 2.0 * step
    whole = np.concatenate([[0.0], np.cumsum(slopes)])
    areas = np.cos(np.radians(_FINE_LATITUDES))
    whole -= np.sum(whole * areas) / np.sum(areas)
    return np.asarray(np.interp(latitude, _FINE_LATITUDES, whole))


def geostrophic_wind(
    geopotential: Float, grid: Grid, least_latitude: float = 20.0
) -> tuple[Float, Float]:
    """Return the eastward and northward wind in balance with a geopotential, by differences.

    Parameters
    ----------
    geopotential : ndarray
        m²/s², shape (rows, columns).
    grid : Grid
        Where.
    least_latitude : float
        Where ``f`` is less than here, next to the equator, and at the poles, it is NaN.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = coriolis(grid.latitude)[:, None] * EARTH_RADIUS
        cosine = np.cos(np.radians(grid.latitude))[:, None]
        step = np.radians(360.0 / grid.columns)
        difference = np.roll(geopotential, -1, axis=1) - np.roll(geopotential, 1, axis=1)
        northward = difference / (2.0 * step * cosine * factor)
        eastward = -np.gradient(geopotential, np.radians(grid.spacing), axis=0) / factor
    outside = (np.abs(grid.latitude) < least_latitude) | (np.abs(grid.latitude) == 90.0)
    northward[outside] = eastward[outside] = np.nan
    return eastward, northward


def slowed(eastward: Float, northward: Float, latitude: Float, land: Float) -> tuple[Float, Float]:
    """Return the wind next to the ground: slower, and turned towards low pressure by friction.

    Parameters
    ----------
    eastward, northward : ndarray
        The wind above, m/s.
    latitude, land : ndarray
        Degrees north, and 1 on land and 0 on sea, of shapes that fit.
    """
    speed = _FRICTION * (1.0 - 0.25 * land)
    angle = _INFLOW * np.tanh(latitude / 5.0)
    cosine, sine = np.cos(angle), np.sin(angle)
    return (
        speed * (cosine * eastward - sine * northward),
        speed * (sine * eastward + cosine * northward),
    )


def _storm_tracks(latitude: Float, summer: float) -> tuple[Float, Float]:
    """Return the strength of the waves by latitude, and its derivative by radians of latitude."""
    share = np.full_like(latitude, _TROPICAL_SHARE)
    slope = np.zeros_like(latitude)
    for side in (-1.0, 1.0):
        height = (1.0 - _TROPICAL_SHARE) * (1.0 - 0.2 * side * summer)
        raised = height * bump(latitude, side * 50.0, 17.0)
        share += raised
        slope -= raised * (latitude - side * 50.0) / 17.0**2 * np.degrees(1.0)
    return share, slope


def bump(values: Float, centre: float, width: float) -> Float:
    """Return a bell curve with height 1."""
    return np.asarray(np.exp(-0.5 * ((values - centre) / width) ** 2))
