"""Stores of ClimateNet: from files to samples on a sampling."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.sources.climatenet.samples import open_samples
from deepsphere.stores.reader import open_store
from deepsphere.stores.writer import write_store
from deepsphere.workers import Workers


@pytest.fixture
def open_raw(tmp_path: Path) -> Callable[..., Any]:
    def open_with(listed: list[str], **settings: Any) -> Any:
        store = {"kind": "climatenet", "source": "a", "sampling": "healpix:4", **settings}
        return open_samples(
            tmp_path / "raw",
            listed,
            {"kind": "climatenet"},
            store,
            tmp_path / "scratch",
            Workers(2),
        )

    return open_with


@pytest.fixture
def listed(write_state: Callable[..., str]) -> list[str]:
    return [
        *[write_state(f"train/data-1996-06-{day:02}-01-1_{day % 3}.nc") for day in range(1, 9)],
        *[write_state(f"test/data-2011-06-{day:02}-01-1_0.nc") for day in (1, 2)],
    ]


def test_a_store_of_all_channels_and_the_label(
    tmp_path: Path, listed: list[str], open_raw: Callable[..., Any]
) -> None:
    dataset, report = open_raw(listed)
    write_store(dataset, tmp_path / "store", fingerprint={}, workers=Workers(2))
    store = open_store(tmp_path / "store")
    assert store.shape == (10, 192, 17)
    assert [len(store.split[name]) for name in ("train", "validation", "test")] == [8, 0, 2]
    values = dataset["data"].values
    sines = np.sin(np.radians(dataset["latitude"].values))
    # Means over cells of 8 degrees in pixels of 15.
    np.testing.assert_allclose(values[0, :, :16], sines[:, np.newaxis] + np.arange(16), atol=0.02)
    # On HEALPix, all 192 pixels have one area: the mean of the sine of the latitude is 0.
    np.testing.assert_allclose(values[0, :, 0].mean(), 0, atol=1e-6)
    northern, southern = values[0, sines > 0.95, 16], values[0, sines < -0.95, 16]
    assert set(northern) == {1}
    assert set(southern) == {2}
    np.testing.assert_array_equal(dataset["expert"], [1, 2, 0, 1, 2, 0, 1, 2, 0, 0])
    assert set(report()["weights"]) == {"fields", "labels"}


def test_fractions_and_few_channels(listed: list[str], open_raw: Callable[..., Any]) -> None:
    dataset, _ = open_raw(listed, channels=["PSL"], labels="fractions", method="bilinear")
    assert dataset.attrs["channels"][0] == "PSL"
    assert dataset.attrs["channels"][1:] == dataset.attrs["fraction_channels"]
    assert "label_channel" not in dataset.attrs
    fractions = dataset["data"].values[:, :, 1:]
    np.testing.assert_allclose(fractions.sum(axis=2), 1, atol=1e-6)
    # Rows are 7.8 degrees high: the caps end halfway between two of them, at 62.6 degrees.
    cap = (1 - np.sin(np.radians(180 / 23 * 8))) / 2
    np.testing.assert_allclose(fractions.mean(axis=(0, 1))[1:], cap, rtol=1e-5)


def test_leak_free_and_published_divisions(
    listed: list[str], open_raw: Callable[..., Any], write_state: Callable[..., str]
) -> None:
    shares = {"train": 0.5, "validation": 0.2, "test": 0.3}
    dataset, report = open_raw(listed, split={"kind": "leak-free", "shares": shares, "gap": 1})
    assert report()["split"] == {"train": 4, "validation": 1, "test": 3}
    assert report()["left_out"] == 2
    assert len(dataset["split"]) == 8
    with pytest.raises(DeepsphereError, match="none of the folders train, validation and test"):
        open_raw([*listed, write_state("data-1999-06-01-01-1.nc")])


def test_broken_files_are_listed_and_limited(
    tmp_path: Path,
    listed: list[str],
    open_raw: Callable[..., Any],
    write_state: Callable[..., str],
) -> None:
    whole = (tmp_path / "raw" / listed[0]).read_bytes()
    (tmp_path / "raw" / listed[0]).write_bytes(whole[: len(whole) // 2])
    write_state(listed[1], LABELS=np.full((24, 36), 9))
    dataset, report = open_raw(listed, quarantine=0.3)
    missing = np.isnan(dataset["data"].values).all(axis=(1, 2))
    # The one that is cut short shows at once, and has no sample; the other has an empty one.
    np.testing.assert_array_equal(missing, [True, *[False] * 8])
    quarantined = report()["quarantined"]
    assert [file["file"] for file in quarantined["first"]] == listed[:2]
    assert "truncated" in quarantined["first"][0]["reason"]
    assert quarantined["first"][1]["reason"].startswith("labels hold 9")
    with pytest.raises(DeepsphereError, match="2 of 10 files are broken"):
        open_raw(listed, quarantine=0)


def test_a_file_on_another_grid_is_set_aside(
    listed: list[str], open_raw: Callable[..., Any], write_state: Callable[..., str]
) -> None:
    # The same numbers of rows and columns, but from north to south.
    write_state(listed[2], lat=np.linspace(90, -90, 24))
    dataset, report = open_raw(listed, quarantine=0.2)
    assert len(dataset["data"]) == 9
    assert "from 90, 0" in report()["quarantined"]["first"][0]["reason"]
