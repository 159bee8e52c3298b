import pytest
import xarray as xr

from deepsphere.errors import DeepsphereError
from deepsphere.prediction.channels import find_channels, parse_choices


def test_what_the_user_says():
    assert parse_choices(["TMQ=tcwv", " U850 = u,level=850"]) == {
        "TMQ": "tcwv",
        "U850": "u,level=850",
    }


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["TMQ"], "a channel is given as NAME=VARIABLE, such as TMQ=tcwv; found 'TMQ'"),
        (["=tcwv"], "found '=tcwv'"),
        (["TMQ="], "found 'TMQ='"),
        (["TMQ=a", "TMQ=b"], "the channel TMQ is given twice"),
    ],
)
def test_what_means_nothing(texts, message):
    with pytest.raises(DeepsphereError, match=message):
        parse_choices(texts)


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ("u,level", "a level is given as DIMENSION=NUMBER, such as u,level=850; found 'u,level'"),
        ("u,level=high", "found 'u,level=high'"),
        ("u,height=850", "u has no dimension 'height'; it has level, lat, lon"),
        ("u,lat=850", "the dimension lat has no coordinate to find 850 on"),
        ("u,level=700", "the coordinate level of u has 700 0 times; it holds 500, 850"),
        ("u,lon=1", "the coordinate lon holds no numbers to find 1 among"),
    ],
)
def test_levels_that_are_not_there(make_trained, choice, message):
    fields = xr.Dataset(
        {"u": (("level", "lat", "lon"), [[[1.0, 2.0]], [[3.0, 4.0]]]), "T200": ("lat", [1.0])},
        {"level": [500.0, 850.0], "lon": ["west", "east"]},
    )
    trained = make_trained("healpix:2")
    found = find_channels(fields, trained, {"TMQ": "u,level=850"})
    assert found["TMQ"].values.tolist() == [[3.0, 4.0]]
    with pytest.raises(DeepsphereError, match=message):
        find_channels(fields, trained, {"TMQ": choice})
