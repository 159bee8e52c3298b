import numpy as np
import pytest
import xarray as xr

from deepsphere.conversion.coordinates import find_coordinates, is_coordinate, mentioned
from deepsphere.errors import DeepsphereError

ROTATED = {"grid_mapping_name": "rotated_latitude_longitude"}


def axis(name, **attributes):
    return xr.Variable(name, np.arange(3.0), attributes)


@pytest.mark.parametrize(
    ("name", "attributes", "kind"),
    [
        ("a", {"standard_name": "latitude"}, "latitude"),
        ("a", {"units": "degrees_north"}, "latitude"),
        ("a", {"units": "degree_N"}, "latitude"),
        ("a", {"units": "degrees north"}, "latitude"),
        ("a", {"units": "Deg E"}, "longitude"),
        ("a", {"units": "°E"}, "longitude"),
        ("lat", {"units": "°"}, "latitude"),
        ("lat", {"units": "° C"}, None),
        ("COADSY", {"units": "degrees_north"}, "latitude"),
        ("a", {"units": "degreesE"}, "longitude"),
        ("a", {"axis": "Y", "units": "degrees"}, "latitude"),
        ("a", {"axis": "X", "units": "radian"}, "longitude"),
        ("lat", {}, "latitude"),
        ("Longitude", {}, "longitude"),
        ("nav_lat", {"units": "degrees"}, "latitude"),
        ("TLONG", {}, "longitude"),
        ("latCell", {"units": "rad"}, "latitude"),
        ("a", {"long_name": "Latitude of cells"}, "latitude"),
        ("lat", {"standard_name": "grid_latitude", "units": "degrees"}, None),
        ("y", {"standard_name": "projection_y_coordinate", "units": "m", "axis": "Y"}, None),
        ("lat", {"units": "m"}, None),
        ("y", {"axis": "Y"}, None),
        ("latent_heat", {}, None),
        ("level", {"units": "hPa", "axis": "Z"}, None),
    ],
)
def test_what_makes_a_latitude_or_a_longitude(name, attributes, kind):
    dataset = xr.Dataset({name: ("n", np.arange(3.0), attributes)})
    for asked in ("latitude", "longitude"):
        assert is_coordinate(dataset, name, asked) == (asked == kind)


def test_text_is_no_coordinate():
    dataset = xr.Dataset({"lat": ("n", np.array(["a", "b"]))})
    assert not is_coordinate(dataset, "lat", "latitude")


def test_coordinates_that_are_named_come_before_the_axes():
    """Tripolar ocean models: axes are nominal, the true places are of two dimensions."""
    dataset = xr.Dataset(
        {
            "sst": (("yh", "xh"), np.zeros((3, 3)), {"coordinates": "geolat geolon"}),
            "geolat": (("yh", "xh"), np.zeros((3, 3)), {"units": "degrees_north"}),
            "geolon": (("yh", "xh"), np.zeros((3, 3)), {"units": "degrees_east"}),
        },
        {"yh": axis("yh", units="degrees_north"), "xh": axis("xh", units="degrees_east")},
    )
    assert find_coordinates(dataset, "sst") == ("geolat", "geolon")
    del dataset["sst"].attrs["coordinates"]
    assert find_coordinates(dataset, "sst") == ("yh", "xh")
    dataset["sst"].encoding["coordinates"] = "geolon geolat"
    assert find_coordinates(dataset, "sst") == ("geolat", "geolon")


def test_names_that_mislead_are_passed_over():
    dataset = xr.Dataset(
        {"u": (("time", "lat", "lon"), np.zeros((2, 3, 3)), {"coordinates": "height gone"})},
        {"lat": axis("lat"), "lon": axis("lon"), "height": 2.0},
    )
    assert find_coordinates(dataset, "u") == ("lat", "lon")


def test_axes_of_a_rotated_grid_are_refused_unless_places_are_there():
    dataset = xr.Dataset(
        {
            "t": (("lat", "lon"), np.zeros((3, 3)), {"grid_mapping": "pole"}),
            "pole": ((), 0, ROTATED),
        },
        {"lat": axis("lat", units="degrees"), "lon": axis("lon", units="degrees")},
    )
    with pytest.raises(DeepsphereError, match=r"rotated or projected .rotated_latitude_longitude"):
        find_coordinates(dataset, "t")
    dataset["nav_lat"] = (("lat", "lon"), np.zeros((3, 3)))
    dataset["nav_lon"] = (("lat", "lon"), np.zeros((3, 3)))
    assert find_coordinates(dataset, "t") == ("nav_lat", "nav_lon")


def test_a_projected_grid_says_what_it_lacks():
    dataset = xr.Dataset({"t": (("y", "x"), np.zeros((3, 3)))}, {"y": axis("y"), "x": axis("x")})
    with pytest.raises(DeepsphereError, match=r"no latitude and no longitude; .* y.3., x.3."):
        find_coordinates(dataset, "t")


def test_several_places_are_not_chosen_from():
    variables = {
        name: (("y", "x"), np.zeros((3, 3))) for name in ("TLAT", "TLONG", "ULAT", "ULONG", "t")
    }
    dataset = xr.Dataset(variables)
    with pytest.raises(DeepsphereError, match=r"several .* TLAT, ULAT, TLONG, ULONG"):
        find_coordinates(dataset, "t")
    dataset["t"].attrs["coordinates"] = "ULONG ULAT"
    assert find_coordinates(dataset, "t") == ("ULAT", "ULONG")


def test_tracks_are_no_fields():
    dataset = xr.Dataset(
        {"lat": ("n", np.zeros(3)), "lon": ("n", np.zeros(3)), "wind": ("n", np.zeros(3))},
        attrs={"featureType": "trajectory"},
    )
    with pytest.raises(DeepsphereError, match="along tracks"):
        find_coordinates(dataset, "wind")


def test_companions_are_those_that_others_name():
    dataset = xr.Dataset(
        {"t": ("lat", np.zeros(3), {"coordinates": "height area", "grid_mapping": "crs: lat"})},
        {"lat": axis("lat", bounds="lat_bnds")},
    )
    assert mentioned(dataset) == {"height", "area", "crs", "lat", "lat_bnds"}
