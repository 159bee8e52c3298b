"""Physically sensible daily weather at given stations, from a few formulas and a random seed.

This is not an atmosphere model, and its numbers are not observations. It has what makes daily
station records hard or easy to learn from:

* a seasonal cycle that follows the sun's declination, late and large where the climate is
  continental, of opposite phase in the two hemispheres;
* temperature that falls with latitude and with height;
* **waves that travel east** and are shared by the stations they pass, so that upwind stations tell
  of tomorrow what a station's own past does not; long waves hardly move and stay for days;
* noise of each station's own, which a mean over neighbours suppresses;
* rain ahead of the troughs of the same waves, more frequent in the region's wet season, with a
  smaller diurnal range on wet days, snow where it is cold, and a snow cover that melts.

The standard values of :class:`Climate` come from a comparison with 409 nearly complete US records
of 2010 to 2014. Here they are against 411 simulated stations of North America, for daily TMAX less
its first two annual harmonics ("raw": as it is):

========================================================  ==================  ==================
quantity                                                  records             simulated
========================================================  ==================  ==================
standard deviation: year, winter, summer (K)              5.2, 6.1, 3.7       5.3, 5.9, 4.4
correlation with itself 1, 2, 3, 5 days before            .64, .36, .23, .12  .65, .40, .25, .14
correlation with 500, 1000, 2000 km away, same day        .59, .36, .02       .59, .37, -.09
correlation with 1000 km west, 1000 km east, day before   .51, .22            .55, .16
next day (raw) from five days, mean squared error (K²):
persistence; linear graph filter of order 0, 1, 4         20.1; 19.2, 16.5,   19.5; 17.6, 15.7,
                                                          15.6                15.2
share of wet days; amount of a wet day (mm)               .29; 8.4            .29; 7.2
TMAX - TMIN: all days, days with over 1 mm (K)            12.8, 9.8           12.0, 8.7
========================================================  ==================  ==================
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from deepsphere.sources.ghcn.simulated_climate import (
    Climate,
    between,
    seasonal_temperature,
    summer,
    wave_anomaly,
    wet_day_probability,
)
from deepsphere.sources.ghcn.simulated_stations import Stations
from deepsphere.sources.ghcn.simulated_waves import red_noise, sum_of_waves


@dataclass(frozen=True)
class Weather:
    """Daily weather, ``[station, day]`` float64 each.

    Parameters
    ----------
    highest, lowest : array
        Temperatures of the day, in degC; ``lowest < highest``.
    rain : array
        Precipitation, in mm, as liquid water; exactly zero on dry days.
    snow, snow_depth : array
        Snow that fell and snow that lies, in mm.
    """

    highest: np.ndarray
    lowest: np.ndarray
    rain: np.ndarray
    snow: np.ndarray
    snow_depth: np.ndarray


def simulate_weather(
    stations: Stations, days: np.ndarray, climate: Climate, seed: np.random.SeedSequence
) -> Weather:
    """Simulate the weather of some days.

    Parameters
    ----------
    stations : Stations
        Where.
    days : array of datetime64[D]
        ``[day]`` consecutive days.
    climate : Climate
        The constants.
    seed : numpy.random.SeedSequence
        Source of chance; each part of the weather draws from a stream of its own.

    Returns
    -------
    Weather
        The weather of each station and day.
    """
    stir, local, wetness, amounts = (np.random.default_rng(child) for child in seed.spawn(4))
    shape = (len(stations), len(days))

    waves = sum_of_waves(stations, len(days), climate, stir)
    noise = climate.local_noise * red_noise(local, shape, climate.local_memory)
    anomaly = wave_anomaly(stations, climate) * waves.real + noise
    anomaly *= 1 - climate.winter_anomaly * summer(stations.latitude, days)
    mean = seasonal_temperature(stations, days, climate) + anomaly

    # i * wave peaks a quarter of a wavelength east of the trough: where warm air has passed and
    # the cold air behind the front is still to come.
    ahead_of_trough = -waves.imag
    own = red_noise(wetness, shape, 0.2)
    index = np.sqrt(climate.wave_rain) * ahead_of_trough + np.sqrt(1 - climate.wave_rain) * own
    wet = index > -ndtri(wet_day_probability(stations, days))
    growth = 1.07 ** np.clip(mean, -30.0, 25.0)
    gamma = amounts.standard_gamma(climate.rain_shape, shape) / climate.rain_shape
    rain = np.where(wet, climate.rain_amount * growth * gamma, 0.0)

    diurnal = between(climate.diurnal_range, stations)[:, None]
    diurnal = diurnal * (1 + 0.15 * summer(stations.latitude, days))
    diurnal = diurnal * np.where(wet, 1 - climate.wet_narrowing, 1 + climate.wet_narrowing / 3)
    diurnal = diurnal * np.exp(0.3 * red_noise(local, shape, 0.4) - 0.045)
    snow, depth = _snow(mean, rain)
    return Weather(mean + diurnal / 2, mean - diurnal / 2, rain, snow, depth)


def _snow(mean: np.ndarray, rain: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return ``[station, day]`` fallen and lying snow in mm: 10 mm of snow for 1 mm of water.

    What lies settles by 3 % a day and melts by 30 mm a day and K above freezing.
    """
    snow = np.where(mean < 1.0, 10.0 * rain, 0.0)
    melt = 30.0 * np.maximum(mean, 0.0)
    depth = np.zeros_like(snow)
    lying = np.zeros(len(snow))
    for day in range(snow.shape[1]):
        lying = np.maximum(0.97 * lying + snow[:, day] - melt[:, day], 0.0)
        depth[:, day] = lying
    return snow, depth
