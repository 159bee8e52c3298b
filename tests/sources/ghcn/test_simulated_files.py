"""The files are of NOAA's formats, and all editions hold the same records."""

import csv
import gzip
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest

from deepsphere.files import sha256_file
from deepsphere.sources.ghcn.reader import read_cube
from deepsphere.sources.ghcn.simulated_files import dly_lines, inventory_lines, station_lines
from deepsphere.sources.ghcn.simulated_records import BLANK, ELEMENTS, MISSING, SimulatedRecords
from deepsphere.sources.ghcn.simulator import simulate, write_raw

EDITIONS = ("by-year", "stations", "parquet", "ghcnd_all.tar.gz", "ghcnd_hcn.tar.gz")
YEARS = (2011, 2012)
STATIONS = 24
SEED = 3

Row = tuple[str, str, str, int, str, str, str]

REAL_STATION_LINE = (
    "AE000041196  25.3330   55.5170   34.0    SHARJAH INTER. AIRP            GSN     41196"
)
REAL_DLY_LINE = (
    "USW00094728186901TMAX  -17  Z  -28  Z   17  Z   28  Z   61  Z   33  Z   89  Z  122  Z   89  Z"
    "   67  Z    6  Z   28  Z   33  Z   56  Z   56  Z   33  Z   17  Z  -17  Z   11  Z   28  Z"
    "   56  Z  -17  Z   39  Z   89  Z   33  Z   -6  Z   44  Z   83  Z   89  Z  122  Z   50  Z"
)


@pytest.fixture(scope="module")
def records() -> SimulatedRecords:
    return simulate(STATIONS, YEARS, SEED)


@pytest.fixture(scope="module")
def raw(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("raw")
    for edition in EDITIONS:
        write_raw(folder / edition, edition, YEARS, STATIONS, SEED)
    return folder


@pytest.fixture(scope="module")
def expected(records: SimulatedRecords) -> set[Row]:
    rows = set()
    for station, element, day in np.argwhere(records.values != MISSING):
        where = (station, element, day)
        rows.add(
            (
                str(records.stations.identifiers[station]),
                str(records.days[day]).replace("-", ""),
                ELEMENTS[element],
                int(records.values[where]),
                chr(records.measurement_flags[where]).strip(),
                chr(records.quality_flags[where]).strip(),
                chr(records.source_flags[station]),
            )
        )
    return rows


def rows_of_dly(content: bytes) -> Iterator[Row]:
    for line in content.decode("ascii").splitlines():
        assert len(line) == 269
        for day in range(31):
            group = line[21 + 8 * day : 29 + 8 * day]
            if group[:5] == "-9999":
                assert group[5:] == "   "
                continue
            date = f"{line[11:17]}{day + 1:02d}"
            flags = [character.strip() for character in group[5:]]
            yield (line[:11], date, line[17:21], int(group[:5]), *flags)


def files_of(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): sha256_file(path) for path in files}


def test_station_line_has_the_columns_of_a_real_one(records: SimulatedRecords) -> None:
    """The fourth station is of the GSN; put a real one in its place, the WMO number excepted."""
    stations = records.stations
    edited = replace(
        stations,
        identifiers=np.array([*stations.identifiers[:3], "AE000041196"]),
        names=np.array([*stations.names[:3], "SHARJAH INTER. AIRP"]),
        latitude=np.array([*stations.latitude[:3], 25.333]),
        longitude=np.array([*stations.longitude[:3], 55.517]),
        elevation=np.array([*stations.elevation[:3], 34.0]),
        elevation_known=np.ones(4, bool),
    )
    line = station_lines(replace(records, stations=edited)).decode().splitlines()[3]
    assert line[:80] == REAL_STATION_LINE[:80]
    assert line[80:] == "99000"


def test_station_list(records: SimulatedRecords) -> None:
    lines = station_lines(records).decode("ascii").split("\n")
    assert lines.pop() == ""
    assert [len(line) for line in lines] == [85] * STATIONS
    stations = records.stations
    assert [line[0:11] for line in lines] == list(stations.identifiers)
    assert [float(line[12:20]) for line in lines] == list(stations.latitude)
    assert [float(line[21:30]) for line in lines] == list(stations.longitude)
    heights = np.where(stations.elevation_known, stations.elevation, -999.9)
    assert [float(line[31:37]) for line in lines] == list(heights)
    assert -999.9 in heights
    assert [line[41:71].rstrip() for line in lines] == list(stations.names)
    assert {line[72:75] for line in lines} == {"   ", "GSN"}
    assert {line[76:79] for line in lines} == {"   ", "HCN"}
    assert all((line[80:85] == "     ") == (line[72:75] == "   ") for line in lines)
    for column in (11, 20, 30, 37, 40, 71, 75, 79):
        assert {line[column] for line in lines} == {" "}


