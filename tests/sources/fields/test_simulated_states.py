"""States: physical relations, events in their fields, and weather that goes on."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score

from deepsphere.sources.climate.statistics import STATISTICS
from deepsphere.sources.fields.channels import NAMES
from deepsphere.sources.fields.moments import Moment
from deepsphere.sources.fields.simulated_air import saturation_humidity
from deepsphere.sources.fields.simulated_grid import Grid
from deepsphere.sources.fields.simulated_states import Atmosphere, SimulatedState

GRID = Grid(64, 96)


def day(number: int, slots: int = 8, run: int = 1) -> list[Moment]:
    return [Moment(run, 2106, number // 28 + 1, number % 28 + 1, slot) for slot in range(slots)]


@pytest.fixture(scope="module")
def atmosphere() -> Atmosphere:
    return Atmosphere(GRID, seed=0)


@pytest.fixture(scope="module")
def episode(atmosphere: Atmosphere) -> list[SimulatedState]:
    return list(atmosphere.episode(day(40)))


@pytest.fixture(scope="module")
def states(atmosphere: Atmosphere) -> list[SimulatedState]:
    return [next(atmosphere.episode(day(number, 1))) for number in range(0, 330, 8)]


def channel(states: list[SimulatedState], name: str) -> np.ndarray:
    return np.stack([state.fields[NAMES.index(name)] for state in states])


def test_channels_are_near_the_statistics_that_they_are_stretched_to(
    states: list[SimulatedState],
) -> None:
    # But for the deviations that are larger than any weather's, see simulated_statistics.
    areas = GRID.areas.ravel()
    for name, (wanted_mean, wanted) in STATISTICS.items():
        values = channel(states, name)
        mean = np.mean(values @ areas)
        deviation = np.sqrt(np.mean((values - mean) ** 2 @ areas))
        assert abs(mean - wanted_mean) < 0.35 * wanted, name
        assert 0.3 < deviation / wanted < 1.5, name
        assert np.isfinite(values).all(), name


def test_pressures_and_heights_are_hydrostatic(states: list[SimulatedState]) -> None:
    sea_level, ground = channel(states, "PSL"), channel(states, "PS")
    at_sea = np.ravel(Atmosphere(GRID, 0).ground.height) < 1
    np.testing.assert_allclose(ground[:, at_sea], sea_level[:, at_sea], rtol=1e-3)
    assert (ground[:, ~at_sea] < sea_level[:, ~at_sea]).all()
    # From sea level to 200 hPa in layers with the means of the temperatures at their ends.
    reference = channel(states, "TREFHT") + 6.5e-3 * np.ravel(Atmosphere(GRID, 0).ground.height)
    middle, upper = channel(states, "T500"), channel(states, "T200")
    expected = (sea_level - 1e5) / (1.2 * 9.80665) + 287.05 / 9.80665 * (
        np.log(2) * (reference + middle) / 2 + np.log(2.5) * (middle + upper) / 2
    )
    np.testing.assert_allclose(channel(states, "Z200"), expected, rtol=1e-9)
    # As in the real files, 1000 hPa is not below the lowest level.
    assert (channel(states, "Z1000") >= channel(states, "ZBOT") - 1e-9).all()


def test_air_is_never_more_than_saturated_and_is_dry_where_it_is_cold(
    states: list[SimulatedState],
) -> None:
    humidity, temperature = channel(states, "QREFHT"), channel(states, "TREFHT")
    assert (humidity <= saturation_humidity(temperature, channel(states, "PS")) * (1 + 1e-9)).all()
    assert humidity.min() > 0
    assert channel(states, "TMQ").min() > 0
    assert channel(states, "PRECT").min() >= 0
    latitude = np.abs(np.repeat(GRID.latitude, GRID.columns))
    moisture = channel(states, "TMQ")
    assert moisture[:, latitude < 10].mean() > 35
    assert moisture[:, latitude > 75].mean() < 8


def test_events_are_where_fields_say_so(states: list[SimulatedState]) -> None:
    labels = np.stack([state.labels for state in states])
    latitude = np.abs(np.repeat(GRID.latitude, GRID.columns))
    speed = np.hypot(channel(states, "U850"), channel(states, "V850"))
    tropics, middle = latitude < 30, (latitude > 20) & (latitude < 58)
    in_cyclone = labels == 1
    # Against other places of the same latitudes.
    calm = (labels == 0) & tropics
    assert speed[in_cyclone].mean() > 2 * speed[calm].mean()
    assert channel(states, "PSL")[in_cyclone].mean() < channel(states, "PSL")[calm].mean() - 300
    assert channel(states, "T500")[in_cyclone].mean() > channel(states, "T500")[calm].mean() + 1
    assert latitude[np.nonzero(in_cyclone)[1]].max() < 45
    outside = (labels == 0) & middle
    moisture = channel(states, "TMQ")
    assert moisture[labels == 2].mean() > 1.4 * moisture[outside].mean()
    assert speed[labels == 2].mean() > 1.2 * speed[outside].mean()
    assert set(np.unique(labels)) == {0, 1, 2}


def test_weather_goes_on_within_an_episode(
    episode: list[SimulatedState], states: list[SimulatedState]
) -> None:
    latitude = np.repeat(GRID.latitude, GRID.columns)
    middle = (latitude > 30) & (latitude < 60)
    for name in ("V850", "T500", "PSL", "TMQ"):
        values = channel(episode, name)[:, middle]
        values -= values.mean(axis=1, keepdims=True)
        alike = np.corrcoef(values)[0]
        assert alike[1] > 0.85, name
        assert alike[1] > alike[4] > alike[7], name
    # Labels move less than their own size in three hours, and not at all like those of other days.
    rivers = [state.labels == 2 for state in episode]
    assert (rivers[0] & rivers[1]).sum() > 0.6 * rivers[0].sum()
    others = [(rivers[0] & (state.labels == 2)).sum() for state in states]
    assert np.mean(others) < 0.2 * rivers[0].sum()


def test_the_same_seed_and_moment_give_the_same_state(
    atmosphere: Atmosphere, episode: list[SimulatedState]
) -> None:
    again = next(Atmosphere(GRID, 0).episode(day(40)))
    np.testing.assert_array_equal(again.fields, episode[0].fields)
    np.testing.assert_array_equal(again.labels, episode[0].labels)
    for other in (
        next(Atmosphere(GRID, 1).episode(day(40, 1))),
        next(atmosphere.episode(day(40, 1, run=2))),
        next(atmosphere.episode(day(41, 1))),
    ):
        fields = (other.fields[NAMES.index("V850")], episode[0].fields[NAMES.index("V850")])
        assert abs(np.corrcoef(*fields)[0, 1]) < 0.4


@pytest.mark.parametrize(("rows", "columns"), [(8, 8), (9, 31)])
def test_the_smallest_grids(rows: int, columns: int) -> None:
    for state in Atmosphere(Grid(rows, columns), 0).episode(day(0, 2)):
        assert state.fields.shape == (16, rows * columns)
        assert np.isfinite(state.fields).all()


def test_one_linear_look_at_each_place_does_not_find_the_events(
    states: list[SimulatedState],
) -> None:
    fields = np.concatenate([state.fields.T for state in states])
    fields = (fields - fields.mean(axis=0)) / fields.std(axis=0)
    labels = np.concatenate([state.labels for state in states])
    # On the very places that it has seen.
    model = LogisticRegression(max_iter=100).fit(fields[::15], labels[::15])
    scores = model.predict_proba(fields[::15])
    for number in (1, 2):
        assert average_precision_score(labels[::15] == number, scores[:, number]) < 0.5
