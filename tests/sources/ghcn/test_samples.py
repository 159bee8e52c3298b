"""From raw records to maps: compared with the records as they were simulated, not as read."""

import gzip
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from deepsphere.errors import DeepsphereError
from deepsphere.sources.ghcn.records import MISSING
from deepsphere.sources.ghcn.samples import open_samples, presence
from deepsphere.sources.ghcn.simulated_records import ELEMENTS, SimulatedRecords
from deepsphere.sources.ghcn.simulator import simulate, write_raw
from deepsphere.workers import Workers

YEARS = (2011, 2012)
STATIONS, SEED = 60, 4
SOURCE = {"kind": "ghcn", "records": "by-year", "years": list(YEARS)}
# 731 days: the training days are exactly those of 2011.
HALF = {"train": 0.5, "validation": 0.1, "test": 0.4}


@pytest.fixture(scope="module")
def records() -> SimulatedRecords:
    return simulate(STATIONS, YEARS, SEED)


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ghcn") / "raw"
    write_raw(folder, "by-year", YEARS, STATIONS, SEED)
    return folder


def settings(elements: tuple[str, ...] = ("TMIN", "TMAX"), **stations: Any) -> dict[str, Any]:
    return {
        "kind": "ghcn",
        "source": "ghcn",
        "elements": list(elements),
        "stations": stations,
        "split": HALF,
    }


def read(
    raw: Path, scratch: Path, store: dict[str, Any], workers: int = 2
) -> tuple[xr.Dataset, dict[str, Any]]:
    scratch.mkdir(exist_ok=True)
    dataset, report = open_samples(raw, (), SOURCE, store, scratch, Workers(workers))
    return dataset, report()


def expected_shares(records: SimulatedRecords, elements: tuple[str, ...], days: slice) -> Any:
    valid = records.valid[:, [ELEMENTS.index(name) for name in elements], days]
    return valid.mean(axis=2).min(axis=1)


@pytest.mark.parametrize("elements", [("TMIN", "TMAX"), ("PRCP",), ("TMAX", "PRCP", "SNWD")])
@pytest.mark.parametrize(
    ("share", "period"), [(1.0, "all"), (1.0, "train"), (0.9, "all"), (0.97, "train")]
)
def test_the_maps_are_the_records(
    records: SimulatedRecords,
    raw: Path,
    tmp_path: Path,
    elements: tuple[str, ...],
    share: float,
    period: str,
) -> None:
    dataset, report = read(raw, tmp_path, settings(elements, share=share, period=period))
    days = slice(0, 365) if period == "train" else slice(None)
    shares = expected_shares(records, elements, days)
    chosen = np.flatnonzero(shares >= share)
    assert 2 <= len(chosen) < STATIONS
    places = records.stations
    assert dataset.attrs["station_ids"] == [places.identifiers[station] for station in chosen]
    order = [ELEMENTS.index(name) for name in elements]
    values = records.values[chosen][:, order].transpose(2, 0, 1)
    scale = np.array([1.0 if name == "SNWD" else 0.1 for name in elements])
    known = records.valid[chosen][:, order].transpose(2, 0, 1)
    expected = np.where(known, values * scale, np.nan).astype(np.float32)
    data = dataset["data"]
    assert data.dims == ("sample", "cell", "channel")
    assert data.dtype == np.float32
    np.testing.assert_array_equal(data.compute(), expected)
    assert np.isnan(expected).any() == (not known.all())
    np.testing.assert_allclose(dataset["longitude"], places.longitude[chosen], atol=5e-5)
    np.testing.assert_allclose(dataset["latitude"], places.latitude[chosen], atol=5e-5)
    height = np.where(places.elevation_known, places.elevation, np.nan)[chosen]
    np.testing.assert_allclose(dataset["elevation"], height, atol=0.05)
    assert report["stations"]["selected"] == len(chosen)
    assert report["stations"]["without_elevation"] == np.isnan(height).sum()
    assert report["stations"]["smallest_share"] == pytest.approx(shares[chosen].min())


def test_days_and_splits(raw: Path, tmp_path: Path) -> None:
    dataset, _ = read(raw, tmp_path, settings())
    time = dataset["time"].to_numpy()
    assert time[[0, 364, 365, -1]].astype("datetime64[D]").astype(str).tolist() == [
        "2011-01-01",
        "2011-12-31",
        "2012-01-01",
        "2012-12-31",
    ]
    assert np.all(np.diff(time) == np.timedelta64(1, "D"))
    # int(0.5 * 731) = 365, int(0.6 * 731) = 438.
    assert np.flatnonzero(np.diff(dataset["split"].to_numpy())).tolist() == [364, 437]
    assert np.unique(dataset["split"]).tolist() == [0, 1, 2]
    assert dataset["split"].attrs["flag_meanings"] == "train validation test"
    assert dataset["split"].attrs["flag_values"] == [0, 1, 2]
    assert dataset.attrs["split_shares"] == HALF
    assert dataset.attrs["channels"] == ["TMIN", "TMAX"]
    assert dataset.attrs["units"] == ["degC", "degC"]


def test_maps_are_read_when_they_are_asked_for(raw: Path, tmp_path: Path) -> None:
    dataset, _ = read(raw, tmp_path, settings(share=0.9))
    assert dataset["data"].chunks is not None
    assert len(dataset["data"].chunks[0]) == 2
    part = dataset["data"][500:520].compute()
    np.testing.assert_array_equal(part, dataset["data"].compute()[500:520])


