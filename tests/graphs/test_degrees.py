import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsphere.graphs.degrees import degrees_within


def equal_areas(pixels):
    return np.full(pixels, 4 * np.pi / pixels)


@pytest.mark.parametrize("nside", [8, 16, 32, 64, 128])
def test_healpix_holds_degrees_up_to_nearly_three_nside(nside):
    degrees = degrees_within(equal_areas(12 * nside**2))
    assert degrees[0] == 4
    assert degrees[-1] == round(2.9 * nside) <= 3 * nside - 1


def test_even_ratios_below_a_sixth_of_the_band_and_even_steps_above():
    # Of nside 64 the band ends at 185.6, and a sixth of it is 30.9; 4 · 2.78 = 11.1.
    degrees = degrees_within(equal_areas(12 * 64**2))
    assert len(degrees) == 3 + 10
    assert degrees[:3] == [4, 11, 31]
    steps = np.diff(degrees[2:])
    assert 185.6 / 12 - 1 <= steps.min() <= steps.max() <= 185.6 / 12 + 1


def test_as_many_degrees_as_asked_for():
    assert len(degrees_within(equal_areas(12 * 64**2), low=5, high=20)) == 25
    assert degrees_within(equal_areas(12 * 64**2), low=1, high=1) == [4, 186]


def test_a_part_of_the_sphere_holds_what_the_full_one_holds():
    areas = equal_areas(12 * 32**2)
    assert degrees_within(areas[:100]) == degrees_within(areas)


def test_pixels_without_area_do_not_count():
    areas = equal_areas(12 * 32**2)
    padded = np.concatenate([np.zeros(5000), areas])
    assert degrees_within(padded) == degrees_within(areas)


def test_uneven_pixels_count_by_their_mean():
    areas = np.tile([0.5, 1.5], 6 * 32**2) * np.pi / (3 * 32**2)
    assert degrees_within(areas) == degrees_within(equal_areas(12 * 32**2))


@settings(derandomize=True, max_examples=200, deadline=None)
@given(st.integers(1, 100_000))
def test_degrees_are_increasing_and_from_one(pixels):
    degrees = degrees_within(equal_areas(pixels))
    assert degrees
    assert degrees[0] >= 1
    assert (np.diff(degrees) > 0).all()
    assert all(type(degree) is int for degree in degrees)
