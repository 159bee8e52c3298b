import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsphere.errors import DeepsphereError
from deepsphere.samplings.stations import Stations


def test_positions_of_known_places():
    # 0°E 0°N, 90°E 0°N, 180°E 0°N, 90°W 0°N, and the poles, whose longitude is arbitrary.
    stations = Stations([0, 90, 180, -90, 12, 12], [0, 0, 0, 0, 90, -90])
    expected = [[1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]]
    np.testing.assert_allclose(stations.positions, expected, atol=1e-15)
    assert stations.positions.dtype == np.float64
    assert len(stations) == 6


@settings(derandomize=True, max_examples=100)
@given(st.floats(-180, 360), st.floats(-90, 90))
def test_positions_are_unit_vectors_that_give_the_angles_back(longitude, latitude):
    [[x, y, z]] = Stations([longitude], [latitude]).positions
    assert x**2 + y**2 + z**2 == pytest.approx(1, abs=1e-15)
    assert np.degrees(np.arctan2(z, np.hypot(x, y))) == pytest.approx(latitude, abs=1e-12)
    if abs(latitude) < 89.9:
        difference = np.degrees(np.arctan2(y, x)) - longitude
        assert (difference + 180) % 360 - 180 == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(("one", "other"), [(0.0, 360.0), (-180.0, 180.0), (-90.0, 270.0)])
def test_two_names_of_one_longitude_are_one_place_bit_for_bit(one, other):
    positions = Stations([one, other], [33.3, 33.3]).positions
    np.testing.assert_array_equal(positions[0], positions[1])


def test_arrays_are_read_only_copies():
    longitude = np.array([1.0, 2.0])
    stations = Stations(longitude, [3, 4])
    longitude[0] = 50
    assert stations.longitude[0] == 1
    assert stations.latitude.dtype == np.float64
    with pytest.raises(ValueError, match="read-only"):
        stations.longitude[0] = 50


def test_equality_and_hash_follow_the_values():
    assert Stations([0.0], [1]) == Stations([-0.0], [1])
    assert hash(Stations([0.0], [1])) == hash(Stations([-0.0], [1]))
    assert Stations([0], [1]) != Stations([0], [2])
    assert Stations([0], [1]) != Stations([0, 0], [1, 1])
    assert Stations([0], [1]) != "stations"


@pytest.mark.parametrize(
    ("longitude", "latitude", "message"),
    [
        ([0, 360.5], [0, 0], r"longitude must be within \[-180, 360\].*360.5 at index 1"),
        ([0, 0], [0, -90.1], r"latitude must be within \[-90, 90\].*-90.1 at index 1"),
        ([np.nan], [0], "nan at index 0"),
        ([0], [np.inf], "inf at index 0"),
        ([0, 1], [0], "2 longitudes but 1 latitudes"),
        ([], [], "at least one station"),
        ([[0]], [[0]], r"found shape \(1, 1\)"),
        (["east"], [0], "longitude must be numbers"),
    ],
)
def test_bad_input_is_said_in_one_line(longitude, latitude, message):
    with pytest.raises(DeepsphereError, match=message) as error:
        Stations(longitude, latitude)
    assert "\n" not in str(error.value)
