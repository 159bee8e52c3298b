"""Simulated records in the file formats that NOAA ships, byte for byte the same for the same input.

The formats are those of NOAA's ``readme.txt`` of GHCN-Daily and, for Parquet, of the copy on AWS:

* ``ghcnd-stations.txt``, 85 columns: ID 1-11, LATITUDE 13-20, LONGITUDE 22-30, ELEVATION 32-37,
  STATE 39-40, NAME 42-71, GSN 73-75, HCN/CRN 77-79, WMO 81-85;
* ``ghcnd-inventory.txt``, 45 columns: ID 1-11, LATITUDE 13-20, LONGITUDE 22-30, ELEMENT 32-35,
  first year 37-40, last year 42-45;
* ``ID.dly``, 269 columns: ID 1-11, YEAR 12-15, MONTH 16-17, ELEMENT 18-21, and 31 times VALUE (5),
  MFLAG, QFLAG, SFLAG; -9999 where there is no value; no line for a month without any;
* ``YYYY.csv.gz``, no header: ID, DATE, ELEMENT, VALUE, M_FLAG, Q_FLAG, S_FLAG, OBS_TIME; no row
  where there is no value;
* ``YEAR=YYYY/ELEMENT=XXXX/*.snappy.parquet``: the other columns of the same rows, nulls for blanks.

Compressed bytes also depend on the versions of zlib and of pyarrow.
"""

import gzip
import io
import tarfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from deepsphere.sources.ghcn.simulated_records import (
    BLANK,
    ELEMENTS,
    MISSING,
    SimulatedRecords,
)

_COMPRESSION_LEVEL = 6
_ARCHIVE_TIME = 1_514_764_800
"""2018-01-01, any fixed time."""


def station_lines(records: SimulatedRecords) -> bytes:
    """Return the content of ``ghcnd-stations.txt``.

    Every tenth station is of the GSN and has a WMO number, every tenth is of the HCN, so that
    blank and filled columns are both there. The state is always blank, as outside North America.
    """
    lines = []
    stations = records.stations
    for number, (identifier, latitude, longitude, elevation, known, name) in enumerate(
        zip(
            stations.identifiers,
            stations.latitude,
            stations.longitude,
            stations.elevation,
            stations.elevation_known,
            stations.names,
            strict=True,
        )
    ):
        height = elevation if known else -999.9
        in_gsn = number % 10 == 3
        networks = f"{'GSN' if in_gsn else '':3} {'HCN' if number % 10 == 7 else '':3}"
        wmo = f"{99000 + number // 10 % 1000:05d}" if in_gsn else ""
        lines.append(
            f"{identifier:11} {latitude:8.4f} {longitude:9.4f} {height:6.1f}    {name:30} "
            f"{networks} {wmo:5}\n"
        )
    return "".join(lines).encode("ascii")


def inventory_lines(records: SimulatedRecords) -> bytes:
    """Return the content of ``ghcnd-inventory.txt``: first and last year of each valid element."""
    lines = []
    stations, valid = records.stations, records.valid
    years = records.days.astype("datetime64[Y]").astype(np.int64) + 1970
    for station, identifier in enumerate(stations.identifiers):
        place = f"{stations.latitude[station]:8.4f} {stations.longitude[station]:9.4f}"
        for element, name in enumerate(ELEMENTS):
            reported = years[valid[station, element]]
            if len(reported):
                lines.append(f"{identifier} {place} {name} {reported[0]} {reported[-1]}\n")
    return "".join(lines).encode("ascii")


def dly_lines(records: SimulatedRecords, station: int) -> bytes:
    """Return the content of a station's ``.dly`` file: month after month, element after element.

    Parameters
    ----------
    records : SimulatedRecords
        The records.
    station : int
        Position of the station.

    Returns
    -------
    bytes
        Lines of 269 characters and a line feed.
    """
    months = records.days.astype("datetime64[M]")
    row = (months - months[0]).astype(np.int64)
    column = (records.days - months.astype("datetime64[D]")).astype(np.int64)
    present = records.values[station] != MISSING

    groups = np.full((row[-1] + 1, len(ELEMENTS), 31, 8), BLANK, np.uint8)
    groups[..., :5] = np.frombuffer(b"-9999", np.uint8)
    flags = (
        records.measurement_flags[station],
        records.quality_flags[station],
        np.where(present, records.source_flags[station], np.uint8(BLANK)),
    )
    by_day = np.empty((len(ELEMENTS), len(records.days), 8), np.uint8)
    by_day[..., :5] = _five_characters(records.values[station])
    by_day[..., 5:] = np.stack(flags, axis=-1)
    groups[row, :, column] = by_day.transpose(1, 0, 2)

    reported = np.zeros(groups.shape[:2], np.bool_)
    np.logical_or.at(reported, row, present.T)
    identifier = records.stations.identifiers[station]
    stamps = [str(months[0] + offset).replace("-", "") for offset in range(len(groups))]
    heads = np.array(
        [[f"{identifier}{stamp}{element}" for element in ELEMENTS] for stamp in stamps], "S21"
    )
    lines = np.empty((*groups.shape[:2], 270), np.uint8)
    lines[..., :21] = heads[..., None].view(np.uint8)
    lines[..., 21:269] = groups.reshape(*groups.shape[:2], -1)
    lines[..., 269] = ord("\n")
    return lines[reported].tobytes()


