"""All editions give the same array, however often they are interrupted."""

import gzip
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.sources.ghcn import editions
from deepsphere.sources.ghcn.reader import Cube, read_cube
from deepsphere.sources.ghcn.records import MISSING

YEARS, ELEMENTS = (2011, 2012), ("TMIN", "PRCP", "TMAX")
EDITIONS = ("by-year.csv", "by-year.csv.gz", "stations", "parquet", "ghcnd_gsn.tar.gz")
# Counts that depend on how a format lays records out in lines.
OF_THE_FORMAT = ("rows", "missing")


def _same(first: Cube, second: Cube) -> None:
    np.testing.assert_array_equal(first.values, second.values)
    assert first.stations.equals(second.stations)
    assert first.days.tolist() == second.days.tolist()
    assert first.report == second.report


@pytest.mark.parametrize("edition", EDITIONS)
def test_every_edition_gives_what_the_rules_say(
    raw: Any, records: list, oracle: Any, tmp_path: Path, edition: str
) -> None:
    name = raw.write(edition, records)
    cube = read_cube(raw.folder, name, YEARS, ELEMENTS, tmp_path / "scratch")
    expected = oracle(records, ELEMENTS)
    ids = sorted({station for station, _, _ in expected})
    dense = np.full((len(ids), 3, 365 + 366), MISSING)
    for (station, element, day), value in expected.items():
        age = (np.datetime64(day) - np.datetime64("2011-01-01")).astype(int)
        dense[ids.index(station), ELEMENTS.index(element), age] = value
    assert cube.stations["id"].tolist() == ids
    assert cube.stations.columns.tolist() == ["id", "longitude", "latitude", "elevation", "name"]
    assert cube.stations["longitude"].tolist() == [-100.25, -99.25, -98.25, -97.25]
    np.testing.assert_array_equal(cube.values, dense)
    assert cube.values.dtype == np.int16
    assert cube.days[[0, -1]].astype(str).tolist() == ["2011-01-01", "2012-12-31"]

    wanted = [r for r in records if r.element in ELEMENTS and r.value != -9999]
    strange = [r for r in wanted if r.station.startswith("XX")]
    flagged = [r for r in wanted if r.quality and r not in strange]
    report = cube.report
    assert report["kept"] == len(wanted) - len(strange) - len(flagged)
    assert report["kept"] - report["repeated"] == len(expected) == (dense != MISSING).sum()
    assert report["repeated"] > 0
    assert report["flagged"] == {
        letter: sum(r.quality == letter for r in flagged) for letter in "IX"
    }
    assert report["unknown_stations"] == {
        "count": 1,
        "records": len(strange),
        "first": ["XX000000001"],
    }
    assert report["malformed"] == {"count": 0, "first": []}
    assert report["station_list"]["lines"] == 5
    assert json.loads(json.dumps(report)) == report


def test_editions_count_the_same(raw: Any, records: list, tmp_path: Path) -> None:
    reports = []
    for edition in EDITIONS:
        name = raw.write(edition, records)
        report = read_cube(raw.folder, name, YEARS, ELEMENTS, tmp_path / edition).report
        reports.append({key: report[key] for key in report if key not in OF_THE_FORMAT})
    assert all(report == reports[0] for report in reports)


