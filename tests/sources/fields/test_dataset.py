"""The samples of a store: read when asked for, a block at a time."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from deepsphere.errors import DeepsphereError
from deepsphere.sources.fields import dataset as module
from deepsphere.sources.fields.dataset import Recipe, field_dataset
from deepsphere.sources.fields.quarantine import Quarantine
from deepsphere.sources.fields.snapshots import find_snapshots
from deepsphere.sources.fields.states import State
from deepsphere.stores.description import describe


def as_it_is(state: State) -> np.ndarray[Any, Any]:
    return np.concatenate([state.fields, state.labels[np.newaxis].astype(np.float32)]).T


@pytest.fixture
def make(tmp_path: Path, reader: Any) -> Callable[..., xr.Dataset]:
    def make_dataset(listed: list[str], share: float = 0.5, **options: Any) -> xr.Dataset:
        snapshots, _ = find_snapshots(tmp_path / "raw", listed, (".txt",))
        recipe = Recipe(
            raw=tmp_path / "raw",
            reader=reader,
            layout="12 places",
            channels=options.pop("channels", ("TMQ", "PS")),
            label_channels=("label",),
            pixels=12,
            regrid=as_it_is,
            quarantine=Quarantine(tmp_path / "broken", len(listed), share),
        )
        split = np.arange(len(snapshots), dtype=np.uint8) % 3
        place = np.linspace(0, 80, 12)
        sampling = "icosahedral:0"
        return field_dataset(snapshots, split, recipe, sampling, place, place, **options)

    return make_dataset


def test_what_a_store_needs_to_know(
    make: Callable[..., xr.Dataset], write_state: Callable[..., str]
) -> None:
    dataset = make(
        [
            write_state("data-2000-01-01-07-2.txt", "12 4.5 2"),
            write_state("data-2000-02-28-07-1.txt", "12 2.5 0"),
            write_state("data-2000-03-01-00-1.txt", "12 3.5 1"),
        ]
    )
    described = describe(dataset)
    assert described["data"].shape == (3, 12, 3)
    assert described["data"].dtype == np.float32
    np.testing.assert_array_equal(
        described["data"][:, 0], [[2.5, 2.5, 0], [3.5] * 2 + [1], [4.5] * 2 + [2]]
    )
    np.testing.assert_array_equal(described["run"], [1, 1, 2])
    assert np.diff(described["step"])[0] == 1
    assert described["time"].values[2] == np.datetime64("2000-01-01T21:00")
    np.testing.assert_array_equal(described["split"], [0, 1, 2])
    assert "expert" not in described
    attributes = described.attrs
    assert attributes["channels"] == ["TMQ", "PS", "label"]
    assert attributes["units"] == ["kg m-2", "Pa", "1"]
    assert attributes["label_channel"] == "label"
    assert attributes["class_names"] == ["background", "tropical cyclone", "atmospheric river"]
    assert attributes["sampling"] == "icosahedral:0"
    assert attributes["step_hours"] == 3
    assert "regridding" not in attributes


@pytest.mark.parametrize("vector_winds", [False, True])
def test_how_states_were_regridded(
    make: Callable[..., xr.Dataset], write_state: Callable[..., str], vector_winds: bool
) -> None:
    listed = [write_state("data-2000-01-01-00-1.txt", "12 4.5 2")]
    channels = ("V850", "UBOT", "U850", "TMQ")
    dataset = make(listed, channels=channels, method="bilinear", vector_winds=vector_winds)
    winds = [["U850", "V850"]] if vector_winds else []
    assert describe(dataset).attrs["regridding"] == {"method": "bilinear", "winds": winds}


def test_experts_are_told_apart(
    make: Callable[..., xr.Dataset], write_state: Callable[..., str]
) -> None:
    dataset = make([write_state(f"data-2000-01-01-01-1_{expert}.txt") for expert in (3, 0)])
    np.testing.assert_array_equal(dataset["expert"], [0, 3])
    np.testing.assert_array_equal(np.diff(dataset["step"]), 0)


def test_blocks_are_whole_samples_and_are_read_when_asked_for(
    make: Callable[..., xr.Dataset],
    write_state: Callable[..., str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Two samples of 12 pixels and 3 channels of 4 bytes.
    monkeypatch.setattr(module, "_BLOCK_BYTES", 300)
    listed = [write_state(f"data-2000-01-0{day}-00-1.txt", f"12 {day} 0") for day in range(1, 6)]
    dataset = make(listed)
    assert dataset["data"].chunks == ((2, 2, 1), (12,), (3,))
    # Only the files of one block are needed for one of its samples.
    for day in (1, 2, 5):
        (tmp_path / f"raw/data-2000-01-0{day}-00-1.txt").unlink()
    assert dataset["data"][2, 0, 0].compute() == 3


def test_what_is_broken_inside_is_missing_and_listed(
    make: Callable[..., xr.Dataset], write_state: Callable[..., str], tmp_path: Path
) -> None:
    listed = [
        write_state("data-2000-01-01-00-1.txt", "12 2.5 1"),
        write_state("data-2000-01-02-00-1.txt", "12 2.5 1 and more"),
        write_state("data-2000-01-03-00-1.txt", "15 2.5 1"),
        write_state("data-2000-01-04-00-1.txt", "12 2.5 1"),
    ]
    values = make(listed)["data"].values
    np.testing.assert_array_equal(np.isnan(values).all(axis=(1, 2)), [False, True, True, False])
    found = Quarantine(tmp_path / "broken", 4, 0.5).found()
    assert [(file.name, file.reason) for file in found] == [
        ("data-2000-01-02-00-1.txt", "has 5 words; expected 3"),
        ("data-2000-01-03-00-1.txt", "has 15 places; most files have 12 places"),
    ]
    with pytest.raises(DeepsphereError, match="2 of 4 files are broken"):
        make(listed, share=0.25)["data"].compute()
