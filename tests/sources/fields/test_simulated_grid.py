"""Grids from pole to pole."""

import numpy as np
import pytest

from deepsphere.regridding.grid import LatitudeLongitude
from deepsphere.sources.fields.simulated_grid import Grid, east_and_north

GRID = Grid(19, 24)


def test_areas_are_those_of_the_cells() -> None:
    cells = LatitudeLongitude(GRID.latitude, GRID.longitude)
    np.testing.assert_allclose(GRID.areas.ravel(), cells.areas / (4 * np.pi), rtol=1e-12)
    assert GRID.areas.sum() == pytest.approx(1, abs=1e-14)


@pytest.mark.parametrize("degrees", [0.5, 12.0, 95.0, 200.0])
def test_near_are_the_places_within_the_distance(degrees: float) -> None:
    generator = np.random.default_rng(0)
    for point in generator.standard_normal((5, 3)):
        point = point / np.linalg.norm(point)
        distance = np.degrees(np.arccos(np.clip(GRID.positions @ point, -1, 1)))
        np.testing.assert_array_equal(
            GRID.near(point, degrees), np.flatnonzero(distance <= degrees)
        )


def test_axes_are_at_right_angles() -> None:
    east, north = east_and_north(*np.meshgrid(GRID.longitude, GRID.latitude))
    up = GRID.positions.reshape(*east.shape)
    np.testing.assert_allclose(np.cross(east, north), up, atol=1e-12)
    # East is where longitude grows, north where latitude does.
    np.testing.assert_allclose(east[9, 0], [0, 1, 0], atol=1e-12)
    np.testing.assert_allclose(north[9, 0], [0, 0, 1], atol=1e-12)
