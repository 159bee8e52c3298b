import healpy
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from deepsphere.errors import DeepsphereError
from deepsphere.samplings.healpix_geometry import pixels_at, positions_inside
from deepsphere.samplings.healpix_indices import (
    MAX_NSIDE,
    face_of_nested,
    nested_of_face,
    nested_of_ring,
    ring_of_nested,
)
from deepsphere.samplings.healpix_neighbours import adjacent_pixels

SMALL = [1, 2, 3, 4, 5, 6, 7, 8, 12, 20]
POWERS_OF_TWO = st.integers(0, 29).map(lambda exponent: 2**exponent)
ANY_NSIDE = st.integers(1, 20) | st.integers(1, 2**14) | POWERS_OF_TWO
CORNERS = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]).T


def everything(nside):
    return np.arange(12 * nside**2)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(data=st.data())
def test_centres_in_ring_order_agree_with_healpy_at_any_nside(nside_and_pixels, data):
    nside, pixels = data.draw(nside_and_pixels(ANY_NSIDE))
    centres = positions_inside(nside, nested_of_ring(nside, pixels))
    expected = np.stack(healpy.pix2vec(nside, pixels), axis=-1)
    np.testing.assert_allclose(centres, expected, rtol=0, atol=3e-15)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(data=st.data())
def test_centres_in_nested_order_agree_with_healpy(nside_and_pixels, data):
    nside, pixels = data.draw(nside_and_pixels(POWERS_OF_TWO))
    expected = np.stack(healpy.pix2vec(nside, pixels, nest=True), axis=-1)
    np.testing.assert_allclose(positions_inside(nside, pixels), expected, rtol=0, atol=3e-15)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(data=st.data())
def test_centres_are_in_their_pixels(nside_and_pixels, data):
    nside, pixels = data.draw(nside_and_pixels(ANY_NSIDE))
    np.testing.assert_array_equal(pixels_at(nside, positions_inside(nside, pixels)), pixels)


@pytest.mark.parametrize("nside", [3, 8192, MAX_NSIDE])
def test_centres_next_to_the_poles_have_all_their_digits(nside):
    """Ring i of a cap has 1 - cos(colatitude) = i²/(3 nside²), and 1 - cos a = 2 sin²(a/2).

    So sin(a/2) = i/(√6 nside), and sin a = 2 sin(a/2) cos(a/2) without any cancellation. The first
    four pixels in RING order, i = 1, are at longitudes 45°, 135°, 225° and 315°; i = 2 follows, at
    22.5°, 67.5°, ...; the south ends with the same rings.
    """
    ring = np.repeat([1, 2], [4, 8])
    half = ring / (np.sqrt(6) * nside)
    sine = 2 * half * np.sqrt(1 - half**2)
    longitude = np.radians(np.concatenate([45 + 90 * np.arange(4), 22.5 + 45 * np.arange(8)]))
    expected = np.stack([sine * np.cos(longitude), sine * np.sin(longitude)], axis=1)
    tolerance = 1e-15 * sine[:, np.newaxis]
    north = positions_inside(nside, nested_of_ring(nside, np.arange(12)))
    assert (np.abs(north[:, :2] - expected) <= tolerance).all()
    south_ring = 12 * nside**2 - np.array([4, 3, 2, 1, *range(12, 4, -1)])
    south = positions_inside(nside, nested_of_ring(nside, south_ring))
    assert (np.abs(south[:, :2] - expected) <= tolerance).all()
    np.testing.assert_array_equal(south[:, 2], -north[:, 2])
    np.testing.assert_array_equal(ring_of_nested(nside, pixels_at(nside, north)), np.arange(12))
    np.testing.assert_array_equal(ring_of_nested(nside, pixels_at(nside, south)), south_ring)


