"""Filaments: their jet is in balance, their label is long and narrow."""

from dataclasses import replace

import numpy as np
import pytest

from deepsphere.sources.fields.simulated_filaments import EXCESS, Filament
from deepsphere.sources.fields.simulated_flow import geostrophic_wind
from deepsphere.sources.fields.simulated_grid import Grid

GRID = Grid(361, 720)
HOUR = 50.0
# Along 40°N, where length and width are known: 40 degrees of longitude, a small circle.
STRAIGHT = Filament(
    birth=0.0,
    life=100.0,
    longitude=np.linspace(180.0, 220.0, 65),
    latitude=np.full(65, 40.0),
    drift=0.0,
    width=2.0,
    wind=15.0,
    moisture=16.0,
    warmth=0.0,
    rain=2e-7,
    drop=0.0,
    label=2,
)


def on_grid(filament: Filament, name: str, hour: float = HOUR) -> np.ndarray:
    patch = filament.patch(GRID, hour)
    field = np.zeros(GRID.rows * GRID.columns)
    field[patch.places] = getattr(patch, name)
    return field.reshape(GRID.rows, GRID.columns)


def test_its_profile_is_a_bell_across_and_flat_along() -> None:
    moisture = on_grid(STRAIGHT, "moisture")
    # Row 260 is 40°N, a row half a degree; column 400 is 200°E.
    across = moisture[260 - 8 : 260 + 9, 400]
    distance = 0.5 * np.arange(-8, 9)
    np.testing.assert_allclose(across, 16 * np.exp(-(distance**2) / 8), atol=0.1)
    np.testing.assert_allclose(moisture[260, 380:420], 16, atol=0.1)
    assert moisture[260, 340] == 0


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_its_jet_is_geostrophic(side: float) -> None:
    filament = replace(STRAIGHT, latitude=side * STRAIGHT.latitude)
    pressure, wind = on_grid(filament, "pressure"), on_grid(filament, "eastward")
    found, _ = geostrophic_wind(pressure / 1.2, GRID)
    row = 180 + round(side * 80)
    near = slice(row - 8, row + 9)
    # f changes by 2 % a degree.
    np.testing.assert_allclose(found[near, 400], wind[near, 400], atol=1.0)
    assert wind[row, 400] == pytest.approx(15, abs=0.1)
    # It carries no air: what goes east in the middle comes back at its sides.
    assert abs(wind[:, 400].sum()) < 0.02 * np.abs(wind[:, 400]).sum()


def test_the_label_is_where_moisture_is_in_excess() -> None:
    inside, moisture = on_grid(STRAIGHT, "inside"), on_grid(STRAIGHT, "moisture")
    np.testing.assert_array_equal(inside > 0, moisture > EXCESS)
    # Aslant, so that it does not begin and end with rows.
    slant = replace(STRAIGHT, latitude=np.linspace(28.0, 52.0, 65))
    area = np.sum(GRID.areas * on_grid(slant, "inside"))
    assert area == pytest.approx(slant.labelled_area(HOUR), rel=0.03)
    # exp(-d²/2w²) > 7/16 for d < 2.57 degrees: six times as long as wide.
    assert STRAIGHT.length == pytest.approx(40 * np.cos(np.radians(40)), rel=0.01)
    assert not replace(STRAIGHT, label=0).patch(GRID, HOUR).inside.any()
    assert replace(STRAIGHT, label=0).labelled_area(HOUR) == 0
    assert STRAIGHT.labelled_area(0.0) == 0


def test_it_moves_east_as_it_is() -> None:
    moving = replace(STRAIGHT, drift=24.0)
    still = on_grid(STRAIGHT, "eastward")
    # 24 degrees a day for 50 hours: 50 degrees, 100 columns.
    np.testing.assert_allclose(on_grid(moving, "eastward"), np.roll(still, 100, axis=1), atol=1e-9)


def test_what_it_adds_is_in_proportion_to_its_growth() -> None:
    full, young = on_grid(STRAIGHT, "moisture"), on_grid(STRAIGHT, "moisture", 5.0)
    assert 0 < young.max() < full.max()
    there = full > 0.1
    np.testing.assert_allclose(young[there] / full[there], young.max() / full.max(), rtol=1e-9)
