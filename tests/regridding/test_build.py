import numpy as np
import pytest
from scipy.special import sph_harm_y

from deepsphere.errors import DeepsphereError
from deepsphere.regridding.build import build_backward_weights, build_weights
from deepsphere.regridding.grid import LatitudeLongitude, Points
from deepsphere.samplings.healpix import Healpix
from deepsphere.samplings.icosahedral import Icosahedral
from deepsphere.samplings.masked import Masked

# Relative root mean square errors of spherical harmonics of the degrees 4, 16 and 64, regridded
# from their values at 0.23° x 0.31° to HEALPix 64, measured with independent code: against the
# values at the pixels' centres, for conservative against the means over the pixels.
DEGREES = (4, 16, 64)
MEASURED = {
    "nearest": (5.8e-3, 1.9e-2, 7.7e-2),
    "bilinear": (3.5e-5, 3.9e-4, 5.9e-3),
    "conservative": (5.8e-5, 2.5e-4, 3.1e-3),
}


def harmonic(positions, degree):
    x, y, z = positions.T
    angles = np.arccos(np.clip(z, -1, 1)), np.arctan2(y, x)
    return sph_harm_y(degree, degree // 2, *angles).real


@pytest.fixture(scope="module")
def fields():
    """The grid of 768 x 1152, the harmonics on it, at some pixels, and their means over these."""
    grid = LatitudeLongitude(np.linspace(-90, 90, 768), np.arange(1152) * 0.3125)
    chosen = np.sort(np.random.default_rng(0).choice(12 * 64**2, 2000, replace=False))
    sampling = Masked(Healpix(64), chosen)
    fine = Healpix(512).positions_of(chosen[:, np.newaxis] * 64 + np.arange(64))
    on_grid = []
    for degree in DEGREES:
        # The factor of latitude is the same for all columns.
        column = harmonic(grid.positions.reshape(768, 1152, 3)[:, 0], degree)
        wave = np.cos(degree // 2 * np.radians(grid.longitude))
        on_grid.append(np.outer(column, wave).ravel())
    values = [harmonic(sampling.positions, degree) for degree in DEGREES]
    means = [
        harmonic(fine.reshape(-1, 3), degree).reshape(-1, 64).mean(axis=1) for degree in DEGREES
    ]
    return grid, sampling, on_grid, values, means


@pytest.mark.parametrize("method", MEASURED)
def test_errors_are_those_measured_elsewhere(fields, method):
    grid, sampling, on_grid, values, means = fields
    weights = build_weights(grid, sampling, method)
    truth = means if method == "conservative" else values
    for field, expected, measured in zip(on_grid, truth, MEASURED[method], strict=True):
        difference = weights.matrix @ field - expected
        error = np.sqrt(np.mean(difference**2) / np.mean(expected**2))
        assert measured / 3 < error < 2 * measured


def test_weights_say_what_they_are_between():
    grid, sampling = LatitudeLongitude([-45, 0, 45], np.arange(12) * 30), Healpix(2)
    weights = build_weights(grid, sampling, "bilinear")
    assert weights.method == "bilinear"
    assert weights.source == grid.description()
    assert weights.target == "healpix:2"
    assert weights.matrix.shape == (48, 36)
    assert weights.matrix.indices.dtype == np.int32


@pytest.mark.parametrize("method", ["nearest", "conservative"])
def test_there_and_back_again(method):
    """A smooth field changes by no more than its slope times the sizes of pixels and cells."""
    grid, sampling = LatitudeLongitude(np.linspace(90, -90, 31), np.arange(60) * 6.0), Healpix(16)
    field = grid.positions @ [0.3, -0.5, 0.8]
    there = build_weights(grid, sampling, method).apply(field)
    back = build_backward_weights(sampling, grid, method)
    assert back.source == {"kind": "sampling", "name": "healpix:16"}
    assert back.target == "latitude-longitude 31 x 60"
    assert np.abs(back.apply(there) - field).max() < 2 * np.radians(6)


def test_part_of_a_sampling_gives_values_only_where_it_is():
    grid, full = LatitudeLongitude(np.linspace(90, -90, 31), np.arange(60) * 6.0), Healpix(16)
    north = Masked.where(full, full.positions[:, 2] > 0.5)
    height = np.sin(np.radians(grid.coordinates()[1]))
    for method in ("nearest", "conservative"):
        values = build_backward_weights(north, grid, method).apply(np.ones(len(north)))
        assert (values[height > 0.62] == 1).all()
        assert np.isnan(values[height < 0.3]).all()


@pytest.mark.parametrize("method", ["nearest", "conservative"])
def test_a_grid_smaller_than_a_pixel_is_refused_unless_it_is_shared(method):
    grid = LatitudeLongitude([10.0, 10.1], [20.0, 20.1])
    if method == "conservative":
        assert build_weights(grid, Healpix(1), method).shares.max() < 1e-4
    else:
        with pytest.raises(DeepsphereError, match="none of the 12 pixels of healpix:1 lies in"):
            build_weights(grid, Healpix(1), method)


def test_what_cannot_be_done_is_refused():
    grid, sampling = LatitudeLongitude([0, 1], [0, 1]), Icosahedral(1)
    points = Points([0, 1.0], [0, 1.0])
    with pytest.raises(DeepsphereError, match="found 'cubic'"):
        build_weights(grid, sampling, "cubic")
    with pytest.raises(DeepsphereError, match="found 2 points; choose nearest"):
        build_weights(points, sampling, "conservative")
    with pytest.raises(DeepsphereError, match="found 'conservative'"):
        build_backward_weights(sampling, points, "conservative")
    with pytest.raises(DeepsphereError, match="found 'bilinear'"):
        build_backward_weights(sampling, grid, "bilinear")
