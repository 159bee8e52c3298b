"""The HDF5 files of both editions, also those that are not as they should be."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.sources.deepcam.reader import DeepCamReader, grid_of
from deepsphere.sources.fields.channels import NAMES
from deepsphere.sources.fields.snapshots import find_snapshots

NAME = "train/data-1996-06-09-01-1.h5"


@pytest.mark.parametrize("edition", ["mlperf", "portal"])
def test_both_editions(tmp_path: Path, write_state: Callable[..., str], edition: str) -> None:
    path = tmp_path / "raw" / write_state(NAME, edition)
    assert DeepCamReader().layout(path) == "24 x 36 places"
    sines = np.repeat(np.sin(np.radians(np.linspace(-90, 90, 24))), 36)
    for content in (path, io.BytesIO(path.read_bytes())):
        state = DeepCamReader().read(content, ("ZBOT", "TMQ"))
        np.testing.assert_allclose(state.fields, [15 + sines, sines], atol=1e-5)
        np.testing.assert_array_equal(state.labels, np.tile(np.repeat([2, 0], 18), 24))


def test_the_grid_has_both_poles_and_starts_at_the_south_pole(
    tmp_path: Path, write_state: Callable[..., str]
) -> None:
    snapshots, _ = find_snapshots(tmp_path / "raw", [write_state(NAME)], (".h5",))
    grid = grid_of(tmp_path / "raw", snapshots[0])
    assert grid.shape == (24, 36)
    assert grid.latitude[[0, -1]].tolist() == [-90, 90]
    assert grid.longitude[[0, 1]].tolist() == [0, 10]
    assert grid.wraps


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"climate/data": None}, "has no array climate/data"),
        ({"climate/labels_0": None}, "has no array climate/labels_0 or climate/labels"),
        ({"climate/data": np.zeros((24, 36, 15))}, r"has the shape \(24, 36, 15\) and the labels"),
        ({"climate/data": np.zeros((24, 35, 16))}, r"expected rows, columns and 16 channels"),
        ({"climate/labels_0": np.zeros(24)}, r"the labels \(24,\)"),
        (
            {"climate/data": np.zeros((1, 36, 16)), "climate/labels_0": np.zeros((1, 36))},
            "has 1 x 36 places",
        ),
    ],
)
def test_arrays_that_do_not_fit(
    tmp_path: Path, write_state: Callable[..., str], changed: dict[str, Any], message: str
) -> None:
    path = tmp_path / "raw" / write_state(NAME, **changed)
    with pytest.raises(DeepsphereError, match=message):
        DeepCamReader().layout(path)


def test_labels_of_no_class_and_files_that_are_cut_short(
    tmp_path: Path, write_state: Callable[..., str]
) -> None:
    path = tmp_path / "raw" / write_state(NAME, **{"climate/labels_0": np.full((24, 36), 5)})
    with pytest.raises(DeepsphereError, match="labels hold 5"):
        DeepCamReader().read(path, NAMES)
    whole = path.read_bytes()
    for kept in (0, 100, len(whole) // 2):
        path.write_bytes(whole[:kept])
        for content in (path, io.BytesIO(whole[:kept])):
            with pytest.raises(DeepsphereError, match="cannot be read as HDF5"):
                DeepCamReader().layout(content)
