import logging

import numpy as np
import pytest
import xarray as xr

from deepsphere.conversion.choosing import choose_fields, choose_method
from deepsphere.conversion.places import Finder
from deepsphere.errors import DeepsphereError
from deepsphere.regridding.grid import LatitudeLongitude, Points
from deepsphere.samplings.healpix import Healpix


def test_all_fields_are_found_and_the_rest_is_explained(make_dataset, caplog):
    dataset = make_dataset()
    dataset["lat_bnds"] = (("lat", "nv"), np.zeros((18, 2)))
    dataset["lat"].attrs["bounds"] = "lat_bnds"
    dataset["zonal"] = (("time", "lat"), np.zeros((3, 18)))
    dataset["code"] = (("lat", "lon"), np.full((18, 36), "a"))
    with caplog.at_level(logging.INFO):
        assert list(choose_fields(dataset, Finder(dataset), None)) == ["t"]
    assert "zonal has no longitude" in caplog.text
    assert "code holds text" in caplog.text
    assert "lat_bnds" not in caplog.text


def test_where_nothing_can_be_regridded_the_largest_variable_is_explained():
    dataset = xr.Dataset(
        {"weight": ("lat", np.zeros(3)), "chi": (("time", "lon"), np.zeros((2, 4)))},
        {"lat": [0.0, 1, 2], "lon": np.arange(4.0)},
    )
    message = r"no variable can be regridded: chi has no latitude; .* \(and 1 more\)"
    with pytest.raises(DeepsphereError, match=message):
        choose_fields(dataset, Finder(dataset), None)
    with pytest.raises(DeepsphereError, match="no variables but coordinates"):
        choose_fields(dataset[["lat"]], Finder(dataset[["lat"]]), None)


def test_an_empty_field_is_refused(make_dataset):
    dataset = make_dataset().isel(time=slice(0))
    with pytest.raises(DeepsphereError, match="t is empty"):
        choose_fields(dataset, Finder(dataset), ["t"])


def test_names_of_the_result_are_taken(make_dataset):
    dataset = make_dataset()
    dataset["cell_area"] = dataset["t"][0]
    for given, name in ((dataset, "cell_area"), (dataset.rename(time="cell"), "t")):
        with pytest.raises(DeepsphereError, match=r"the result has a cell.* of its own"):
            choose_fields(given, Finder(given), [name])
    assert list(choose_fields(dataset, Finder(dataset), None)) == ["t"]


def test_the_method_follows_from_the_sizes():
    grid = LatitudeLongitude(np.linspace(-87.5, 87.5, 36), np.arange(72) * 5.0)
    assert choose_method(grid, Healpix(4), "auto") == "conservative"
    assert choose_method(grid, Healpix(16), "auto") == "bilinear"
    assert choose_method(grid, Healpix(16), "nearest") == "nearest"
    assert choose_method(Points([0.0, 1], [0.0, 1]), Healpix(4), "auto") == "nearest"
