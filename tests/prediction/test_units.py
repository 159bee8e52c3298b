import pytest

from deepsphere.prediction.units import same_unit


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("kg m-2", "kg/m2"),
        ("kg m-2", "kg m**-2"),
        ("kg m-2", "kg.m^-2"),
        ("m s-1", "m/s"),
        ("m s-1", "meters/second"),
        ("m s-1", "s-1 m"),
        ("kg kg-1", "1"),
        ("kg kg-1", "kg/kg"),
        ("Pa", "Pascals"),
        ("K", "degK"),
        ("K", " kelvin "),
        ("K", "deg K"),
        ("K", "degrees_kelvin"),
        ("K", "°K"),
        ("kg m-2", "kg m⁻²"),
        ("kg m-2", "kg/m²"),
        ("m s-1", "m·s⁻¹"),
        ("m", "gpm"),
        ("kg m-2 s-1", "kg/m2/s"),
        ("m s-1", "M/S"),
        ("degC", "Deg C"),
        ("degC", "degree celsius"),
        ("hPa", "millibars"),
        ("%", "%"),
        ("days since 2000-01-01", "days since  2000-01-01"),
    ],
)
def test_one_unit_in_two_notations(first, second):
    assert same_unit(first, second)
    assert same_unit(second, first)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Pa", "hPa"),
        ("K", "degC"),
        ("K", "degrees"),
        ("kg m-2", "kg m²"),
        ("m s-1", "mm/day"),
        ("kg m-2", "kg m2"),
        ("kg kg-1", "g kg-1"),
        ("m2 s-2", "m"),
        ("K", "1"),
        ("days since 2000-01-01", "days since 2001-01-01"),
    ],
)
def test_two_units(first, second):
    assert not same_unit(first, second)