def write_dly_files(records: SimulatedRecords, folder: Path) -> None:
    """Write one ``.dly`` file a station into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for station, identifier in enumerate(records.stations.identifiers):
        (folder / f"{identifier}.dly").write_bytes(dly_lines(records, station))


def write_archive(records: SimulatedRecords, path: Path) -> None:
    """Write one ``.tar.gz`` with a member ``NAME/ID.dly`` a station, NAME being the archive's.

    The archive holds every station, whatever part of them NOAA's archive of that name would hold.
    """
    stem = path.name.removesuffix(".tar.gz")
    with (
        path.open("wb") as stream,
        gzip.GzipFile("", "wb", _COMPRESSION_LEVEL, stream, mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for station, identifier in enumerate(records.stations.identifiers):
            content = dly_lines(records, station)
            member = tarfile.TarInfo(f"{stem}/{identifier}.dly")
            member.size, member.mtime = len(content), _ARCHIVE_TIME
            archive.addfile(member, io.BytesIO(content))


def write_csv_by_year(records: SimulatedRecords, folder: Path) -> None:
    """Write ``YYYY.csv.gz`` for each year into a folder, sorted by day, station and element."""
    folder.mkdir(parents=True, exist_ok=True)
    options = pyarrow.csv.WriteOptions(include_header=False, quoting_style="none")
    for year, days in _years(records):
        present = records.values[:, :, days].transpose(2, 0, 1) != MISSING
        day, station, element = np.nonzero(present)
        table = _rows(records, station, element, day + days.start)
        table = table.add_column(2, "ELEMENT", pa.array(ELEMENTS).take(element))
        with (
            (folder / f"{year}.csv.gz").open("wb") as stream,
            gzip.GzipFile("", "wb", _COMPRESSION_LEVEL, stream, mtime=0) as compressed,
        ):
            pyarrow.csv.write_csv(table, compressed, options)


def write_parquet_tree(records: SimulatedRecords, folder: Path) -> None:
    """Write ``YEAR=YYYY/ELEMENT=XXXX/`` with one Parquet file each, sorted by station and day."""
    for year, days in _years(records):
        for element, name in enumerate(ELEMENTS):
            station, day = np.nonzero(records.values[:, element, days] != MISSING)
            if len(station) == 0:
                continue
            table = _rows(records, station, np.full_like(station, element), day + days.start)
            leaf = folder / f"YEAR={year}" / f"ELEMENT={name}"
            leaf.mkdir(parents=True, exist_ok=True)
            pyarrow.parquet.write_table(
                table, leaf / "simulated_0.snappy.parquet", compression="snappy"
            )


def _rows(
    records: SimulatedRecords, station: np.ndarray, element: np.ndarray, day: np.ndarray
) -> pa.Table:
    """Return rows of the positions given, ``[row]`` each, in columns named as on AWS."""
    dates = np.char.replace(records.days.astype(str), "-", "")
    where = (station, element, day)
    return pa.table(
        {
            "ID": pa.array(records.stations.identifiers).take(station),
            "DATE": pa.array(dates).take(day),
            "DATA_VALUE": pa.array(records.values[where].astype(np.int64)),
            "M_FLAG": _flag_column(records.measurement_flags[where]),
            "Q_FLAG": _flag_column(records.quality_flags[where]),
            "S_FLAG": _flag_column(records.source_flags[station]),
            "OBS_TIME": pa.array(
                [time or None for time in records.observation_times], pa.string()
            ).take(station),
        }
    )


def _flag_column(codes: np.ndarray) -> pa.Array:
    """Return ``[row]`` strings of one character, null for a blank, from ASCII codes."""
    letters = [None if code == BLANK else chr(code) for code in range(128)]
    return pa.array(letters, pa.string()).take(codes)


def _years(records: SimulatedRecords) -> list[tuple[int, slice]]:
    """Return each year with the slice of its days."""
    years = records.days.astype("datetime64[Y]").astype(np.int64) + 1970
    numbers, starts = np.unique(years, return_index=True)
    ends = [*starts[1:], len(years)]
    return [(int(n), slice(int(a), int(b))) for n, a, b in zip(numbers, starts, ends, strict=True)]


def _five_characters(values: np.ndarray) -> np.ndarray:
    """Return ``[..., 5]`` ASCII codes of integers, right-aligned as ``%5d``."""
    numbers = np.arange(MISSING, int(values.max(initial=MISSING)) + 1)
    table = np.array([f"{number:5d}" for number in numbers], "S5")
    characters = table.view(np.uint8).reshape(-1, 5)
    return np.asarray(characters[values.astype(np.int64) - MISSING])
