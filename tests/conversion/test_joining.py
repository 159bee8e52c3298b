import numpy as np
import pytest
import xarray as xr

from deepsphere.conversion.joining import join
from deepsphere.conversion.regridding import regrid
from deepsphere.errors import DeepsphereError


@pytest.fixture
def parts(make_dataset):
    """Three data sets of two days each, in units of their own, on healpix:1."""
    regridded = []
    for number in range(3):
        dataset = make_dataset(times=2)
        dataset["t"] += 10 * number
        dataset["time"].attrs["units"] = f"days since 2000-01-0{1 + 2 * number}"
        regridded.append(regrid(dataset, "healpix:1"))
    return regridded


def test_parts_are_joined_in_the_order_of_their_times(parts):
    joined = join([parts[2], parts[0], parts[1]], "cab")
    assert joined["t"].dims == ("time", "cell")
    times = np.arange("2000-01-01", "2000-01-07", dtype="M8[D]")
    np.testing.assert_array_equal(joined["time"].values, times)
    values = np.concatenate([part["t"].values for part in parts])
    np.testing.assert_array_equal(joined["t"].values, values)
    assert joined["cell_area"].dims == ("cell",)
    assert joined.attrs == parts[2].attrs


def test_one_part_stays_as_it_is(parts):
    assert join(parts[:1], "a") is parts[0]


def test_single_times_become_a_dimension(parts):
    moments = [part.isel(time=0) for part in parts]
    joined = join(moments, "abc")
    assert joined["t"].dims == ("time", "cell")
    assert joined["t"].shape == (3, 12)
    np.testing.assert_array_equal(joined["t"].values[1], parts[1]["t"].values[0])


def test_what_does_not_move_stays_without_time(parts):
    with_mask = [part.assign(mask=part["t"][0].drop_vars("time")) for part in parts]
    joined = join(with_mask, "abc")
    assert joined["mask"].dims == ("cell",)
    assert joined["t"].sizes["time"] == 6


def test_parts_that_do_not_fit_get_one_line(parts):
    first, second, _ = parts
    for others, message in (
        ([first, first], "times must rise .* in b"),
        ([first, second.rename(t="u")], "b has the variables u; those of a are t"),
        ([first, second.rename(time="month")], "b has the time month"),
        ([first.drop_vars("time"), second], "a has no time along which"),
    ):
        with pytest.raises(DeepsphereError, match=message):
            join(others, "ab")


def test_levels_must_be_the_same(parts):
    levels = [part.expand_dims(level=[level]) for part, level in zip(parts, (1, 2, 1), strict=True)]
    with pytest.raises(DeepsphereError, match="differ in more than time"):
        join(levels, "abc")


def test_times_that_are_numbers_need_one_unit(parts):
    numbered = []
    for number, part in enumerate(parts[:2]):
        time = xr.Variable("time", [2 * number, 2 * number + 1], {"undecoded_units": "months"})
        numbered.append(part.assign_coords(time=time))
    np.testing.assert_array_equal(join(numbered, "ab")["time"], [0, 1, 2, 3])
    numbered[1]["time"].attrs["undecoded_units"] = "years"
    with pytest.raises(DeepsphereError, match="b has the time time in years; that of a"):
        join(numbered, "ab")
