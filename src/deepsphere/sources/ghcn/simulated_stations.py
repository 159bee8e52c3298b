"""Made-up weather stations, clustered on land as the real ones are.

Used by :mod:`deepsphere.sources.ghcn.simulator` only. The stations do not exist: their names start
with ``SIMULATED`` and their identifiers with ``ZZX``, as NOAA uses neither the country code ``ZZ``
nor the network code ``X``. A few of them carry what real station lists trap a reader with: a
missing elevation, and the coordinates of another station.
"""

from dataclasses import dataclass

import numpy as np

from deepsphere.errors import DeepsphereError

_EARTH_RADIUS_KM = 6371.0
_RELIEF_LENGTH_KM = 400.0
_RELIEF_WAVES = 64
_HIGHEST_M = 3500.0
_TOWN_DEGREES = 2.0
_IDENTIFIERS = 10**8 - 1


@dataclass(frozen=True)
class Region:
    """A box of land with one kind of climate.

    Parameters
    ----------
    name : str
        At most 15 characters, part of the stations' names.
    south, north, west, east : float
        The box, in degrees north and degrees east.
    share : float
        Share of all stations; the shares of the regions need not sum to one.
    continentality : float
        From 0 (oceanic: small and late seasonal cycle) to 1 (continental).
    elevation : float
        Median elevation, in metres.
    wet_days : float
        Share of days with precipitation, mean over the year.
    wet_swing : float
        Half the difference of that share between the wettest and the driest day of the year.
    wettest_day : float
        Day of the year with the largest share, from 0 to 365.
    """

    name: str
    south: float
    north: float
    west: float
    east: float
    share: float
    continentality: float
    elevation: float
    wet_days: float
    wet_swing: float
    wettest_day: float

    def __post_init__(self) -> None:
        if len(self.name) > 15:
            raise DeepsphereError(
                f"region {self.name!r}: the name has {len(self.name)} characters; use at most 15"
            )
        if not (-90 <= self.south < self.north <= 90 and -180 <= self.west < self.east <= 180):
            raise DeepsphereError(
                f"region {self.name}: the box spans latitudes {self.south} to {self.north} and "
                f"longitudes {self.west} to {self.east}; give increasing degrees on the globe"
            )
        if not 0 < self.wet_days - abs(self.wet_swing) <= self.wet_days + abs(self.wet_swing) < 1:
            raise DeepsphereError(
                f"region {self.name}: wet_days={self.wet_days} and wet_swing={self.wet_swing} "
                "leave the range of a probability; make the swing smaller"
            )


REGIONS = (
    Region("NORTH AMERICA E", 30, 48, -98, -74, 0.34, 0.65, 200, 0.31, 0.06, 160),
    Region("NORTH AMERICA W", 32, 49, -122, -100, 0.16, 0.50, 800, 0.24, 0.13, 15),
    Region("EUROPE", 43, 61, -2, 28, 0.20, 0.45, 200, 0.40, 0.08, 330),
    Region("SIBERIA", 50, 66, 60, 110, 0.04, 0.95, 250, 0.28, 0.10, 200),
    Region("EAST ASIA", 28, 44, 108, 140, 0.06, 0.60, 250, 0.30, 0.14, 185),
    Region("INDIA", 9, 26, 73, 86, 0.03, 0.35, 250, 0.30, 0.24, 205),
    Region("AFRICA", -32, -5, 18, 34, 0.04, 0.45, 700, 0.25, 0.17, 20),
    Region("SOUTH AMERICA", -38, -8, -66, -44, 0.05, 0.35, 350, 0.30, 0.14, 10),
    Region("AUSTRALIA", -38, -24, 134, 152, 0.08, 0.40, 200, 0.24, 0.08, 190),
)
"""Where the simulated stations stand: dense in the middle latitudes, sparse in the tropics."""


@dataclass(frozen=True)
class Stations:
    """Where the stations are and what the station list says of them, in the order of their ids.

    Parameters
    ----------
    identifiers : array of str
        ``[station]`` 11 characters each, increasing.
    names : array of str
        ``[station]`` at most 30 characters each.
    latitude, longitude : array of float64
        ``[station]`` degrees north and degrees east, multiples of 0.0001.
    elevation : array of float64
        ``[station]`` metres above the sea, multiples of 0.1: the one that the weather depends on.
    elevation_known : array of bool
        ``[station]`` whether the station list gives the elevation.
    region : array of int64
        ``[station]`` position in :data:`REGIONS`.
    """

    identifiers: np.ndarray
    names: np.ndarray
    latitude: np.ndarray
    longitude: np.ndarray
    elevation: np.ndarray
    elevation_known: np.ndarray
    region: np.ndarray

    def __len__(self) -> int:
        return len(self.identifiers)

    def climate_of_regions(self, name: str) -> np.ndarray:
        """Return a number of :class:`Region` at each station, ``[station]`` float64."""
        numbers = np.array([getattr(region, name) for region in REGIONS], np.float64)
        return np.asarray(numbers[self.region])


