"""What a model sees of a file is what lies where its pixels are on Earth."""

import numpy as np
import pytest
import xarray as xr

from deepsphere.errors import DeepsphereError
from deepsphere.prediction.channels import find_channels
from deepsphere.prediction.layout import lay_out
from deepsphere.prediction.pixels import pixels_of
from deepsphere.prediction.states import regridded_states
from deepsphere.regridding.build import build_weights
from deepsphere.regridding.grid import LatitudeLongitude
from deepsphere.regridding.winds import tangents
from deepsphere.samplings.coordinates import unit_vectors


@pytest.mark.parametrize("turn", [0.0, 40.0, 180.0])
def test_pixels_may_be_turned_on_earth(make_trained, make_fields, turn):
    """Water is 25 + 15 z + 6 x y + 2 t at the place (x, y, z)."""
    trained, fields = make_trained(turn=turn), make_fields(2, 90, 180)
    layout = lay_out(fields, find_channels(fields, trained, {}))
    states, complete = regridded_states(layout, trained, pixels_of(trained), 10**6)
    assert states.shape == (2, 3072, 2)
    assert complete.all()
    x, y, z = unit_vectors(trained.longitude, trained.latitude).T
    expected = 25 + 15 * z + 6 * x * y + 2
    np.testing.assert_allclose(states[1, :, 0].compute(), expected, atol=0.05)


def states_of(fields, trained, chosen=None):
    layout = lay_out(fields, find_channels(fields, trained, chosen or {}))
    return regridded_states(layout, trained, pixels_of(trained), 10**6)[0].compute()


@pytest.mark.parametrize(
    ("trained_by", "used"),
    [
        (None, "conservative"),
        ("conservative", "conservative"),
        ("bilinear", "bilinear"),
        ("nearest", "nearest"),
    ],
)
def test_fields_are_regridded_as_in_training(make_trained, make_fields, trained_by, used):
    trained, fields = make_trained("healpix:4", method=trained_by), make_fields(1, 90, 180)
    grid = LatitudeLongitude(fields["lat"].values, fields["lon"].values)
    expected = build_weights(grid, pixels_of(trained), used).apply(fields["TMQ"].values.ravel())
    np.testing.assert_array_equal(states_of(fields, trained)[0, :, 0], expected)


def test_means_over_pixels_are_not_of_larger_cells(make_trained, make_fields):
    trained, fields = make_trained("healpix:16", method="conservative"), make_fields(1)
    grid = LatitudeLongitude(fields["lat"].values, fields["lon"].values)
    values = fields["TMQ"].values.ravel()
    expected = build_weights(grid, pixels_of(trained), "bilinear").apply(values)
    np.testing.assert_array_equal(states_of(fields, trained)[0, :, 0], expected)


@pytest.mark.parametrize("method", ["conservative", "bilinear"])
def test_of_points_only_the_nearest_is_known(make_trained, make_fields, method):
    fields = make_fields(1, 45, 90).stack(place=("lat", "lon")).reset_index("place")
    trained = make_trained("healpix:4", method=method)
    found = states_of(fields, trained)[0, :, 0]
    known = found[~np.isnan(found)]
    # The points end a step of a row before the poles.
    assert len(known) > 0.95 * len(found)
    assert set(known) <= set(fields["TMQ"].values[0])


@pytest.fixture
def winds(make_fields):
    """The winds of a solid rotation about the axis through 0 degrees east on the equator."""
    fields = make_fields(1, 45, 90)
    longitude, latitude = np.meshgrid(fields["lon"], fields["lat"])
    east, north = tangents(longitude, latitude)
    wind = np.cross([1.0, 0, 0], unit_vectors(longitude, latitude))
    components = {"TMQ": (wind * east).sum(axis=-1), "T200": (wind * north).sum(axis=-1)}
    for name, values in components.items():
        fields[name] = (("lat", "lon"), values.astype(np.float32))
    return fields


@pytest.mark.parametrize("turn", [0.0, 40.0])
def test_winds_are_vectors_where_they_were_in_training(make_trained, winds, turn):
    """Components on their own point nowhere next to the poles."""
    errors = []
    for pairs in ((), (("TMQ", "T200"),)):
        trained = make_trained("icosahedral:3", winds=pairs, method="bilinear", turn=turn)
        east, north = tangents(trained.longitude, trained.latitude)
        wind = np.cross([1.0, 0, 0], unit_vectors(trained.longitude, trained.latitude))
        expected = np.stack([(wind * east).sum(axis=-1), (wind * north).sum(axis=-1)], axis=-1)
        errors.append(np.abs(states_of(winds, trained) - expected).max())
    assert errors[0] > 0.3
    assert errors[1] < 0.003


def test_components_of_a_wind_at_different_places_are_refused(make_trained, winds):
    shifted = winds["T200"].rename(lat="lat_v", lon="lon_v")
    staggered = xr.Dataset({"TMQ": winds["TMQ"], "T200": shifted})
    trained = make_trained("healpix:8", winds=(("TMQ", "T200"),))
    with pytest.raises(DeepsphereError, match="takes TMQ and T200 for one wind; they are not at"):
        states_of(staggered, trained)
