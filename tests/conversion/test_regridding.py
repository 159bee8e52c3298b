import tracemalloc

import dask
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsphere.conversion.regridding import regrid
from deepsphere.errors import DeepsphereError
from deepsphere.regridding.build import build_weights
from deepsphere.regridding.grid import LatitudeLongitude
from deepsphere.regridding.winds import apply_to_winds
from deepsphere.samplings.coordinates import longitude_latitude
from deepsphere.samplings.healpix import Healpix
from deepsphere.samplings.icosahedral import Icosahedral
from deepsphere.samplings.masked import Masked

COARSE = Healpix(2)


def grid_of(dataset):
    return LatitudeLongitude(dataset["lat"].values, dataset["lon"].values)


def expected(dataset, sampling, method, name="t"):
    """The maps of a field whose last dimensions are latitude and longitude."""
    weights = build_weights(grid_of(dataset), sampling, method)
    values = dataset[name].values
    return weights.apply(values.reshape(*values.shape[:-2], -1), "renormalize")


@pytest.mark.parametrize("method", ["nearest", "bilinear", "conservative"])
def test_fields_are_those_that_the_weights_give(make_dataset, method):
    dataset = make_dataset()
    regridded = regrid(dataset, COARSE, method=method)
    assert regridded["t"].dims == ("time", "cell")
    assert regridded["t"].dtype == np.float32
    np.testing.assert_array_equal(regridded["t"].values, expected(dataset, COARSE, method))


def test_auto_is_conservative_on_coarse_pixels_and_bilinear_on_fine_ones(make_dataset):
    dataset = make_dataset()
    for sampling, method in ((COARSE, "conservative"), (Healpix(16), "bilinear")):
        regridded = regrid(dataset, sampling)["t"]
        np.testing.assert_array_equal(regridded.values, expected(dataset, sampling, method))
        assert regridded.attrs["regridding"].startswith(method)
        assert regridded.attrs.get("cell_methods", "") == (
            "area: mean" if method == "conservative" else ""
        )


def test_the_field_is_neither_mirrored_nor_shifted():
    """Its value is the latitude, or the longitude east of 10°E: linear, thus exact at pixels."""
    latitude, longitude = np.linspace(-89.5, 89.5, 180), np.arange(-179.5, 180)
    north, east = np.meshgrid(latitude, longitude, indexing="ij")
    dataset = xr.Dataset(
        {"north": (("lat", "lon"), north), "east": (("lat", "lon"), np.mod(east - 10, 360))},
        {"lat": latitude, "lon": longitude},
    )
    sampling = Healpix(8)
    regridded = regrid(dataset, sampling, method="bilinear")
    pixel_east, pixel_north = longitude_latitude(sampling.positions)
    turned = np.mod(pixel_east - 10, 360)
    away = (np.abs(turned - 180) < 179) & (np.abs(pixel_north) < 89)
    np.testing.assert_allclose(regridded["north"][away], pixel_north[away], atol=1e-4)
    np.testing.assert_allclose(regridded["east"][away], turned[away], atol=1e-4)


@settings(derandomize=True, deadline=None, max_examples=40)
@given(st.data())
def test_the_same_field_in_any_layout_is_the_same_on_the_sampling(make_dataset, data):
    """Rows either way, columns from anywhere either way, any order of dimensions, packed or not."""
    dataset = make_dataset(times=2, rows=12, columns=24)
    reference = regrid(dataset, COARSE, method="conservative")["t"].values
    if data.draw(st.booleans()):
        dataset = dataset.isel(lat=slice(None, None, -1))
    dataset = dataset.roll(lon=data.draw(st.integers(0, 23)), roll_coords=True)
    if data.draw(st.booleans()):
        dataset = dataset.isel(lon=slice(None, None, -1))
    start = data.draw(st.sampled_from([-180.0, 0.0, -360.0, 20.0]))
    attributes = dataset["lon"].attrs
    dataset["lon"] = ("lon", np.mod(dataset["lon"].values - start, 360) + start, attributes)
    names = data.draw(st.permutations(["time", "level", "lat", "lon"]))
    dataset["t"] = dataset["t"].expand_dims("level").transpose(*names)
    if data.draw(st.booleans()):
        packing = {"scale_factor": 0.001, "add_offset": 280.0, "_FillValue": -(2**31)}
        packed = np.round((dataset["t"].values.astype(np.float64) - 280) / 0.001)
        dataset["t"] = (dataset["t"].dims, packed.astype(np.int32), packing)
    if data.draw(st.booleans()):
        dataset = dataset.rename(lat="y", lon="x")
    if data.draw(st.booleans()):
        dataset = dataset.chunk({"time": 1})
    regridded = regrid(dataset, COARSE, method="conservative")["t"]
    assert regridded.dims == (*(name for name in names if name in ("time", "level")), "cell")
    values = regridded.transpose("time", "level", "cell").values[:, 0]
    np.testing.assert_allclose(values, reference, atol=1e-3)