def test_the_number_of_workers_changes_nothing(raw: Path, tmp_path: Path) -> None:
    one, report_of_one = read(raw, tmp_path / "1", settings(share=0.9), workers=1)
    three, report_of_three = read(raw, tmp_path / "3", settings(share=0.9), workers=3)
    xr.testing.assert_identical(one.compute(), three.compute())
    assert report_of_one == report_of_three


@pytest.fixture
def later_days_lost(raw: Path, tmp_path: Path) -> Path:
    """The same records, but every second line of 2012 is missing."""
    folder = shutil.copytree(raw, tmp_path / "lost")
    path = folder / "by_year/2012.csv.gz"
    lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    path.write_bytes(gzip.compress(b"".join(lines[::2])))
    return folder


def test_selecting_by_training_days_does_not_look_ahead(
    raw: Path, later_days_lost: Path, tmp_path: Path
) -> None:
    for share in (1.0, 0.97):
        store = settings(("PRCP",), share=share, period="train")
        before, _ = read(raw, tmp_path / f"before-{share}", store)
        after, _ = read(later_days_lost, tmp_path / f"after-{share}", store)
        assert after.attrs["station_ids"] == before.attrs["station_ids"]
        np.testing.assert_array_equal(after["data"][:365], before["data"][:365])
        assert np.isnan(after["data"][365:]).sum() > np.isnan(before["data"][365:]).sum()


def test_selecting_by_all_days_does_look_ahead(
    raw: Path, later_days_lost: Path, tmp_path: Path
) -> None:
    store = settings(("PRCP",), share=0.7, period="all")
    before, _ = read(raw, tmp_path / "before", store)
    after, _ = read(later_days_lost, tmp_path / "after", store)
    assert len(after.attrs["station_ids"]) < len(before.attrs["station_ids"])


def test_no_station_is_complete_enough(
    records: SimulatedRecords, later_days_lost: Path, tmp_path: Path
) -> None:
    with pytest.raises(DeepsphereError) as caught:
        read(later_days_lost, tmp_path / "scratch", settings(period="all"))
    message = str(caught.value)
    assert "\n" not in message
    with_any = records.valid[:, [ELEMENTS.index("TMIN"), ELEMENTS.index("TMAX")]].any(axis=(1, 2))
    assert message.startswith(f"store: 0 of {with_any.sum()} stations in ")
    assert "have TMIN, TMAX on at least 100.00% of 731 days, and a graph needs 2; the" in message
    assert message.endswith("%: lower stations.share")


def test_the_best_shares_are_told(tmp_path: Path) -> None:
    """Two stations, one with 3 days of 4 in the training days, the other with 1 of 2."""
    raw = tmp_path / "raw"
    (raw / "by_year").mkdir(parents=True)
    names = ("ZZX00000001", "ZZX00000002")
    (raw / "ghcnd-stations.txt").write_text(
        "".join(
            f"{name} {10.0 * number:8.4f} {20.0:9.4f} {5.0:6.1f}    {'TEST':30}            \n"
            for number, name in enumerate(names)
        )
    )
    days = np.arange("2011-01-01", "2012-01-01", dtype="datetime64[D]")
    lines = [
        f"{name},{str(day).replace('-', '')},PRCP,7,,,S,\n"
        for number, day in enumerate(days)
        for name, missing in zip(names, (4, 2), strict=True)
        if number % missing
    ]
    (raw / "by_year/2011.csv.gz").write_bytes(gzip.compress("".join(lines).encode()))
    source = {**SOURCE, "years": [2011, 2011]}
    split = {"train": 0.8, "test": 0.2}
    store = {**settings(("PRCP",), share=0.9, period="train"), "split": split}
    with pytest.raises(
        DeepsphereError, match=r"0 of 2 stations .* on at least 90\.00% of 292 days"
    ):
        open_samples(raw, (), source, store, tmp_path / "one", Workers())
    with pytest.raises(DeepsphereError, match=r"the best have 75\.00% and 50\.00%: lower stations"):
        open_samples(raw, (), source, store, tmp_path / "one", Workers())
    store["stations"] = {"share": 0.75, "period": "train"}
    with pytest.raises(DeepsphereError, match=r"1 of 2 stations .* and a graph needs 2"):
        open_samples(raw, (), source, store, tmp_path / "one", Workers())
    store["stations"] = {"share": 0.5, "period": "train"}
    dataset, _ = open_samples(raw, (), source, store, tmp_path / "one", Workers())
    assert dataset["data"].shape == (365, 2, 1)


def test_shares_are_taken_in_blocks_and_within_the_days() -> None:
    generator = np.random.default_rng(0)
    values = generator.integers(-5, 5, (2500, 2, 10)).astype(np.int16)
    values[generator.random(values.shape) < 0.3] = MISSING
    found = presence(values, range(2, 7))
    assert found.shape == (2500, 2)
    np.testing.assert_allclose(found, (values[:, :, 2:7] != MISSING).mean(axis=2))
    assert presence(values[:0], range(10)).shape == (0, 2)


@pytest.mark.parametrize(
    ("records", "name"),
    [
        ("stations", "all/ZZX00000001.dly"),
        ("parquet", "parquet/by_year/YEAR=2010/ELEMENT=TMIN/part-0.parquet"),
    ],
)
def test_a_file_that_was_not_fetched_is_not_read(records: str, name: str, tmp_path: Path) -> None:
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_bytes(b"")
    store = settings(("TMIN",), share=0.9, period="train")
    with pytest.raises(DeepsphereError, match=rf"{name} is not among the files"):
        open_samples(tmp_path, (), {**SOURCE, "records": records}, store, tmp_path, Workers())