def unit_vectors(latitude: np.ndarray, longitude: np.ndarray) -> np.ndarray:
    """Return ``[point, 3]`` unit vectors of points given in degrees."""
    phi, lam = np.radians(latitude), np.radians(longitude)
    return np.stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)], axis=-1)


def place_stations(count: int, generator: np.random.Generator) -> Stations:
    """Place stations: half of them anywhere in their region, half of them around its towns.

    Parameters
    ----------
    count : int
        Number of stations. From 20 on, one station in 60 has no known elevation and one in 100
        has the coordinates and the elevation of another; at least one each.
    generator : numpy.random.Generator
        Source of chance.

    Returns
    -------
    Stations
        The stations, region after region.

    Raises
    ------
    DeepsphereError
        If the count is not from 1 to 99,999,999.
    """
    if not 1 <= count <= _IDENTIFIERS:
        raise DeepsphereError(
            f"simulated stations: found {count}; ask for 1 to {_IDENTIFIERS} of them"
        )
    shares = np.array([region.share for region in REGIONS])
    bounds = np.round(np.concatenate([[0.0], np.cumsum(shares / shares.sum())]) * count)
    region = np.repeat(np.arange(len(REGIONS)), np.diff(bounds).astype(np.int64))
    latitude, longitude = np.empty(count), np.empty(count)
    for number, box in enumerate(REGIONS):
        here = region == number
        latitude[here], longitude[here] = _place_in_box(box, int(here.sum()), generator)

    median = np.array([box.elevation for box in REGIONS])[region]
    relief = _relief(unit_vectors(latitude, longitude), generator)
    hilliness = 0.8 * (np.sqrt(0.7) * relief + np.sqrt(0.3) * generator.standard_normal(count))
    elevation = np.clip(median * np.exp(hilliness), 1.0, _HIGHEST_M)

    known = np.ones(count, np.bool_)
    if count >= 20:
        known[generator.permutation(count)[: max(1, count // 60)]] = False
        pairs = generator.permutation(count)[: 2 * max(1, count // 100)].reshape(2, -1)
        for column in (latitude, longitude, elevation, region):
            column[pairs[1]] = column[pairs[0]]

    numbers = range(1, count + 1)
    return Stations(
        identifiers=np.array([f"ZZX{number:08d}" for number in numbers]),
        names=np.array(
            [
                f"SIMULATED {REGIONS[box].name} {number % 10000:04d}"
                for box, number in zip(region, numbers, strict=True)
            ]
        ),
        latitude=np.round(latitude, 4),
        longitude=np.round(longitude, 4),
        elevation=np.round(elevation, 1),
        elevation_known=known,
        region=region,
    )


def _place_in_box(
    box: Region, count: int, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return ``[count]`` latitudes and longitudes in degrees, uniform in area or around towns."""
    towns = 1 + count // 12
    south, north = np.sin(np.radians([box.south, box.north]))
    latitude = np.degrees(np.arcsin(generator.uniform(south, north, count)))
    longitude = generator.uniform(box.west, box.east, count)
    town_latitude = generator.uniform(box.south + _TOWN_DEGREES, box.north - _TOWN_DEGREES, towns)
    town_longitude = generator.uniform(box.west + _TOWN_DEGREES, box.east - _TOWN_DEGREES, towns)
    town = generator.integers(towns, size=count)
    offsets = generator.uniform(-_TOWN_DEGREES, _TOWN_DEGREES, (2, count))
    in_town = generator.random(count) < 0.5
    return (
        np.where(in_town, town_latitude[town] + offsets[0], latitude),
        np.where(in_town, town_longitude[town] + offsets[1], longitude),
    )


def _relief(points: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Return ``[point]`` a smooth field of unit variance, correlated over some 400 km.

    A sum of random plane waves has a Gaussian covariance if the wave vectors are normal (Rahimi
    and Recht, 2007).
    """
    scale = _EARTH_RADIUS_KM / _RELIEF_LENGTH_KM
    waves = scale * generator.standard_normal((3, _RELIEF_WAVES))
    phases = generator.uniform(0, 2 * np.pi, _RELIEF_WAVES)
    return np.asarray(np.sqrt(2 / _RELIEF_WAVES) * np.cos(points @ waves + phases).sum(axis=-1))