def test_global_means_are_kept(make_dataset):
    dataset, sampling = make_dataset(), Icosahedral(1)
    regridded = regrid(dataset, sampling, method="conservative")
    means = regridded["t"].values.astype(np.float64) @ sampling.areas / (4 * np.pi)
    areas = grid_of(dataset).areas
    values = dataset["t"].values.reshape(3, -1).astype(np.float64)
    np.testing.assert_allclose(means, values @ areas / areas.sum(), rtol=1e-7)


def test_nothing_is_computed_before_it_is_asked_for(make_dataset):
    dataset = make_dataset(times=8)
    regridded = regrid(dataset, COARSE, block_bytes=2 * 8 * 18 * 36)
    assert dask.is_dask_collection(regridded["t"].data)
    assert regridded["t"].data.chunks == ((2, 2, 2, 2), (48,))
    assert dask.is_dask_collection(regrid(dataset.chunk(time=3), COARSE)["t"].data)


def test_memory_is_bounded_by_the_blocks(compressed):
    """Of a file of 26 MB, about one block of 1 MB and its copies are in memory at a time."""
    path = compressed("large.nc", 100, 180, 360)
    regridded = regrid(path, COARSE, block_bytes=1_000_000)
    regridded["t"][:1].compute(scheduler="synchronous")
    tracemalloc.start()
    try:
        regridded["t"].compute(scheduler="synchronous")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 6_000_000


def test_chunks_that_blocks_have_no_room_for_are_complained_of(compressed, caplog):
    path = compressed("long.nc", 40, 18, 36, chunks=(40, 6, 6))
    regridded = regrid(path, COARSE, block_bytes=4 * 8 * 18 * 36)["t"]
    assert "each is read 10 times" in caplog.text
    whole = regrid(path, COARSE)["t"].values
    assert caplog.text.count("times") == 1
    np.testing.assert_array_equal(regridded.values, whole)


def test_missing_values_are_passed_on_or_left_out(make_dataset):
    dataset = make_dataset(times=1)
    values = np.where(dataset["lon"] < 100, np.float32(-999), dataset["t"].values)
    dataset["t"] = (("time", "lat", "lon"), values, {"missing_value": np.float32(-999)})
    spread = regrid(dataset, COARSE, missing="propagate")["t"].values
    half = regrid(dataset, COARSE)["t"].values
    least = regrid(dataset, COARSE, smallest_share=1e-6)["t"].values
    counts = [int(np.isnan(values).sum()) for values in (spread, half, least)]
    assert counts[0] > counts[1] > counts[2] > 0
    assert np.nanmin(half) > 200


def test_winds_are_regridded_as_vectors(make_dataset):
    dataset = make_dataset()
    generator = np.random.default_rng(0)
    packed = generator.integers(-100, 100, (2, 3, 18, 36)).astype(np.int16)
    for name, values, scale in zip("uv", packed, (0.1, 0.2), strict=True):
        dataset[name] = (("time", "lat", "lon"), values, {"scale_factor": scale})
    dataset["v"] = dataset["v"].transpose("lat", "time", "lon")
    regridded = regrid(dataset, COARSE, winds=[("u", "v")])
    weights = build_weights(grid_of(dataset), COARSE, "conservative")
    flat = packed.reshape(2, 3, -1) * np.array([0.1, 0.2])[:, np.newaxis, np.newaxis]
    truth = apply_to_winds(weights, grid_of(dataset), COARSE, *flat, "renormalize")
    for name, values in zip("uv", truth, strict=True):
        np.testing.assert_allclose(regridded[name].values, values, atol=1e-5)
    assert list(regridded.data_vars) == ["t", "u", "v"]
    alone = regrid(dataset, COARSE)
    assert np.abs(alone["u"].values - regridded["u"].values).max() > 0.1


