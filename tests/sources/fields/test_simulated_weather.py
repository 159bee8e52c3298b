"""What wind, ground and events do to temperature and water."""

from dataclasses import replace

import numpy as np

from deepsphere.sources.fields.simulated_earth import Ground
from deepsphere.sources.fields.simulated_flow import Flow
from deepsphere.sources.fields.simulated_weather import (
    Surroundings,
    Temperatures,
    Texture,
    temperatures,
    water,
)

# 60°S, 45°S, 45°N and 60°N, at 0°E and 180°E.
SHAPE = (4, 2)
ZERO = np.zeros(SHAPE)
SEA = Surroundings(
    latitude=np.array([[-60.0], [-45.0], [45.0], [60.0]]),
    longitude=np.array([0.0, 180.0]),
    ground=Ground(ZERO, ZERO),
    sea_anomaly=ZERO,
)
LAND = replace(SEA, ground=Ground(ZERO + 1, ZERO))
CALM = Texture(ZERO, ZERO, ZERO, ZERO)
NOTHING = {"middle": ZERO, "upper": ZERO, "moisture": ZERO, "rain": ZERO}


def heat(
    around: Surroundings = SEA, northward: float = 0.0, summer: float = 0.0, day: float = 0.0
) -> Temperatures:
    return temperatures(around, Flow(ZERO, ZERO + northward, ZERO), CALM, NOTHING, summer, day)


def test_wind_from_the_equator_brings_warm_and_moist_air() -> None:
    calm, southerly = heat(), heat(northward=10.0)
    for name in ("sea_level", "middle", "reference"):
        change = getattr(southerly, name) - getattr(calm, name)
        assert (change[2:] > 1).all()
        # The mirror image, where it brings air from the pole.
        assert (change[:2] < -1).all()
    saturated = np.full(SHAPE, 0.01)
    columns = [water(SEA, saturated, at.brought, CALM, NOTHING, 0.0)[0] for at in (calm, southerly)]
    assert (columns[1][2:] > columns[0][2:]).all()
    assert (columns[1][:2] < columns[0][:2]).all()


def test_land_has_summers_winters_days_and_nights() -> None:
    july, january = heat(LAND, summer=1.0), heat(LAND, summer=-1.0)
    swing = july.surface - january.surface
    assert (swing[2:] > 15).all()
    assert (swing[:2] < -15).all()
    over_sea = heat(SEA, summer=1.0).surface - heat(SEA, summer=-1.0).surface
    assert (np.abs(over_sea) < 0.6 * np.abs(swing)).all()
    # At 15 h of 0°E it is 3 h at 180°E.
    afternoon = heat(LAND, day=15 / 24).surface
    np.testing.assert_allclose(afternoon[:, 0] - afternoon[:, 1], 2 * (2.0 + 3.0))
    sea = heat(SEA, day=15 / 24).surface
    np.testing.assert_array_equal(sea[:, 0], sea[:, 1])


def test_mountains_are_colder_by_the_lapse_rate() -> None:
    high = replace(LAND, ground=Ground(ZERO + 1, ZERO + 2000))
    np.testing.assert_allclose(heat(LAND).reference - heat(high).reference, 13)
    np.testing.assert_array_equal(heat(high).sea_level, heat(LAND).sea_level)


def test_the_sea_does_not_get_colder_than_ice() -> None:
    cold = replace(SEA, sea_anomaly=ZERO - 50)
    np.testing.assert_array_equal(heat(cold).surface, 271.35)


def test_events_add_to_water_and_never_take_all_of_it() -> None:
    saturated = np.full(SHAPE, 0.01)
    column, humidity, rain = water(SEA, saturated, ZERO, CALM, NOTHING, 0.0)
    assert 5 < column.min() < column.max() < 30
    plume = {**NOTHING, "moisture": ZERO + 10, "rain": ZERO + 1e-6}
    moister, damper, rainier = water(SEA, saturated, ZERO, CALM, plume, 0.0)
    np.testing.assert_allclose(moister - column, 10, atol=0.5)
    assert (damper > humidity).all()
    assert (damper <= saturated).all()
    assert (rainier - rain >= 1e-6).all()
    drier = water(SEA, saturated, ZERO, CALM, {**NOTHING, "moisture": ZERO - 100}, 0.0)[0]
    np.testing.assert_allclose(drier, column / 2, rtol=0.01)
    most = water(SEA, saturated, ZERO, CALM, {**NOTHING, "moisture": ZERO + 1000}, 0.0)[0]
    assert most.max() <= 85