def test_inventory(records: SimulatedRecords) -> None:
    lines = inventory_lines(records).decode("ascii").splitlines()
    assert {len(line) for line in lines} == {45}
    found = {(line[:11], line[31:35]): (int(line[36:40]), int(line[41:45])) for line in lines}
    years = records.days.astype("datetime64[Y]").astype(int) + 1970
    for station, identifier in enumerate(records.stations.identifiers):
        for element, name in enumerate(ELEMENTS):
            reported = years[records.valid[station, element]]
            span = (reported.min(), reported.max()) if len(reported) else None
            assert found.get((identifier, name)) == span


def test_dly_line_is_a_real_one(records: SimulatedRecords) -> None:
    """Central Park in January 1869, from its values and flags."""
    groups = [REAL_DLY_LINE[21 + 8 * day : 29 + 8 * day] for day in range(31)]
    values = np.full((1, len(ELEMENTS), 31), MISSING, np.int16)
    values[0, 0] = [int(group[:5]) for group in groups]
    blank = np.full(values.shape, BLANK, np.uint8)
    january = replace(
        records,
        stations=replace(records.stations, identifiers=np.array(["USW00094728"])),
        days=np.arange("1869-01-01", "1869-02-01", dtype="datetime64[D]"),
        values=values,
        measurement_flags=blank,
        quality_flags=blank,
        source_flags=np.array([ord("Z")], np.uint8),
    )
    assert dly_lines(january, 0).decode("ascii") == REAL_DLY_LINE + "\n"


def test_dly_has_every_month_once_and_no_30_february(records: SimulatedRecords) -> None:
    complete = int(np.flatnonzero(records.valid.all(axis=(1, 2)))[0])
    lines = dly_lines(records, complete).decode("ascii").splitlines()
    months = [f"{year}{month:02d}" for year in range(2011, 2013) for month in range(1, 13)]
    assert [(line[11:17], line[17:21]) for line in lines] == [
        (month, element) for month in months for element in ELEMENTS
    ]
    for line in lines:
        days = sum(line[21 + 8 * day : 26 + 8 * day] != "-9999" for day in range(31))
        month = np.datetime64(f"{line[11:15]}-{line[15:17]}")
        assert days == ((month + 1).astype("M8[D]") - month.astype("M8[D]")).astype(int)
    february = next(line for line in lines if line[11:17] == "201202")
    assert february[21 + 8 * 28 : 26 + 8 * 28] != "-9999"


def test_dly_files_hold_the_records(raw: Path, expected: set[Row]) -> None:
    rows = [
        row
        for path in sorted((raw / "stations" / "all").glob("*.dly"))
        for row in rows_of_dly(path.read_bytes())
    ]
    assert len(rows) == len(expected)
    assert set(rows) == expected
    assert any(row[5] for row in rows)
    assert any(row[1] == "20120229" for row in rows)


@pytest.mark.parametrize("edition", ["ghcnd_all.tar.gz", "ghcnd_hcn.tar.gz"])
def test_archives_hold_the_same_dly_files(raw: Path, edition: str) -> None:
    stem = edition.removesuffix(".tar.gz")
    with tarfile.open(raw / edition / edition) as archive:
        members = archive.getmembers()
        assert len(members) == STATIONS
        for member in members:
            folder, name = member.name.split("/")
            assert folder == stem
            assert (member.uid, member.gid, member.uname, member.mode) == (0, 0, "", 0o644)
            stream = archive.extractfile(member)
            assert stream is not None
            assert stream.read() == (raw / "stations" / "all" / name).read_bytes()


