"""Probabilities on the user's own grid are those of the fields that lie there."""

import dask
import numpy as np
import pytest
import xarray as xr

from deepsphere.errors import DeepsphereError
from deepsphere.prediction.fields import predict_fields

NAMES = [f"probability_{name}" for name in ("background", "tropical_cyclone", "atmospheric_river")]

# Of fields of degree 2, means over cells of 10 degrees and over pixels of 4 differ by so much from
# values at centres; a row or column further, probabilities differ by 0.1.
TOLERANCE = 0.012


def stacked(found):
    return np.stack([found[name].values for name in NAMES])


def channels_of(fields):
    return np.stack([fields[name].values for name in ("TMQ", "T200")]).astype(np.float64)


@pytest.fixture(scope="module")
def trained(make_trained):
    return make_trained()


@pytest.fixture(scope="module")
def fields(make_fields):
    return make_fields()


@pytest.fixture(scope="module")
def answer(trained, fields):
    return predict_fields(trained, fields).compute()


def test_they_are_those_of_the_model_in_closed_form(answer, fields, expected):
    values, truth = stacked(answer), expected(channels_of(fields))
    assert values.dtype == np.float32
    assert np.abs(values - truth).max() < TOLERANCE
    np.testing.assert_allclose(values.sum(axis=0), 1, atol=1e-6)
    moved = expected(np.roll(channels_of(fields), 1, axis=-1))
    assert np.abs(values - moved).max() > 5 * TOLERANCE
    chosen = answer["most_likely_class"]
    assert chosen.dtype == np.int8
    np.testing.assert_array_equal(chosen.values, values.argmax(axis=0))
    assert set(np.unique(chosen)) == {0, 1, 2}


def test_poles_and_date_line_have_no_seams(answer, fields, expected):
    """Errors there are no larger than elsewhere, where the same fields are as smooth."""
    errors = np.abs(stacked(answer) - expected(channels_of(fields)))
    assert errors[..., [0, -1]].max() < 1.2 * errors[..., 5:-5].max()
    assert errors[:, :, [0, -1]].max() < TOLERANCE


def test_uniform_fields_have_uniform_answers(trained, fields, expected):
    """All weights of a cell sum to 1, so nothing but rounding is left."""
    uniform = fields.assign(
        TMQ=xr.full_like(fields["TMQ"], 31.0), T200=xr.full_like(fields["T200"], 220.0)
    )
    found = stacked(predict_fields(trained, uniform))
    truth = expected(np.array([31.0, 220.0]))
    np.testing.assert_allclose(
        found, np.broadcast_to(truth[:, None, None, None], found.shape), atol=1e-6
    )


def descending(fields):
    return fields.isel(lat=slice(None, None, -1))


def around_greenwich(fields):
    return fields.assign_coords(
        lon=("lon", (fields["lon"].values + 180) % 360 - 180, fields["lon"].attrs)
    ).sortby("lon")


def last_axis_first(fields):
    return fields.transpose("lon", "lat", "time")


def repeated_column(fields):
    again = fields.isel(lon=[0]).assign_coords(lon=("lon", [360.0], fields["lon"].attrs))
    return xr.concat([fields, again], "lon")


def decoded(fields):
    return xr.decode_cf(fields)


def in_blocks(fields):
    return fields.chunk({"time": 1, "lat": 5})


LAYOUTS = (descending, around_greenwich, last_axis_first, repeated_column, decoded, in_blocks)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_layout_of_the_fields_makes_no_difference(trained, fields, answer, layout):
    given = layout(fields)
    found = predict_fields(trained, given)
    assert found[NAMES[0]].dims == found["most_likely_class"].dims == given["TMQ"].dims
    for name in ("time", "lat", "lon"):
        xr.testing.assert_identical(found[name].variable, given[name].variable)
    same = found.assign_coords(lon=found["lon"] % 360, time=fields["time"])
    aligned = answer.sel(lat=same["lat"].values, lon=same["lon"].values)
    for name in (*NAMES, "most_likely_class"):
        np.testing.assert_allclose(
            same[name].transpose("time", "lat", "lon").values, aligned[name].values, atol=1e-5
        )


def test_packed_numbers(trained, fields, answer):
    scale, offset = 0.01, 100.0
    packed = fields.copy()
    for name in ("TMQ", "T200"):
        values = np.round((fields[name].values - offset) / scale).astype(np.int16)
        attributes = {"scale_factor": scale, "add_offset": offset, "_FillValue": np.int16(-32768)}
        packed[name] = (fields[name].dims, values, attributes | fields[name].attrs)
    np.testing.assert_allclose(stacked(predict_fields(trained, packed)), stacked(answer), atol=1e-3)


