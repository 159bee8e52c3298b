import numpy as np
import pytest
import xarray as xr

from deepsphere.conversion.times import UNDECODED, decoded


def variable(values, **attributes):
    return xr.Variable("time", np.asarray(values), attributes)


def test_times_are_decoded():
    times = decoded(variable([0, 36], units="hours since 2000-01-01", long_name="time"))
    np.testing.assert_array_equal(times.values, np.array(["2000-01-01", "2000-01-02T12"], "M8[ns]"))
    assert times.attrs == {"long_name": "time"}


def test_calendars_of_models_are_decoded():
    times = decoded(variable([59], units="days since 2001-01-01", calendar="360_day"))
    assert str(times.values[0]) == "2001-02-30 00:00:00"


def test_bounds_have_the_units_of_their_times():
    times = decoded(variable([1.0]), "days since 2000-01-01", "standard")
    np.testing.assert_array_equal(times.values, np.array(["2000-01-02"], "M8[ns]"))


def test_dates_that_are_written_as_numbers_are_decoded():
    given = variable([19850131.25, 18491201.0], units="day as %Y%m%d.%f")
    times = decoded(given).values
    expected = np.array(["1985-01-31T06", "1849-12-01"], "M8[ns]")
    np.testing.assert_array_equal(times, expected)
    assert decoded(variable([19851399.0], units="day as %Y%m%d.%f")).values == [19851399]


@pytest.mark.parametrize(
    "units", ["months since 1958-1-1", "hour since 0000-01-01 00:00:00", "days since yesterday"]
)
def test_times_that_cannot_be_decoded_stay_numbers_that_anyone_can_open(units, tmp_path):
    times = decoded(variable([366.0, 400.5], units=units))
    np.testing.assert_array_equal(times.values, [366, 400.5])
    assert times.attrs[UNDECODED].startswith(units)
    xr.Dataset(coords={"time": times}).to_zarr(tmp_path / "a.zarr", consolidated=False)
    with xr.open_zarr(tmp_path / "a.zarr", consolidated=False) as opened:
        np.testing.assert_array_equal(opened["time"].values, [366, 400.5])


def test_other_numbers_are_unpacked():
    levels = decoded(variable([10, 20], units="Pa", scale_factor=100.0))
    np.testing.assert_array_equal(levels.values, [1000, 2000])
    assert levels.attrs == {"units": "Pa"}


def test_what_is_decoded_already_stays():
    times = xr.Variable("time", np.array(["2000-01-01"], "M8[ns]"), {"axis": "T"})
    xr.testing.assert_identical(decoded(times), times)
