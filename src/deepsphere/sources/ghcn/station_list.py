"""The station list (``ghcnd-stations.txt``) and the inventory (``ghcnd-inventory.txt``).

Both are fixed-width text, one line a station, or a station and element. Columns, from 1, of the
station list: id 1-11, latitude 13-20, longitude 22-30, elevation 32-37, state 39-40, name 42-71,
then three network columns that are not read. Of the inventory: id 1-11, latitude 13-20, longitude
22-30, element 32-35, first year 37-40, last year 42-45.

Source: NOAA, "README file for daily GHCN", sections IV and VII.
"""

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from deepsphere.errors import DeepsphereError
from deepsphere.sources.ghcn.streams import open_binary, refuse_page
from deepsphere.sources.ghcn.tally import Tally

_MISSING_ELEVATION = -999.0
_STATION_COLUMNS = ("id", "longitude", "latitude", "elevation", "name")
_INVENTORY_COLUMNS = ("id", "longitude", "latitude", "element", "first", "last")
_IDENTITY = re.compile(r"[!-~]{11}")
_LAST_COLUMN_OF_ELEVATION = 37
_LAST_COLUMN_OF_INVENTORY = 45


def read_stations(path: Path) -> pd.DataFrame:
    """Read the station list.

    Trailing blanks may be trimmed and lines may end with CR LF. A line that is cut before the end
    of its elevation, or whose position is no position on Earth, is malformed: it is left out and
    counted. If an id stands twice, the last line wins. Stations with the same position are legal.

    Parameters
    ----------
    path : Path
        ``ghcnd-stations.txt``.

    Returns
    -------
    pandas.DataFrame
        One row a station, sorted by id: ``id`` (str), ``longitude`` and ``latitude`` (degrees,
        east and north positive), ``elevation`` (m, NaN if missing), ``name`` (str).
        ``attrs["report"]`` counts, as plain data, the lines, the malformed ones (with the first of
        them quoted), repeated ids, positions shared by several stations, and missing elevations.

    Raises
    ------
    DeepsphereError
        If the file is missing, is a web page, holds no station, or too many lines are malformed.
    """
    rows, tally = _read_lines(path, _parse_station)
    if not rows:
        raise DeepsphereError(f"{path} holds no station; delete it and fetch it again")
    by_id = {row[0]: row for row in rows}
    stations = pd.DataFrame(
        [by_id[name] for name in sorted(by_id)], columns=list(_STATION_COLUMNS)
    ).astype({"longitude": "float64", "latitude": "float64", "elevation": "float64"})
    stations.attrs["report"] = {
        "lines": tally.rows,
        "malformed": {"count": tally.malformed, "first": tally.quotes},
        "repeated_ids": len(rows) - len(by_id),
        "shared_positions": int(stations.duplicated(["longitude", "latitude"]).sum()),
        "missing_elevations": int(stations["elevation"].isna().sum()),
    }
    return stations


def read_inventory(path: Path) -> pd.DataFrame:
    """Read the inventory: which station has which element, from which year to which.

    Returns
    -------
    pandas.DataFrame
        One row a line, in file order: ``id``, ``longitude``, ``latitude``, ``element`` (str),
        ``first`` and ``last`` (int, years). ``attrs["report"]`` as for :func:`read_stations`, of
        lines and malformed lines.

    Raises
    ------
    DeepsphereError
        As :func:`read_stations`.
    """
    rows, tally = _read_lines(path, _parse_inventory)
    if not rows:
        raise DeepsphereError(f"{path} holds no line of an inventory; fetch it again")
    inventory = pd.DataFrame(rows, columns=list(_INVENTORY_COLUMNS))
    inventory.attrs["report"] = {
        "lines": tally.rows,
        "malformed": {"count": tally.malformed, "first": tally.quotes},
    }
    return inventory


def _read_lines(
    path: Path, parse: Callable[[str], tuple[Any, ...]]
) -> tuple[list[tuple[Any, ...]], Tally]:
    with open_binary(path) as stream:
        content = stream.read()
    refuse_page(path, content[:64])
    rows: list[tuple[Any, ...]] = []
    tally = Tally()
    for number, line in enumerate(content.split(b"\n"), start=1):
        if not line.strip():
            continue
        tally.rows += 1
        try:
            rows.append(parse(_decode(line).rstrip("\r")))
        except ValueError as error:
            tally.note_malformed(path.name, number, line, str(error))
    tally.refuse_malformed(path)
    return rows, tally


def _decode(line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("latin-1")


def _parse_station(line: str) -> tuple[str, float, float, float, str]:
    identity, longitude, latitude = _parse_place(line, _LAST_COLUMN_OF_ELEVATION)
    elevation = _parse_number(line[31:37], "elevation")
    if elevation <= _MISSING_ELEVATION:
        elevation = math.nan
    return identity, longitude, latitude, elevation, line[41:71].strip()


def _parse_inventory(line: str) -> tuple[str, float, float, str, int, int]:
    identity, longitude, latitude = _parse_place(line, _LAST_COLUMN_OF_INVENTORY)
    element, first, last = line[31:35], line[36:40], line[41:45]
    if not (first.isdecimal() and last.isdecimal()):
        raise ValueError(f"the years {first!r} and {last!r} are not numbers")
    return identity, longitude, latitude, element, int(first), int(last)


def _parse_place(line: str, needed: int) -> tuple[str, float, float]:
    if len(line) < needed:
        raise ValueError(f"{len(line)} columns, at least {needed} are needed")
    identity = line[:11]
    if line[11] != " " or not _IDENTITY.fullmatch(identity):
        raise ValueError(f"columns 1-12 are {line[:12]!r}, not an id of 11 characters and a blank")
    latitude = _parse_number(line[12:20], "latitude")
    longitude = _parse_number(line[21:30], "longitude")
    if not (abs(latitude) <= 90 and abs(longitude) <= 180):
        raise ValueError(f"latitude {latitude}, longitude {longitude} are not on Earth")
    return identity, longitude, latitude


def _parse_number(text: str, what: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise ValueError(f"the {what} {text!r} is not a number") from None
    if not math.isfinite(number):
        raise ValueError(f"the {what} {text!r} is not a number")
    return number
