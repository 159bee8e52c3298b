"""Waves that travel around the globe and pass one station after the other.

They move at the speed of Rossby waves on a zonal wind ``U``, ``c = U - beta / (k**2 + l**2)``
(Rossby, J. Marine Res. 2, 1939, with the meridional wavenumber ``l`` added): with the standard
constants 4 to 10 m/s eastward for wavelengths of 8000 to 3000 km at 45 degrees of latitude. They
make upwind stations tell of tomorrow what a station's own past does not.
"""

import numpy as np
from scipy.signal import lfilter

from deepsphere.sources.ghcn.simulated_climate import Climate
from deepsphere.sources.ghcn.simulated_stations import Stations

_EARTH_RADIUS = 6.371e6
_EARTH_ROTATION = 7.292e-5
_DAY_SECONDS = 86400.0
_BAND_CENTRES = np.arange(-76.0, 77.0, 8.0)
_BAND_WIDTH = 6.0
_ZONAL_WAVENUMBERS = np.arange(1, 19)


def phase_speed(latitude: np.ndarray, wavelength: np.ndarray, wind: float) -> np.ndarray:
    """Return the eastward speed of Rossby waves.

    Parameters
    ----------
    latitude : array
        Degrees north.
    wavelength : array
        Zonal wavelength, in km; the meridional one is taken as 6000 km.
    wind : float
        Zonal wind, in m/s.

    Returns
    -------
    array
        Speed in m/s, negative if the waves travel west (long waves, and those of the tropics).
    """
    beta = 2 * _EARTH_ROTATION * np.cos(np.radians(latitude)) / _EARTH_RADIUS
    zonal, meridional = 2 * np.pi / (wavelength * 1e3), 2 * np.pi / 6e6
    return np.asarray(wind - beta / (zonal**2 + meridional**2))


def sum_of_waves(
    stations: Stations, days: int, climate: Climate, generator: np.random.Generator
) -> np.ndarray:
    """Return ``[station, day]`` complex waves; the real part is the anomaly, of unit variance.

    A wave lives in a band of latitudes, has a zonal wavenumber, and a complex amplitude that is
    turned by the wave's progress from day to day, forgets, and is stirred anew.
    """
    bands = np.exp(-0.5 * ((stations.latitude[:, None] - _BAND_CENTRES) / _BAND_WIDTH) ** 2)
    bands = bands / np.sqrt(np.sum(bands**2, axis=1, keepdims=True))
    along = np.exp(1j * np.radians(stations.longitude)[:, None] * _ZONAL_WAVENUMBERS)
    pattern = (bands[:, :, None] * along[:, None, :]).reshape(len(stations), -1)
    amplitudes = _wave_amplitudes(days, climate, generator)
    return np.asarray(pattern @ amplitudes.reshape(days, -1).T)


def red_noise(generator: np.random.Generator, shape: tuple[int, int], memory: float) -> np.ndarray:
    """Return ``[station, day]`` stationary AR(1) noise of unit variance along the days."""
    noise = generator.standard_normal(shape)
    noise[:, 1:] *= np.sqrt(1 - memory**2)
    return np.asarray(lfilter([1.0], [1.0, -memory], noise, axis=1))


def _wave_amplitudes(days: int, climate: Climate, generator: np.random.Generator) -> np.ndarray:
    """Return ``[day, band, wavenumber]`` complex amplitudes of unit variance in each band."""
    circle = 2 * np.pi * _EARTH_RADIUS * np.cos(np.radians(_BAND_CENTRES))[:, None]
    wavelength = circle / _ZONAL_WAVENUMBERS / 1e3
    deviation = np.log(wavelength / climate.wavelength) / climate.wavelength_spread
    spectrum = np.exp(-0.5 * deviation**2)
    spectrum /= spectrum.sum(axis=1, keepdims=True)
    speed = phase_speed(_BAND_CENTRES[:, None], wavelength, climate.wind)
    turn = 2 * np.pi * speed * _DAY_SECONDS / (wavelength * 1e3)
    forget = np.exp(-1 / climate.wave_memory)
    step = forget * np.exp(-1j * turn)
    stir = generator.standard_normal((days, *wavelength.shape, 2)) * np.sqrt(spectrum)[..., None]
    amplitudes = stir[..., 0] + 1j * stir[..., 1]
    amplitudes[1:] *= np.sqrt(1 - forget**2)
    for day in range(1, days):
        amplitudes[day] += step * amplitudes[day - 1]
    return np.asarray(amplitudes)
