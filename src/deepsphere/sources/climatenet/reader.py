"""The NetCDF files of ClimateNet: a variable a channel, on one latitude-longitude grid."""

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.regridding.grid import LatitudeLongitude
from deepsphere.sources.fields.channels import NAMES
from deepsphere.sources.fields.netcdf import Variables, open_variables
from deepsphere.sources.fields.snapshots import Snapshot
from deepsphere.sources.fields.states import State, checked_fields, class_numbers

LABELS = "LABELS"

_LATITUDE = ("lat", "latitude")
_LONGITUDE = ("lon", "longitude")


@dataclass(frozen=True)
class ClimateNetReader:
    """Reads the NetCDF files."""

    suffixes: tuple[str, ...] = (".nc", ".nc4")

    def layout(self, content: Path | io.BytesIO) -> str:
        """Return the grid of a file, in words; see :class:`Reader`."""
        with open_variables(content) as variables:
            grid = _grid(variables)
            for name in (*NAMES, LABELS):
                if name not in variables:
                    raise DeepsphereError(f"has no variable {name}")
                _check_shape(name, variables.shape(name), grid)
        return _layout(grid)

    def read(self, content: Path | io.BytesIO, channels: Sequence[str]) -> State:
        """Return the state of a file; see :class:`Reader`."""
        with open_variables(content) as variables:
            grid = _grid(variables)
            fields = np.empty((len(channels), len(grid)), np.float32)
            for field, name in zip(fields, channels, strict=True):
                field[:] = _values(variables, name, grid)
            labels = class_numbers(_values(variables, LABELS, grid))
        return State(checked_fields(fields, channels), labels, _layout(grid))


def grid_of(raw: Path, snapshot: Snapshot) -> LatitudeLongitude:
    """Return the grid of a file.

    Parameters
    ----------
    raw : Path
        The raw folder.
    snapshot : Snapshot
        The file.
    """
    with open_variables(snapshot.open(raw)) as variables:
        return _grid(variables)


def _grid(variables: Variables) -> LatitudeLongitude:
    axes = []
    for names in (_LATITUDE, _LONGITUDE):
        name = next((name for name in names if name in variables), None)
        if name is None:
            raise DeepsphereError(f"has no variable {' or '.join(names)}")
        axes.append(variables.read(name))
    return LatitudeLongitude(*axes)


def _layout(grid: LatitudeLongitude) -> str:
    axes = np.concatenate([grid.latitude, grid.longitude])
    digest = hashlib.sha256(np.ascontiguousarray(axes, "<f8").tobytes()).hexdigest()
    return f"{grid.name} from {grid.latitude[0]:g}, {grid.longitude[0]:g} ({digest[:8]})"


def _values(variables: Variables, name: str, grid: LatitudeLongitude) -> NDArray[np.generic]:
    if name not in variables:
        raise DeepsphereError(f"has no variable {name}")
    _check_shape(name, variables.shape(name), grid)
    values: NDArray[np.generic] = variables.read(name).ravel()
    return values


def _check_shape(name: str, shape: tuple[int, ...], grid: LatitudeLongitude) -> None:
    if shape not in (grid.shape, (1, *grid.shape)):
        raise DeepsphereError(
            f"{name} has the shape {shape}; expected {grid.shape} or {(1, *grid.shape)}: latitude, "
            "longitude"
        )
