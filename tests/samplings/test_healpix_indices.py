import healpy
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsphere.errors import DeepsphereError
from deepsphere.samplings.healpix_indices import (
    MAX_NSIDE,
    check_nside,
    face_of_nested,
    face_of_ring,
    nested_of_face,
    nested_of_ring,
    odd_factor,
    ring_of_face,
    ring_of_nested,
)

POWERS_OF_TWO = st.integers(0, 29).map(lambda exponent: 2**exponent)
ANY_NSIDE = st.integers(1, 20) | st.integers(1, 2**14) | POWERS_OF_TWO


@settings(derandomize=True, deadline=None, max_examples=100)
@given(data=st.data())
def test_orders_agree_with_healpy(nside_and_pixels, data):
    nside, pixels = data.draw(nside_and_pixels(POWERS_OF_TWO))
    np.testing.assert_array_equal(ring_of_nested(nside, pixels), healpy.nest2ring(nside, pixels))
    np.testing.assert_array_equal(nested_of_ring(nside, pixels), healpy.ring2nest(nside, pixels))
    faces = np.stack(face_of_nested(nside, pixels))
    x, y, face = healpy.pix2xyf(nside, pixels, nest=True)
    np.testing.assert_array_equal(faces, [face, x, y])


@settings(derandomize=True, deadline=None, max_examples=150)
@given(data=st.data())
def test_every_way_to_say_a_pixel_leads_back(nside_and_pixels, data):
    nside, pixels = data.draw(nside_and_pixels(ANY_NSIDE))
    ring = ring_of_nested(nside, pixels)
    assert ring.dtype == np.int64
    np.testing.assert_array_equal(nested_of_ring(nside, ring), pixels)
    np.testing.assert_array_equal(ring_of_nested(nside, nested_of_ring(nside, pixels)), pixels)
    np.testing.assert_array_equal(nested_of_face(nside, *face_of_nested(nside, pixels)), pixels)
    np.testing.assert_array_equal(ring_of_face(nside, *face_of_ring(nside, pixels)), pixels)


@pytest.mark.parametrize("nside", [6, 12, 40])
def test_extended_order_visits_every_pixel_once(nside):
    ring = ring_of_nested(nside, np.arange(12 * nside**2))
    np.testing.assert_array_equal(np.sort(ring), np.arange(12 * nside**2))


def test_extended_order_is_as_documented():
    """nside 12 = 2² · 3: the nine 4 x 4 blocks of a face row by row, Morton's order inside."""
    inside = [(0, 0), (1, 0), (0, 1), (1, 1)]
    expected = [
        (4 * block_x + 2 * big_x + small_x, 4 * block_y + 2 * big_y + small_y)
        for block_y in range(3)
        for block_x in range(3)
        for big_x, big_y in inside
        for small_x, small_y in inside
    ]
    face, x, y = face_of_nested(12, np.arange(7 * 144, 8 * 144))
    assert (face == 7).all()
    assert list(zip(x.tolist(), y.tolist(), strict=True)) == expected


def test_shapes_and_types():
    pixels = np.array([[0, 5, 11], [7, 3, 1]], np.uint64)
    assert ring_of_nested(1, pixels).shape == (2, 3)
    assert ring_of_nested(1, pixels).dtype == np.int64
    assert ring_of_nested(1, []).dtype == np.int64


@pytest.mark.parametrize("nside", [0, -4, 32.0, "32", True, None, MAX_NSIDE + 1])
def test_an_nside_that_is_none_is_refused(nside):
    with pytest.raises(DeepsphereError, match="whole number from 1 to 536870912; found ") as error:
        check_nside(nside)
    assert str(error.value).endswith(repr(nside))


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        ([0, -1], "pixels of healpix:2 go from 0 to 47; found -1"),
        (48, "pixels of healpix:2 go from 0 to 47; found 48"),
        (np.uint64(2**63), "found 9223372036854775808"),
        ([0.0], "must be whole numbers; found float64"),
        ([True], "must be whole numbers; found bool"),
    ],
)
@pytest.mark.parametrize("function", [ring_of_nested, nested_of_ring])
def test_pixels_that_are_none_are_refused(function, pixels, message):
    with pytest.raises(DeepsphereError, match=message) as error:
        function(2, pixels)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("nside", "odd"), [(1, 1), (32, 1), (12, 3), (7, 7), (MAX_NSIDE, 1)])
def test_odd_factor(nside, odd):
    assert odd_factor(nside) == odd
