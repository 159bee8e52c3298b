"""Made-up states in the files of DeepCAM, in the edition of MLPerf.

**These are not states of the atmosphere**: they are made of formulas and chance
(:mod:`deepsphere.sources.fields.simulated_states`). They have the statistics of the level-5
archive, weighted by area, over all files. Those of 1996 to 2009 are in the folder ``train``, those
of 2010 and 2011 in ``validation``, and those of 2012 to 2015 in ``test``: unlike the published
division, this one has no test state next to a training state.
"""

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from deepsphere.sources.climate.statistics import STATISTICS
from deepsphere.sources.deepcam.reader import DATA, LABELS
from deepsphere.sources.fields.divisions import SPLITS
from deepsphere.sources.fields.moments import Moment
from deepsphere.sources.fields.simulated_calendar import days_of_years, episodes
from deepsphere.sources.fields.simulated_data_set import FinishedState, finished_states
from deepsphere.sources.fields.simulated_grid import Grid
from deepsphere.sources.fields.simulated_states import Atmosphere

_FIRST_YEARS = (1996, 2010, 2012)
_LAST_YEAR = 2015


def simulate_raw(source: dict[str, Any], folder: Path) -> None:
    """Write ``train``, ``validation`` and ``test``, with ``data-YYYY-MM-DD-SS-R.h5``.

    Parameters
    ----------
    source : dict
        Settings; see :class:`deepsphere.sources.deepcam.settings.Source`.
    folder : Path
        Where to write them.

    Raises
    ------
    DeepsphereError
        If there are more samples than days.
    """
    simulation = source["simulate"]
    grid = Grid(*simulation["grid"])
    days = days_of_years(_FIRST_YEARS[0], _LAST_YEAR)
    runs = dict.fromkeys(range(1, simulation["runs"] + 1), days)
    states = finished_states(
        Atmosphere(grid, simulation["seed"]),
        episodes(simulation["samples"], runs),
        STATISTICS,
        grid.areas.ravel(),
    )
    for name in SPLITS:
        (folder / name).mkdir(parents=True)
    for state in states:
        split = np.searchsorted(_FIRST_YEARS, state.moment.year, side="right") - 1
        _write(folder / SPLITS[int(split)] / _name(state.moment), state, grid)


def _write(path: Path, state: FinishedState, grid: Grid) -> None:
    shape = grid.rows, grid.columns
    with h5py.File(path, "w") as file:
        file.attrs["title"] = "Simulated by deepsphere: no observations"
        file[DATA] = np.ascontiguousarray(state.fields.T).reshape(*shape, -1)
        file[LABELS[0]] = state.labels.reshape(shape)


def _name(moment: Moment) -> str:
    day = f"{moment.year:04}-{moment.month:02}-{moment.day:02}"
    return f"data-{day}-{moment.slot:02}-{moment.run}.h5"
