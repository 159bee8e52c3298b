"""The rough Earth has about the land and the heights of the Earth."""

import numpy as np
import pytest

from deepsphere.sources.fields.simulated_earth import ground_at, is_sea
from deepsphere.sources.fields.simulated_grid import Grid

GRID = Grid(91, 180)


def test_land_and_height_are_about_those_of_the_earth() -> None:
    ground = ground_at(*np.meshgrid(GRID.longitude, GRID.latitude))
    # 29 % is land; land lies 800 m high in the mean, so the surface 235 m.
    assert np.sum(ground.land * GRID.areas) == pytest.approx(0.29, abs=0.03)
    assert np.sum(ground.height * GRID.areas) == pytest.approx(235, abs=25)
    assert 4000 < ground.height.max() < 5500
    assert ground.height.min() >= 0
    assert ground.land.min() >= 0
    assert ground.land.max() <= 1


def test_there_is_no_seam_at_0_degrees_east() -> None:
    latitude = np.linspace(-90, 90, 61)
    west, east = (ground_at(np.full(61, at), latitude).height for at in (-1e-6, 360 + 1e-6))
    np.testing.assert_allclose(west, east, atol=1e-2)


@pytest.mark.parametrize(
    ("longitude", "latitude", "sea"),
    [
        (180, 0, True),
        (-30, 0, True),
        (75, -30, True),
        (20, 10, False),
        (-60, -10, False),
        (134, -25, False),
    ],
)
def test_oceans_and_continents_are_where_they_are(
    longitude: float, latitude: float, sea: bool
) -> None:
    assert is_sea(longitude, latitude) == sea
