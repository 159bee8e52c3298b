"""HDF5 files of a state: all channels in one array, which comes in two orders.

================  ============================  ===================================
edition           ``climate/data``              labels
================  ============================  ===================================
DeepCAM (MLPerf)  (rows, columns, channels)     ``climate/labels_0`` (rows, columns)
NERSC portal      (channels, rows, columns)     ``climate/labels`` (rows, columns)
================  ============================  ===================================

The files have no coordinates. Rows and columns are those of the model: both poles have a row, the
first row is at the south pole, and the first column at 0°E.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.regridding.grid import LatitudeLongitude
from deepsphere.sources.fields.channels import NAMES
from deepsphere.sources.fields.hdf5 import DEFECTS, read_array
from deepsphere.sources.fields.snapshots import Snapshot
from deepsphere.sources.fields.states import State, checked_fields, class_numbers

DATA = "climate/data"
LABELS = ("climate/labels_0", "climate/labels")


@dataclass(frozen=True)
class DeepCamReader:
    """Reads the HDF5 files."""

    suffixes: tuple[str, ...] = (".h5", ".hdf5")

    def layout(self, content: Path | io.BytesIO) -> str:
        """Return the rows and columns of a file, in words; see :class:`Reader`."""
        try:
            with h5py.File(content, "r") as file:
                rows, columns = _shape(file)
        except DEFECTS as error:
            raise DeepsphereError(f"cannot be read as HDF5 ({error})") from None
        return _layout(rows, columns)

    def read(self, content: Path | io.BytesIO, channels: Sequence[str]) -> State:
        """Return the state of a file; see :class:`Reader`."""
        try:
            with h5py.File(content, "r") as file:
                rows, columns = _shape(file)
                values = read_array(file[DATA])
                labels = read_array(file[_labels(file)])
        except DEFECTS as error:
            raise DeepsphereError(f"cannot be read as HDF5 ({error})") from None
        places = [NAMES.index(name) for name in channels]
        if values.shape == (rows, columns, len(NAMES)):
            fields = values.reshape(-1, len(NAMES)).T[places]
        else:
            fields = values.reshape(len(NAMES), -1)[places]
        return State(
            checked_fields(fields, channels), class_numbers(labels.ravel()), _layout(rows, columns)
        )


def grid_of(raw: Path, snapshot: Snapshot) -> LatitudeLongitude:
    """Return the grid of a file.

    Parameters
    ----------
    raw : Path
        The raw folder.
    snapshot : Snapshot
        The file.
    """
    with h5py.File(snapshot.open(raw), "r") as file:
        rows, columns = _shape(file)
    latitude: NDArray[np.float64] = np.linspace(-90.0, 90.0, rows)
    longitude: NDArray[np.float64] = 360.0 * np.arange(columns) / columns
    return LatitudeLongitude(latitude, longitude)


def _layout(rows: int, columns: int) -> str:
    return f"{rows} x {columns} places"


def _labels(file: h5py.File) -> str:
    found = next((name for name in LABELS if isinstance(file.get(name), h5py.Dataset)), None)
    if found is None:
        raise DeepsphereError(f"has no array {' or '.join(LABELS)}")
    return found


def _shape(file: h5py.File) -> tuple[int, int]:
    """Return the rows and columns of a file whose arrays fit each other."""
    if not isinstance(file.get(DATA), h5py.Dataset):
        raise DeepsphereError(f"has no array {DATA}")
    data, labels = file[DATA].shape, file[_labels(file)].shape
    if len(labels) != 2 or data not in ((*labels, len(NAMES)), (len(NAMES), *labels)):
        raise DeepsphereError(
            f"{DATA} has the shape {data} and the labels {labels}; expected rows, columns and "
            f"{len(NAMES)} channels, and labels of the same rows and columns"
        )
    if min(labels) < 2:
        raise DeepsphereError(f"has {labels[0]} x {labels[1]} places; expected rows and columns")
    return int(labels[0]), int(labels[1])