def test_labels_stay_labels(make_dataset):
    dataset = make_dataset()
    classes = (dataset["t"].values > 285).astype(np.int8)
    dataset["hard"] = (("time", "lat", "lon"), classes)
    dataset["flagged"] = (("time", "lat", "lon"), classes, {"flag_values": np.array([0, 1], "i1")})
    dataset["decoded"] = (("time", "lat", "lon"), np.where(classes, np.nan, 7.0))
    dataset["mask"] = (("time", "lat", "lon"), classes == 1)
    regridded = regrid(dataset, COARSE, labels=["hard", "decoded", "mask"])
    truth = expected(dataset, COARSE, "nearest", "hard")
    for name, dtype in (("hard", np.int8), ("flagged", np.int8), ("mask", np.uint8)):
        assert regridded[name].dtype == dtype
        np.testing.assert_array_equal(regridded[name].values, truth)
    assert regridded["flagged"].attrs["flag_values"] == [0, 1]
    np.testing.assert_array_equal(regridded["decoded"].values, np.where(truth, -1, 7))
    assert regridded["t"].dtype == np.float32


def test_labels_that_are_fields_are_found_out(make_dataset):
    with pytest.raises(DeepsphereError, match="labels must be whole numbers; found 2"):
        regrid(make_dataset(), COARSE, labels=["t"])["t"].compute()


def test_fractions_keep_the_area_of_each_class(make_dataset):
    dataset = make_dataset()
    classes = np.digitize(dataset["t"].values, [270, 290]).astype(np.int16)
    classes[0, 3, 5] = -1
    attributes = {"_FillValue": np.int16(-1), "flag_values": [0, 1, 2]}
    dataset["label"] = (("time", "lat", "lon"), classes, attributes)
    regridded = regrid(dataset, COARSE, fractions={"label": ()}, smallest_share=1e-6)
    shares = regridded["label_fraction"]
    assert shares.dims == ("time", "label_class", "cell")
    np.testing.assert_array_equal(regridded["label_class"], [0, 1, 2])
    np.testing.assert_allclose(shares.sum("label_class"), 1, atol=1e-6)
    areas = grid_of(dataset).areas
    truth = [(classes[1].ravel() == name) @ areas / (4 * np.pi) for name in range(3)]
    found = shares[1].values.astype(np.float64) @ COARSE.areas / (4 * np.pi)
    np.testing.assert_allclose(found, truth, rtol=1e-6)


def test_coordinates_and_attributes_that_still_hold_are_kept(make_dataset):
    dataset = make_dataset()
    dataset.attrs = {"title": "a", "history": "made", "Conventions": "CF-1.5"}
    dataset["t"].attrs |= {
        "coordinates": "height label",
        "grid_mapping": "wgs",
        "valid_range": [0, 1],
        "cell_methods": "time: mean",
    }
    dataset["height"] = ((), np.float32(2), {"units": "m"})
    dataset["label"] = ("time", ["a", "b", "c"])
    dataset["wgs"] = ((), 0, {"grid_mapping_name": "latitude_longitude"})
    dataset["time"].attrs["bounds"] = "time_bnds"
    dataset["time_bnds"] = (("time", "nv"), np.arange(6).reshape(3, 2))
    regridded = regrid(dataset, COARSE)
    assert list(regridded.data_vars) == ["t"]
    assert regridded["height"].values == 2
    assert list(regridded["label"].values) == ["a", "b", "c"]
    assert regridded["time"].values[1] == np.datetime64("2000-01-02")
    assert regridded["time_bnds"].values[2, 1] == np.datetime64("2000-01-06")
    assert regridded["t"].attrs["units"] == "K"
    assert regridded["t"].attrs["grid_mapping"] == "crs"
    assert regridded["t"].attrs["cell_methods"] == "time: mean area: mean"
    assert not {"coordinates", "valid_range"} & regridded["t"].attrs.keys()
    assert regridded.attrs["title"] == "a"
    assert regridded.attrs["Conventions"] == "CF-1.13"
    assert regridded.attrs["history"].startswith("made\ndeepsphere ")


