"""The 16 variables of the Community Atmosphere Model (CAM5) that all these sources hold.

The order is that of the arrays without names: the level-5 archive and the HDF5 files. Descriptions
of the files' own text name 15 of them and call Z1000 Z100; the published statistics fit this list.
"""

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True)
class Channel:
    """A variable of the atmosphere.

    Attributes
    ----------
    name : str
        Its name in the files.
    unit : str
        In the notation of CF.
    meaning : str
        In words.
    """

    name: str
    unit: str
    meaning: str


CHANNELS = (
    Channel("TMQ", "kg m-2", "water vapour of the whole column"),
    Channel("U850", "m s-1", "eastward wind at 850 hPa"),
    Channel("V850", "m s-1", "northward wind at 850 hPa"),
    Channel("UBOT", "m s-1", "eastward wind of the lowest level"),
    Channel("VBOT", "m s-1", "northward wind of the lowest level"),
    Channel("QREFHT", "kg kg-1", "specific humidity at the reference height"),
    Channel("PS", "Pa", "pressure at the surface"),
    Channel("PSL", "Pa", "pressure at sea level"),
    Channel("T200", "K", "temperature at 200 hPa"),
    Channel("T500", "K", "temperature at 500 hPa"),
    Channel("PRECT", "m s-1", "precipitation"),
    Channel("TS", "K", "temperature of the surface"),
    Channel("TREFHT", "K", "temperature at the reference height"),
    Channel("Z1000", "m", "height of 1000 hPa"),
    Channel("Z200", "m", "height of 200 hPa"),
    Channel("ZBOT", "m", "height of the lowest level"),
)
NAMES = tuple(channel.name for channel in CHANNELS)
UNITS = {channel.name: channel.unit for channel in CHANNELS}

WINDS = (("U850", "V850"), ("UBOT", "VBOT"))
"""Channels that are the eastward and the northward component of one wind."""

CLASSES = ("background", "tropical cyclone", "atmospheric river")
"""Names of the classes, by the numbers that labels have in the files."""

LABEL = "label"
"""Name of the channel that holds the number of the class."""

FRACTIONS = tuple(f"{name.replace(' ', '-')}-fraction" for name in CLASSES)
"""Names of the channels that hold the share of each class instead."""


def wind_pairs(channels: Collection[str]) -> tuple[tuple[str, str], ...]:
    """Return the winds of which both components are among some channels, eastward first."""
    return tuple(pair for pair in WINDS if all(name in channels for name in pair))
