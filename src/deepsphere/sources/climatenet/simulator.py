"""Made-up states in the files of ClimateNet.

**These are not states of the atmosphere, and no expert saw them**: they are made of formulas and
chance (:mod:`deepsphere.sources.fields.simulated_states`). They have the statistics of the level-5
archive, weighted by area, over all files. As published, those of 1996 to 2010 are in the folder
``train`` and those of 2011 to 2013 in ``test``.
"""

from datetime import date
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from deepsphere.sources.climate.statistics import STATISTICS
from deepsphere.sources.climatenet.reader import LABELS
from deepsphere.sources.fields.channels import CHANNELS
from deepsphere.sources.fields.moments import STEPS_PER_DAY, Moment
from deepsphere.sources.fields.simulated_calendar import days_of_years, episodes
from deepsphere.sources.fields.simulated_data_set import FinishedState, finished_states
from deepsphere.sources.fields.simulated_grid import Grid
from deepsphere.sources.fields.simulated_states import Atmosphere

_FIRST_YEAR, _TEST_FROM, _LAST_YEAR = 1996, 2011, 2013
_COMPRESSION = {"compression": "gzip", "compression_opts": 1, "shuffle": True}


def simulate_raw(source: dict[str, Any], folder: Path) -> None:
    """Write ``train`` and ``test``, with ``data-YYYY-MM-DD-SS-R_0.nc``, one file a state.

    Parameters
    ----------
    source : dict
        Settings; see :class:`deepsphere.sources.climatenet.settings.Source`.
    folder : Path
        Where to write them.

    Raises
    ------
    DeepsphereError
        If there are more samples than days.
    """
    simulation = source["simulate"]
    grid = Grid(*simulation["grid"])
    days = days_of_years(_FIRST_YEAR, _LAST_YEAR)
    runs = dict.fromkeys(range(1, simulation["runs"] + 1), days)
    states = finished_states(
        Atmosphere(grid, simulation["seed"]),
        episodes(simulation["samples"], runs),
        STATISTICS,
        grid.areas.ravel(),
    )
    for name in ("train", "test"):
        (folder / name).mkdir(parents=True)
    for state in states:
        split = "test" if state.moment.year >= _TEST_FROM else "train"
        _write(folder / split / _name(state.moment), state, grid)


def _write(path: Path, state: FinishedState, grid: Grid) -> None:
    """Write a NetCDF-4 file, which is HDF5 with dimensions as scales."""
    days = (state.moment.step - Moment(1, _FIRST_YEAR, 1, 1, 0).step) / STEPS_PER_DAY
    with h5py.File(path, "w") as file:
        file.attrs["title"] = "Simulated by deepsphere: no observations, no experts' labels"
        axes: dict[str, tuple[NDArray[np.float64], str]] = {
            "time": (np.array([days]), f"days since {date(_FIRST_YEAR, 1, 1)}"),
            "lat": (grid.latitude, "degrees_north"),
            "lon": (grid.longitude, "degrees_east"),
        }
        for name, (values, unit) in axes.items():
            axis = file.create_dataset(name, data=values)
            axis.make_scale(name)
            axis.attrs["units"] = unit
        file["time"].attrs["calendar"] = "noleap"
        shape = (1, grid.rows, grid.columns)
        for channel, field in zip(CHANNELS, state.fields, strict=True):
            values = field.reshape(shape)
            variable = file.create_dataset(channel.name, data=values, chunks=shape, **_COMPRESSION)
            variable.attrs["units"] = channel.unit
            variable.attrs["long_name"] = channel.meaning
            _attach(file, variable, ("time", "lat", "lon"))
        labels = state.labels.reshape(shape[1:]).astype(np.int64)
        variable = file.create_dataset(LABELS, data=labels, chunks=shape[1:], **_COMPRESSION)
        _attach(file, variable, ("lat", "lon"))


def _attach(file: h5py.File, variable: h5py.Dataset, names: tuple[str, ...]) -> None:
    for place, name in enumerate(names):
        variable.dims[place].attach_scale(file[name])


def _name(moment: Moment) -> str:
    day = f"{moment.year:04}-{moment.month:02}-{moment.day:02}"
    return f"data-{day}-{moment.slot:02}-{moment.run}_0.nc"
