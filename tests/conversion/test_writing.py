import numpy as np
import pytest
import xarray as xr
import zarr

from deepsphere.conversion.regridding import regrid
from deepsphere.conversion.writing import write_netcdf, write_zarr
from deepsphere.workers import Workers


@pytest.fixture
def dataset(make_dataset):
    """Ten times of two fields on healpix:2, in blocks of two times."""
    given = make_dataset(times=10)
    given["label"] = (given["t"] > 285).astype(np.int16)
    given["name"] = ("time", list("abcdefghij"))
    given = given.set_coords("name")
    return regrid(given, "healpix:2", labels=["label"], block_bytes=2 * 8 * 18 * 36)


def test_a_group_opens_with_xarray_and_with_zarr(dataset, tmp_path):
    target = tmp_path / "out.zarr"
    write_zarr(dataset, target, {}, Workers(2), chunk_bytes=4 * 48 * 4)
    with xr.open_zarr(target, consolidated=False) as opened:
        for name in dataset.drop_vars("name").variables:
            np.testing.assert_array_equal(opened[name].values, dataset[name].values)
            assert opened[name].dtype == dataset[name].dtype
        assert opened.attrs["name_names"] == list("abcdefghij")
        assert opened["t"].attrs == dataset["t"].attrs
        assert opened.attrs["dggs"] == dataset.attrs["dggs"]
    group = zarr.open_group(target, mode="r")
    assert group["t"].chunks == (4, 48)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.zarr"]


def test_coordinates_of_forecasts_are_written(make_dataset, tmp_path):
    """As cfgrib and the Climate Data Store have them: steps, runs and names of versions."""
    given = make_dataset(times=2).rename(time="step")
    steps = np.array([0, 6], "m8[h]").astype("m8[ns]")
    given = given.assign_coords(
        step=("step", steps),
        time=np.datetime64("2020-01-01", "ns"),
        valid_time=("step", np.datetime64("2020-01-01", "ns") + steps),
        expver=("step", np.array(["0001", "0005"], object)),
        number=0,
    )
    write_zarr(regrid(given, "healpix:1"), tmp_path / "out.zarr", {}, Workers(1))
    with xr.open_zarr(tmp_path / "out.zarr", consolidated=False, decode_timedelta=True) as opened:
        for name in ("step", "time", "valid_time", "number"):
            np.testing.assert_array_equal(opened[name].values, given[name].values)
        assert opened.attrs["expver_names"] == ["0001", "0005"]


def test_chunks_of_nothing_are_written_too(dataset, tmp_path):
    empty = dataset.copy()
    empty["t"] = empty["t"] * np.float32(np.nan)
    write_zarr(empty, tmp_path / "out.zarr", {}, Workers(1))
    assert (tmp_path / "out.zarr/t/c/0/0").is_file()


def test_a_run_that_failed_goes_on_where_it_stopped(dataset, tmp_path):
    calls = []

    def fail_on_the_last(block):
        calls.append(len(block))
        if len(calls) == 5 and not (tmp_path / "repaired").exists():
            raise OSError("the disk is gone")
        return block

    failing = dataset[["t"]].copy()
    failing["t"].data = failing["t"].data.map_blocks(fail_on_the_last, dtype=np.float32, meta=1)
    target = tmp_path / "out.zarr"
    with pytest.raises(OSError, match="disk"):
        write_zarr(failing, target, {"a": 1}, Workers(1), chunk_bytes=2 * 48 * 4)
    assert not target.exists()
    (tmp_path / "repaired").touch()
    calls.clear()
    write_zarr(failing, target, {"a": 1}, Workers(1), chunk_bytes=2 * 48 * 4)
    assert len(calls) == 1
    with xr.open_zarr(target, consolidated=False) as opened:
        np.testing.assert_array_equal(opened["t"].values, dataset["t"].values)


def test_other_inputs_start_anew(dataset, tmp_path):
    calls = []

    def count(block):
        calls.append(1)
        if len(calls) == 5:
            raise OSError("stop")
        return block

    counted = dataset[["t"]].copy()
    counted["t"].data = counted["t"].data.map_blocks(count, dtype=np.float32, meta=1)
    for fingerprint in ({"a": 1}, {"a": 2}):
        calls.clear()
        with pytest.raises(OSError, match="stop"):
            write_zarr(counted, tmp_path / "o", fingerprint, Workers(1), chunk_bytes=2 * 48 * 4)
        assert len(calls) == 5


def test_a_netcdf_file_holds_the_same(dataset, tmp_path):
    path = tmp_path / "out.nc"
    write_netcdf(dataset, path, Workers(2))
    with xr.open_dataset(path, engine="h5netcdf") as opened:
        for name in dataset.variables:
            np.testing.assert_array_equal(opened[name].values, dataset[name].values)
        assert opened["t"].attrs == dataset["t"].attrs
        assert opened.attrs["Conventions"] == "CF-1.13"
    assert [file.name for file in tmp_path.iterdir()] == ["out.nc"]
