import numpy as np
import pytest

from deepsphere.regridding import winds
from deepsphere.regridding.build import build_weights
from deepsphere.regridding.grid import LatitudeLongitude, Points
from deepsphere.regridding.winds import apply_to_winds, tangents
from deepsphere.samplings.coordinates import longitude_latitude
from deepsphere.samplings.healpix import Healpix
from deepsphere.samplings.icosahedral import Icosahedral

AXIS = np.array([0.6, -0.48, 0.64])
GRID = LatitudeLongitude(np.linspace(-90, 90, 91), np.arange(180) * 2.0)
BETWEEN = LatitudeLongitude(np.arange(-89, 90, 2.0)[::-1], np.arange(180) * 2.0 - 179)


def rotation(longitude, latitude, positions):
    """The wind of a solid rotation about an axis: (east, north), shape (...,) each."""
    east, north = tangents(longitude, latitude)
    wind = np.cross(AXIS, positions)
    return (wind * east).sum(axis=-1), (wind * north).sum(axis=-1)


def test_tangents_are_orthogonal_and_point_east_and_north():
    """A step of 1e-6 degrees to the east or the north, from anywhere but the poles."""
    random = np.random.default_rng(0)
    longitude, latitude = random.uniform(-180, 360, 50), random.uniform(-89, 89, 50)
    points = Points(latitude, longitude)
    east, north = tangents(longitude, latitude)
    further = Points(latitude, longitude + 1e-6 / np.cos(np.radians(latitude)))
    higher = Points(latitude + 1e-6, longitude)
    step = np.radians(1e-6)
    np.testing.assert_allclose((further.positions - points.positions) / step, east, atol=1e-6)
    np.testing.assert_allclose((higher.positions - points.positions) / step, north, atol=1e-6)
    np.testing.assert_allclose(np.cross(points.positions, east), north, atol=1e-15)


@pytest.mark.parametrize("grid", [GRID, BETWEEN], ids=["with poles", "without poles"])
@pytest.mark.parametrize("sampling", [Healpix(16), Icosahedral(3)], ids=lambda s: s.name)
@pytest.mark.parametrize("method", ["bilinear", "conservative"])
def test_a_solid_rotation_stays_one_up_to_the_poles(grid, sampling, method):
    """Its components in space are linear in place, so that errors are of the second order.

    For values at centres they are at most h²/4 with the step h of 2°, and as much again where the
    mean of a row stands for the pole. Means over pixels of half a width r fall short of the centre
    by r²/2 in length, about 0.003 for pixels of 7.9°.
    """
    wind = rotation(*grid.coordinates(), grid.positions)
    weights = build_weights(grid, sampling, method)
    regridded = apply_to_winds(weights, grid, sampling, *wind)
    expected = rotation(*longitude_latitude(sampling.positions), sampling.positions)
    limit = np.radians(2) ** 2 / 2 if method == "bilinear" else 0.006
    for found, component in zip(regridded, expected, strict=True):
        assert found.dtype == np.float32
        assert np.abs(found - component).max() < limit


def test_components_on_their_own_would_be_wrong_at_a_pole():
    """The flow over the pole is to the east in one column and to the north in another."""
    sampling = Icosahedral(3)
    wind = rotation(*BETWEEN.coordinates(), BETWEEN.positions)
    weights = build_weights(BETWEEN, sampling, "bilinear")
    expected = rotation(*longitude_latitude(sampling.positions), sampling.positions)
    alone = weights.apply(wind[0])
    together, _ = apply_to_winds(weights, BETWEEN, sampling, *wind)
    assert abs(alone[0] - expected[0][0]) > 0.4
    assert abs(together[0] - expected[0][0]) < 1e-3


def test_fields_of_several_dimensions_and_missing_winds():
    sampling = Healpix(4)
    weights = build_weights(GRID, sampling, "conservative")
    east, north = rotation(*GRID.coordinates(), GRID.positions)
    stack = np.stack([east, 2 * east]), np.stack([north, 2 * north])
    stack[1][1, np.abs(GRID.coordinates()[1]) < 20] = np.nan
    u, v = apply_to_winds(weights, GRID, sampling, *stack)
    assert u.shape == v.shape == (2, 192)
    missing = np.isnan(v[1])
    np.testing.assert_array_equal(np.isnan(u[1]), missing)
    assert missing.any()
    np.testing.assert_allclose(u[1, ~missing], 2 * u[0, ~missing], rtol=1e-5, atol=1e-6)
    u, v = apply_to_winds(weights, GRID, sampling, *stack, "renormalize", 0.01)
    assert np.isnan(u[1]).sum() < missing.sum()


def test_directions_are_found_once_for_a_grid_and_a_sampling(monkeypatch):
    sampling = Healpix(4)
    weights = build_weights(BETWEEN, sampling, "bilinear")
    wind = rotation(*BETWEEN.coordinates(), BETWEEN.positions)
    before = apply_to_winds(weights, BETWEEN, sampling, *wind)
    with monkeypatch.context() as patch:
        patch.setattr(winds, "tangents", None)
        again = apply_to_winds(weights, BETWEEN, Healpix(4), *wind)
    np.testing.assert_array_equal(before, again)
    others = LatitudeLongitude(BETWEEN.latitude, BETWEEN.longitude + 90)
    wind = rotation(*others.coordinates(), others.positions)
    turned = apply_to_winds(build_weights(others, sampling, "bilinear"), others, sampling, *wind)
    np.testing.assert_allclose(turned, before, atol=2e-3)


def test_wrong_arguments_are_defects():
    sampling = Healpix(2)
    weights = build_weights(GRID, sampling, "nearest")
    wind = np.zeros((2, len(GRID)))
    with pytest.raises(ValueError, match="the weights lead to healpix:2"):
        apply_to_winds(weights, GRID, Healpix(4), *wind)
    with pytest.raises(ValueError, match="the weights lead to healpix:2"):
        apply_to_winds(weights, BETWEEN, sampling, *wind)
    with pytest.raises(ValueError, match="both components must have the shape"):
        apply_to_winds(weights, GRID, sampling, wind[0], wind)