@pytest.mark.parametrize("nside", SMALL)
def test_symmetries_of_the_sphere_map_centres_to_centres_bit_for_bit(nside):
    face, x, y = face_of_nested(nside, everything(nside))
    centres = positions_inside(nside, everything(nside))
    east = nested_of_face(nside, face // 4 * 4 + (face + 1) % 4, x, y)
    np.testing.assert_array_equal(centres[east], centres[:, [1, 0, 2]] * [-1, 1, 1])
    mirrored_face = np.array([8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3])[face]
    mirrored = nested_of_face(nside, mirrored_face, nside - 1 - y, nside - 1 - x)
    np.testing.assert_array_equal(centres[mirrored], centres * [1, 1, -1])


@pytest.mark.parametrize("nside", SMALL)
def test_places_inside_pixels_are_unit_vectors_with_the_poles_and_the_equator_among_them(nside):
    corners = positions_inside(nside, everything(nside)[:, np.newaxis], *CORNERS)
    assert corners.shape == (12 * nside**2, 4, 3)
    np.testing.assert_allclose(np.linalg.norm(corners, axis=-1), 1, rtol=0, atol=4e-16)
    # The north corners of the last pixels of faces 0 to 3, and the east corner of face 0's first.
    last = np.arange(1, 5) * nside**2 - 1
    np.testing.assert_array_equal(corners[last, 2], [[0, 0, 1]] * 4)
    face_0_east = corners[nested_of_face(nside, 0, nside - 1, 0), 1]
    np.testing.assert_allclose(face_0_east, [0, np.sqrt(5) / 3, 2 / 3], rtol=0, atol=2e-16)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(
    st.integers(1, 10) | st.integers(1, 2**13) | st.integers(0, 13).map(lambda power: 2**power),
    st.floats(-1, 1) | st.sampled_from([-2 / 3, 0, 2 / 3]) | st.floats(0.999, 1),
    st.floats(0, 2 * np.pi),
)
def test_vectors_away_from_borders_are_in_the_pixel_that_healpy_says(nside, z, longitude):
    sine = np.sqrt((1 - z) * (1 + z))
    vector = np.array([sine * np.cos(longitude), sine * np.sin(longitude), z])
    # On a border either side is right, and rounding chooses. A place is away from borders if moving
    # it by far more than rounding does, and by far less than the 1e-4 that pixels measure, does not
    # change healpy's answer.
    moves = 1e-11 * np.concatenate([np.eye(3), -np.eye(3)])
    around = healpy.vec2pix(nside, *(vector + moves).T)
    assume((around == around[0]).all())
    pixel = pixels_at(nside, vector)
    assert ring_of_nested(nside, pixel) == around[0]
    if nside & (nside - 1) == 0:
        assert pixel == healpy.vec2pix(nside, *vector, nest=True)
    assert pixels_at(nside, 1e-3 * vector) == pixel


@pytest.mark.parametrize("nside", [*SMALL, 31, 32])
def test_places_on_borders_are_in_a_pixel_that_has_them(nside):
    """Corners are where rounding could lead to another face; |z| = 2/3 and z = 0 are among them."""
    pixels = everything(nside)[:, np.newaxis]
    x, y = np.append(CORNERS, [[0.5, 0, 1, 0.5], [0, 0.5, 0.5, 1]], axis=1)
    found = pixels_at(nside, positions_inside(nside, pixels, x, y))
    around = np.append(pixels, adjacent_pixels(nside, pixels[:, 0]), axis=1)
    assert (found[:, :, np.newaxis] == around[:, np.newaxis]).any(axis=2).all()


@pytest.mark.parametrize("nside", [*SMALL, 31, 32, 8191, 8192, MAX_NSIDE])
def test_places_where_caps_and_belt_meet_are_in_a_pixel_nearby(nside):
    """Nearby is within √(4π/3)/nside, twice the side of a square of the area of a pixel.

    Latitudes differ from arcsin(±2/3) by the last bits, longitudes from 0°, 45°, ... too; just west
    of 0°E the longitude is rounded to 360°.
    """
    last_bits = np.arange(-4, 5) * np.finfo(np.float64).eps / 2
    z, longitude, step = np.meshgrid(
        np.concatenate([2 / 3 + last_bits, -2 / 3 + last_bits]),
        np.arange(8) * np.pi / 4,
        np.append(last_bits, [-1e-17, 1e-17]),
    )
    sine = np.sqrt((1 - z) * (1 + z))
    x, y = sine * np.cos(longitude), sine * np.sin(longitude)
    # A step to the east turns a vector (x, y) by the direction (-y, x).
    vectors = np.stack([x - y * step, y + x * step, z], axis=-1)
    centres = positions_inside(nside, pixels_at(nside, vectors))
    distances = np.linalg.norm(centres - vectors, axis=-1)
    assert distances.max() < np.sqrt(4 * np.pi / 3) / nside


@pytest.mark.parametrize("nside", [2, 6, 12, 14, 40, 64])
def test_children_lie_in_their_parents_by_healpys_geometry(nside):
    """The centre of a child is a quarter of a side away from the borders of its parent."""
    centres = positions_inside(nside, everything(nside))
    parents = healpy.vec2pix(nside // 2, *centres.T)
    expected = ring_of_nested(nside // 2, np.arange(3 * nside**2))
    np.testing.assert_array_equal(parents.reshape(-1, 4), np.repeat(expected, 4).reshape(-1, 4))


def test_shapes():
    pixels = np.array([[0, 5, 11], [7, 3, 1]], np.uint64)
    assert positions_inside(1, pixels).shape == (2, 3, 3)
    assert positions_inside(1, pixels[..., np.newaxis], *CORNERS).shape == (2, 3, 4, 3)
    assert positions_inside(1, 4).tolist() == [1, 0, 0]
    assert pixels_at(1, np.array([-1.0, 0, 0])) == 6
    assert pixels_at(1, np.zeros((2, 0, 3))).shape == (2, 0)


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        (np.zeros((2, 2)), r"shape \(\.\.\., 3\); found shape \(2, 2\)"),
        (np.float64(1), r"found shape \(\)"),
        (np.array([[1.0, 0, 0], [0, 0, 0]]), r"\[0. 0. 0.\] at index 1 \(1 such vectors\)"),
        (np.array([[np.nan, 0, 0], [np.inf, 0, 0]]), r"at index 0 \(2 such vectors\)"),
    ],
)
def test_vectors_that_point_nowhere_are_refused(vectors, message):
    with pytest.raises(DeepsphereError, match=message) as error:
        pixels_at(2, vectors)
    assert "\n" not in str(error.value)