def test_cells_say_where_they_are(make_dataset):
    part = Masked(Healpix(4), [3, 5, 100])
    regridded = regrid(make_dataset(), part)
    np.testing.assert_array_equal(regridded["cell_ids"], [3, 5, 100])
    longitude, latitude = longitude_latitude(part.positions)
    np.testing.assert_array_equal(regridded["longitude"], longitude)
    np.testing.assert_array_equal(regridded["latitude"], latitude)
    np.testing.assert_array_equal(regridded["cell_area"], part.areas)


def test_points_have_the_nearest_value():
    sampling = Healpix(4)
    longitude, latitude = longitude_latitude(sampling.positions)
    order = np.random.default_rng(0).permutation(len(sampling))
    coordinates = {
        "clat": ("ncells", np.radians(latitude[order]), {"units": "radian"}),
        "clon": ("ncells", np.radians(longitude[order]), {"units": "radian"}),
    }
    dataset = xr.Dataset({"S": (("depth", "ncells"), order[np.newaxis] + 0.0)}, coordinates)
    regridded = regrid(dataset, sampling)["S"]
    np.testing.assert_array_equal(regridded.values, np.arange(len(sampling))[np.newaxis])
    with pytest.raises(DeepsphereError, match="conservative needs rows of latitude"):
        regrid(dataset, sampling, method="conservative")


def test_arrays_and_paths_are_taken(make_dataset, tmp_path):
    dataset = make_dataset()
    truth = regrid(dataset, COARSE)["t"].values
    array = dataset["t"].rename(None)
    np.testing.assert_array_equal(regrid(array, "healpix:2")["data"].values, truth)
    dataset.to_netcdf(tmp_path / "a.nc", engine="scipy")
    np.testing.assert_array_equal(regrid(str(tmp_path / "a.nc"), "healpix:2")["t"].values, truth)
    with xr.open_dataset(tmp_path / "a.nc", engine="scipy") as opened:
        np.testing.assert_array_equal(regrid(opened, COARSE)["t"].values, truth)


def test_weights_are_kept_in_a_folder(make_dataset, tmp_path):
    regrid(make_dataset(rows=10), COARSE, weights_folder=tmp_path)
    assert [path.suffix for path in tmp_path.iterdir()] == [".npz"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"variables": ["q"]}, "no variable 'q'; found t, name, u, w"),
        ({"variables": ["name"]}, "name holds text, not numbers"),
        ({"variables": []}, "name a variable"),
        ({"variables": ["t"], "winds": [("u", "v")]}, "u is not among"),
        ({"labels": ["t"], "fractions": {"t": [1]}}, "t can be one component"),
        ({"winds": [("t", "u")]}, "t and u are not at the same places"),
        ({"winds": [("t", "w")]}, "t and w must have the same dimensions"),
        ({"fractions": {"t": ()}}, "no attribute 'flag_values'"),
        ({"method": "cubic"}, "method must be auto, nearest"),
        ({"missing": "zero"}, "missing must be propagate"),
        ({"smallest_share": 0}, "smallest share above 0"),
    ],
)
def test_options_that_make_no_sense_get_one_line(make_dataset, options, message):
    dataset = make_dataset()
    dataset["name"] = (("lat", "lon"), np.full((18, 36), "a"))
    coarse = dataset["t"][:, ::2].rename(lat="south").drop_vars("south")
    dataset["u"] = coarse.assign_coords(south=("south", np.arange(9.0), {"units": "degrees_north"}))
    dataset["w"] = dataset["t"][0].drop_vars("time")
    with pytest.raises(DeepsphereError, match=message):
        regrid(dataset, COARSE, **options)


def test_an_unknown_sampling_gets_one_line(make_dataset):
    with pytest.raises(DeepsphereError, match="no kind 'hexagons' of samplings"):
        regrid(make_dataset(), "hexagons:3")
    with pytest.raises(DeepsphereError, match="stations cannot be named by a text"):
        regrid(make_dataset(), "stations:3")
