"""The NetCDF files, also those that are not as they should be."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import xarray as xr

from deepsphere.errors import DeepsphereError
from deepsphere.sources.climatenet.reader import ClimateNetReader, grid_of
from deepsphere.sources.fields.channels import NAMES
from deepsphere.sources.fields.snapshots import find_snapshots

NAME = "train/data-1996-06-09-01-1_0.nc"


def test_channels_labels_and_grid(tmp_path: Path, write_state: Callable[..., str]) -> None:
    write_state(NAME)
    path = tmp_path / "raw" / NAME
    layout = ClimateNetReader().layout(path)
    assert layout.startswith("latitude-longitude 24 x 36 from -90, 0 (")
    state = ClimateNetReader().read(path, ("ZBOT", "TMQ"))
    assert state.layout == layout
    sines = np.repeat(np.sin(np.radians(np.linspace(-90, 90, 24))), 36)
    np.testing.assert_allclose(state.fields, [15 + sines, sines], atol=1e-6)
    np.testing.assert_array_equal(
        state.labels, np.where(sines > 0.87, 1, np.where(sines < -0.87, 2, 0))
    )
    snapshots, _ = find_snapshots(tmp_path / "raw", [NAME], (".nc",))
    grid = grid_of(tmp_path / "raw", snapshots[0])
    assert grid.shape == (24, 36)
    assert grid.wraps


def test_inside_archives_and_of_the_old_format(
    tmp_path: Path, write_state: Callable[..., str]
) -> None:
    write_state(NAME)
    path = tmp_path / "raw" / NAME
    expected = ClimateNetReader().read(path, NAMES)
    axes = ("time", "lat", "lon")
    with h5py.File(path) as file:
        variables = {
            name: (axes[-file[name].ndim :] if file[name].ndim > 1 else (name,), file[name][...])
            for name in file
        }
    old = xr.Dataset(variables)
    old.to_netcdf(tmp_path / "old.nc", format="NETCDF3_64BIT", engine="scipy")
    for content in (io.BytesIO(path.read_bytes()), tmp_path / "old.nc"):
        found = ClimateNetReader().read(content, NAMES)
        assert found.layout == expected.layout
        np.testing.assert_array_equal(found.fields, expected.fields)
        np.testing.assert_array_equal(found.labels, expected.labels)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"LABELS": None}, "has no variable LABELS"),
        ({"T200": None}, "has no variable T200"),
        ({"lat": None}, "has no variable lat or latitude"),
        ({"PS": np.zeros((2, 24, 36))}, r"PS has the shape \(2, 24, 36\); expected \(24, 36\) or"),
        ({"PS": np.zeros((36, 24))}, r"PS has the shape \(36, 24\)"),
        ({"lon": 10.0 * np.arange(35)}, r"TMQ has the shape \(1, 24, 36\); expected \(24, 35\)"),
        ({"lat": np.zeros(24)}, "latitudes must rise or fall"),
    ],
)
def test_what_shows_without_reading_the_fields(
    tmp_path: Path, write_state: Callable[..., str], changed: dict[str, Any], message: str
) -> None:
    path = tmp_path / "raw" / write_state(NAME, **changed)
    with pytest.raises(DeepsphereError, match=message):
        ClimateNetReader().layout(path)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"LABELS": np.full((24, 36), 7)}, "labels hold 7; expected 0 to 2"),
        ({"TMQ": np.full((1, 24, 36), np.nan)}, "TMQ holds infinite numbers, or none"),
    ],
)
def test_what_shows_in_the_values(
    tmp_path: Path, write_state: Callable[..., str], changed: dict[str, Any], message: str
) -> None:
    path = tmp_path / "raw" / write_state(NAME, **changed)
    ClimateNetReader().layout(path)
    with pytest.raises(DeepsphereError, match=message):
        ClimateNetReader().read(path, NAMES)


def test_files_of_the_first_release_with_groups_are_refused(tmp_path: Path) -> None:
    dataset = xr.Dataset({"labels_0": (("lat", "lon"), np.zeros((4, 8)))})
    dataset.to_netcdf(tmp_path / "a.nc", group="labels", engine="h5netcdf")
    with pytest.raises(DeepsphereError, match="has no variable lat"):
        ClimateNetReader().layout(tmp_path / "a.nc")
