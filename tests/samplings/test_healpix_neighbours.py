import healpy
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsphere.errors import DeepsphereError
from deepsphere.samplings.healpix_indices import nested_of_ring, ring_of_nested
from deepsphere.samplings.healpix_neighbours import adjacent_pixels

SMALL = [1, 2, 3, 4, 5, 6, 7, 8, 12, 20]
ANY_NSIDE = (
    st.integers(1, 20) | st.integers(1, 2**14) | st.integers(0, 29).map(lambda power: 2**power)
)


@pytest.mark.parametrize("nside", SMALL)
def test_neighbours_are_those_of_healpy_and_in_its_order(nside):
    pixels = np.arange(12 * nside**2)
    found = adjacent_pixels(nside, pixels)
    ring = np.where(found < 0, -1, ring_of_nested(nside, np.maximum(found, 0)))
    expected = healpy.get_all_neighbours(nside, ring_of_nested(nside, pixels)).T
    np.testing.assert_array_equal(np.sort(ring, axis=1), np.sort(expected, axis=1))
    full = (expected >= 0).all(axis=1)
    np.testing.assert_array_equal(ring[full], expected[full])


@settings(derandomize=True, deadline=None, max_examples=100)
@given(data=st.data())
def test_neighbours_of_some_pixels_are_those_of_healpy(nside_and_pixels, data):
    nside, pixels = data.draw(nside_and_pixels(ANY_NSIDE))
    found = adjacent_pixels(nside, nested_of_ring(nside, pixels))
    expected = healpy.get_all_neighbours(nside, pixels).T
    for row, expected_row in zip(found, expected, strict=True):
        ring = ring_of_nested(nside, row[row >= 0])
        assert set(ring) == set(expected_row[expected_row >= 0])
        assert len(set(ring)) == len(ring)


@pytest.mark.parametrize("nside", SMALL)
def test_missing_neighbours_come_last(nside):
    found = adjacent_pixels(nside, np.arange(12 * nside**2))
    assert (np.diff((found < 0).astype(int), axis=1) >= 0).all()
    counts = np.bincount((found >= 0).sum(axis=1), minlength=9)
    if nside == 1:
        assert counts[6] == 12
    else:
        assert counts[7] == 24
        assert counts[8] == 12 * nside**2 - 24


def test_shapes_and_types():
    found = adjacent_pixels(1, np.array([[0, 5, 11], [7, 3, 1]], np.uint64))
    assert found.shape == (2, 3, 8)
    assert found.dtype == np.int64
    assert adjacent_pixels(1, 0).shape == (8,)


def test_pixels_that_are_none_are_refused():
    with pytest.raises(DeepsphereError, match="pixels of healpix:2 go from 0 to 47; found 48"):
        adjacent_pixels(2, 48)