@pytest.mark.parametrize("edition", EDITIONS)
def test_workers_and_block_sizes_change_nothing(
    raw: Any, records: list, tmp_path: Path, edition: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = raw.write(edition, records)
    first = read_cube(raw.folder, name, YEARS, ELEMENTS, tmp_path / "one", workers=1)
    monkeypatch.setattr(editions, "_BLOCK_BYTES", 1)
    _same(read_cube(raw.folder, name, YEARS, ELEMENTS, tmp_path / "two", workers=3), first)


@pytest.mark.parametrize("edition", EDITIONS)
def test_a_killed_reading_goes_on_where_it_stopped(
    raw: Any, records: list, tmp_path: Path, edition: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(editions, "_BLOCK_BYTES", 1)
    name = raw.write(edition, records)
    whole = read_cube(raw.folder, name, YEARS, ELEMENTS, tmp_path / "whole", workers=1)
    written: list[str] = []
    write_piece = editions.write_piece

    def write_one_and_die(folder: Path, piece_name: str, *arguments: Any) -> None:
        if written:
            raise KeyboardInterrupt
        write_piece(folder, piece_name, *arguments)
        written.append(piece_name)

    monkeypatch.setattr(editions, "write_piece", write_one_and_die)
    with pytest.raises(KeyboardInterrupt):
        read_cube(raw.folder, name, YEARS, ELEMENTS, tmp_path / "scratch", workers=1)

    def write(folder: Path, piece_name: str, *arguments: Any) -> None:
        write_piece(folder, piece_name, *arguments)
        written.append(piece_name)

    monkeypatch.setattr(editions, "write_piece", write)
    cube = read_cube(raw.folder, name, YEARS, ELEMENTS, tmp_path / "scratch", workers=1)
    assert len(set(written)) == len(written) > 1
    _same(cube, whole)
    written.clear()
    _same(read_cube(raw.folder, name, YEARS, ELEMENTS, tmp_path / "scratch"), whole)
    assert written == []


def test_other_arguments_or_files_do_not_meet_old_pieces(
    raw: Any, records: list, tmp_path: Path
) -> None:
    raw.write_by_year(records)
    scratch = tmp_path / "scratch"
    read_cube(raw.folder, "by-year", YEARS, ELEMENTS, scratch)
    few = read_cube(raw.folder, "by-year", (2012, 2012), ("TMAX",), scratch)
    assert few.values.shape == (4, 1, 366)
    raw.write_by_year([r._replace(value=77) for r in records])
    changed = read_cube(raw.folder, "by-year", (2012, 2012), ("TMAX",), scratch)
    assert set(np.unique(changed.values).tolist()) == {MISSING, 77}


@pytest.mark.parametrize("edition", EDITIONS)
def test_a_year_without_an_element_is_refused(
    raw: Any, records: list, tmp_path: Path, edition: str
) -> None:
    name = raw.write(
        edition,
        [
            r._replace(quality="I") if (r.element, r.day.year) == ("PRCP", 2012) else r
            for r in records
        ],
    )
    place = {
        "by-year.csv": r"2012\.csv",
        "by-year.csv.gz": r"2012\.csv\.gz",
        "parquet": "YEAR=2012",
        "stations": "all",
        "ghcnd_gsn.tar.gz": r"ghcnd_gsn\.tar\.gz",
    }[edition]
    with pytest.raises(DeepsphereError, match=rf"{place}: not one usable record of PRCP in 2012"):
        read_cube(raw.folder, name, YEARS, ELEMENTS, tmp_path / "scratch")
    read_cube(raw.folder, name, (2011, 2011), ELEMENTS, tmp_path / "scratch")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"records": "csv"}, "unknown edition of GHCN-Daily 'csv'; known are by-year"),
        ({"records": "by-year"}, r"has neither 2011\.csv\.gz nor 2011\.csv"),
        ({"records": "stations"}, "all holds no .dly file"),
        ({"records": "parquet"}, "ELEMENT=TMIN holds no parquet file"),
        ({"records": "ghcnd_all.tar.gz"}, r"ghcnd_all\.tar\.gz is missing"),
        ({"elements": ("TMXA",)}, "unknown GHCN element 'TMXA'"),
        ({"elements": ()}, "no GHCN element"),
        ({"years": (2012, 2011)}, "the years must be two"),
        ({"workers": 0}, "at least 1 worker, got 0"),
    ],
)
def test_wrong_arguments_are_refused(
    raw: Any, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    arguments = {"records": "by-year", "years": YEARS, "elements": ELEMENTS, "workers": 2}
    with pytest.raises(DeepsphereError, match=message) as caught:
        read_cube(raw.folder, scratch=tmp_path / "scratch", **(arguments | change))
    assert "\n" not in str(caught.value)


def test_damaged_sources_are_refused_by_name(raw: Any, records: list, tmp_path: Path) -> None:
    raw.write_by_year(records)
    raw.write_stations(records)
    archive = raw.write_archive(records)
    year = raw.folder / "by_year" / "2012.csv.gz"
    for path, name in ((archive, archive.name), (year, "by-year")):
        os.truncate(path, path.stat().st_size // 2)
        with pytest.raises(DeepsphereError, match=f"{path.name} is cut short"):
            read_cube(raw.folder, name, YEARS, ELEMENTS, tmp_path / "scratch")
    year.write_bytes(gzip.compress(b"not,a,record\n" * 50))
    with pytest.raises(DeepsphereError, match=r"2012\.csv\.gz: 50 of 50 lines are malformed"):
        read_cube(raw.folder, "by-year", YEARS, ELEMENTS, tmp_path / "scratch")
    page = raw.folder / "all" / "ASN00064008.dly"
    page.write_bytes(b"<html>Not Found</html>")
    with pytest.raises(DeepsphereError, match=r"ASN00064008\.dly is a web page"):
        read_cube(raw.folder, "stations", YEARS, ELEMENTS, tmp_path / "scratch")
    page.write_bytes(b"garbage\n" * 30)
    with pytest.raises(DeepsphereError, match=r"30 of .* is all/ASN00064008\.dly:1: not a whole"):
        read_cube(raw.folder, "stations", YEARS, ELEMENTS, tmp_path / "scratch")
    shutil.rmtree(raw.folder / "all")
    empty = raw.write_archive([])
    with pytest.raises(DeepsphereError, match=r"gsn\.tar\.gz holds no \.dly file"):
        read_cube(raw.folder, empty.name, YEARS, ELEMENTS, tmp_path / "scratch")


def test_a_malformed_line_is_reported_with_its_file(
    raw: Any, records: list, tmp_path: Path
) -> None:
    path = raw.write_archive(records)
    contents = raw.dly(records)
    contents["AE000041196"] += b"AE0000411962012"
    raw.dly = lambda _: contents
    raw.write_archive(records)
    report = read_cube(raw.folder, path.name, YEARS, ELEMENTS, tmp_path / "scratch").report
    assert report["malformed"]["count"] == 1
    assert report["malformed"]["first"][0].startswith("ghcnd_gsn.tar.gz:ghcnd_gsn/AE000041196.dly:")


def test_a_cube_states_its_shape(raw: Any, records: list, tmp_path: Path) -> None:
    raw.write_by_year(records)
    cube = read_cube(raw.folder, "by-year", YEARS, ELEMENTS, tmp_path / "scratch")
    with pytest.raises(DeepsphereError, match=r"the values are int16 of shape \(4, 3, 731\)"):
        Cube(cube.values, cube.stations, cube.days, ("TMIN",), cube.report)
