import numpy as np
import pytest
import xarray as xr

from deepsphere.conversion.places import Finder
from deepsphere.errors import DeepsphereError
from deepsphere.regridding.grid import LatitudeLongitude, Points


def test_axes_make_a_grid_wherever_they_are(make_dataset):
    dataset = make_dataset().transpose("lon", "time", "lat")
    places = Finder(dataset).find("t")
    assert places.dimensions == ("lat", "lon")
    assert places.grid.shape == (18, 36)
    assert places.grid.wraps


def test_fields_share_their_places(make_dataset):
    dataset = make_dataset()
    finder = Finder(dataset.assign(u=dataset["t"]))
    assert finder.find("t") is finder.find("u")


def test_bounds_are_used_if_they_fit(make_dataset):
    dataset = make_dataset(rows=3, columns=4)
    edges = np.array([-90.0, -40, 40, 90])
    dataset["lat"].attrs["bounds"] = "lat_bnds"
    dataset["lat_bnds"] = (("lat", "nv"), np.column_stack([edges[:-1], edges[1:]]))
    np.testing.assert_array_equal(Finder(dataset).find("t").grid.row_edges, edges)
    for wrong in (np.zeros((3, 2)), np.zeros((3, 4))):
        dataset = dataset.drop_dims("nv")
        dataset["lat_bnds"] = (("lat", "nv"), wrong)
        np.testing.assert_allclose(Finder(dataset).find("t").grid.row_edges, [-90, -30, 30, 90])


def test_radians_and_their_bounds_become_degrees(make_dataset):
    dataset = make_dataset(rows=3, columns=4)
    edges = np.radians([-90.0, -40, 40, 90])
    bounds = np.column_stack([edges[:-1], edges[1:]])
    dataset["lat_bnds"] = (("lat", "nv"), bounds)
    attributes = {"standard_name": "latitude", "units": "radians", "bounds": "lat_bnds"}
    dataset["lat"] = ("lat", np.radians(dataset["lat"].values), attributes)
    grid = Finder(dataset).find("t").grid
    np.testing.assert_allclose(grid.latitude, [-60, 0, 60])
    np.testing.assert_allclose(grid.row_edges, [-90, -40, 40, 90])


def test_packed_axes_are_unpacked(make_dataset):
    dataset = make_dataset(rows=3, columns=4)
    attributes = dataset["lat"].attrs | {"scale_factor": 0.01}
    dataset["lat"] = ("lat", np.array([-6000, 0, 6000], np.int16), attributes)
    np.testing.assert_allclose(Finder(dataset).find("t").grid.latitude, [-60, 0, 60])


@pytest.mark.parametrize("transposed", [False, True])
def test_places_of_two_dimensions_that_are_a_grid_become_one(make_dataset, transposed):
    dataset = make_dataset()
    longitude, latitude = np.meshgrid(dataset["lon"].values, dataset["lat"].values)
    dataset = dataset.drop_vars(["lat", "lon"]).rename(lat="y", lon="x")
    dataset["lat2d"] = (("y", "x"), latitude, {"units": "degrees_north"})
    dataset["lon2d"] = (("x", "y"), longitude.T, {"units": "degrees_east"})
    if transposed:
        dataset = dataset.rename(y="x", x="y")
    places = Finder(dataset).find("t")
    assert isinstance(places.grid, LatitudeLongitude)
    assert places.dimensions == (("x", "y") if transposed else ("y", "x"))
    np.testing.assert_array_equal(places.grid.longitude, longitude[0])


def test_curvilinear_places_are_points_with_holes():
    latitude, longitude = np.meshgrid([0.0, 10, 20], [0.0, 10, 20], indexing="ij")
    latitude += 0.1 * longitude
    latitude[0, 0] = -999.0
    fill = {"_FillValue": -999.0}
    dataset = xr.Dataset(
        {
            "t": (("time", "y", "x"), np.zeros((1, 3, 3))),
            "nav_lat": (("time", "y", "x"), latitude[np.newaxis], fill),
            "nav_lon": (("time", "y", "x"), longitude[np.newaxis]),
        }
    )
    places = Finder(dataset).find("t")
    assert isinstance(places.grid, Points)
    assert places.dimensions == ("y", "x")
    assert np.isnan(places.grid.positions[:, 0]).sum() == 1


def test_unstructured_cells_are_points():
    dataset = xr.Dataset(
        {
            "S": (("depth", "ncells"), np.zeros((2, 4)), {"coordinates": "clon clat"}),
            "clat": ("ncells", [0.0, 0.5, 1.0, 1.5], {"units": "radian"}),
            "clon": ("ncells", [0.0, 1.0, 2.0, 3.0], {"units": "radian"}),
        }
    )
    places = Finder(dataset).find("S")
    assert places.dimensions == ("ncells",)
    np.testing.assert_allclose(places.grid.latitude, np.degrees([0, 0.5, 1, 1.5]))


def test_an_axis_that_is_none_says_which_field_and_why(make_dataset):
    dataset = make_dataset().assign_coords(lat=("lat", np.full(18, 10.0), {"units": "degrees_N"}))
    with pytest.raises(DeepsphereError, match=r"t, by lat and lon: grid: .* rise or fall"):
        Finder(dataset).find("t")


@pytest.mark.parametrize(("dimension", "what"), [("lat", "latitude"), ("lon", "longitude")])
def test_a_section_is_no_map(make_dataset, dimension, what):
    section = make_dataset().isel({dimension: [0]})
    name = str(next(iter(section.data_vars)))
    with pytest.raises(DeepsphereError, match=f"there is only one {what}: a section or a mean"):
        Finder(section).find(name)
