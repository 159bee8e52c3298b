import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsphere.errors import DeepsphereError
from deepsphere.samplings.cubed import Cubed, parse

SAMPLINGS = [
    Cubed(1),
    Cubed(2),
    Cubed(3),
    Cubed(4, "equidistant"),
    Cubed(12),
    Cubed(9, "equidistant"),
]
named = pytest.mark.parametrize("sampling", SAMPLINGS, ids=lambda sampling: sampling.name)


def test_one_pixel_a_face_is_at_the_middle_of_the_face():
    axes = [[1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]]
    np.testing.assert_array_equal(Cubed(1).positions, axes)


def test_positions_are_the_centres_in_the_coordinate_of_the_spacing():
    """Of two steps a face, the upper centre is at 22.5°, whose tangent is √2 - 1, or at 1/2."""
    for spacing, step in [("equiangular", np.sqrt(2) - 1), ("equidistant", 0.5)]:
        first, second, third, fourth = Cubed(2, spacing).positions[:4] * np.sqrt(1 + 2 * step**2)
        np.testing.assert_allclose(first, [1, -step, -step], atol=1e-15)
        np.testing.assert_allclose(second, [1, step, -step], atol=1e-15)
        np.testing.assert_allclose(third, [1, -step, step], atol=1e-15)
        np.testing.assert_allclose(fourth, [1, step, step], atol=1e-15)


@named
def test_pixels_come_face_by_face_within_their_cells(sampling):
    """A point is inside a convex cell if it is to the left of all its sides."""
    positions, cells = sampling.positions, sampling.cells()
    np.testing.assert_allclose(np.linalg.norm(positions, axis=1), 1, rtol=1e-15)
    assert cells.shape == (6 * sampling.side**2, 4, 3)
    sides = np.cross(cells, np.roll(cells, -1, axis=1))
    assert (np.einsum("pci,pi->pc", sides, positions) > 0).all()
    faces = np.argmax(positions @ Cubed(1).positions.T, axis=1)
    np.testing.assert_array_equal(faces, np.repeat(np.arange(6), sampling.side**2))


@named
def test_cells_share_their_corners_bit_for_bit(sampling):
    """Euler: V = E - F + 2, and each of F squares has four sides, each on two: V = F + 2."""
    corners, counts = np.unique(sampling.cells().reshape(-1, 3), axis=0, return_counts=True)
    assert len(corners) == len(sampling) + 2
    # Four cells meet at a corner, but three at the eight corners of the cube.
    assert np.bincount(counts, minlength=5).tolist() == [0, 0, 0, 8, len(sampling) - 6]


@named
def test_areas_are_those_of_the_cells_by_their_angles(sampling):
    """Girard: the area of a quadrangle of great arcs is the sum of its angles minus 2π."""
    cells = sampling.cells()
    after, before = np.roll(cells, -1, axis=1), np.roll(cells, 1, axis=1)
    ahead, back = np.cross(cells, after), np.cross(cells, before)
    sines = (np.cross(ahead, back) * cells).sum(axis=-1)
    angles = np.arctan2(sines, (ahead * back).sum(axis=-1))
    np.testing.assert_allclose(angles.sum(axis=1) - 2 * np.pi, sampling.areas, atol=1e-12)
    assert sampling.areas.sum() == pytest.approx(4 * np.pi, rel=1e-12)


def test_areas_vary_as_said():
    """Ratios tend to √2 for equal angles, and to 3√3 for equal lengths.

    The solid angle of dx dy is (1 + x² + y²)^(-3/2): 1 in the middle of a face, 3^(-3/2) at its
    corners. Equal angles multiply by (1 + x²)(1 + y²): 4 · 3^(-3/2) at the corners, 2^(-1/2) in the
    middle of an edge, the least.
    """
    equiangular, equidistant = Cubed(255).areas, Cubed(255, "equidistant").areas
    assert equiangular.max() / equiangular.min() == pytest.approx(np.sqrt(2), rel=0.01)
    assert equidistant.max() / equidistant.min() == pytest.approx(3 * np.sqrt(3), rel=0.02)


@named
def test_neighbours_are_the_cells_that_share_a_corner(sampling):
    """Found here by comparing the corners of all cells; eight, or seven at a corner of the cube."""
    corners, owners = np.unique(sampling.cells().reshape(-1, 3), axis=0, return_inverse=True)
    touches = np.zeros((len(sampling), len(corners)), dtype=int)
    touches[np.repeat(np.arange(len(sampling)), 4), owners.ravel()] = 1
    shared = touches @ touches.T
    np.fill_diagonal(shared, 0)
    around = sampling.neighbours()
    assert around.shape == (len(sampling), 8)
    for found, truth in zip(around, shared, strict=True):
        count = np.count_nonzero(truth)
        np.testing.assert_array_equal(np.sort(found[:count]), np.flatnonzero(truth))
        np.testing.assert_array_equal(found[count:], -1)