def test_a_single_state_without_time(trained, fields, answer):
    found = predict_fields(trained, fields.isel(time=1, drop=True))
    assert found[NAMES[0]].dims == ("lat", "lon")
    np.testing.assert_array_equal(stacked(found), stacked(answer)[:, 1])


def test_members_of_an_ensemble_are_states_of_their_own(trained, fields, answer):
    """The second member is the first one a state earlier; T200 lies on a level of its own."""
    turned = fields.isel(time=[1, 0]).assign_coords(time=fields["time"])
    both = xr.concat([fields, turned], "member").transpose("time", "member", "lat", "lon")
    both["T200"] = both["T200"].expand_dims(level=[200.0], axis=2)
    found = predict_fields(trained, both)
    assert found[NAMES[0]].dims == ("time", "member", "lat", "lon")
    values, truth = stacked(found), stacked(answer)
    np.testing.assert_array_equal(values[:, :, 0], truth)
    np.testing.assert_array_equal(values[:, :, 1], truth[:, ::-1])


def test_what_is_constant_in_time_is_so_at_all_times(trained, fields):
    constant = fields.assign(TMQ=fields["TMQ"].isel(time=0, drop=True))
    found = predict_fields(trained, constant)
    repeated = fields.assign(TMQ=fields["TMQ"].isel(time=[0, 0]).drop_vars("time"))
    np.testing.assert_array_equal(stacked(found), stacked(predict_fields(trained, repeated)))


def test_names_and_levels_are_those_that_the_user_gives(trained, fields, answer):
    other = fields["T200"] + 40
    levels = xr.concat([other, fields["T200"]], xr.Variable("lev", [500.0, 200.0]))
    renamed = xr.Dataset({"tcwv": fields["TMQ"], "t": levels.assign_attrs(units="K")})
    chosen = {"TMQ": "tcwv", "T200": "t, lev=200"}
    found = predict_fields(trained, renamed, chosen)
    np.testing.assert_array_equal(stacked(found), stacked(answer))
    wrong = predict_fields(trained, renamed, chosen | {"T200": "t,lev=500"})
    assert np.abs(stacked(wrong) - stacked(answer)).max() > 0.1


def test_places_without_rows_and_columns(trained, fields, answer):
    """On points, and on a curvilinear grid of two dimensions: the nearest pixel, both ways."""
    latitude = np.repeat(fields["lat"].values[:, None], 36, axis=1)
    longitude = fields["lon"].values + 0.01 * latitude
    curved = fields.drop_vars(["lat", "lon"]).rename(lat="y", lon="x")
    curved = curved.assign_coords(
        lat=(("y", "x"), latitude, fields["lat"].attrs),
        lon=(("y", "x"), longitude, fields["lon"].attrs),
    )
    found = predict_fields(trained, curved)
    assert found[NAMES[0]].dims == ("time", "y", "x")
    assert {"lat", "lon"} <= set(found.coords)
    # A pixel's value is that of the nearest point, up to 7 degrees away.
    assert np.abs(stacked(found) - stacked(answer)).mean() < 0.02
    points = curved.stack(ncells=("y", "x")).drop_vars(["ncells", "y", "x"])
    found_there = predict_fields(trained, points)
    assert found_there[NAMES[0]].dims == ("time", "ncells")
    np.testing.assert_array_equal(
        stacked(found_there).reshape(stacked(found).shape), stacked(found)
    )


def test_what_is_missing(trained, fields, answer, expected):
    """Nothing is said of where nothing is known; where a channel is, the other is its mean."""
    gaps = fields.copy(deep=True)
    gaps["TMQ"][:, 4:14, 6:30] = np.nan
    found = stacked(predict_fields(trained, gaps))
    mean = channels_of(fields)
    mean[0] = 25.0
    inside = (slice(None), slice(None), slice(6, 12), slice(9, 27))
    assert np.abs(found - expected(mean))[inside].max() < TOLERANCE
    np.testing.assert_allclose(found[..., :2, :], stacked(answer)[..., :2, :], atol=1e-5)
    gaps["T200"][:, 4:14, 6:30] = np.nan
    found = predict_fields(trained, gaps)
    assert np.isnan(stacked(found)[inside]).all()
    assert (found["most_likely_class"].values[inside[1:]] == -1).all()
    np.testing.assert_allclose(stacked(found)[..., :2, :], stacked(answer)[..., :2, :], atol=1e-5)


def test_a_region(trained, fields, answer):
    region = fields.isel(lat=slice(9, 16), lon=slice(3, 20))
    found = stacked(predict_fields(trained, region))
    assert found.shape == (3, 2, 7, 17)
    assert not np.isnan(found).any()
    np.testing.assert_allclose(found[..., 1:-1, 1:-1], stacked(answer)[..., 10:15, 4:19], atol=1e-5)


