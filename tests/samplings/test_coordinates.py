import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsphere.samplings.coordinates import longitude_latitude, read_only, unit_vectors


def test_vectors_of_known_places():
    longitude, latitude = np.array([0.0, 90, 180, 270, 45]), np.array([0.0, 0, 0, 0, 90])
    expected = [[1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0], [0, 0, 1]]
    np.testing.assert_allclose(unit_vectors(longitude, latitude), expected, atol=1e-15)
    assert unit_vectors(np.zeros((2, 5)), np.zeros((2, 5))).shape == (2, 5, 3)


@pytest.mark.parametrize("west", [-180.0, -90.0, -0.5])
def test_longitudes_around_the_turn_have_the_same_bits(west):
    one, other = unit_vectors(np.array([west, west + 360]), np.array([17.3, 17.3]))
    np.testing.assert_array_equal(one, other)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.floats(0, 360, exclude_max=True), st.floats(-90, 90), st.floats(1e-3, 1e3))
def test_angles_lead_there_and_back_at_any_length(longitude, latitude, length):
    vector = unit_vectors(np.array(longitude), np.array(latitude))
    east, north = longitude_latitude(length * vector)
    assert 0 <= east < 360
    assert north == pytest.approx(latitude, abs=1e-12)
    # Next to a pole the longitude is as coarse as the vector's x and y are small.
    if abs(latitude) < 89:
        assert abs((east - longitude + 180) % 360 - 180) < 1e-11


def test_longitudes_are_below_360_where_the_remainder_rounds_up():
    vectors = np.array([[1.0, -1e-20, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    longitude, latitude = longitude_latitude(vectors)
    np.testing.assert_array_equal(longitude, 0)
    np.testing.assert_array_equal(latitude, [0, 0, 90])
    assert longitude_latitude(vectors[0])[0] == 0


@pytest.mark.parametrize("dtype", [np.float64, np.int64, np.bool_])
def test_locked_arrays_are_the_same_and_cannot_be_written(dtype):
    array = np.zeros(3, dtype)
    assert read_only(array) is array
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1
