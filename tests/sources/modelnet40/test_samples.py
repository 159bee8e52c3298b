"""The samples of a simulated ModelNet40."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepsphere.sources.modelnet40.samples import open_samples, read_entries
from deepsphere.sources.modelnet40.settings import Source, Store
from deepsphere.sources.modelnet40.simulator import simulate_raw
from deepsphere.workers import Workers

LISTED = ["ModelNet40.zip"]
SIMULATION = {"objects": 10, "classes": 2, "broken": 1}


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("modelnet") / "raw"
    folder.mkdir()
    simulate_raw(source().model_dump(mode="json"), folder)
    return folder


def source(**settings: Any) -> Source:
    values = {"kind": "modelnet40", "simulate": SIMULATION}
    return Source.model_validate({**values, **settings})


def test_the_tree_is_read_without_what_macos_added(raw: Path) -> None:
    entries = read_entries(raw, LISTED, source().reading())
    assert Counter(entry.split for entry in entries) == {"train": 17, "test": 4}
    assert len({entry.label for entry in entries}) == 2
    assert all("__MACOSX" not in entry.member for entry in entries)


def test_validation_meshes_come_from_the_training_ones(raw: Path) -> None:
    published = read_entries(raw, LISTED, source().reading())
    entries = read_entries(raw, LISTED, source(validation=0.25).reading())
    test = {entry.id for entry in published if entry.split == "test"}
    assert {entry.id for entry in entries} == {entry.id for entry in published}
    assert {entry.id for entry in entries if entry.split == "test"} == test
    validation = {entry.id for entry in entries if entry.split == "validation"}
    assert 2 <= len(validation) <= 8
    other = read_entries(raw, LISTED, source(validation=0.25, seed=3).reading())
    assert {entry.id for entry in other if entry.split == "validation"} != validation


def test_the_samples(raw: Path, tmp_path: Path) -> None:
    copies = {"x": {}, "so3": {"rotation": "so3"}}
    values = {
        "kind": "modelnet40",
        "source": "modelnet40",
        "sampling": "healpix:4",
        "copies": copies,
        "quarantine": 0.1,
    }
    store = Store.model_validate(values).model_dump(mode="json")
    dataset, report = open_samples(raw, LISTED, source().reading(), store, tmp_path, Workers(1))
    assert report()["split"] == {"train": 17, "validation": 0, "test": 4}
    assert report()["quarantined"]["count"] == 1
    assert dataset["data"].shape == (42, 192, 6)
    assert np.isfinite(dataset["data"].values).all(axis=(1, 2)).sum() == 40
    assert dataset.attrs["source"] == "ModelNet40 (ModelNet40.zip), Princeton University"
    assert dataset.attrs["statistics"]["train"]["so3"]["samples"] == 16
