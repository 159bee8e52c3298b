"""Variables of a NetCDF file, of the old formats and of the new one, which is HDF5.

New files are read with h5py: several times as fast as through xarray, and safe in threads, where
the library netCDF4 is not. Old ones (NetCDF 3) go through xarray and SciPy.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import h5py
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.sources.fields.hdf5 import DEFECTS, read_array

_OLD_SIGNATURE = b"CDF"
# SciPy runs off the end of a header that is cut short.
_OLD_DEFECTS: tuple[type[Exception], ...] = (*DEFECTS, IndexError, TypeError)


class Variables(Protocol):
    """The variables of an open file."""

    def __contains__(self, name: str) -> bool:
        """Say whether there is one of this name."""

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of a variable."""

    def read(self, name: str) -> NDArray[Any]:
        """Return the values, unpacked, as numbers; NaN where there is none.

        Numbers are as in the file where nothing has to be unpacked and nothing is missing, else
        floating point.
        """


@contextmanager
def open_variables(content: Path | io.BytesIO) -> Iterator[Variables]:
    """Give the variables of a file.

    Parameters
    ----------
    content : Path or BytesIO
        The file, or what is in it.

    Raises
    ------
    DeepsphereError
        If it is no NetCDF file, or damaged; also from inside the ``with``, where it is read.
    """
    try:
        if _signature(content) == _OLD_SIGNATURE:
            with xr.open_dataset(content, engine="scipy", decode_times=False) as dataset:
                yield _Old(dataset)
        else:
            with h5py.File(content, "r") as file:
                yield _New(file)
    except _OLD_DEFECTS as error:
        raise DeepsphereError(f"cannot be read as NetCDF or HDF5 ({_first_line(error)})") from None


@dataclass(frozen=True)
class _New:
    file: h5py.File

    def __contains__(self, name: str) -> bool:
        return isinstance(self.file.get(name), h5py.Dataset)

    def shape(self, name: str) -> tuple[int, ...]:
        shape: tuple[int, ...] = self.file[name].shape
        return shape

    def read(self, name: str) -> NDArray[Any]:
        dataset = self.file[name]
        values = read_array(dataset)
        attributes = dataset.attrs
        missing = np.zeros(values.shape, np.bool_)
        for key in ("_FillValue", "missing_value"):
            if key in attributes:
                missing |= np.isin(values, attributes[key])
        scale, offset = (attributes.get(key) for key in ("scale_factor", "add_offset"))
        if scale is not None or offset is not None:
            unpacked = values.astype(np.float64)
            values = unpacked * np.squeeze(1.0 if scale is None else scale)
            values += np.squeeze(0.0 if offset is None else offset)
        if missing.any():
            values = np.where(missing, np.nan, values)
        return values


@dataclass(frozen=True)
class _Old:
    dataset: xr.Dataset

    def __contains__(self, name: str) -> bool:
        return name in self.dataset.variables

    def shape(self, name: str) -> tuple[int, ...]:
        return self.dataset.variables[name].shape

    def read(self, name: str) -> NDArray[Any]:
        return np.asarray(self.dataset.variables[name].values)


def _signature(content: Path | io.BytesIO) -> bytes:
    if isinstance(content, io.BytesIO):
        return content.getvalue()[: len(_OLD_SIGNATURE)]
    with content.open("rb") as stream:
        return stream.read(len(_OLD_SIGNATURE))


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
