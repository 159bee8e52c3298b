import json
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.polynomial.legendre import leggauss

from deepsphere.errors import DeepsphereError
from deepsphere.regridding.grid import LatitudeLongitude, Points

modest = settings(derandomize=True, deadline=None, max_examples=50)
POLES = np.linspace(-90, 90, 7)
CENTRES = np.arange(-75.0, 90, 30)
GAUSS = np.degrees(np.arcsin(leggauss(32)[0]))
TURN = np.arange(12) * 30.0


@pytest.mark.parametrize("latitude", [POLES, CENTRES, GAUSS, POLES[::-1], CENTRES[::-1]])
@pytest.mark.parametrize("longitude", [TURN, TURN - 180, TURN[::-1], np.roll(TURN, 5), TURN + 21])
def test_cells_of_global_grids_are_the_sphere(latitude, longitude):
    grid = LatitudeLongitude(latitude, longitude)
    assert grid.wraps
    assert not grid.repeats
    assert grid.areas.shape == (len(grid),)
    assert grid.areas.min() > 0
    assert grid.areas.sum() == pytest.approx(4 * np.pi, rel=1e-14)
    places = grid.positions
    assert np.abs(places.sum(axis=0)).max() < 1e-9 or len(latitude) == 32
    np.testing.assert_array_equal(np.mod(grid.longitude, 360), np.mod(longitude, 360))


def test_edges_lie_halfway_and_close_at_poles_and_around():
    grid = LatitudeLongitude([90, 45, 0, -45, -90], [0, 90, 180, 270])
    np.testing.assert_array_equal(grid.row_edges, [90, 67.5, 22.5, -22.5, -67.5, -90])
    np.testing.assert_array_equal(grid.column_edges, [-45, 45, 135, 225, 315])
    irregular = LatitudeLongitude([-60, -50, 10, 70], [-170, -90, 0, 30, 100])
    np.testing.assert_array_equal(irregular.row_edges, [-65, -55, -20, 40, 90])
    np.testing.assert_array_equal(irregular.column_edges, [-215, -130, -45, 15, 65, 145])


def test_a_regional_grid_ends_half_a_step_beyond_its_centres():
    grid = LatitudeLongitude([10, 12, 14], [350, 355, 0, 5])
    assert not grid.wraps
    np.testing.assert_array_equal(grid.longitude, [350, 355, 360, 365])
    np.testing.assert_array_equal(grid.row_edges, [9, 11, 13, 15])
    np.testing.assert_array_equal(grid.column_edges, [347.5, 352.5, 357.5, 362.5, 367.5])
    longitude = np.array([347.5, 347.4, -5.0, 7.5, 7.6, 0.0, 0.0])
    latitude = np.array([9.0, 9.0, 15.0, 12.0, 12.0, 15.1, 8.9])
    expected = [True, False, True, True, False, False, False]
    np.testing.assert_array_equal(grid.holds(longitude, latitude), expected)


@pytest.mark.parametrize("start", [0.0, -180.0])
def test_a_repeated_last_column_has_no_cell(start):
    longitude = start + np.linspace(0, 360, 13)
    for order in (longitude, longitude[::-1]):
        grid = LatitudeLongitude(CENTRES, order)
        assert grid.repeats
        assert np.all(grid.areas.reshape(grid.shape)[:, -1] == 0)
        assert grid.areas.sum() == pytest.approx(4 * np.pi, rel=1e-14)


def test_bounds_of_files_are_taken_in_either_shape_and_order():
    edges = np.array([-90.0, -40, 5, 30, 90])
    latitude = np.array([-60.0, -20, 10, 60])
    meridians = np.array([-10.0, 80, 170, 260, 350])
    longitude = np.array([35.0, 125, 215, 305])
    plain = LatitudeLongitude(latitude, longitude, edges, meridians)
    pairs = np.stack([edges[:-1], edges[1:]], axis=1)
    whole_turns = np.array([[360], [0], [0], [-360]])
    sides = np.stack([meridians[1:], meridians[:-1]], axis=1) + whole_turns
    paired = LatitudeLongitude(latitude, longitude, pairs, sides)
    turned = LatitudeLongitude(latitude[::-1], longitude, pairs[::-1], meridians + 360)
    np.testing.assert_array_equal(plain.row_edges, edges)
    np.testing.assert_array_equal(paired.row_edges, edges)
    np.testing.assert_array_equal(turned.row_edges, edges[::-1])
    for grid in (plain, paired, turned):
        np.testing.assert_allclose(grid.column_edges, meridians, atol=1e-12)
        assert grid.wraps


