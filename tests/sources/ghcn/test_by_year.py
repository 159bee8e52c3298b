"""Yearly files, against the csv module and one record at a time."""

import csv
import datetime
import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsphere.errors import DeepsphereError
from deepsphere.sources.ghcn import streams
from deepsphere.sources.ghcn.by_year import HEADER, read_by_year
from deepsphere.sources.ghcn.tally import Tally
from deepsphere.sources.ghcn.wanted import Wanted

IDS = ("AE000041196", "ASN00064008", "US10adam001")
WANTED = Wanted(np.array(IDS, "S11"), ("TMIN", "PRCP"), (2012, 2012))
LINE = "AE000041196,20120229,TMIN,-12,,,N,0700"


def _read(path: Path) -> tuple[list[tuple[int, int, int, int]], Tally]:
    tally = Tally()
    found: list[tuple[int, int, int, int]] = []
    for r in read_by_year(path, "by_year/" + path.name, WANTED, tally):
        found += zip(*(a.tolist() for a in (r.stations, r.elements, r.days, r.values)), strict=True)
    return found, tally


def _write(folder: Path, lines: list[str], end: str = "\n") -> Path:
    path = folder / "2012.csv"
    path.write_bytes("".join(line + end for line in lines).encode("latin-1"))
    return path


lines = st.builds(
    "{},{},{},{},{},{},{},{}".format,
    st.sampled_from([*IDS, "XX000000001"]),
    st.dates(datetime.date(2012, 1, 1), datetime.date(2012, 12, 31)).map("{:%Y%m%d}".format),
    st.sampled_from(["TMIN", "PRCP", "TMAX", "WT01"]),
    st.integers(-32767, 32767) | st.just(-9999),
    st.sampled_from(["", "T"]),
    st.sampled_from(["", "", "", "I", " "]),
    st.sampled_from(["", "N"]),
    st.sampled_from(["", "0700"]),
)


@settings(derandomize=True, max_examples=60, deadline=None)
@given(st.lists(lines, min_size=1, max_size=30), st.booleans(), st.booleans())
def test_records_are_those_of_the_csv_module(
    tmp_path_factory: pytest.TempPathFactory, rows: list[str], header: bool, windows: bool
) -> None:
    head = [HEADER.decode()] if header else []
    end = "\r\n" if windows else "\n"
    path = _write(tmp_path_factory.mktemp("year"), head + rows, end)
    found, tally = _read(path)
    table = list(csv.reader(rows))
    usable = [r for r in table if r[2] in WANTED.elements and r[3] != "-9999"]
    known = [r for r in usable if r[0] in IDS]
    first = datetime.date(2012, 1, 1)
    assert found == [
        (
            IDS.index(r[0]),
            WANTED.elements.index(r[2]),
            (datetime.datetime.strptime(r[1], "%Y%m%d").date() - first).days,
            int(r[3]),
        )
        for r in known
        if not r[5].strip()
    ]
    assert (tally.rows, tally.malformed) == (len(rows), 0)
    assert tally.unknown.total() == len(usable) - len(known)
    assert tally.flagged.total() == sum(bool(r[5].strip()) for r in known)
    assert sum(counts.total() for counts in tally.kept.values()) == len(found)


@pytest.mark.parametrize("size", [30, 64, 1001])
def test_blocks_do_not_matter(tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [LINE.replace("-12", str(value)) for value in range(-300, 300)]
    rows[200] = "broken,line"
    path = _write(tmp_path, [HEADER.decode(), *rows])
    expected, expected_tally = _read(path)
    monkeypatch.setattr(streams, "BLOCK_BYTES", size)
    found, tally = _read(path)
    assert found == expected
    assert tally == expected_tally
    assert tally.quotes[0].startswith("by_year/2012.csv:202: not the fields")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("AE000041196,20120229,TMIN", "not the fields"),
        ("AE000041196,20120229,TMIN,-12,,,N,0700,", "not the fields"),
        ("AE00004119,20120229,TMIN,-12,,,N,0700", "not the fields"),
        ("AE000041196,2012029,TMIN,-12,,,N,0700", "not the fields"),
        ("AE000041196,20120229,TMINX,-12,,,N,0700", "not the fields"),
        ("AE000041196,20120229,TMIN,-12,,II,N,0700", "not the fields"),
        ("\xe9\xe9\xe9", "not the fields"),
        ("AE000041196,20120230,TMIN,-12,,,N,0700", "no such date"),
        ("AE000041196,20110228,TMIN,-12,,,N,0700", "no such date"),
        ("AE000041196,2012O229,TMIN,-12,,,N,0700", "no such date"),
        ("AE000041196,20120229,TMIN,,,,N,0700", "unreadable value"),
        ("AE000041196,20120229,TMIN,1.5,,,N,0700", "unreadable value"),
        ("AE000041196,20120229,TMIN,1-5,,,N,0700", "unreadable value"),
        ("AE000041196,20120229,TMIN,32768,,,N,0700", "unreadable value"),
        ("AE000041196,20120229,TMIN,-32768,,,N,0700", "unreadable value"),
        ("AE000041196,20120229,TMIN,123456789,,,N,0700", "unreadable value"),
    ],
)
def test_a_malformed_line_is_counted_and_quoted(tmp_path: Path, line: str, reason: str) -> None:
    found, tally = _read(_write(tmp_path, [LINE] * 120 + [line, "", *[LINE] * 80]))
    assert found == [(0, 0, 59, -12)] * 200
    assert (tally.rows, tally.malformed) == (201, 1)
    assert tally.quotes == [f"by_year/2012.csv:121: {reason}" + tally.quotes[0].split(reason)[1]]
    assert tally.quotes[0].endswith(f": {line}")
    with pytest.raises(
        DeepsphereError, match=r"2012\.csv: 3 of 203 lines .* is by_year/2012\.csv:1:"
    ):
        _read(_write(tmp_path, [line] * 3 + [LINE] * 200))


def test_malformed_lines_are_quoted_in_their_order(tmp_path: Path) -> None:
    bad = [LINE.replace("-12", "x"), "short", LINE.replace("0229", "0231"), "again"]
    _, tally = _read(_write(tmp_path, bad + [LINE] * 1000))
    assert [quote.split(":")[1] for quote in tally.quotes] == ["1", "2", "3", "4"]


def test_a_cut_last_line_is_malformed(tmp_path: Path) -> None:
    path = _write(tmp_path, [LINE] * 3)
    path.write_bytes(path.read_bytes()[:-14])
    found, tally = _read(path)
    assert len(found) == 2
    assert (tally.rows, tally.malformed) == (3, 1)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (HEADER + b"\n", "is empty"),
        (b"<html><body>503</body></html>", "is a web page"),
        (b"ID,YEAR,TMAX\n1,2,3\n", "the header is b'ID,YEAR,TMAX'"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    plain, packed = tmp_path / "2012.csv", tmp_path / "2012.csv.gz"
    plain.write_bytes(content)
    packed.write_bytes(gzip.compress(content))
    for path in (plain, packed):
        with pytest.raises(DeepsphereError, match=message) as caught:
            _read(path)
        assert str(path) in str(caught.value)
