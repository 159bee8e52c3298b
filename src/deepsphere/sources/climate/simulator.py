"""Made-up states in the files of the level-5 archive.

**These are not states of the atmosphere**: they are made of formulas and chance
(:mod:`deepsphere.sources.fields.simulated_states`). They have the published statistics, over all
vertices of all files, and names that are in the published lists, so that they can be divided as
published. As theirs were, the fields are interpolated from rows and columns to the vertices, and
labels are those of the nearest place.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.regridding.bilinear import bilinear_matrix
from deepsphere.regridding.grid import LatitudeLongitude
from deepsphere.regridding.nearest import nearest_matrix
from deepsphere.samplings.ugscnn import Ugscnn
from deepsphere.sources.climate.splits import published_names
from deepsphere.sources.climate.statistics import STATISTICS
from deepsphere.sources.fields.channels import CLASSES
from deepsphere.sources.fields.divisions import SPLITS
from deepsphere.sources.fields.moments import STEPS_PER_DAY, Moment
from deepsphere.sources.fields.simulated_calendar import Day, episodes
from deepsphere.sources.fields.simulated_data_set import finished_states
from deepsphere.sources.fields.simulated_grid import Grid
from deepsphere.sources.fields.simulated_states import Atmosphere, SimulatedState

FOLDER = "data_5_all"
"""Folder of the files in the archive."""

_SAMPLING = Ugscnn(5, "upward")
# About as far apart as the vertices are.
_GRID = Grid(128, 192)


def simulate_raw(source: dict[str, Any], folder: Path) -> None:
    """Write ``data_5_all/data-YYYY-MM-DD-SS-R-mesh.npz``, one file a state.

    Parameters
    ----------
    source : dict
        Settings; see :class:`deepsphere.sources.climate.settings.Source`.
    folder : Path
        Where to write them.

    Raises
    ------
    DeepsphereError
        If there are more runs or samples than the archive has.
    """
    simulation = source["simulate"]
    days = _published_days()
    if simulation["runs"] > len(days):
        raise DeepsphereError(
            f"simulate.runs: found {simulation['runs']}; the archive has {len(days)}: "
            f"{', '.join(map(str, days))}"
        )
    runs = {run: days[run] for run in list(days)[: simulation["runs"]]}
    count = len(_SAMPLING)
    states = finished_states(
        Atmosphere(_GRID, simulation["seed"]),
        episodes(simulation["samples"], runs),
        STATISTICS,
        np.full(count, 1.0 / count),
        _ToVertices(),
    )
    (folder / FOLDER).mkdir(parents=True)
    for state in states:
        one_hot = state.labels == np.arange(len(CLASSES))[:, None]
        np.savez(
            folder / FOLDER / _name(state.moment),
            data=state.fields,
            labels=one_hot.astype(np.float32),
        )


class _ToVertices:
    """Takes states from the grid to the vertices of the mesh."""

    def __init__(self) -> None:
        # The authors' longitude of a vertex is that of its coordinates less 180 degrees.
        grid = LatitudeLongitude(_GRID.latitude, _GRID.longitude - 180.0)
        self._fields = bilinear_matrix(grid, _SAMPLING)
        self._labels = nearest_matrix(grid, _SAMPLING)

    def __call__(self, state: SimulatedState) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
        """Return fields (channels, vertices) and labels (vertices,)."""
        labels = self._labels @ state.labels.astype(np.float64)
        fields = np.ascontiguousarray((self._fields @ state.fields.T).T)
        return fields, np.rint(labels).astype(np.uint8)


@lru_cache(maxsize=1)
def _published_days() -> dict[int, list[Day]]:
    """Return the days of each run whose eight states are all in the published lists."""
    found: dict[tuple[int, Day], int] = {}
    for split in SPLITS:
        for name in published_names(split):
            _, year, month, day, _, run, _ = name.split("-")
            key = int(run), (int(year), int(month), int(day))
            found[key] = found.get(key, 0) + 1
    days: dict[int, list[Day]] = {}
    for key in sorted(key for key, count in found.items() if count == STEPS_PER_DAY):
        days.setdefault(key[0], []).append(key[1])
    return days


def _name(moment: Moment) -> str:
    day = f"{moment.year:04}-{moment.month:02}-{moment.day:02}"
    return f"data-{day}-{moment.slot:02}-{moment.run}-mesh.npz"
