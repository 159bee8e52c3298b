import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.polynomial.legendre import leggauss
from scipy.spatial import cKDTree

from deepsphere.regridding.grid import LatitudeLongitude, Points
from deepsphere.regridding.nearest import nearest_matrix
from deepsphere.samplings.coordinates import longitude_latitude
from deepsphere.samplings.healpix import Healpix
from deepsphere.samplings.icosahedral import Icosahedral
from deepsphere.samplings.stations import Stations

modest = settings(derandomize=True, deadline=None, max_examples=30)
GAUSS = np.degrees(np.arcsin(leggauss(24)[0]))
GLOBAL = {
    "with poles": (np.linspace(-90, 90, 19), np.arange(40) * 9.0),
    "falling, from -180": (np.linspace(85, -85, 18), np.arange(40) * 9.0 - 180),
    "Gaussian": (GAUSS, np.arange(48) * 7.5),
    "westwards, repeated": (GAUSS[::-1], np.linspace(360, 0, 37)),
    "irregular": (np.array([-88, -50, -49, 0, 3, 60]), np.array([5, 7, 90, 170, 250, 300.0])),
}


@pytest.mark.parametrize("name", GLOBAL)
@pytest.mark.parametrize("sampling", [Healpix(8), Icosahedral(3)], ids=lambda s: s.name)
def test_distances_are_those_of_a_search_among_all_points(name, sampling):
    grid = LatitudeLongitude(*GLOBAL[name])
    matrix = nearest_matrix(grid, sampling)
    np.testing.assert_array_equal(np.diff(matrix.indptr), 1)
    found = np.linalg.norm(grid.positions[matrix.indices] - sampling.positions, axis=1)
    expected, _ = cKDTree(grid.positions).query(sampling.positions)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-14)


def test_the_error_falls_with_the_step():
    """The value at a point half a step away is off by half a step times the slope.

    z has the slope cos(latitude) northwards and none eastwards: places are a part u of a step off,
    uniform from -1/2 to 1/2, so that the mean square is step² · mean(cos²)/12, with mean(cos²)=2/3.
    """
    random = np.random.default_rng(2)
    latitude = np.degrees(np.arcsin(random.uniform(-1, 1, 20_000)))
    sampling = Stations(random.uniform(0, 360, 20_000), latitude)
    for rows in (30, 60, 120):
        step = 180 / rows
        grid = LatitudeLongitude(np.arange(rows) * step - 90 + step / 2, np.arange(2 * rows) * step)
        difference = (
            nearest_matrix(grid, sampling) @ grid.positions[:, 2] - sampling.positions[:, 2]
        )
        expected = np.radians(step) * np.sqrt(2 / 3 / 12)
        assert np.sqrt(np.mean(difference**2)) == pytest.approx(expected, rel=0.03)


@modest
@given(st.integers(0, 2**32 - 1))
def test_next_to_a_pole_the_nearest_point_may_be_in_another_row(seed):
    random = np.random.default_rng(seed)
    rows = np.unique(random.uniform(60, 90, 6))
    columns = (np.arange(5) + random.uniform(0, 0.9, 5)) * 72
    grid = LatitudeLongitude(rows, columns, None, np.append(columns, columns[0] + 360))
    stations = Stations(random.uniform(0, 360, 50), random.uniform(rows[0], rows[-1], 50))
    matrix = nearest_matrix(grid, stations)
    found = np.linalg.norm(grid.positions[matrix.indices] - stations.positions, axis=1)
    expected, _ = cKDTree(grid.positions).query(stations.positions)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-14)


def test_a_regional_grid_reaches_no_further_than_its_cells():
    grid = LatitudeLongitude(np.arange(30, 61, 2.0), np.arange(-20, 41, 2.0))
    sampling = Healpix(16)
    counts = np.diff(nearest_matrix(grid, sampling).indptr)
    longitude, latitude = longitude_latitude(sampling.positions)
    longitude = np.mod(longitude + 180, 360) - 180
    inside = (np.abs(latitude - 45) <= 16) & (np.abs(longitude - 10) <= 31)
    np.testing.assert_array_equal(counts, inside)
    assert 50 < counts.sum() < 300


def test_points_are_found_among_places_and_places_not_finite_never():
    source = Icosahedral(4, "faces")
    longitude, latitude = longitude_latitude(source.positions)
    latitude[7] = longitude[11] = np.nan
    points = Points(latitude, longitude)
    sampling = Icosahedral(3)
    matrix = nearest_matrix(points, sampling)
    np.testing.assert_array_equal(np.diff(matrix.indptr), 1)
    known = np.setdiff1d(np.arange(len(points)), [7, 11])
    expected = known[cKDTree(source.positions[known]).query(sampling.positions)[1]]
    away = np.linalg.norm(source.positions[matrix.indices] - source.positions[expected], axis=1)
    here = np.linalg.norm(source.positions[expected] - sampling.positions, axis=1)
    found = np.linalg.norm(source.positions[matrix.indices] - sampling.positions, axis=1)
    assert np.all((away == 0) | (np.abs(found - here) < 1e-12))


def test_points_of_a_region_leave_the_rest_of_the_sphere_empty():
    latitude, longitude = np.meshgrid(np.arange(30, 61, 1.0), np.arange(0, 41, 1.0))
    sampling = Healpix(32)
    matrix = nearest_matrix(Points(latitude, longitude), sampling)
    east, north = longitude_latitude(sampling.positions)
    inside = (np.abs(north - 45) < 15) & (np.abs(east - 20) < 20)
    near = (np.abs(north - 45) < 17.1) & (np.abs(np.mod(east + 180, 360) - 200) < 23)
    has_value = np.diff(matrix.indptr) == 1
    assert has_value[inside].all()
    assert not has_value[~near].any()


def test_a_row_of_points_at_one_pole_is_one_place():
    grid = LatitudeLongitude(np.linspace(-90, 90, 19), np.arange(36) * 10.0)
    longitude, latitude = grid.coordinates()
    matrix = nearest_matrix(Points(latitude, longitude), Icosahedral(2))
    np.testing.assert_array_equal(np.diff(matrix.indptr), 1)
    assert latitude[matrix.indices[0]] == 90


@pytest.mark.parametrize("name", ["with poles", "falling, from -180", "Gaussian"])
def test_values_are_those_of_cdo(name, cdo):
    """But where two points are equally near, and either is right."""
    grid, sampling = LatitudeLongitude(*GLOBAL[name]), Icosahedral(3)
    field = np.random.default_rng(5).normal(size=grid.shape).astype(np.float32)
    distances, _ = cKDTree(grid.positions).query(sampling.positions, k=2)
    is_clear = distances[:, 1] - distances[:, 0] > 1e-7
    expected = cdo("remapnn", grid, field, sampling)
    regridded = nearest_matrix(grid, sampling) @ field.ravel()
    assert is_clear.mean() > 0.9
    np.testing.assert_array_equal(regridded[is_clear].astype(np.float32), expected[is_clear])
