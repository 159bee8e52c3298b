"""Stores of DeepCAM, and fetching its files from a folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.sources.deepcam.raw import fetch_raw
from deepsphere.sources.deepcam.samples import open_samples
from deepsphere.sources.deepcam.settings import Source
from deepsphere.stores.description import describe
from deepsphere.workers import Workers


def source(*mirrors: str, **settings: Any) -> dict[str, Any]:
    values = {"kind": "deepcam", "mirrors": mirrors, **settings}
    return {"name": "a", **Source.model_validate(values).model_dump(mode="json")}


def open_store(folder: Path, listed: list[str], **settings: Any) -> Any:
    store = {"kind": "deepcam", "source": "a", "sampling": "icosahedral:2", **settings}
    reading = {"kind": "deepcam"}
    return open_samples(folder / "raw", listed, reading, store, folder / "scratch", Workers(2))


def test_both_editions_make_the_same_samples(
    tmp_path: Path, write_state: Callable[..., str]
) -> None:
    listed = [
        write_state("train/data-1996-06-01-00-1.h5"),
        write_state("validation/data-1996-06-01-01-1.h5", "portal"),
        write_state("test/data-1996-06-01-02-1.h5"),
    ]
    dataset, report = open_store(tmp_path, listed)
    values = describe(dataset)["data"].values
    np.testing.assert_array_equal(values[0], values[1])
    np.testing.assert_array_equal(dataset["split"], [0, 1, 2])
    np.testing.assert_array_equal(np.diff(dataset["step"]), 1)
    sines = np.sin(np.radians(dataset["latitude"].values))
    np.testing.assert_allclose(values[0, :, :16], sines[:, np.newaxis] + np.arange(16), atol=0.05)
    # 18 columns from 0°E on: 5° west of it to 5° west of 180°E.
    eastern = (dataset["longitude"].values + 5) % 360 < 180
    border = np.abs((dataset["longitude"].values + 5 + 90) % 180 - 90) < 1e-6
    np.testing.assert_array_equal((values[0, :, 16] == 2)[~border], eastern[~border])
    assert report()["split"] == {"train": 1, "validation": 1, "test": 1}


def test_nearest_and_bilinear_values_lie_on_the_rows(
    tmp_path: Path, write_state: Callable[..., str]
) -> None:
    listed = [write_state(f"train/data-1996-06-0{day}-00-1.h5") for day in (1, 2)]
    split = {"kind": "random", "shares": {"train": 0.5, "test": 0.5}}
    for method, error in (("nearest", 0.07), ("bilinear", 0.003)):
        dataset, _ = open_store(tmp_path, listed, method=method, split=split, channels=["TMQ"])
        sines = np.sin(np.radians(dataset["latitude"].values))
        np.testing.assert_allclose(dataset["data"].values[0, :, 0], sines, atol=error)


def test_a_folder_is_taken_without_its_statistics(
    tmp_path: Path, write_state: Callable[..., str]
) -> None:
    names = [write_state(f"train/data-1996-06-0{day}-00-1.h5") for day in (1, 2)]
    write_state("stats.h5")
    mine = str(tmp_path / "raw")
    fetched = fetch_raw(source(mine), tmp_path / "fetched")
    assert [file.name for file in fetched] == names
    few = fetch_raw(source(mine, files=names[:1]), tmp_path / "few")
    assert [file.name for file in few] == names[:1]
    with pytest.raises(DeepsphereError, match="name the files, such as"):
        fetch_raw(source("https://example.org"), tmp_path / "none")