def test_neighbours_are_symmetric_and_as_many_as_there_should_be():
    """8 · 6 · side² less one for each of the three pixels at each of the eight corners."""
    sampling = Cubed(45)
    around = sampling.neighbours()
    pixel, place = np.nonzero(around >= 0)
    assert len(pixel) == 8 * 6 * 45**2 - 24
    pairs = np.unique(np.stack([pixel, around[pixel, place]], axis=1), axis=0)
    assert len(pairs) == len(pixel)
    np.testing.assert_array_equal(pairs, np.unique(pairs[:, ::-1], axis=0))


def test_neighbours_go_around_counter_clockwise_from_the_south_west():
    """A face of 4 × 4 pixels in nested order::

    10 11 14 15
     8  9 12 13
     2  3  6  7
     0  1  4  5
    """
    np.testing.assert_array_equal(Cubed(4).neighbours()[3], [0, 1, 4, 6, 12, 9, 8, 2])


def test_a_side_of_six_has_three_by_three_blocks_in_nested_order():
    """Blocks of 2 × 2 row by row; 6 = 2 · 3. Rows from the south::

    26 27 | 30 31 | 34 35
    24 25 | 28 29 | 32 33
    ---------------------
    14 15 | 18 19 | 22 23
    12 13 | 16 17 | 20 21
    ---------------------
     2  3 |  6  7 | 10 11
     0  1 |  4  5 |  8  9
    """
    y, z = Cubed(6, "equidistant").positions[:36, 1:].T / Cubed(6, "equidistant").positions[:36, 0]
    columns, rows = np.round((y * 6 + 5) / 2), np.round((z * 6 + 5) / 2)
    at = np.lexsort([columns, rows]).reshape(6, 6)
    np.testing.assert_array_equal(at[0], [0, 1, 4, 5, 8, 9])
    np.testing.assert_array_equal(at[1], [2, 3, 6, 7, 10, 11])
    np.testing.assert_array_equal(at[5], [26, 27, 30, 31, 34, 35])


@pytest.mark.parametrize(
    "sampling", [Cubed(2), Cubed(6), Cubed(8), Cubed(8, "equidistant")], ids=lambda s: s.name
)
def test_children_fill_their_parent(sampling):
    coarsening = sampling.coarser()
    coarse, children = coarsening.coarse, coarsening.children
    assert coarse == Cubed(sampling.side // 2, sampling.spacing)
    np.testing.assert_array_equal(children, np.arange(len(sampling)).reshape(-1, 4))
    np.testing.assert_allclose(sampling.areas[children].sum(axis=1), coarse.areas, rtol=1e-12)
    # The corners of the children lie to the left of, or on, all sides of the parent.
    cells = coarse.cells()
    sides = np.cross(cells, np.roll(cells, -1, axis=1))
    corners = sampling.cells()[children].reshape(len(coarse), 16, 3)
    assert np.einsum("psi,pci->psc", sides, corners).min() > -1e-15


def test_an_odd_side_has_no_coarser():
    assert Cubed(1).coarser() is None
    assert Cubed(45).coarser() is None


def test_equal_samplings_are_equal_and_arrays_are_read_only():
    assert Cubed(4) == Cubed(4, "equiangular")
    assert hash(Cubed(4)) == hash(Cubed(4, "equiangular"))
    assert Cubed(4) != Cubed(4, "equidistant")
    for array in (Cubed(4).positions, Cubed(4).areas):
        assert array.dtype == np.float64
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


@settings(derandomize=True, deadline=None, max_examples=50)
@given(st.integers(1, 999_999), st.sampled_from(["equiangular", "equidistant"]))
def test_names_are_read_back(side, spacing):
    sampling = Cubed(side, spacing)
    assert parse(sampling.name.removeprefix("cubed:")) == sampling
    assert len(sampling) == 6 * side**2


def test_names():
    assert Cubed(45).name == "cubed:45"
    assert Cubed(45, "equidistant").name == "cubed:45:equidistant"


@pytest.mark.parametrize("text", ["", "45x45", "45:", "45:equiangular", "-1", "45\n", "four"])
def test_other_texts_are_refused_with_a_right_one(text):
    with pytest.raises(DeepsphereError, match=r'as in "cubed:45"') as error:
        parse(text)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ((0,), "side must be a whole number from 1 to 1000000; found 0"),
        ((2.0,), "side must be a whole number from 1 to 1000000; found 2.0"),
        ((True,), "side must be a whole number from 1 to 1000000; found True"),
        ((4, "conformal"), "'equiangular' or 'equidistant'; found 'conformal'"),
    ],
)
def test_wrong_fields_are_said_in_one_line(fields, message):
    with pytest.raises(DeepsphereError, match=message):
        Cubed(*fields)