def test_pixels_that_are_turned_on_earth(make_trained, fields, answer):
    """As the meshes of one archive: their values lie half a turn, or any, further east."""
    turned = make_trained(turn=40.0)
    moved = np.roll(channels_of(fields), 4, axis=-1)
    given = fields.copy()
    for name, values in zip(("TMQ", "T200"), moved, strict=True):
        given[name] = (fields[name].dims, values.astype(np.float32), fields[name].attrs)
    found = stacked(predict_fields(turned, given))
    np.testing.assert_allclose(found, np.roll(stacked(answer), 4, axis=-1), atol=1e-5)
    assert turned.longitude[0] == pytest.approx((make_trained().longitude[0] + 40) % 360)


def test_windows_end_with_the_state_that_is_asked_about(
    make_trained, make_fields, expected, caplog
):
    """Times in any order, of which one is missing: 0, 3, 6, 12, 15, 18 hours."""
    caplog.set_level("INFO")
    recurrent, fields = make_trained(times=3), make_fields(times=7)
    given = fields.isel(time=[2, 0, 1, 4, 5, 6])
    found = stacked(predict_fields(recurrent, given))
    assert np.isnan(found[:, 1:5]).all()
    assert (
        "4 of 6 times are left without an answer: the run sees 3 consecutive states, 3 h"
        in caplog.text
    )
    values = channels_of(fields)
    for place, state in ((0, 2), (5, 6)):
        truth = expected(values[:, state - 2], values[:, state - 1], values[:, state])
        assert np.abs(found[:, place] - truth).max() < 1.5 * TOLERANCE
    with pytest.raises(DeepsphereError, match="sees 3 consecutive states, 3 hours apart; none of"):
        predict_fields(recurrent, fields.isel(time=[0, 2, 4]))
    with pytest.raises(DeepsphereError, match="sees 3 consecutive states; the file has no dimen"):
        predict_fields(recurrent, fields.isel(time=0, drop=True))


def test_one_answer_a_state(make_trained, fields, answer):
    """The mean over equal areas of logits that are linear is that of the mean fields."""
    classifier = make_trained(kind="classification")
    found = predict_fields(classifier, fields)
    assert found[NAMES[0]].dims == ("time",)
    assert list(found.coords) == ["time"]
    np.testing.assert_allclose(stacked(found).sum(axis=0), 1, atol=1e-6)
    means = np.array([[25.0, 27.0], [216.0, 215.0]])
    logits = (means - [[25.0], [216.0]]) / [[10.0], [8.0]]
    powers = np.exp(np.array([[0.0, 0.5], [1.0, 0.0], [-0.5, 1.0]]) @ logits)
    np.testing.assert_allclose(stacked(found), powers / powers.sum(axis=0), atol=0.01)


def test_nothing_is_computed_before_it_is_asked_for(make_trained, make_fields):
    """Then every state goes through the model once, in blocks that are as small as was said."""
    trained, fields = make_trained(), make_fields(times=7)
    with dask.config.set(scheduler=lambda *_, **__: pytest.fail("computed")):
        found = predict_fields(trained, fields, block_bytes=2 * 8 * 2 * 3072)
    assert trained.model.calls == []
    found.compute()
    assert sorted(trained.model.calls) == [1, 2, 2, 2]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"classes": None, "settings": {"task": {"kind": "forecast"}}},
            "task of the run is of the kind forecast; this takes runs of segmentation and classif",
        ),
        (
            {"classes": None, "settings": {"task": {"kind": "parameters"}}},
            "task of the run is of the kind parameters; .* used from Python, by deepsphere.load",
        ),
        ({"settings": {"task": {"kind": "classification", "parts": 12}}}, "part by part"),
        ({"turn": None}, "cannot be regridded to the 192 pixels of the run .healpix:4."),
        ({"sampling": "healpix:2"}, "192 pixels of the run .healpix:2., which are no whole sam"),
        ({"sampling": "stations"}, "192 pixels of the run .stations., which are no whole samplin"),
        ({"channel_units": ("mm", "K")}, "TMQ is in 'kg/m2', but the run was trained on TMQ in 'm"),
        ({"channels": ("TMQ", "Z9")}, "the file lacks Z9; it has TMQ, T200; .* --channel Z9=VARI"),
    ],
)
def test_runs_and_files_that_do_not_fit(make_trained, fields, change, message):
    changed = {name: value for name, value in change.items() if name != "sampling"}
    trained = make_trained("healpix:4", **changed)
    if "sampling" in change:
        object.__setattr__(trained, "sampling", change["sampling"])
    with pytest.raises(DeepsphereError, match=message):
        predict_fields(trained, fields)
