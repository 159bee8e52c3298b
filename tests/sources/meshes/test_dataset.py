"""The samples of a store of meshes: their order, their coordinates, their statistics."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from deepsphere.errors import DeepsphereError
from deepsphere.samplings.coordinates import unit_vectors
from deepsphere.samplings.healpix import parse
from deepsphere.sources.meshes.dataset import mesh_dataset
from deepsphere.sources.meshes.entries import Entry
from deepsphere.sources.meshes.isolation import Failed, Limits
from deepsphere.sources.meshes.making import Job, make_shard
from deepsphere.sources.meshes.shards import Shard
from deepsphere.stores.description import describe

ENTRIES = [
    Entry("m0", "a.zip", "m0.off", 10, "cup", "mug", "train"),
    Entry("m1", "a.zip", "m1.off", 10, "bowl", None, "test"),
    Entry("m2", "a.zip", "m2.off", 10, "cup", "beaker", "validation"),
    Entry("m3", "a.zip", "m3.off", 10, "axe", None, "train"),
    Entry("m4", "a.zip", "m4.off", 10, "axe", None, "train"),
]
COPIES = {"still": 1, "turned": 2}
SHARDS = [Shard(0, 0, 2), Shard(1, 2, 5)]


def samples(entry: Entry) -> Any:
    if entry.id == "m3":
        raise Failed("broken")
    random = np.random.default_rng(int(entry.id[1:]))
    return random.random((3, 12, 2)).astype(np.float32)


@pytest.fixture
def dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> xr.Dataset:
    class Child:  # children in other processes cannot import the tests
        def call(self, make: Any, entry: Entry) -> Any:
            return make(entry)

    monkeypatch.setattr("deepsphere.sources.meshes.making._child", lambda limits: Child())
    job = Job(tmp_path, samples, COPIES, 12, 2, Limits(1, 1000))
    records = [make_shard(job, shard, ENTRIES[shard.start : shard.stop]) for shard in SHARDS]
    return mesh_dataset(
        ENTRIES, COPIES, parse("1"), ["distance", "sine"], SHARDS, records, tmp_path
    )


def test_samples_are_ordered_by_object_set_and_number(dataset: xr.Dataset) -> None:
    assert dataset["object"].values.tolist() == np.repeat(range(5), 3).tolist()
    assert dataset["copies"].values.tolist() == [0, 1, 1] * 5
    assert dataset["copy"].values.tolist() == [0, 0, 1] * 5
    assert dataset["split"].values[::3].tolist() == [0, 2, 1, 0, 0]
    assert dataset["label"].values[::3].tolist() == [2, 1, 2, 0, 0]
    assert dataset["sublabel"].values[::3].tolist() == [1, -1, 0, -1, -1]
    assert dataset["valid"].values[::3].tolist() == [True, True, True, False, True]
    types = {name: str(dataset[name].dtype) for name in ("split", "label", "object", "copy")}
    assert types == {"split": "uint8", "label": "int16", "object": "int32", "copy": "uint8"}
    attrs = dataset.attrs
    assert attrs["ids"] == ["m0", "m1", "m2", "m3", "m4"]
    assert attrs["class_names"] == ["axe", "bowl", "cup"]
    assert attrs["sublabel_names"] == ["beaker", "mug"]
    assert attrs["copies"] == ["still", "turned"]
    assert (attrs["sampling"], attrs["units"]) == ("healpix:1", ["1", "1"])


def test_data_are_read_when_asked_for(dataset: xr.Dataset, tmp_path: Path) -> None:
    expected = [samples(entry) for entry in ENTRIES if entry.id != "m3"]
    expected.insert(3, np.full((3, 12, 2), np.nan))
    np.testing.assert_array_equal(dataset["data"].values, np.concatenate(expected))
    assert dataset["data"].chunks == ((6, 9), (12,), (2,))
    for path in tmp_path.glob("*.samples"):
        path.unlink()
    with pytest.raises(FileNotFoundError):
        dataset["data"].values  # noqa: B018


def test_pixels_are_where_the_sampling_has_them(dataset: xr.Dataset) -> None:
    found = unit_vectors(dataset["longitude"].values, dataset["latitude"].values)
    np.testing.assert_allclose(found, parse("1").positions, atol=1e-15)


def test_statistics_are_those_of_the_valid_samples(dataset: xr.Dataset) -> None:
    statistics = dataset.attrs["statistics"]
    assert {split: list(sets) for split, sets in statistics.items()} == {
        split: ["still", "turned"] for split in ("train", "validation", "test")
    }
    turned = np.concatenate([samples(ENTRIES[number])[1:] for number in (0, 4)])
    found = statistics["train"]["turned"]
    assert found["samples"] == 4
    np.testing.assert_allclose(found["mean"], turned.mean((0, 1), np.float64), rtol=1e-14)
    np.testing.assert_allclose(found["deviation"], turned.std((0, 1), np.float64), rtol=1e-13)


def test_more_classes_than_can_be_numbered(tmp_path: Path) -> None:
    entries = [Entry(str(n), "a", "b", 1, str(n), None, "train") for n in range(32768)]
    with pytest.raises(DeepsphereError, match=r"found 32768 classes.* can tell 32767 apart"):
        mesh_dataset(entries, COPIES, parse("1"), ["distance"], [], [], tmp_path)


def test_it_is_the_dataset_of_a_store(dataset: xr.Dataset) -> None:
    described = describe(dataset)
    assert described["split"].attrs["flag_meanings"] == "train validation test"
    assert described["split"].attrs["flag_values"] == [0, 1, 2]
