"""What simulated stations write down of the simulated weather: rounded, with gaps and errors.

Two thirds of the stations have every value of every day, as the published GHCN experiments demand
of theirs. The others have what real records have: scattered gaps, long outages, a late start or an
early end, no thermometer, and gross errors that quality control has flagged. Errors come at the
stations with gaps only, as a reader that drops flagged values makes a gap of each.
"""

from dataclasses import dataclass

import numpy as np

from deepsphere.errors import DeepsphereError
from deepsphere.sources.ghcn.simulated_stations import Stations
from deepsphere.sources.ghcn.simulated_weather import Weather

ELEMENTS = ("TMAX", "TMIN", "PRCP", "SNOW", "SNWD")
"""Order of the elements: tenths of degC (2), tenths of mm (1), mm (2)."""

MISSING = -9999
"""NOAA's mark of a missing value."""

BLANK = ord(" ")
"""The flag of a value with nothing to remark."""

_TMAX, _TMIN, _PRCP, _SNOW, _SNWD = range(5)
_SOURCE_FLAGS = "0SEWa"
_OBSERVATION_TIMES = ("", "0700", "1700", "2400")


@dataclass(frozen=True)
class Observing:
    """How carefully the stations observe; shares of stations, or of values.

    Parameters
    ----------
    complete : float
        Share of stations with every value, exact up to rounding.
    scattered, outages, partial : float
        Shares of stations with single values missing; with one to three outages of 20 to 200 days;
        with a late start or an early end. Of the remaining stations nobody reads a thermometer.
    missing : float
        Share of single values missing at the stations that are not complete.
    errors : float
        Share of the same stations' values that are gross errors with a quality flag.
    """

    complete: float = 2 / 3
    scattered: float = 0.15
    outages: float = 0.08
    partial: float = 0.06
    missing: float = 0.02
    errors: float = 0.003

    def __post_init__(self) -> None:
        kinds = (self.complete, self.scattered, self.outages, self.partial)
        rates = (self.missing, self.errors)
        if min(kinds + rates) < 0 or max(rates) > 1 or sum(kinds) > 1 + 1e-9:
            raise DeepsphereError(f"found {self}; give shares from 0 to 1, stations summing to 1")


@dataclass(frozen=True)
class SimulatedRecords:
    """Simulated records in NOAA's terms.

    Parameters
    ----------
    stations : Stations
        The stations, in the order of the first axis below.
    days : array of datetime64[D]
        ``[day]`` every day of the years.
    values : array of int16
        ``[station, element, day]`` in the order of :data:`ELEMENTS`, or :data:`MISSING`.
    measurement_flags, quality_flags : array of uint8
        ``[station, element, day]`` ASCII code of M_FLAG and of Q_FLAG.
    source_flags : array of uint8
        ``[station]`` ASCII code of S_FLAG, the same for all values of a station.
    observation_times : array of str
        ``[station]`` OBS_TIME as HHMM, or empty. The weather does not depend on it.
    """

    stations: Stations
    days: np.ndarray
    values: np.ndarray
    measurement_flags: np.ndarray
    quality_flags: np.ndarray
    source_flags: np.ndarray
    observation_times: np.ndarray

    @property
    def valid(self) -> np.ndarray:
        """``[station, element, day]`` whether there is a value that passed quality control."""
        return np.asarray((self.values != MISSING) & (self.quality_flags == BLANK))


