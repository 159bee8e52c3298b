"""Formulas of the atmosphere against their closed forms and known values."""

import numpy as np
import pytest

from deepsphere.sources.fields import simulated_air as air


def test_summer_is_in_july_in_the_north() -> None:
    assert air.summer_of(np.array([200.0])) == 1
    assert air.summer_of(np.array([17.5])) == pytest.approx(-1)
    latitude = np.array([60.0, -60.0])
    for temperature in (air.sea_level_temperature, air.middle_temperature, air.upper_temperature):
        north, south = temperature(latitude, 1.0)
        assert north > south
        # In the other half of the year it is the other way round.
        np.testing.assert_allclose(temperature(latitude, -1.0), [south, north])


def test_saturation_is_that_of_tables() -> None:
    # 23.4 hPa of vapour at 20 °C and 6.1 hPa at 0 °C.
    humidity = air.saturation_humidity(np.array([293.15, 273.15]), np.array([101325.0, 101325.0]))
    np.testing.assert_allclose(humidity, [0.01445, 0.00377], rtol=0.01)


def test_pressure_at_the_ground_is_hydrostatic() -> None:
    # dp/dz = -g p / (R T) with T = T0 - L z.
    height = np.linspace(0.0, 5000.0, 501)
    pressure = air.surface_pressure(np.full(501, 101325.0), np.full(501, 288.15), height)
    slope = np.gradient(pressure, height)
    temperature = 288.15 - 6.5e-3 * height
    expected = -9.80665 * pressure / (287.05 * temperature)
    np.testing.assert_allclose(slope[1:-1], expected[1:-1], rtol=1e-5)
    # The standard atmosphere at 5 km.
    assert pressure[-1] == pytest.approx(54020, rel=1e-3)


def test_heights_are_hypsometric() -> None:
    # Isothermal air: R T / g ln(p0 / p).
    expected = 287.05 * 250 / 9.80665 * np.log(5)
    found = air.height_of_200(np.zeros(1), *(np.full(1, 250.0),) * 3)
    np.testing.assert_allclose(found, expected)
    assert air.height_of_1000(np.array([1e5])) == 0
    # 8 m a hPa at sea level.
    assert air.height_of_1000(np.array([1.01e5])) == pytest.approx(85, abs=3)


def test_the_lowest_level_is_where_the_real_files_have_it() -> None:
    # ClimateNet: 66.3 m over tropical seas of 300 K with 18.7 g/kg.
    assert air.height_of_lowest_level(np.array([300.2]), np.array([0.0187])) == pytest.approx(
        66.3, abs=0.5
    )
