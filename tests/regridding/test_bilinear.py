import numpy as np
import pytest
from numpy.polynomial.legendre import leggauss
from scipy.special import sph_harm_y

from deepsphere.regridding.bilinear import bilinear_matrix
from deepsphere.regridding.grid import LatitudeLongitude
from deepsphere.samplings.coordinates import longitude_latitude
from deepsphere.samplings.healpix import Healpix
from deepsphere.samplings.icosahedral import Icosahedral
from deepsphere.samplings.stations import Stations

GAUSS = np.degrees(np.arcsin(leggauss(32)[0]))
GLOBAL = {
    "with poles": (np.linspace(-90, 90, 37), np.arange(72) * 5.0),
    "falling, from -180": (np.linspace(90, -90, 37), np.arange(72) * 5.0 - 180),
    "without poles": (np.arange(-87.5, 90, 5), np.arange(72) * 5.0 + 2.5),
    "Gaussian, westwards": (GAUSS, np.arange(64)[::-1] * 5.625),
    "repeated column": (GAUSS, np.linspace(-180, 180, 65)),
    "wrapped in the middle": (GAUSS, np.mod(np.arange(64) * 5.625 + 100, 360)),
}


def harmonic(positions, degree, order):
    x, y, z = positions.T
    return sph_harm_y(degree, order, np.arccos(np.clip(z, -1, 1)), np.arctan2(y, x)).real


@pytest.mark.parametrize("name", GLOBAL)
@pytest.mark.parametrize("sampling", [Healpix(8), Icosahedral(3)], ids=lambda s: s.name)
def test_rows_sum_to_one_and_smooth_fields_have_small_errors_everywhere(name, sampling):
    """The error of linear interpolation is at most h²/8 of the sum of both second derivatives.

    In a row, h is 5.7° at most, and the derivative of Y_3^2 by latitude is below 9 · 1.1, by
    longitude 4 · 1.1; the mean of a row beside a pole adds as much once more.
    """
    grid = LatitudeLongitude(*GLOBAL[name])
    matrix = bilinear_matrix(grid, sampling)
    np.testing.assert_allclose(matrix.sum(axis=1), 1, rtol=0, atol=1e-14)
    assert matrix.data.min() > 0
    for order in (0, 1, 2):
        errors = matrix @ harmonic(grid.positions, 3, order) - harmonic(
            sampling.positions, 3, order
        )
        assert np.abs(errors).max() < 2 * np.radians(5.7) ** 2 / 8 * 13 * 1.1


def test_the_error_falls_with_the_square_of_the_step():
    """Linear interpolation is of second order."""
    random = np.random.default_rng(1)
    latitude = np.degrees(np.arcsin(random.uniform(-1, 1, 4000)))
    sampling, errors = Stations(random.uniform(0, 360, 4000), latitude), []
    for rows in (30, 60, 120, 240):
        step = 180 / rows
        grid = LatitudeLongitude(np.arange(rows) * step - 90 + step / 2, np.arange(2 * rows) * step)
        difference = bilinear_matrix(grid, sampling) @ harmonic(grid.positions, 6, 2) - harmonic(
            sampling.positions, 6, 2
        )
        errors.append(np.sqrt(np.mean(difference**2)))
    orders = np.log2(np.divide(errors[:-1], errors[1:]))
    np.testing.assert_allclose(orders, 2, atol=0.15)


def test_weights_are_linear_in_latitude_and_longitude():
    grid = LatitudeLongitude([0.0, 10, 30], [0.0, 90, 120, 240])
    stations = Stations([60.0, 300, 359, 90], [4.0, 20, 30, 10])
    dense = bilinear_matrix(grid, stations).toarray().reshape(4, 3, 4)
    expected = np.zeros((4, 3, 4))
    expected[0, :2, :2] = np.outer([0.6, 0.4], [1 / 3, 2 / 3])
    expected[1, 1:, [3, 0]] = np.outer([0.5, 0.5], [0.5, 0.5])
    expected[2, 2, [3, 0]] = [1 / 120, 119 / 120]
    expected[3, 1, 1] = 1
    np.testing.assert_allclose(dense, expected, atol=1e-14)


def test_there_is_no_seam_at_the_date_line():
    """A field of the sine of longitude goes across as smoothly as anywhere."""
    grid = LatitudeLongitude([-10.0, 10], np.arange(36) * 10.0 - 180)
    longitude = np.linspace(170, 190, 401)
    values = bilinear_matrix(grid, Stations(np.mod(longitude, 360), 0 * longitude)) @ np.tile(
        np.sin(np.radians(grid.longitude)), 2
    )
    np.testing.assert_allclose(values, np.sin(np.radians(longitude)), atol=np.radians(10) ** 2 / 8)
    assert np.abs(np.diff(values)).max() < 1.01 * np.radians(0.05)


def test_around_a_pole_without_a_row_values_meet_in_the_mean_of_the_last_row():
    grid = LatitudeLongitude([-70.0, 0, 70], np.arange(8) * 45.0)
    row = np.random.default_rng(0).normal(size=8)
    field = np.concatenate([np.zeros(16), row])
    longitude = np.arange(8) * 45.0
    for latitude, share in ((90.0, 1.0), (80.0, 0.5), (89.999, 0.99995), (70.0, 0.0)):
        values = bilinear_matrix(grid, Stations(longitude, np.full(8, latitude))) @ field
        np.testing.assert_allclose(values, share * row.mean() + (1 - share) * row, atol=1e-13)


def test_a_region_stays_constant_in_the_outer_half_of_its_cells_and_ends_there():
    grid = LatitudeLongitude([10.0, 20, 30], [350.0, 0, 10])
    stations = Stations(
        [345.5, 14.5, 0, 0, 344.5, 15.5, 0, 0], [20.0, 20, 5.5, 34.5, 20, 20, 4, 36]
    )
    matrix = bilinear_matrix(grid, stations)
    np.testing.assert_array_equal(np.diff(matrix.indptr), [1, 1, 1, 1, 0, 0, 0, 0])
    np.testing.assert_array_equal(matrix.indices, [3, 5, 1, 7])


def test_a_belt_around_the_globe_knows_nothing_of_the_poles():
    grid = LatitudeLongitude([-20.0, 0, 20], np.arange(36) * 10.0)
    matrix = bilinear_matrix(grid, Stations([5.0, 10, 10], [29.0, 31, 80]))
    np.testing.assert_array_equal(np.diff(matrix.indptr), [2, 0, 0])


@pytest.mark.parametrize("name", ["with poles", "falling, from -180", "without poles", "Gaussian"])
def test_values_are_those_of_cdo(name, cdo):
    """Between the first row and the last; beyond, CDO weighs four values by their distances."""
    axes = (GAUSS, np.arange(64) * 5.625) if name == "Gaussian" else GLOBAL[name]
    grid, sampling = LatitudeLongitude(*axes), Healpix(16)
    field = np.random.default_rng(5).normal(size=grid.shape).astype(np.float32)
    expected = cdo("remapbil", grid, field, sampling)
    regridded = bilinear_matrix(grid, sampling) @ field.ravel().astype(np.float64)
    _, latitude = longitude_latitude(sampling.positions)
    is_between = np.abs(latitude) <= np.abs(grid.latitude).max()
    assert is_between.mean() > 0.99
    np.testing.assert_allclose(
        regridded[is_between], expected[is_between], rtol=0, atol=4 * np.finfo(np.float32).eps
    )
