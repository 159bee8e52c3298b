import healpy
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from deepsphere.samplings.fibonacci import Fibonacci
from deepsphere.samplings.healpix import Healpix
from deepsphere.samplings.healpix_symmetries import healpix_symmetries
from deepsphere.samplings.icosahedral import Icosahedral
from deepsphere.samplings.masked import Masked
from deepsphere.samplings.symmetries import permutation_by_rotation, symmetries


def turn(quarters, halves):
    about_z = Rotation.from_euler("z", 90 * quarters, degrees=True)
    return (about_z * Rotation.from_euler("x", 180 * halves, degrees=True)).as_matrix()


@pytest.mark.parametrize("nside", [1, 2, 3, 8])
@pytest.mark.parametrize("halves", [0, 1])
@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_symmetries_of_healpix_move_pixels_as_healpy_rotates_maps(nside, quarters, halves):
    """The value at each pixel is that at the pixel it comes from, which healpy finds."""
    # healpy takes the angles of a rotation of the frame: about z, then about the new x.
    angles = 90 * quarters * (1 if halves else -1), 0, 180 * halves
    rotator = healpy.Rotator(rot=angles)
    np.testing.assert_allclose(rotator.mat, turn(quarters, halves), atol=1e-12)
    sampling = Healpix(nside)
    field = np.random.default_rng(0).standard_normal(len(sampling))
    found = field[healpix_symmetries(nside)[quarters + 4 * halves]]
    origins = rotator.I(np.stack(healpy.pix2vec(nside, np.arange(len(field)))))
    expected = sampling.to_ring(field)[healpy.vec2pix(nside, *origins)]
    np.testing.assert_array_equal(sampling.to_ring(found), expected)


def test_symmetries_of_healpix_are_a_group_that_moves_every_pixel_there_and_back():
    symmetries = healpix_symmetries(4)
    assert symmetries.dtype == np.int64
    np.testing.assert_array_equal(symmetries[0], np.arange(192))
    found = {tuple(one[other]) for one in symmetries for other in symmetries}
    assert found == {tuple(one) for one in symmetries}
    assert len(found) == 8


def test_the_permutation_evaluates_the_rotated_function():
    """(Rf)(x) = f(R^-1 x), for a function that is known everywhere: a linear one of z and x."""
    positions = Healpix(4).positions
    field = positions @ [1.0, 2, 3]
    for row, permutation in enumerate(healpix_symmetries(4)):
        rotated = positions @ (turn(row % 4, row // 4) @ [1.0, 2, 3])
        np.testing.assert_allclose(field[permutation], rotated, atol=1e-14)


def test_other_samplings_have_other_symmetries():
    sampling = Icosahedral(2)
    axis = sampling.positions[0]
    fifth = Rotation.from_rotvec(2 * np.pi / 5 * axis).as_matrix()
    permutation = permutation_by_rotation(sampling.positions, fifth)
    assert permutation[0] == 0
    moved = np.arange(len(sampling))
    for _ in range(5):
        moved = moved[permutation]
    np.testing.assert_array_equal(moved, np.arange(len(sampling)))
    with pytest.raises(ValueError, match=r"pixels onto pixels, found one 0\.\d+ off"):
        permutation_by_rotation(
            sampling.positions, Rotation.from_rotvec(np.pi / 4 * axis).as_matrix()
        )


@pytest.mark.parametrize("nside", [1, 3, 5, 6, 16])
def test_index_arithmetic_finds_the_pixels_that_are_nearest_to_turned_centres(nside):
    for row, permutation in enumerate(healpix_symmetries(nside)):
        expected = permutation_by_rotation(Healpix(nside).positions, turn(row % 4, row // 4))
        np.testing.assert_array_equal(permutation, expected)


@settings(derandomize=True, deadline=None)
@given(st.data())
def test_of_a_part_there_are_the_symmetries_that_map_it_onto_itself(nside_and_pixels, data):
    nside, drawn = data.draw(nside_and_pixels(st.sampled_from([1, 2, 3, 4])))
    of_all = healpix_symmetries(nside)
    # As drawn, hardly any part has a symmetry: the images by some of them are added.
    kept = data.draw(st.lists(st.integers(0, 7), max_size=3))
    for row in kept:
        drawn = np.union1d(drawn, of_all[row][drawn])
    part = Masked(Healpix(nside), np.unique(drawn))
    expected = []
    for permutation in of_all:
        if set(permutation[part.pixels]) == set(part.pixels):
            places = {pixel: place for place, pixel in enumerate(part.pixels)}
            expected.append([places[pixel] for pixel in permutation[part.pixels]])
    np.testing.assert_array_equal(symmetries(part), expected)
    assert symmetries(part).dtype == np.int64


def test_of_parts_by_hand():
    full = Healpix(4)
    north = Masked.where(full, full.positions[:, 2] > 0.5)
    assert len(symmetries(north)) == 4
    # Base pixels on the equator are turned about the axis through their centre, x or y.
    for face in (4, 5, 6, 7):
        turned = symmetries(Masked(full, np.arange(16) + 16 * face))
        np.testing.assert_array_equal(turned, [np.arange(16), np.arange(16)[::-1]])
    np.testing.assert_array_equal(symmetries(Masked(full, np.arange(16))), [np.arange(16)])


def test_a_part_costs_what_it_has():
    """All eight images of one pixel, of a map that would not fit in memory."""
    full = Healpix(1 << 20)
    centre = full.positions_of(np.array([123_456_789_012]))
    images = [full.pixels_at(centre @ turn(row % 4, row // 4)) for row in range(8)]
    found = symmetries(Masked(full, np.sort(np.ravel(images))))
    assert found.shape == (8, 8)
    # Each pixel comes from each other one.
    np.testing.assert_array_equal(np.sort(found, axis=0), np.tile(np.arange(8), (8, 1)).T)


def test_of_others_the_identity_is_known():
    for sampling in (Fibonacci(20), Masked(Icosahedral(1), np.arange(2, 12))):
        np.testing.assert_array_equal(symmetries(sampling), [np.arange(len(sampling))])
    np.testing.assert_array_equal(symmetries(Healpix(2)), healpix_symmetries(2))