def test_single_precision_reaches_the_poles_and_goes_around():
    latitude = np.linspace(-90.00001, 90.00001, 181).astype(np.float32)
    longitude = (np.arange(1152) * np.float32(0.3125)).astype(np.float32)
    bounds = np.stack([longitude - 0.15625, longitude + 0.15625], axis=1).astype(np.float32)
    grid = LatitudeLongitude(latitude, longitude, None, bounds)
    assert grid.wraps
    assert grid.areas.sum() == pytest.approx(4 * np.pi, rel=1e-14)


@modest
@given(
    st.lists(st.floats(0.1, 10), min_size=2, max_size=30),
    st.floats(-360, 360),
    st.booleans(),
)
def test_unwrapped_longitudes_keep_their_places(steps, start, westwards):
    """Any steps that stay within one turn, cut to [-180, 180) as files have them."""
    true = np.cumsum([start, *steps])
    if westwards:
        true = true[::-1]
    wrapped = np.mod(true + 180, 360) - 180
    grid = LatitudeLongitude([0.0, 1.0], wrapped)
    np.testing.assert_allclose(np.diff(grid.longitude), np.diff(true), atol=1e-9)
    assert abs(grid.column_edges[-1] - grid.column_edges[0]) <= 360


def test_copies_and_descriptions_say_the_same():
    grid = LatitudeLongitude(GAUSS, TURN)
    copy = pickle.loads(pickle.dumps(grid))
    assert copy.description() == grid.description()
    assert json.loads(json.dumps(grid.description())) == grid.description()
    moved = LatitudeLongitude(GAUSS, TURN + 1)
    assert moved.description()["digest"] != grid.description()["digest"]
    with pytest.raises(ValueError, match="read-only"):
        grid.latitude[0] = 0


@pytest.mark.parametrize(
    ("latitude", "longitude", "message"),
    [
        ([0, 95], TURN, "between -90 and 90 degrees; found 95"),
        ([0, 10, 10], TURN, "latitudes must rise or fall throughout"),
        ([0, 10, 5], TURN, "latitudes must rise or fall throughout"),
        ([0], TURN, "two or more latitudes"),
        (np.zeros((2, 2)), TURN, r"two or more latitudes in one dimension; found shape \(2, 2\)"),
        ([0, np.nan], TURN, "latitudes must be finite; found nan at index 1"),
        ([0, 1], [0, 10, 10], "longitudes must rise or fall throughout"),
        ([0, 1], [0, 20, 10], "at most once, in one direction"),
        ([0, 1], np.arange(0, 380, 10), "at most once, in one direction"),
        ([0, 1], [0.0], "two or more longitudes"),
    ],
)
def test_axes_that_are_none_are_refused(latitude, longitude, message):
    with pytest.raises(DeepsphereError, match=message):
        LatitudeLongitude(latitude, longitude)


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ([[0, 10], [20, 30]], "bounds must join; found a gap or an overlap of 10"),
        ([[0, 1], [1, 2]], "must hold their centres; that of index 1"),
        ([0, 10], "must have shape"),
        ([[0, np.nan], [np.nan, 20]], "bounds must be finite"),
    ],
)
def test_bounds_that_fit_no_axis_are_refused(bounds, message):
    with pytest.raises(DeepsphereError, match=message):
        LatitudeLongitude([5, 15], TURN, bounds)


def test_bounds_beyond_a_turn_are_refused():
    with pytest.raises(DeepsphereError, match="go around at most once; found 400"):
        LatitudeLongitude([5, 15], [0, 100, 200, 300], None, [-50, 50, 150, 250, 350])


def test_points_keep_their_shape_and_pass_over_places_not_finite():
    points = Points([[0, 45], [np.nan, -90]], [[0, 90], [10, np.nan]])
    assert points.shape == (2, 2)
    assert len(points) == 4
    np.testing.assert_allclose(points.positions[0], [1, 0, 0])
    np.testing.assert_allclose(points.positions[1], [0, 0.5**0.5, 0.5**0.5], atol=1e-15)
    assert np.isnan(points.positions[2:]).all()
    assert json.loads(json.dumps(points.description())) == points.description()


@pytest.mark.parametrize(
    ("latitude", "longitude", "message"),
    [
        ([0, 1], [0, 1, 2], "of one shape"),
        ([91.0], [0.0], "found 91"),
        ([1e20, 0], [1e20, 0], "fill values are NaN"),
        ([np.nan], [0.0], "no point has a finite"),
    ],
)
def test_points_that_are_none_are_refused(latitude, longitude, message):
    with pytest.raises(DeepsphereError, match=message):
        Points(latitude, longitude)
