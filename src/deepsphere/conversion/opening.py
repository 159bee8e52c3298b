"""Users' files as lazy xarray data sets, numbers and times left as they are in the file.

NetCDF 4 goes by h5netcdf and h5py, older NetCDF by SciPy, zarr by zarr, GRIB by cfgrib where it is
installed: all of them can be read in threads, which the library netCDF4 cannot. What a file is, its
first bytes say, not its name.
"""

import os
from pathlib import Path
from typing import Any

import h5py
import xarray as xr
from xarray.core import indexing

from deepsphere.conversion.slabs import Slabs
from deepsphere.errors import DeepsphereError

_OTHERS = {
    b"\x0e\x03\x13\x01": "HDF 4; convert it with h4toh5",
    b"\x1f\x8b": "compressed by gzip; unpack it with gunzip",
    b"PK\x03\x04": "a zip archive; unpack it",
    b"CDF\x05": "NetCDF of 64-bit data (CDF-5); convert it with nccopy -k nc4",
}
_GRIB = b"GRIB"
_OLD_NETCDF = (b"CDF\x01", b"CDF\x02")


def open_fields(path: str | os.PathLike[str]) -> xr.Dataset:
    """Open a file or folder of fields.

    Parameters
    ----------
    path : path
        NetCDF of any version but CDF-5, HDF5 with named dimensions, a zarr group, or GRIB.

    Returns
    -------
    xarray.Dataset
        Not decoded (but for GRIB): packed numbers are packed, times are numbers. Arrays of two
        dimensions or more are read when they are asked for, part by part, safely in threads.

    Raises
    ------
    DeepsphereError
        If there is no such file, or it is something else or damaged.
    """
    path = Path(path)
    if not path.exists():
        raise DeepsphereError(f"{path} does not exist; check the path")
    if path.is_dir():
        return _open(path, "zarr", consolidated=False)
    with path.open("rb") as stream:
        start = stream.read(4)
    if start in _OLD_NETCDF:
        return _open(path, "scipy")
    if start == _GRIB:
        return _open_grib(path)
    for signature, what in _OTHERS.items():
        if start.startswith(signature):
            raise DeepsphereError(f"{path} is {what}")
    if not h5py.is_hdf5(path):
        raise DeepsphereError(
            f"{path} is no NetCDF, HDF5, zarr or GRIB; it starts with the bytes {start!r}"
        )
    with _open(path, "h5netcdf", phony_dims="access") as dataset:
        fields = dataset.copy()
        for name, variable in dataset.variables.items():
            if variable.ndim < 2 or variable.dtype.kind not in "biuf":
                fields[name] = variable.load()
                continue
            slabs = Slabs(path.absolute(), f"/{name}", variable.shape, variable.dtype)
            lazy = indexing.LazilyIndexedArray(slabs)
            fields[name] = xr.Variable(variable.dims, lazy, variable.attrs, variable.encoding)
    if not fields.data_vars:
        _explain_groups(path)
    return fields


def _open(path: Path, engine: Any, **options: Any) -> xr.Dataset:
    try:
        return xr.open_dataset(path, engine=engine, decode_cf=False, **options)
    except ImportError as error:
        raise DeepsphereError(f"{path}: {error}; install {engine}") from None
    except (OSError, ValueError, KeyError, TypeError, IndexError, RuntimeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DeepsphereError(
            f"{path} cannot be read as {'zarr' if engine == 'zarr' else 'NetCDF'} ({reason})"
        ) from None


def _open_grib(path: Path) -> xr.Dataset:
    try:
        return xr.open_dataset(path, engine="cfgrib")
    except (ValueError, ImportError, OSError, KeyError, TypeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DeepsphereError(
            f"{path} is GRIB and could not be opened ({reason}); install cfgrib, or open it with "
            "xarray yourself, one type of level at a time, and pass the data set"
        ) from None


def _explain_groups(path: Path) -> None:
    with h5py.File(path, "r") as file:
        groups = [name for name, item in file.items() if isinstance(item, h5py.Group)]
    if groups:
        raise DeepsphereError(
            f"{path} has no variables but the groups {', '.join(groups)}; open one with "
            "xarray.open_dataset(path, group=...) and pass the data set"
        )
