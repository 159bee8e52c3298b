"""The balance of wind and pressure."""

from itertools import islice

import numpy as np
import pytest

from deepsphere.sources.fields.simulated_flow import (
    Flow,
    FlowModel,
    coriolis,
    geostrophic_wind,
    mean_geopotential,
    mean_wind,
    slowed,
)
from deepsphere.sources.fields.simulated_grid import Grid
from deepsphere.sources.fields.simulated_harmonics import Harmonics

RADIUS = 6.371e6
GRID = Grid(121, 240)


@pytest.fixture(scope="module")
def flows() -> list[Flow]:
    model = FlowModel(GRID, Harmonics(GRID.latitude, GRID.columns, 40))
    return list(model.flows(np.random.default_rng(0), 3.0, np.zeros(17)))


@pytest.mark.parametrize("summer", [-1.0, 0.0, 0.7])
def test_the_mean_wind_is_in_exact_balance(summer: float) -> None:
    # f u = -dΦ/dy; differences over 2 · 0.01 degrees of the cubic error of the table.
    latitude = np.linspace(-88, 88, 177)
    step = 0.1
    rise = mean_geopotential(latitude + step, summer) - mean_geopotential(latitude - step, summer)
    force = -rise / (2 * np.radians(step) * RADIUS)
    expected = coriolis(latitude) * mean_wind(latitude, summer)
    np.testing.assert_allclose(force, expected, atol=2e-3 * np.abs(expected).max())


def test_the_belts_of_wind_and_pressure_are_those_of_the_earth() -> None:
    assert mean_wind(np.array([-15.0, 15.0]), 0.0).max() < -3
    assert mean_wind(np.array([-46.0, 46.0]), 0.0).min() > 5
    np.testing.assert_allclose(mean_wind(np.array([-90.0, 90.0]), 0.5), 0, atol=1e-6)
    subtropics, subpolar, equator = mean_geopotential(np.array([30.0, 62.0, 0.0]), 0.0)
    assert subtropics > equator > subpolar


def test_waves_are_geostrophic_away_from_the_equator(flows: list[Flow]) -> None:
    # Φ = f ψ leaves f u + dΦ/dy = β ψ of latitude: 10 to 20 % of the wind for waves of degree 8.
    for flow in flows[::8]:
        eastward, northward = geostrophic_wind(flow.geopotential, GRID, 25.0)
        there = np.isfinite(eastward)
        for found, expected in ((eastward, flow.eastward), (northward, flow.northward)):
            error = np.std(found[there] - expected[there])
            assert error < 0.3 * np.std(expected[there])
            assert np.corrcoef(found[there], expected[there])[0, 1] > 0.95


def test_the_flow_has_no_divergence(flows: list[Flow]) -> None:
    cosine = np.cos(np.radians(GRID.latitude))[:, np.newaxis]
    flow = flows[0]
    along = np.roll(flow.eastward, -1, axis=1) - np.roll(flow.eastward, 1, axis=1)
    along /= 2 * np.radians(360 / GRID.columns)
    across = np.gradient(flow.northward * cosine, np.radians(GRID.spacing), axis=0)
    rotation = np.gradient(flow.eastward * cosine, np.radians(GRID.spacing), axis=0)
    inner = slice(15, -15)
    assert np.std((along + across)[inner]) < 0.1 * np.std(rotation[inner])


def test_winds_and_pressures_are_of_the_size_of_weather(flows: list[Flow]) -> None:
    latitude = np.abs(GRID.latitude)
    stormy, tropical = (latitude > 40) & (latitude < 60), latitude < 10
    northward = np.stack([flow.northward for flow in flows])
    assert 5 < northward[:, stormy].std() < 12
    assert northward[:, tropical].std() < 0.6 * northward[:, stormy].std()
    for flow in flows:
        assert np.sum(flow.geopotential * GRID.areas) == pytest.approx(0, abs=20)


def test_weather_goes_on(flows: list[Flow]) -> None:
    first = flows[0].northward.ravel()
    alike = [np.corrcoef(first, flow.northward.ravel())[0, 1] for flow in flows]
    assert alike[1] > 0.85
    assert alike[1] > alike[4] > alike[16]


def test_the_same_seed_gives_the_same_flow(flows: list[Flow]) -> None:
    model = FlowModel(GRID, Harmonics(GRID.latitude, GRID.columns, 40))
    again = next(islice(model.flows(np.random.default_rng(0), 3.0, np.zeros(1)), 1))
    np.testing.assert_array_equal(again.eastward, flows[0].eastward)


def test_friction_turns_the_wind_towards_low_pressure() -> None:
    # West wind: low pressure is to the left in the north, to the right in the south.
    latitude = np.array([60.0, -60.0])
    east, north = slowed(np.full(2, 10.0), np.zeros(2), latitude, np.zeros(2))
    assert north[0] > 0 > north[1]
    np.testing.assert_allclose(np.hypot(east, north), 8.5)
    assert np.hypot(*slowed(np.array(10.0), np.array(0.0), np.array(60.0), np.array(1.0))) < 8.5