def test_yearly_csv_files_hold_the_records(
    raw: Path, expected: set[Row], records: SimulatedRecords
) -> None:
    times = dict(zip(records.stations.identifiers, records.observation_times, strict=True))
    rows = []
    for year in YEARS:
        with gzip.open(raw / "by-year" / "by_year" / f"{year}.csv.gz", "rt", newline="") as stream:
            table = list(csv.reader(stream))
        assert {row[1][:4] for row in table} == {str(year)}
        assert [row[1] for row in table] == sorted(row[1] for row in table)
        assert {len(row) for row in table} == {8}
        assert all(row[7] == times[row[0]] for row in table)
        rows += [(row[0], row[1], row[2], int(row[3]), *row[4:7]) for row in table]
    assert {"", "0700"} <= set(times.values())
    assert len(rows) == len(expected)
    assert set(rows) == expected


def test_yearly_csv_line_has_neither_header_nor_quotes(raw: Path) -> None:
    content = gzip.decompress((raw / "by-year" / "by_year" / "2012.csv.gz").read_bytes())
    assert content.startswith(b"ZZX000000")
    assert b'"' not in content and b"\r" not in content
    assert content.endswith(b"\n")


def test_parquet_tree_holds_the_records(raw: Path, expected: set[Row]) -> None:
    columns = ["ID", "DATE", "DATA_VALUE", "M_FLAG", "Q_FLAG", "S_FLAG", "OBS_TIME"]
    rows = []
    folder = raw / "parquet" / "parquet" / "by_year"
    for path in folder.glob("YEAR=*/ELEMENT=*/*.parquet"):
        file = pyarrow.parquet.ParquetFile(path)
        assert file.schema_arrow.names == columns
        assert str(file.schema_arrow.field("DATA_VALUE").type) == "int64"
        element = path.parent.name.removeprefix("ELEMENT=")
        year = path.parent.parent.name.removeprefix("YEAR=")
        for row in file.read().to_pylist():
            assert row["DATE"].startswith(year)
            flags = [row[name] or "" for name in columns[3:6]]
            rows.append((row["ID"], row["DATE"], element, row["DATA_VALUE"], *flags))
    assert len(rows) == len(expected)
    assert set(rows) == expected


@pytest.mark.parametrize("edition", EDITIONS)
def test_the_reader_finds_what_was_simulated(
    tmp_path: Path, raw: Path, records: SimulatedRecords, edition: str
) -> None:
    elements = ("PRCP", "TMIN", "TMAX", "SNWD")
    cube = read_cube(raw / edition, edition, YEARS, elements, tmp_path, workers=1)
    order = [ELEMENTS.index(element) for element in elements]
    valid = np.where(records.valid, records.values, np.int16(-32768))[:, order]
    assert np.array_equal(cube.values, valid)
    assert np.array_equal(cube.days, records.days)
    stations = records.stations
    assert list(cube.stations["id"]) == list(stations.identifiers)
    assert np.array_equal(cube.stations["latitude"], stations.latitude)
    assert np.array_equal(cube.stations["longitude"], stations.longitude)
    heights = np.where(stations.elevation_known, stations.elevation, np.nan)
    assert np.array_equal(cube.stations["elevation"], heights, equal_nan=True)


@pytest.mark.parametrize("edition", EDITIONS)
def test_same_seed_same_bytes(tmp_path: Path, raw: Path, edition: str) -> None:
    write_raw(tmp_path / "again", edition, YEARS, STATIONS, SEED)
    write_raw(tmp_path / "other", edition, YEARS, STATIONS, SEED + 1)
    first, again, other = (
        files_of(folder) for folder in (raw / edition, tmp_path / "again", tmp_path / "other")
    )
    assert first == again
    assert first.keys() == other.keys()
    assert all(first[name] != other[name] for name in first)


def test_layout_of_the_raw_folder(raw: Path) -> None:
    lists = {"ghcnd-stations.txt", "ghcnd-inventory.txt"}
    assert set(files_of(raw / "by-year")) == lists | {
        "by_year/2011.csv.gz",
        "by_year/2012.csv.gz",
    }
    assert set(files_of(raw / "ghcnd_hcn.tar.gz")) == lists | {"ghcnd_hcn.tar.gz"}
    assert set(files_of(raw / "stations")) == lists | {
        f"all/ZZX{number:08d}.dly" for number in range(1, STATIONS + 1)
    }
    assert set(files_of(raw / "parquet")) == lists | {
        f"parquet/by_year/YEAR={year}/ELEMENT={element}/simulated_0.snappy.parquet"
        for year in YEARS
        for element in ELEMENTS
    }
