"""Simulated stations stand on their land, with the traps of real station lists."""

from dataclasses import replace

import numpy as np
import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.sources.ghcn.simulated_stations import REGIONS, place_stations, unit_vectors


def test_stations_stand_in_their_regions() -> None:
    stations = place_stations(500, np.random.default_rng(0))
    for number, region in enumerate(REGIONS):
        here = stations.region == number
        assert abs(here.mean() - region.share) < 0.02
        assert np.all(stations.latitude[here] >= region.south - 1e-4)
        assert np.all(stations.latitude[here] <= region.north + 1e-4)
        assert np.all(stations.longitude[here] >= region.west - 1e-4)
        assert np.all(stations.longitude[here] <= region.east + 1e-4)


def test_regions_sum_to_one() -> None:
    assert sum(region.share for region in REGIONS) == pytest.approx(1)


def test_a_few_stations_have_no_elevation_or_stand_with_another() -> None:
    stations = place_stations(600, np.random.default_rng(0))
    assert (~stations.elevation_known).sum() == 10
    places = np.stack([stations.latitude, stations.longitude], axis=1)
    assert len(places) - len(np.unique(places, axis=0)) == 6


def test_numbers_survive_the_station_list() -> None:
    """Four decimals of a degree and one of a metre are all that the fixed columns hold."""
    stations = place_stations(100, np.random.default_rng(0))
    assert all(float(f"{x:.4f}") == x for x in stations.latitude)
    assert all(float(f"{x:.4f}") == x for x in stations.longitude)
    assert all(float(f"{x:.1f}") == x for x in stations.elevation)
    assert stations.elevation.min() >= 1 and stations.elevation.max() <= 3500


def test_heights_are_correlated_in_space() -> None:
    """log(height) has deviation 0.8; a share .7 of its variance is smooth over 400 km.

    So the correlation is .7 exp(-(d / 400 km)² / 2): .69 below 100 km, none beyond 1500 km.
    """
    near, far = [], []
    for seed in range(20):
        stations = place_stations(400, np.random.default_rng(seed))
        here = stations.region == 0
        height = np.log(stations.elevation[here] / REGIONS[0].elevation) / 0.8
        points = unit_vectors(stations.latitude[here], stations.longitude[here])
        distance = 6371 * np.arccos(np.clip(points @ points.T, -1, 1))
        products = np.outer(height, height)
        near.append(products[(distance > 1) & (distance < 100)].mean())
        far.append(products[distance > 1500].mean())
    assert np.mean(near) == pytest.approx(0.69, abs=0.1)
    assert np.mean(far) == pytest.approx(0, abs=0.1)


def test_unit_vectors() -> None:
    """The north pole is +z, 0N 0E is +x and 0N 90E is +y."""
    vectors = unit_vectors(np.array([90.0, 0.0, 0.0]), np.array([17.0, 0.0, 90.0]))
    assert vectors == pytest.approx(np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0]]), abs=1e-15)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "A REGION OF LONG NAME"}, "has 21 characters; use at most 15"),
        ({"north": -80}, "give increasing degrees"),
        ({"wet_swing": 0.5}, "leave the range of a probability"),
    ],
)
def test_regions_are_checked(change: dict[str, object], message: str) -> None:
    with pytest.raises(DeepsphereError, match=message):
        replace(REGIONS[0], **change)
