"""Vortices against the closed forms of Holland's profile."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsphere.sources.fields.simulated_grid import Grid
from deepsphere.sources.fields.simulated_vortices import (
    GALE,
    Vortex,
    gale_radius,
    holland_drop,
    holland_wind,
)

GRID = Grid(361, 720)
NORTHERN = Vortex(
    birth=0.0,
    life=100.0,
    longitude=140.0,
    latitude=15.0,
    poleward=1.0,
    radius=1.0,
    shape=1.5,
    wind=40.0,
    warmth=5.0,
    moisture=15.0,
    rain=2e-6,
    label=1,
)
# Strength is 1 in the middle of the life.
HOUR = 50.0

shapes = st.floats(1.0, 2.5)


@settings(max_examples=30, derandomize=True, deadline=None)
@given(shape=shapes, radius=st.floats(0.3, 3.0), wind=st.floats(18.0, 70.0))
def test_wind_is_strongest_at_its_radius(shape: float, radius: float, wind: float) -> None:
    distance = radius * np.linspace(0.0, 20.0, 20001)
    speed = holland_wind(distance, radius, wind, shape)
    # The derivative of y exp(1 - y) is zero at y = 1 alone.
    assert distance[np.argmax(speed)] == pytest.approx(radius, rel=1e-9)
    assert speed.max() == pytest.approx(wind, rel=1e-12)
    assert speed[0] < 1e-12


@settings(max_examples=30, derandomize=True, deadline=None)
@given(shape=shapes, wind=st.floats(18.0, 70.0))
def test_pressure_turns_the_wind_around(shape: float, wind: float) -> None:
    # Cyclostrophic balance: dp/dr = density v² / r, with any unit of r.
    distance = np.linspace(0.3, 6.0, 20001)
    slope = -np.gradient(holland_drop(distance, 1.0, wind, shape), distance)
    expected = 1.2 * holland_wind(distance, 1.0, wind, shape) ** 2 / distance
    np.testing.assert_allclose(slope[1:-1], expected[1:-1], atol=1e-4 * expected.max())


@settings(max_examples=30, derandomize=True, deadline=None)
@given(shape=shapes, wind=st.floats(17.5, 70.0))
def test_gales_end_at_the_gale_radius(shape: float, wind: float) -> None:
    reach = gale_radius(0.7, wind, shape)
    assert reach > 0.7
    assert holland_wind(np.array(reach), 0.7, wind, shape) == pytest.approx(GALE, rel=1e-9)


@pytest.mark.parametrize("side", [1, -1])
def test_it_turns_as_the_earth_does_and_is_low_warm_and_moist(side: int) -> None:
    vortex = replace(NORTHERN, latitude=15.0 * side)
    patch = vortex.patch(GRID, HOUR)
    longitude, latitude = vortex.place(HOUR)
    here = GRID.positions[patch.places]
    east = np.radians(longitude)
    # Northward wind east of the middle, in the north.
    offset = here @ np.array([-np.sin(east), np.cos(east), 0.0])
    speed = np.hypot(patch.eastward, patch.northward)
    assert np.sum(patch.northward * offset) * side > 0.45 * np.sum(speed * np.abs(offset))
    assert speed.max() == pytest.approx(40, rel=0.01)
    core = np.argmin(patch.pressure)
    assert GRID.latitude[patch.places[core] // GRID.columns] == pytest.approx(latitude, abs=0.5)
    assert patch.pressure[core] == pytest.approx(-1.2 * np.e * 40**2 / 1.5, rel=0.01)
    for name, top in (("middle", 5.0), ("upper", 3.5), ("moisture", 15.0)):
        assert np.max(getattr(patch, name)) == pytest.approx(top, rel=0.06)
    # Nothing is left where it ends.
    assert np.abs(patch.pressure).min() < 1
    assert patch.rain.min() >= 0


def test_the_labelled_area_is_that_of_its_gales() -> None:
    patch = NORTHERN.patch(GRID, HOUR)
    area = GRID.areas.ravel()[patch.places[patch.inside]].sum()
    assert area == pytest.approx(NORTHERN.labelled_area(HOUR), rel=0.03)
    gales = np.hypot(patch.eastward, patch.northward) > GALE
    # All of them, and the eye.
    assert not (gales & ~patch.inside).any()
    assert (gales & patch.inside).sum() > 0.95 * patch.inside.sum()
    assert NORTHERN.labelled_area(0.0) == 0
    assert not NORTHERN.patch(GRID, 0.0).inside.any()
    assert replace(NORTHERN, label=0).labelled_area(HOUR) == 0
    assert not replace(NORTHERN, label=0).patch(GRID, HOUR).inside.any()


@pytest.mark.parametrize("side", [1, -1])
def test_it_goes_west_then_polewards_and_east(side: int) -> None:
    vortex = replace(NORTHERN, latitude=12.0 * side, poleward=2.5, life=400.0)
    track = np.array([vortex.place(hour) for hour in np.arange(0.0, 300.0, 3.0)])
    steps = (np.diff(track[:, 0]) + 180) % 360 - 180
    assert steps[0] < 0 < steps[-1]
    assert (np.diff(track[:, 1]) * side > 0).all()
    # No jumps: less than a degree in three hours.
    assert np.abs(np.diff(track[:, 1])).max() < 1
    assert np.abs(steps).max() < 1


def test_it_crosses_0_degrees_east_without_a_seam() -> None:
    vortex = replace(NORTHERN, longitude=1.0, poleward=0.1)
    whole = vortex.patch(GRID, HOUR)
    columns = whole.places % GRID.columns
    assert {0, GRID.columns - 1} <= set(columns)
    moved = replace(vortex, longitude=91.0).patch(GRID, HOUR)
    np.testing.assert_allclose(np.sort(moved.pressure), np.sort(whole.pressure), atol=1e-6)
