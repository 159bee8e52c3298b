"""Genuine GHCN-Daily files: counts known from elsewhere, and agreement between editions."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from deepsphere.sources.ghcn.elements import ELEMENTS
from deepsphere.sources.ghcn.reader import read_cube
from deepsphere.sources.ghcn.records import MISSING
from deepsphere.sources.ghcn.station_list import read_inventory, read_stations
from deepsphere.sources.ghcn.streams import read_members

DATA = Path(__file__).parents[2].parent / "shared/data/ghcn"

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"real data not found: {DATA}")


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """The genuine files in the places that a fetch gives them."""
    folder = tmp_path / "raw"
    folder.mkdir()
    for name in ("ghcnd-stations.txt", "ghcnd_hcn.tar.gz", "by_year"):
        (folder / name).symlink_to(DATA / name)
    (folder / "all").symlink_to(DATA / "dly_full")
    return folder


def test_archive_has_the_known_complete_stations(raw: Path, tmp_path: Path) -> None:
    assert sum(1 for _ in read_members(raw / "ghcnd_hcn.tar.gz", ".dly")) == 842
    elements = ("TMIN", "TMAX")
    cube = read_cube(raw, "ghcnd_hcn.tar.gz", (2010, 2014), elements, tmp_path / "scratch")
    assert cube.values.shape[1:] == (2, 1826)
    assert cube.report["malformed"]["count"] == 0
    assert cube.report["unknown_stations"]["count"] == 0
    shares = (cube.values != MISSING).mean(axis=2).min(axis=1)
    assert np.count_nonzero(shares == 1) == 73
    assert np.count_nonzero(shares >= 0.99) == 324
    assert -600 < cube.values[cube.values != MISSING].min() < cube.values.max() < 600


def test_archive_and_yearly_file_agree_on_every_element(raw: Path, tmp_path: Path) -> None:
    columns = ["station", "date", "element", "value", "m", "quality", "s", "time"]
    rows = pd.read_csv(DATA / "by_year/2010.csv.gz", names=columns, dtype=str).fillna("")
    usable = rows[rows["quality"] == ""]
    present = set(usable["element"].unique())
    elements = tuple(name for name in ELEMENTS if name in present)
    assert {"PRCP", "SNOW", "SNWD", "TMAX", "TMIN", "TOBS", "WESD", "WT01"} <= set(elements)
    kept = usable[usable["element"].isin(elements)]
    year = read_cube(raw, "by-year", (2010, 2010), elements, tmp_path / "year")
    archive = read_cube(raw, "ghcnd_hcn.tar.gz", (2010, 2010), elements, tmp_path / "archive")
    assert year.stations["id"].tolist() == archive.stations["id"].tolist()
    assert year.stations["id"].tolist() == sorted(kept["station"].unique())
    np.testing.assert_array_equal(year.values, archive.values)
    for count in ("kept", "flagged", "kept_by_year", "unknown_stations", "repeated"):
        assert year.report[count] == archive.report[count]
    assert year.report["rows"] == len(rows) == 1_819_261
    assert year.report["kept"] == len(kept)
    total = year.values[year.values != MISSING].sum(dtype=np.int64)
    assert total == kept["value"].astype(int).sum()


def test_full_station_files_have_no_malformed_line(raw: Path, tmp_path: Path) -> None:
    cube = read_cube(raw, "stations", (1950, 2012), ("PRCP", "TMAX"), tmp_path / "scratch")
    assert len(cube.stations) == 15
    assert cube.report["malformed"] == {"count": 0, "first": []}
    assert cube.report["rows"] == sum(
        path.read_bytes().count(b"\n") for path in (DATA / "dly_full").iterdir()
    )


def test_year_1872_has_stations_that_the_list_lacks(raw: Path, tmp_path: Path) -> None:
    elements = ("PRCP", "SNOW", "TMAX", "TMIN")
    report = read_cube(raw, "by-year", (1872, 1872), elements, tmp_path / "scratch").report
    assert report["rows"] == 134_036
    assert report["malformed"]["count"] == 0
    assert report["unknown_stations"]["count"] == 32
    assert set(report["flagged"]) == {"D", "I"}


def test_original_heads_of_the_lists() -> None:
    stations = read_stations(DATA / "ghcnd-stations_original_head.txt")
    assert len(stations) == 13_870
    assert stations.attrs["report"]["malformed"]["count"] == 0
    inventory = read_inventory(DATA / "ghcnd-inventory_original_head.txt")
    assert len(inventory) == 2849
    (quote,) = inventory.attrs["report"]["malformed"]["first"]
    assert quote.startswith("ghcnd-inventory_original_head.txt:2850: 18 columns")
