import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsphere.errors import DeepsphereError
from deepsphere.samplings.polygons import polygon_areas
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


def _scattered(stations, seed=0):
    rng = np.random.default_rng(seed)
    latitude = np.degrees(np.arcsin(rng.uniform(-1, 1, stations)))
    return Stations(rng.uniform(-180, 180, stations), latitude)


def test_areas_fill_the_sphere_and_are_those_of_the_cells():
    stations = _scattered(300)
    assert stations.areas.sum() == pytest.approx(4 * np.pi, rel=1e-12)
    np.testing.assert_allclose(polygon_areas(stations.cells()), stations.areas, rtol=1e-11)


def test_stations_at_one_place_share_its_area():
    """The corners of an octahedron have a sixth of the sphere each; 360°E 0°N is 0°E 0°N."""
    stations = Stations([0, 90, 180, -90, 0, 77, 360], [0, 0, 0, 0, 90, -90, 0])
    sixth = 4 * np.pi / 6
    expected = [sixth / 2, sixth, sixth, sixth, sixth, sixth, sixth / 2]
    np.testing.assert_allclose(stations.areas, expected, rtol=1e-13)
    assert set(stations.neighbours()[6]) == {0, 1, 3, 4, 5}


def test_neighbours_have_cells_with_two_corners_in_common():
    stations = _scattered(40)
    corners = [{tuple(corner) for corner in cell} for cell in stations.cells().round(9)]
    for station, found in enumerate(stations.neighbours()):
        expected = [i for i in range(40) if len(corners[i] & corners[station]) == 2]
        assert [i for i in found if i >= 0] == expected


def test_arrays_are_kept_and_read_only():
    stations = _scattered(10)
    assert stations.positions is stations.positions
    assert stations.areas is stations.areas
    for array in (stations.positions, stations.areas):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_name_has_the_number_of_stations():
    assert _scattered(842).name == "stations:842"


def test_coarse_stations_are_in_the_middle_of_their_clusters():
    stations = _scattered(842)
    coarsening = stations.coarser()
    matrix, coarse = coarsening.matrix, coarsening.coarse
    assert len(coarse) == 210
    assert coarsening.children is None
    assert (np.bincount(matrix.indices, minlength=842) == 1).all()
    for row, position in enumerate(coarse.positions):
        members = matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]]
        mean = stations.positions[members].mean(axis=0)
        np.testing.assert_allclose(position, mean / np.linalg.norm(mean), atol=1e-12)
        np.testing.assert_array_equal(
            matrix.data[matrix.indptr[row] : matrix.indptr[row + 1]], 1 / len(members)
        )


def test_every_level_has_a_quarter_of_the_stations():
    sampling, sizes = _scattered(300), []
    while (coarsening := sampling.coarser()) is not None:
        sampling = coarsening.coarse
        sizes.append(len(sampling))
    assert sizes == [75, 19, 5]


def test_clusters_that_are_equally_large_have_children():
    """Four towns of four stations each, 1° wide and 90° apart, listed in turns."""
    longitude = np.add.outer([0, 0.3, 0.6, 1], [10, 100, 190, 280])
    coarsening = Stations(longitude.ravel(), np.tile([0, 5, 40, -60], 4)).coarser()
    assert {tuple(row) for row in coarsening.children} == {
        (town, town + 4, town + 8, town + 12) for town in range(4)
    }
    values = np.random.default_rng(1).standard_normal(16)
    np.testing.assert_allclose(
        coarsening.matrix @ values, values[coarsening.children].mean(axis=1), atol=1e-15
    )


def test_a_cluster_across_the_date_line_stays_there():
    """Sixteen stations within 2° of 180°E: means of longitudes would be near 0°E."""
    longitude = np.tile([178.5, 179.5, -179.5, -178.5], 4)
    stations = Stations(longitude, np.repeat([0, 0.1, 0.2, 0.3], 4))
    coarse = stations.coarser().coarse
    assert len(coarse) == 4
    assert (np.abs(coarse.longitude - 180) < 2).all()


def test_a_cluster_without_a_middle_is_at_its_first_station(monkeypatch):
    """Whatever the clusters are: here one has a station at either pole, whose mean is no place."""
    labels = np.repeat([0, 1, 2, 3], [2, 5, 5, 4])
    monkeypatch.setattr("deepsphere.samplings.stations.clusters_of", lambda _: labels)
    coarse = Stations(np.linspace(0, 15, 16), [90, -90, *range(14)]).coarser().coarse
    assert coarse.latitude[0] == pytest.approx(90)
    np.testing.assert_allclose(coarse.longitude[1:], [4, 9, 13.5], atol=1e-2)


def test_stations_at_two_places_have_two_clusters():
    coarsening = Stations(np.zeros(16), np.repeat([90, -90], [10, 6])).coarser()
    np.testing.assert_allclose(np.sort(coarsening.coarse.latitude), [-90, 90])
    np.testing.assert_array_equal(
        np.sort(coarsening.matrix @ np.repeat([90, -90], [10, 6])), [-90, 90]
    )


def test_few_stations_have_no_coarser():
    assert _scattered(15).coarser() is None
    assert len(_scattered(16).coarser().coarse) == 4
