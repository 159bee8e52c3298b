import gzip

import h5py
import numpy as np
import pytest
import xarray as xr

from deepsphere.conversion.opening import open_fields
from deepsphere.errors import DeepsphereError


@pytest.mark.parametrize("kind", ["old", "new", "zarr2", "zarr3"])
def test_all_formats_hold_the_same(make_dataset, tmp_path, kind):
    dataset, path = make_dataset(), tmp_path / "fields.any"
    if kind == "old":
        dataset.to_netcdf(path, engine="scipy")
    elif kind == "new":
        dataset.to_netcdf(path, engine="h5netcdf")
    else:
        dataset.to_zarr(path, zarr_format=int(kind[-1]), consolidated=False)
    opened = open_fields(path)
    np.testing.assert_array_equal(opened["t"].values, dataset["t"].values)
    np.testing.assert_array_equal(opened["time"].values, [0, 1, 2])
    assert opened["time"].attrs["units"] == "days since 2000-01-01"
    assert opened["lat"].attrs["standard_name"] == "latitude"


def test_new_files_are_closed_and_read_when_asked_for(compressed):
    path = compressed("a.nc", 3, 4, 5)
    opened = open_fields(path)
    assert not opened.variables["t"]._in_memory
    with h5py.File(path, "r+") as file:
        file["t"][1, 2, 3] = 77
    assert opened["t"][1, 2, 3] == 77


def test_what_is_no_field_is_refused_in_one_line(tmp_path):
    contents = {
        "a.hdf": b"\x0e\x03\x13\x01....",
        "a.nc.gz": gzip.compress(b"CDF\x01"),
        "a.zip": b"PK\x03\x04....",
        "a.nc5": b"CDF\x05....",
        "a.txt": b"hello",
        "empty": b"",
        "cut.nc": b"CDF\x01\x00",
        "a.grib": b"GRIB....",
    }
    reasons = ["HDF 4", "gunzip", "unpack it", "nccopy", "starts with", "starts", "read", "cfgrib"]
    for (name, content), reason in zip(contents.items(), reasons, strict=True):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DeepsphereError, match=reason):
            open_fields(tmp_path / name)
    with pytest.raises(DeepsphereError, match="does not exist"):
        open_fields(tmp_path / "none.nc")
    (tmp_path / "folder").mkdir()
    with pytest.raises(DeepsphereError, match="cannot be read as zarr"):
        open_fields(tmp_path / "folder")


def test_groups_are_named(tmp_path):
    xr.Dataset({"a": 1}).to_netcdf(tmp_path / "a.nc", group="data", engine="h5netcdf")
    with pytest.raises(DeepsphereError, match="groups data; open one"):
        open_fields(tmp_path / "a.nc")
