"""Records of GHCN-Daily written in all of NOAA's formats, and a plain reading to compare with."""

import datetime
import gzip
import io
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

STATIONS = ("AE000041196", "ASN00064008", "US10adam001", "USC00011084", "ZI000067983")
STRANGER = "XX000000001"
ELEMENTS = ("TMIN", "PRCP", "TMAX")


class Record(NamedTuple):
    station: str
    day: datetime.date
    element: str
    value: int
    quality: str = ""


class Raw:
    """A raw folder in the making."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.folder.mkdir()

    def write_station_list(self, stations: Sequence[str] = STATIONS) -> Path:
        lines = [
            f"{name} {10.5 + age:8.4f} {-100.25 + age:9.4f} {12.5 * age:6.1f} XX {'STATION':30s}\n"
            for age, name in enumerate(stations)
        ]
        path = self.folder / "ghcnd-stations.txt"
        path.write_text("".join(lines))
        return path

    def write_by_year(self, records: Sequence[Record], form: str = "csv.gz") -> None:
        """Write ``csv`` (AWS: with a header, CR LF) or ``csv.gz`` (NCEI: without)."""
        folder = self.folder / "by_year"
        folder.mkdir(exist_ok=True)
        for year in sorted({record.day.year for record in records}):
            end = "\r\n" if form == "csv" else "\n"
            head = "ID,DATE,ELEMENT,DATA_VALUE,M_FLAG,Q_FLAG,S_FLAG,OBS_TIME" + end
            text = "".join(
                f"{r.station},{r.day:%Y%m%d},{r.element},{r.value},,{r.quality},N,0700{end}"
                for r in records
                if r.day.year == year
            )
            path = folder / f"{year}.{form}"
            if form == "csv":
                path.write_bytes((head + text).encode())
            else:
                path.write_bytes(gzip.compress(text.encode()))

    def dly(self, records: Sequence[Record]) -> dict[str, bytes]:
        """Return the content of the station files; a repeated day goes to a second line."""
        lines: dict[tuple[str, int, int, str], list[dict[int, Record]]] = {}
        for record in records:
            key = (record.station, record.day.year, record.day.month, record.element)
            months = lines.setdefault(key, [{}])
            if record.day.day in months[-1]:
                months.append({})
            months[-1][record.day.day] = record
        contents: dict[str, str] = {}
        for (station, year, month, element), months in lines.items():
            for days in months:
                groups = "".join(
                    f"{days[day].value:5d} {days[day].quality or ' '}N"
                    if day in days
                    else "-9999   "
                    for day in range(1, 32)
                )
                text = f"{station}{year}{month:02d}{element}{groups}\n"
                contents[station] = contents.get(station, "") + text
        return {station: text.encode() for station, text in contents.items()}

    def write_stations(self, records: Sequence[Record]) -> None:
        (self.folder / "all").mkdir(exist_ok=True)
        for station, content in self.dly(records).items():
            (self.folder / "all" / f"{station}.dly").write_bytes(content)

    def write_archive(self, records: Sequence[Record], name: str = "ghcnd_gsn") -> Path:
        path = self.folder / f"{name}.tar.gz"
        with tarfile.open(path, "w:gz") as archive:
            for station, content in sorted(self.dly(records).items()):
                member = tarfile.TarInfo(f"{name}/{station}.dly")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        return path

    def write_parquet(self, records: Sequence[Record]) -> None:
        for year in {record.day.year for record in records}:
            for element in {record.element for record in records}:
                chosen = [r for r in records if (r.day.year, r.element) == (year, element)]
                if not chosen:
                    continue
                folder = self.folder / "parquet" / "by_year" / f"YEAR={year}"
                folder = folder / f"ELEMENT={element}"
                folder.mkdir(parents=True)
                half = len(chosen) // 2
                # Two files, to see them read in the order of their names.
                for part, rows in (("a", chosen[:half]), ("b", chosen[half:])):
                    table = {
                        "ID": [r.station for r in rows],
                        "DATE": [f"{r.day:%Y%m%d}" for r in rows],
                        "DATA_VALUE": pa.array([r.value for r in rows], pa.int64()),
                        "M_FLAG": pa.nulls(len(rows), pa.string()),
                        "Q_FLAG": pa.array([r.quality or None for r in rows], pa.string()),
                        "S_FLAG": ["N"] * len(rows),
                        "OBS_TIME": pa.nulls(len(rows), pa.string()),
                    }
                    pq.write_table(pa.table(table), folder / f"{part}.snappy.parquet")

    def write(self, edition: str, records: Sequence[Record]) -> str:
        """Write an edition; return the name under which ``read_cube`` knows it."""
        if edition in ("by-year.csv", "by-year.csv.gz"):
            self.write_by_year(records, edition.removeprefix("by-year."))
            return "by-year"
        if edition == "ghcnd_gsn.tar.gz":
            self.write_archive(records)
        else:
            {"stations": self.write_stations, "parquet": self.write_parquet}[edition](records)
        return edition


def plain_reading(
    records: Sequence[Record], elements: Sequence[str]
) -> dict[tuple[str, str, datetime.date], int]:
    """Apply the rules one record at a time: the oracle of all readers."""
    kept = {}
    for r in records:
        if r.station in STATIONS and r.element in elements and r.value != -9999 and not r.quality:
            kept[r.station, r.element, r.day] = r.value
    return kept


@pytest.fixture
def raw(tmp_path: Path) -> Raw:
    folder = Raw(tmp_path / "raw")
    folder.write_station_list()
    return folder


@pytest.fixture(scope="session")
def records() -> list[Record]:
    """Two years, one of them leap, of five listed stations and one that is not listed.

    With gaps, all kinds of flags, -9999, other elements, zeros, extremes and repeated records.
    """
    generator = np.random.default_rng(5)
    found = []
    for year, days in ((2011, 365), (2012, 366)):
        first = datetime.date(year, 1, 1)
        for day in (first + datetime.timedelta(days=age) for age in range(days)):
            for station in (*STATIONS[:4], STRANGER):
                for element in (*ELEMENTS, "SNWD"):
                    if generator.random() < 0.1:
                        continue
                    value = int(
                        generator.choice([0, -9999, 9999, -999, 7, -305], p=[0.1] * 5 + [0.5])
                    )
                    quality = str(generator.choice(["", "I", "X"], p=[0.9, 0.06, 0.04]))
                    found.append(Record(station, day, element, value, quality))
    repeated = [
        found[index]._replace(value=int(value), quality=quality)
        for index, value, quality in zip(
            generator.integers(0, len(found), 60),
            generator.integers(-400, 400, 60),
            ["", "", "I"] * 20,
            strict=True,
        )
    ]
    return found + repeated


@pytest.fixture
def oracle() -> Callable[..., dict[tuple[str, str, datetime.date], int]]:
    """The rules, applied by hand."""
    return plain_reading
