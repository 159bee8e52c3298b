"""Data sets of simulated states have the statistics asked for, exactly."""

import numpy as np
import pytest

from deepsphere.sources.climate.statistics import STATISTICS
from deepsphere.sources.fields.channels import NAMES
from deepsphere.sources.fields.simulated_calendar import days_of_years, episodes
from deepsphere.sources.fields.simulated_data_set import FinishedState, finished_states
from deepsphere.sources.fields.simulated_grid import Grid
from deepsphere.sources.fields.simulated_states import Atmosphere, SimulatedState

GRID = Grid(24, 36)
EPISODES = episodes(24, {1: days_of_years(2106, 2107)})


@pytest.fixture(scope="module")
def finished() -> list[FinishedState]:
    weights = GRID.areas.ravel()
    return list(finished_states(Atmosphere(GRID, 0), EPISODES, STATISTICS, weights))


def test_statistics_are_exact(finished: list[FinishedState]) -> None:
    fields = np.stack([state.fields for state in finished]).astype(np.float64)
    areas = GRID.areas.ravel()
    for number, name in enumerate(NAMES):
        mean = np.mean(fields[:, number] @ areas)
        deviation = np.sqrt(np.mean((fields[:, number] - mean) ** 2 @ areas))
        wanted_mean, wanted = STATISTICS[name]
        # float32 has steps of 0.008 at the pressures, 0.0002 % of their deviations.
        assert mean == pytest.approx(wanted_mean, abs=1e-5 * wanted)
        assert deviation == pytest.approx(wanted, rel=1e-5)
    assert fields[:, [NAMES.index(name) for name in ("TMQ", "QREFHT", "PRECT")]].min() >= 0


def test_each_state_is_at_its_moment(finished: list[FinishedState]) -> None:
    assert [state.moment for state in finished] == [m for episode in EPISODES for m in episode]
    assert finished[0].fields.dtype == np.float32
    assert finished[0].labels.dtype == np.uint8
    first = next(Atmosphere(GRID, 0).episode(EPISODES[0]))
    np.testing.assert_array_equal(finished[0].labels, first.labels)
    assert np.corrcoef(finished[0].fields[9], first.fields[9])[0, 1] > 1 - 1e-9


def test_states_are_placed_before_their_statistics_are_taken() -> None:
    def northern(state: SimulatedState) -> tuple[np.ndarray, np.ndarray]:
        return state.fields[:, 432:], state.labels[432:]

    states = finished_states(
        Atmosphere(GRID, 0), EPISODES, STATISTICS, np.full(432, 1 / 432), northern
    )
    fields = np.stack([state.fields for state in states]).astype(np.float64)
    for number, name in enumerate(NAMES):
        assert fields[:, number].mean() == pytest.approx(STATISTICS[name][0], rel=1e-4)
        assert fields[:, number].std() == pytest.approx(STATISTICS[name][1], rel=1e-4)
