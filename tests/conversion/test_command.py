import logging
import subprocess
import sys

import numpy as np
import pytest
import xarray as xr

from deepsphere.conversion.command import class_lists, regrid_files, wind_pairs
from deepsphere.conversion.regridding import regrid
from deepsphere.errors import DeepsphereError

# Regrids the file in its first argument with no more than so many megabytes above what a small
# file needed, which its second one is: imports, compiled code and weights are the same.
CHILD = """
import resource, sys
from pathlib import Path
from deepsphere.conversion.command import regrid_files
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
large, small = Path(sys.argv[1]), Path(sys.argv[2])
regrid_files([small], small.with_suffix(".zarr"), "healpix:8", memory=12_000_000)
before = peak()
regrid_files([large], large.with_suffix(".zarr"), "healpix:8", memory=12_000_000)
print(peak() - before)
"""


def test_files_are_joined_and_described(compressed, tmp_path, caplog):
    paths = [compressed(f"{start}.nc", 4, 20, 40, start=start) for start in (4, 0, 8)]
    with caplog.at_level(logging.INFO):
        regrid_files(paths, tmp_path / "out.zarr", "healpix:4", threads=2)
    assert "regridding t of 3 files to healpix:4" in caplog.text
    assert "12" in caplog.text
    with xr.open_zarr(tmp_path / "out.zarr", consolidated=False) as opened:
        assert opened["t"].shape == (12, 192)
        truth = regrid(paths[1], "healpix:4")["t"].values
        np.testing.assert_array_equal(opened["t"].values[:4], truth)
        assert "weights" in opened["t"].attrs["regridding"]
        assert "regridded to healpix:4" in opened.attrs["history"]
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"0.nc", "4.nc", "8.nc", "out.zarr"}


def test_the_name_says_the_format(compressed, tmp_path):
    path = compressed("a.nc", 2, 20, 40)
    regrid_files([path], tmp_path / "out.nc", "icosahedral:1", variables=["t"])
    with xr.open_dataset(tmp_path / "out.nc", engine="h5netcdf") as opened:
        assert opened["t"].shape == (2, 42)


def test_nothing_is_overwritten(compressed, tmp_path):
    path = compressed("a.nc", 2, 20, 40)
    before = path.read_bytes()
    with pytest.raises(DeepsphereError, match="exists; delete it"):
        regrid_files([path], path, "healpix:2")
    assert path.read_bytes() == before
    with pytest.raises(DeepsphereError, match="name a file"):
        regrid_files([], tmp_path / "out.zarr", "healpix:2")


def test_a_file_may_be_larger_than_the_memory(compressed, tmp_path):
    """A file of 41 MB, uncompressed, is regridded in 12 MB and some that Python loses."""
    large = compressed("large.nc", 40, 360, 720)
    small = compressed("small.nc", 4, 360, 720)
    run = subprocess.run(
        [sys.executable, "-c", CHILD, str(large), str(small)],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert float(run.stdout) < 20


def test_arguments_of_the_command_line():
    assert wind_pairs(["u10, v10", "a,b"]) == [("u10", "v10"), ("a", "b")]
    assert class_lists(["label=0,1, 2", "mask"]) == {"label": (0, 1, 2), "mask": ()}
    for wrong in ("u", "u,v,w", "u,"):
        with pytest.raises(DeepsphereError, match="a wind is two names"):
            wind_pairs([wrong])
    with pytest.raises(DeepsphereError, match="fractions are given as"):
        class_lists(["label=a"])