def observe(
    stations: Stations,
    days: np.ndarray,
    weather: Weather,
    observing: Observing,
    seed: np.random.SeedSequence,
) -> SimulatedRecords:
    """Write down the weather.

    Parameters
    ----------
    stations : Stations
        The stations.
    days : array of datetime64[D]
        ``[day]``.
    weather : Weather
        The weather of these stations and days.
    observing : Observing
        How carefully they observe.
    seed : numpy.random.SeedSequence
        Source of chance.

    Returns
    -------
    SimulatedRecords
        The records.
    """
    habits, gaps, errors = (np.random.default_rng(child) for child in seed.spawn(3))
    values = _rounded(weather)
    measurement = np.full(values.shape, BLANK, np.uint8)
    measurement[:, _PRCP][(weather.rain > 0) & (values[:, _PRCP] == 0)] = ord("T")
    presumes_zero = habits.random(len(stations)) < 0.3
    for element in (_SNOW, _SNWD):
        presumed = presumes_zero[:, None] & (values[:, element] == 0)
        measurement[:, element][presumed] = ord("P")

    kind = _kinds(len(stations), observing, gaps)
    missing = _gaps(kind, values.shape, observing, gaps)
    wrong = errors.random(values.shape) < observing.errors
    wrong &= (kind > 0)[:, None, None] & ~missing
    values, quality = _with_errors(values, wrong, errors)
    values[missing] = MISSING
    measurement[missing | wrong] = BLANK
    return SimulatedRecords(
        stations=stations,
        days=days,
        values=values,
        measurement_flags=measurement,
        quality_flags=quality,
        source_flags=habits.choice(np.frombuffer(_SOURCE_FLAGS.encode(), np.uint8), len(stations)),
        observation_times=habits.choice(np.array(_OBSERVATION_TIMES), len(stations)),
    )


def _rounded(weather: Weather) -> np.ndarray:
    """Return ``[station, element, day]`` int16 in NOAA's units, limited to what they hold."""
    exact = np.stack(
        [
            10 * weather.highest,
            10 * weather.lowest,
            10 * weather.rain,
            weather.snow,
            weather.snow_depth,
        ],
        axis=1,
    )
    return np.clip(np.round(exact), -900, 9999).astype(np.int16)


def _kinds(count: int, observing: Observing, generator: np.random.Generator) -> np.ndarray:
    """Return ``[station]`` 0 complete, 1 scattered gaps, 2 outages, 3 partial, 4 rain gauge."""
    shares = (observing.complete, observing.scattered, observing.outages, observing.partial)
    ends = np.round(np.cumsum(shares) * count)
    kind = np.searchsorted(ends, np.arange(count), side="right")
    return generator.permutation(kind)


def _gaps(
    kind: np.ndarray,
    shape: tuple[int, ...],
    observing: Observing,
    generator: np.random.Generator,
) -> np.ndarray:
    """Return ``[station, element, day]`` whether the value is missing."""
    missing = (generator.random(shape) < observing.missing) & (kind > 0)[:, None, None]
    days = shape[2]
    for station in np.flatnonzero(kind == 2):
        for _ in range(generator.integers(1, 4)):
            start, length = generator.integers(days), generator.integers(20, 201)
            missing[station, :, start : start + length] = True
    for station in np.flatnonzero(kind == 3):
        cut = int(days * generator.uniform(0.2, 0.8))
        absent = slice(None, cut) if generator.random() < 0.7 else slice(cut, None)
        missing[station, :, absent] = True
    missing[kind == 4, : _TMIN + 1] = True
    return np.asarray(missing)


def _with_errors(
    values: np.ndarray, wrong: np.ndarray, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return ``values``, spoilt where ``wrong``, and ``[station, element, day]`` codes of Q_FLAG.

    Temperatures become impossible (X, out of bounds), unlike the season (O, outlier), or
    contradictory (I, TMIN above TMAX); precipitation and snow become unlike the climate (O).
    """
    letters = np.frombuffer(b"XOI", np.uint8)[generator.integers(3, size=values.shape)]
    letters[:, _PRCP:] = ord("O")
    size = generator.integers(150, 300, size=values.shape, dtype=np.int16)
    outlier = values + size
    outlier[:, _PRCP:] += 9 * size[:, _PRCP:]
    crossed = values.copy()
    crossed[:, _TMAX] = values[:, _TMIN] - size[:, _TMAX]
    crossed[:, _TMIN] = values[:, _TMAX] + size[:, _TMIN]
    spoilt = np.select([letters == ord("X"), letters == ord("I")], [4 * size, crossed], outlier)
    flags = np.where(wrong, letters, np.uint8(BLANK))
    return np.where(wrong, spoilt, values), flags
