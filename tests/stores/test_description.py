import numpy as np
import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.stores.description import describe, encodings


def test_cf_attributes_are_added(make_dataset):
    described = describe(make_dataset())
    assert described.attrs["Conventions"] == "CF-1.13"
    assert described.longitude.attrs == {"standard_name": "longitude", "units": "degrees_east"}
    assert described.latitude.attrs == {"standard_name": "latitude", "units": "degrees_north"}
    assert described.time.attrs == {"standard_name": "time"}


def test_attributes_that_are_there_stay(make_dataset):
    dataset = make_dataset()
    dataset.attrs["Conventions"] = "CF-1.12"
    dataset.longitude.attrs["long_name"] = "longitude of the station"
    described = describe(dataset)
    assert described.attrs["Conventions"] == "CF-1.12"
    assert described.longitude.attrs["long_name"] == "longitude of the station"
    assert described.data.attrs == {"long_name": "temperature"}
    assert described.elevation.attrs == {"units": "m"}


def test_the_dataset_given_is_left_as_it_was(make_dataset):
    dataset = make_dataset()
    describe(dataset)
    assert dataset.identical(make_dataset())


@pytest.mark.parametrize(
    ("step", "units"),
    [("D", "days"), ("h", "seconds"), ("s", "seconds"), ("ms", "nanoseconds")],
)
def test_times_are_whole_numbers_of_the_coarsest_unit(make_dataset, step, units):
    dataset = make_dataset()
    times = np.datetime64("2010-01-01", "ns") + np.arange(23) * np.timedelta64(1, step)
    encoding = encodings(describe(dataset.assign_coords(time=("sample", times))), 5)["time"]
    assert encoding["units"] == f"{units} since 1970-01-01"
    assert encoding["dtype"] == "int64"


def without_channels(dataset):
    del dataset.attrs["channels"]
    return dataset


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.drop_vars("data"), "no variable 'data'"),
        (lambda d: d.transpose("cell", "sample", "channel"), "must have the dimensions"),
        (lambda d: d.assign(data=d.data.astype("f8")), "must be float32 or float16; found float64"),
        (lambda d: d.isel(sample=[]), "nothing to store"),
        (lambda d: d.drop_vars("longitude"), "needs a coordinate 'longitude'"),
        (lambda d: d.rename(latitude="lat"), "needs a coordinate 'latitude'"),
        (
            lambda d: d.assign_coords(name=("cell", list("abcdefg"))),
            "'name' must hold numbers or times; found <U1",
        ),
        (
            lambda d: d.assign_coords(mask=(("sample", "cell"), np.zeros((23, 7)))),
            "'mask' must have one of the dimensions",
        ),
        (
            lambda d: d.assign_coords(time=("sample", np.full(23, "NaT", "M8[ns]"))),
            "'time' must hold a time for every sample",
        ),
        (lambda d: d.assign_attrs(mean=np.nan), "'mean' of the dataset is not plain JSON"),
        (lambda d: d.assign_attrs(path=object()), "'path' of the dataset is not plain JSON"),
        (lambda d: d.assign_attrs(channels=["tmin"]), "must hold 2 different names"),
        (lambda d: d.assign_attrs(channels=["tmin", "tmin"]), "must hold 2 different names"),
        (lambda d: d.assign_attrs(channels="ab"), "must list the names"),
        (without_channels, "must list the names of the channels; found None"),
    ],
)
def test_other_datasets_are_refused_in_one_line(make_dataset, change, message):
    with pytest.raises(DeepsphereError, match=message) as error:
        describe(change(make_dataset()))
    assert "\n" not in str(error.value)
