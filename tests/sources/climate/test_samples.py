"""Stores of the archive: on its own mesh, and on others."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from deepsphere.errors import DeepsphereError
from deepsphere.samplings.coordinates import unit_vectors
from deepsphere.samplings.ugscnn import Ugscnn
from deepsphere.sources.climate.samples import open_samples, places
from deepsphere.sources.climate.statistics import STATISTICS
from deepsphere.stores.reader import open_store
from deepsphere.stores.writer import write_store
from deepsphere.workers import Workers

SPLIT = {"kind": "leak-free", "gap": 0.25}


@pytest.fixture
def open_raw(tmp_path: Path) -> Callable[..., Any]:
    def open_with(listed: list[str], **settings: Any) -> Any:
        store = {
            "kind": "climate",
            "source": "archive",
            "sampling": "ugscnn:3:upward",
            "split": SPLIT,
            **settings,
        }
        return open_samples(
            tmp_path / "raw", listed, {"kind": "climate"}, store, tmp_path / "scratch", Workers(2)
        )

    return open_with


@pytest.fixture
def listed(write_state: Callable[..., str]) -> list[str]:
    return [
        write_state(f"2106-01-{day:02}-{slot:02}-{run}")
        for day in (1, 2, 3)
        for slot in range(8)
        for run in (1, 2)
    ]


def smooth(dataset: xr.Dataset) -> np.ndarray[Any, Any]:
    """Return the harmonic that the fields are made of, at the pixels of the store."""
    vectors = unit_vectors(dataset["longitude"].values, dataset["latitude"].values)
    slots = (dataset["step"].values % 8)[:, np.newaxis]
    directions = np.concatenate([np.sin(slots), np.cos(slots), np.full_like(slots, 0.3, float)], 1)
    return directions @ vectors.T


def test_a_store_on_the_mesh_itself(
    tmp_path: Path, listed: list[str], open_raw: Callable[..., Any]
) -> None:
    dataset, report = open_raw(listed)
    write_store(dataset, tmp_path / "store", fingerprint={}, workers=Workers(2))
    store = open_store(tmp_path / "store")
    assert store.shape == (48 - 2 * 2 * 2, 642, 17)
    assert store.channels[0] == "TMQ"
    assert store.channels[-1] == "label"
    np.testing.assert_array_equal(dataset["run"], np.repeat([1, 2], 20))
    values = dataset["data"].values
    mean, deviation = STATISTICS["T500"]
    expected = mean + deviation * smooth(dataset)
    np.testing.assert_allclose(values[:, :, 9], expected, rtol=1e-5)
    # The label follows the fields: class 1 is around 0°E 0°N, class 2 around the north pole.
    vectors = unit_vectors(dataset["longitude"].values, dataset["latitude"].values)
    truth = np.where(vectors[:, 0] > 0.95, 1, np.where(vectors[:, 2] > 0.9, 2, 0))
    np.testing.assert_array_equal(values[0, :, 16], truth)
    assert dataset.attrs["sampling"] == "ugscnn:3:upward"
    assert dataset.attrs["published_statistics"]["T500"] == {"mean": mean, "deviation": deviation}
    found = report()
    assert found["order"] == "ugscnn:3:upward"
    # The shares cut 24 times at 16 and 19; of both runs, 2 times before each cut are left out.
    assert found["split"] == {"train": 28, "validation": 2, "test": 10}
    assert found["left_out"] == 8


def test_places_are_those_of_the_model_whose_longitudes_start_at_greenwich() -> None:
    order = Ugscnn(3)
    longitude, latitude = places(order)
    x, y, z = order.positions.T
    np.testing.assert_allclose(unit_vectors(longitude, latitude).T, [-x, -y, z], atol=1e-15)


def test_a_store_on_another_sampling_has_the_nearest_values(
    listed: list[str], open_raw: Callable[..., Any]
) -> None:
    dataset, _ = open_raw(listed, sampling="healpix:4", channels=["PSL"])
    values = dataset["data"].values
    assert values.shape == (40, 192, 2)
    mean, deviation = STATISTICS["PSL"]
    found = (values[:, :, 0] - mean) / deviation
    # Vertices of level 3 are 9 degrees apart, and a harmonic of degree 1 is no steeper than 1.05.
    assert np.abs(found - smooth(dataset)).max() < np.radians(6.5) * 1.05
    assert set(np.unique(values[:, :, 1])) == {0, 1, 2}


def test_the_archive_and_its_files_give_the_same(
    tmp_path: Path, listed: list[str], open_raw: Callable[..., Any]
) -> None:
    loose, _ = open_raw(listed)
    with zipfile.ZipFile(tmp_path / "raw/climate_sphere_l5.zip", "w") as archive:
        for name in listed:
            archive.write(tmp_path / "raw" / name, name)
    zipped, _ = open_raw(["climate_sphere_l5.zip"])
    xr.testing.assert_identical(loose.compute(), zipped.compute())


def test_another_order_than_the_store_asks_for_is_refused(
    listed: list[str], open_raw: Callable[..., Any]
) -> None:
    for sampling in ("ugscnn:3", "ugscnn:2:upward", "ugscnn:5"):
        with pytest.raises(DeepsphereError, match=r"order of ugscnn:3:upward; .* set sampling to"):
            open_raw(listed, sampling=sampling)


def test_the_published_split_needs_published_files(
    listed: list[str], open_raw: Callable[..., Any], write_state: Callable[..., str]
) -> None:
    with pytest.raises(DeepsphereError, match=r"\d+ of 48 files are not in the published lists"):
        open_raw(listed, split={"kind": "published"})
    names = ["2110-11-13-07-3", "2110-08-14-07-6", "2111-03-18-05-2"]
    dataset, _ = open_raw([write_state(name) for name in names], split={"kind": "published"})
    # In order of the runs: 2, 3 and 6.
    np.testing.assert_array_equal(dataset["split"], [2, 0, 1])


def test_one_broken_file_among_many(
    tmp_path: Path, listed: list[str], open_raw: Callable[..., Any]
) -> None:
    (tmp_path / "raw" / listed[3]).write_bytes(b"")
    dataset, report = open_raw(listed)
    assert np.isfinite(dataset["data"].values).all()
    assert report()["quarantined"] == {
        "count": 1,
        "first": [{"file": listed[3], "reason": "is not a whole .npz file; it may be cut short"}],
    }
