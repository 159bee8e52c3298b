"""The closed forms of the simulated climate."""

from dataclasses import replace

import numpy as np
import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.sources.ghcn.simulated_climate import (
    Climate,
    seasonal_temperature,
    summer,
    wet_day_probability,
)
from deepsphere.sources.ghcn.simulated_stations import REGIONS, Stations

DAYS = np.arange("2010-01-01", "2014-01-01", dtype="datetime64[D]")


def stations_at(latitude: list[float], elevation: list[float], region: list[str]) -> Stations:
    count = len(latitude)
    names = [box.name for box in REGIONS]
    return Stations(
        identifiers=np.array([f"ZZX{number:08d}" for number in range(count)]),
        names=np.array(["SIMULATED"] * count),
        latitude=np.array(latitude),
        longitude=np.zeros(count),
        elevation=np.array(elevation),
        elevation_known=np.ones(count, bool),
        region=np.array([names.index(name) for name in region]),
    )


def test_the_sun_is_highest_at_the_solstice() -> None:
    """21 June in the north, 21 December in the south, within a day; zero at the equator."""
    height = summer(np.array([45.0, -45.0, 0.0]), DAYS[:365])
    assert abs(int(height[0].argmax()) - 171) <= 2
    assert abs(int(height[1].argmax()) - 354) <= 2
    assert height[0].max() == pytest.approx(1, abs=1e-3)
    assert np.array_equal(height[0], -height[1])
    assert not height[2].any()


def test_height_costs_the_lapse_rate() -> None:
    stations = stations_at([45.0, 45.0], [0.0, 1000.0], ["EUROPE", "EUROPE"])
    low, high = seasonal_temperature(stations, DAYS, Climate())
    assert low - high == pytest.approx(np.full(len(DAYS), 6.5))


def test_continental_climate_has_the_larger_and_earlier_cycle() -> None:
    """Continentality .95 and .45 at 60 degrees: amplitudes (7 + 15 c) sin 60, lags 45 - 20 c."""
    stations = stations_at([60.0, 60.0], [0.0, 0.0], ["SIBERIA", "EUROPE"])
    siberia, europe = seasonal_temperature(stations, DAYS, Climate())
    sine = np.sin(np.radians(60))
    assert np.ptp(siberia) / 2 == pytest.approx((7 + 15 * 0.95) * sine, rel=1e-3)
    assert np.ptp(europe) / 2 == pytest.approx((7 + 15 * 0.45) * sine, rel=1e-3)
    assert siberia.mean() == pytest.approx(27 - 40 * 0.75, abs=0.05)
    delay = int(europe[:365].argmax()) - int(siberia[:365].argmax())
    assert delay == pytest.approx(20 * 0.5, abs=1)


def test_wet_days_have_their_season() -> None:
    stations = stations_at([18.0], [100.0], ["INDIA"])
    share = wet_day_probability(stations, DAYS[:365])[0]
    assert int(share.argmax()) == 205
    assert share.max() == pytest.approx(0.54, abs=1e-3)
    assert share.min() == pytest.approx(0.06, abs=1e-3)
    assert share.mean() == pytest.approx(0.30, abs=1e-3)


@pytest.mark.parametrize(
    "change", [{"wavelength": 0.0}, {"local_memory": 1.0}, {"wave_rain": 1.5}, {"rain_shape": -1.0}]
)
def test_constants_are_checked(change: dict[str, float]) -> None:
    with pytest.raises(DeepsphereError, match="simulated climate: found "):
        replace(Climate(), **change)
