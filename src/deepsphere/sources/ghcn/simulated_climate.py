"""What the season and the place let expect of the simulated weather, and its constants.

Closed forms only, no chance: the annual mean falls with latitude and height; the seasonal cycle
follows the sun's declination, late and large where the climate is continental, of opposite phase in
the two hemispheres; each region has a wet season.
"""

from dataclasses import dataclass

import numpy as np

from deepsphere.errors import DeepsphereError
from deepsphere.sources.ghcn.simulated_stations import Stations

_YEAR_DAYS = 365.2425


@dataclass(frozen=True)
class Climate:
    """The constants of the simulated weather; temperatures in degC, differences in K.

    Parameters
    ----------
    equator_temperature : float
        Annual mean at the equator at sea level, in degC.
    pole_cooling : float
        By how much the annual mean at a pole is lower, in K; in between as ``sin(latitude)**2``.
    lapse_rate : float
        Fall of temperature with height, in K/km.
    seasonal_amplitude : tuple of float
        Half the difference between summer and winter, in K, at a pole, for an oceanic and for a
        continental climate; in between as ``sin(latitude)``.
    seasonal_lag : tuple of float
        Delay of the temperature behind the sun, in days, oceanic and continental.
    wave_anomaly : tuple of float
        Standard deviation of the anomaly shared by neighbours, in K, at the equator and in the
        middle latitudes.
    winter_anomaly : float
        By what share all anomalies are larger in midwinter, and smaller in midsummer.
    wavelength : float
        Zonal wavelength with the most variance, in km.
    wavelength_spread : float
        Standard deviation of the logarithm of the wavelength.
    wave_memory : float
        Time in which a wave forgets its amplitude (decay by 1/e), in days.
    wind : float
        Zonal wind on which the waves travel, in m/s; see :func:`phase_speed`.
    local_noise : float
        Standard deviation of each station's own AR(1) noise, in K.
    local_memory : float
        Its lag-one autocorrelation.
    diurnal_range : tuple of float
        Mean difference of TMAX and TMIN, in K, oceanic and continental.
    wet_narrowing : float
        By what share the diurnal range is smaller on wet days.
    wave_rain : float
        Share of the variance of the wetness that comes from the waves.
    rain_shape : float
        Shape of the gamma distribution of the amounts of wet days.
    rain_amount : float
        Mean amount of a wet day at 0 degC, in mm; it grows by 7 % per K, up to 25 degC.
    """

    equator_temperature: float = 27.0
    pole_cooling: float = 40.0
    lapse_rate: float = 6.5
    seasonal_amplitude: tuple[float, float] = (7.0, 22.0)
    seasonal_lag: tuple[float, float] = (45.0, 25.0)
    wave_anomaly: tuple[float, float] = (1.0, 4.3)
    winter_anomaly: float = 0.3
    wavelength: float = 8000.0
    wavelength_spread: float = 0.4
    wave_memory: float = 20.0
    wind: float = 13.0
    local_noise: float = 2.0
    local_memory: float = 0.3
    diurnal_range: tuple[float, float] = (8.0, 15.0)
    wet_narrowing: float = 0.3
    wave_rain: float = 0.5
    rain_shape: float = 0.7
    rain_amount: float = 3.5

    def __post_init__(self) -> None:
        if min(self.wavelength, self.wavelength_spread, self.wave_memory, self.rain_shape) <= 0:
            raise DeepsphereError(
                f"simulated climate: found wavelength={self.wavelength}, "
                f"wavelength_spread={self.wavelength_spread}, wave_memory={self.wave_memory} and "
                f"rain_shape={self.rain_shape}; they must be positive"
            )
        if not (0 <= self.local_memory < 1 and 0 <= self.wave_rain <= 1):
            raise DeepsphereError(
                f"simulated climate: found local_memory={self.local_memory} and "
                f"wave_rain={self.wave_rain}; give shares from 0 to 1"
            )


def summer(latitude: np.ndarray, days: np.ndarray, lag: np.ndarray | float = 0.0) -> np.ndarray:
    """Return the sun's declination relative to its largest, positive in the station's summer.

    Parameters
    ----------
    latitude : array
        ``[station]`` degrees north; only the hemisphere matters.
    days : array of datetime64[D]
        ``[day]``.
    lag : float or array
        ``[station]`` delay behind the sun, in days.

    Returns
    -------
    array of float64
        ``[station, day]`` from -1 to 1. The declination in degrees is ``-23.44 cos(2 pi (d + 10) /
        365.25)`` on day ``d`` of the year, within a degree.
    """
    since = (days - np.datetime64("2000-01-01", "D")).astype(np.float64)
    angle = 2 * np.pi * (since[None, :] + 10 - np.reshape(lag, (-1, 1))) / _YEAR_DAYS
    return np.asarray(-np.cos(angle) * np.sign(latitude)[:, None])


def seasonal_temperature(stations: Stations, days: np.ndarray, climate: Climate) -> np.ndarray:
    """Return the mean temperature that the season, latitude and height let expect.

    Returns
    -------
    array of float64
        ``[station, day]`` degC.
    """
    sine = np.sin(np.radians(stations.latitude))
    annual = climate.equator_temperature - climate.pole_cooling * sine**2
    annual = annual - climate.lapse_rate * stations.elevation / 1000
    amplitude = between(climate.seasonal_amplitude, stations) * np.abs(sine)
    season = summer(stations.latitude, days, between(climate.seasonal_lag, stations))
    return np.asarray(annual[:, None] + amplitude[:, None] * season)


def wet_day_probability(stations: Stations, days: np.ndarray) -> np.ndarray:
    """Return the probability of precipitation, ``[station, day]``, a cosine of the day of year."""
    start_of_year = days.astype("datetime64[Y]").astype("datetime64[D]")
    day_of_year = (days - start_of_year).astype(np.float64)
    wettest = stations.climate_of_regions("wettest_day")[:, None]
    swing = np.cos(2 * np.pi * (day_of_year - wettest) / _YEAR_DAYS)
    mean = stations.climate_of_regions("wet_days")[:, None]
    return np.asarray(mean + stations.climate_of_regions("wet_swing")[:, None] * swing)


def between(oceanic_continental: tuple[float, float], stations: Stations) -> np.ndarray:
    """Return ``[station]`` a value between the oceanic and the continental one."""
    oceanic, continental = oceanic_continental
    share = stations.climate_of_regions("continentality")
    return np.asarray(oceanic + (continental - oceanic) * share)


def wave_anomaly(stations: Stations, climate: Climate) -> np.ndarray:
    """Return ``[station, 1]`` the standard deviation of the anomaly shared by neighbours, in K."""
    ramp = np.clip((np.abs(stations.latitude) - 10) / 30, 0, 1)
    equator, middle = climate.wave_anomaly
    size = equator + (middle - equator) * ramp * ramp * (3 - 2 * ramp)
    return np.asarray(size[:, None])
