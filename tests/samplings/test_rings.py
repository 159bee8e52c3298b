from fractions import Fraction

import numpy as np
import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.samplings.equiangular import Equiangular
from deepsphere.samplings.gauss_legendre import GaussLegendre
from deepsphere.samplings.octahedral import Octahedral
from deepsphere.samplings.rings import Rings, grid_neighbours

SAMPLINGS = [
    Equiangular(2, 3),
    Equiangular(16, 16),
    Equiangular(7, 120),
    Equiangular(8, 12, "north"),
    Equiangular(9, 15, "both"),
    GaussLegendre(2, 3),
    GaussLegendre(13, 26),
    Octahedral(1),
    Octahedral(12),
]


@pytest.fixture
def rings():
    """Two rings, of three pixels above 60°N and of four below."""
    return Rings(
        np.radians([0.0, 90.0]), np.array([0.0, np.radians(30.0), np.pi]), np.array([3, 4])
    )


def test_positions_go_ring_by_ring_from_the_north_and_eastwards_from_0(rings):
    north = [[0, 0, 1]] * 3
    equator = [[1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0]]
    np.testing.assert_allclose(rings.positions(), north + equator, atol=1e-15)
    np.testing.assert_array_equal(rings.positions()[:3], north)


def test_areas_are_those_of_zones_by_archimedes(rings):
    """A zone between heights z₀ and z₁ has 2π (z₁ - z₀): 2π (1 - √3/2) above 60°N."""
    cap = 2 * np.pi * (1 - np.sqrt(3) / 2)
    expected = [cap / 3] * 3 + [(4 * np.pi - cap) / 4] * 4
    np.testing.assert_allclose(rings.areas(), expected, rtol=1e-15)
    assert not rings.areas().flags.writeable
    assert not rings.positions().flags.writeable


def test_areas_keep_their_digits_at_the_poles():
    """A cap of colatitude θ has 2π (1 - cos θ) = πθ² (1 - θ²/12 + ...): series, not cosine.

    At θ = 1e-5 the difference of cosines has six digits left.
    """
    tip = 1e-5
    rings = Rings(
        np.array([0.0, 1.0, np.pi]), np.array([0.0, tip, np.pi - tip, np.pi]), np.full(3, 4)
    )
    expected = np.pi * tip**2 * (1 - tip**2 / 12) / 4
    assert rings.areas()[0] == pytest.approx(expected, rel=1e-14, abs=0)
    # The distance to the south pole has the rounding of π: 4e-16 of 1e-5, twice by the square.
    assert rings.areas()[-1] == pytest.approx(expected, rel=2e-10, abs=0)


def test_corners_of_a_cell_and_of_polar_sectors(rings):
    """Sectors end, or begin, in their pole; 120° are 40 arcs of 3° and 90° are 30.

    The corners of both rings are at multiples of 3°: these of 120° from -60°, those of 90° from
    -45°. A side has its two ends, 41 corners or 31, and repeats its last one.
    """
    cells = rings.cells()
    assert cells.shape == (7, 42, 3)
    np.testing.assert_array_equal(cells[:3, 41], [[0, 0, 1]] * 3)
    np.testing.assert_array_equal(cells[3:, 0], [[0, 0, -1]] * 4)
    south_side = cells[0, :41]
    np.testing.assert_allclose(south_side[:, 2], np.cos(np.radians(30)), atol=1e-15)
    longitudes = np.degrees(np.arctan2(south_side[:, 1], south_side[:, 0]))
    np.testing.assert_allclose(longitudes, np.arange(-60, 61, 3), atol=1e-12)
    north_side = cells[3, 1:32]
    longitudes = np.degrees(np.arctan2(north_side[:, 1], north_side[:, 0]))
    np.testing.assert_allclose(longitudes, np.arange(45, -46, -3), atol=1e-12)
    np.testing.assert_array_equal(cells[3:, 32:], np.repeat(cells[3:, 31:32], 10, axis=1))


def test_rings_of_other_counts_share_the_corners_of_both():
    """4 boxes of 90° meet 5 of 72° at the equator: 120 and 125 arcs, half a box before 0°E.

    Arcs of 3° from -45° and of 72°/25 from -36°; a box in the north has 31 corners of its own and
    25/72 of 90, 31, of the others, but those of both at once once.
    """
    rings = Rings(np.array([1.0, 2.0]), np.array([0.0, np.pi / 2, np.pi]), np.array([4, 5]))
    corners, owners = np.unique(rings.cells().reshape(-1, 3), axis=0, return_inverse=True)
    own = {Fraction(2 * k - 30, 240) % 1 for k in range(120)}
    others = {Fraction(2 * k - 24, 240) % 1 for k in range(120)}
    assert len(corners) == len(own | others) + 2
    longitudes = np.degrees(np.arctan2(corners[:, 1], corners[:, 0])) / 360 % 1
    on_equator = np.sort(longitudes[np.abs(corners[:, 2]) < 0.5])
    np.testing.assert_allclose(on_equator, sorted(map(float, own | others)), atol=1e-15)
    assert np.bincount(owners.ravel()).min() >= 2


@pytest.mark.parametrize("sampling", SAMPLINGS, ids=lambda sampling: sampling.name)
def test_areas_are_those_of_the_sphere_and_of_the_cells(sampling):
    """Triangles (a, b, c) have tan(Ω/2) = a·(b×c) / (1 + a·b + b·c + c·a) (Van Oosterom, Strackee).

    A fan of them, with signs, adds up to any polygon: positive if it is counter-clockwise. That
    polygon differs from the box by less than δ²/6 = 5e-4, as arcs are δ = 3° at most; the docstring
    of ``Rings.cells`` derives it.
    """
    assert sampling.areas.sum() == pytest.approx(4 * np.pi, rel=1e-12)
    assert sampling.areas.shape == (len(sampling),)
    cells = sampling.cells()
    a, b, c = cells[:, :1], cells[:, 1:-1], cells[:, 2:]
    volumes = (a * np.cross(b, c)).sum(axis=-1)
    cosines = (a * b).sum(axis=-1) + (b * c).sum(axis=-1) + (c * a).sum(axis=-1)
    areas = 2 * np.arctan2(volumes, 1 + cosines).sum(axis=1)
    np.testing.assert_allclose(areas, sampling.areas, rtol=np.radians(3) ** 2 / 6 * 1.01)
    assert areas.sum() == pytest.approx(4 * np.pi, rel=3e-4)


@pytest.mark.parametrize("sampling", SAMPLINGS, ids=lambda sampling: sampling.name)
def test_positions_are_unit_vectors_within_their_cells(sampling):
    positions, cells = sampling.positions, sampling.cells()
    assert positions.shape == (len(sampling), 3)
    np.testing.assert_allclose(np.linalg.norm(positions, axis=1), 1, rtol=1e-15)
    np.testing.assert_allclose(np.linalg.norm(cells, axis=2), 1, rtol=1e-15)
    lowest, highest = cells[..., 2].min(axis=1), cells[..., 2].max(axis=1)
    assert (lowest <= positions[:, 2]).all()
    assert (positions[:, 2] <= highest).all()
    # Cells reach as far to the west as to the east of the meridian of their pixel, and no further
    # than half of their share of the turn. At a pole any longitude is right.
    at_pole = np.hypot(*positions[:, :2].T) < 1e-12
    turn = np.arctan2(*np.moveaxis(cells[~at_pole, :, 1::-1], -1, 0))
    turn -= np.arctan2(*positions[~at_pole, 1::-1].T)[:, np.newaxis]
    turn = np.remainder(turn + np.pi, 2 * np.pi) - np.pi
    turn[np.hypot(*np.moveaxis(cells[~at_pole, :, :2], -1, 0)) < 1e-12] = 0
    np.testing.assert_allclose(turn.max(axis=1), -turn.min(axis=1), atol=1e-12)
    counts = np.round(np.pi / turn.max(axis=1))
    np.testing.assert_allclose(turn.max(axis=1), np.pi / counts, atol=1e-12)


@pytest.mark.parametrize("sampling", [Equiangular(6, 9), Equiangular(5, 121, "both")])
def test_cells_share_their_corners_bit_for_bit(sampling):
    """Between rows, each of which is one ring of columns × arcs points, there are no two versions.

    9 columns of 40° have 14 arcs each, 121 have one.
    """
    arcs = 14 if sampling.columns == 9 else 1
    corners = np.unique(sampling.cells().reshape(-1, 3), axis=0)
    assert len(corners) == (sampling.rows - 1) * sampling.columns * arcs + 2


def test_neighbours_of_a_small_grid():
    """Pixels of 3 × 4::

    0  1  2  3      half a turn from 0 is 2, from 1 is 3
    4  5  6  7
    8  9 10 11
    """
    around = grid_neighbours(3, 4)
    assert around.dtype == np.int64
    np.testing.assert_array_equal(around[0], [3, 2, 1, 4])
    np.testing.assert_array_equal(around[3], [2, 1, 0, 7])
    np.testing.assert_array_equal(around[6], [5, 2, 7, 10])
    np.testing.assert_array_equal(around[8], [11, 4, 9, 10])


def test_an_odd_number_of_columns_has_no_link_across_the_pole():
    around = grid_neighbours(3, 5)
    np.testing.assert_array_equal(around[0], [4, 1, 5, -1])
    np.testing.assert_array_equal(around[7], [6, 2, 8, 12])
    np.testing.assert_array_equal(around[14], [13, 9, 10, -1])
    assert np.count_nonzero(around < 0) == 2 * 5


@pytest.mark.parametrize(("rows", "columns"), [(2, 3), (2, 4), (3, 5), (6, 8), (5, 9)])
def test_neighbours_are_symmetric_distinct_and_others(rows, columns):
    around = grid_neighbours(rows, columns)
    assert around.shape == (rows * columns, 4)
    pixel, place = np.nonzero(around >= 0)
    pairs = set(zip(pixel.tolist(), around[pixel, place].tolist(), strict=True))
    assert len(pairs) == len(pixel)
    assert pairs == {(other, one) for one, other in pairs}
    assert all(one != other for one, other in pairs)


@pytest.mark.parametrize(
    ("colatitudes", "boundaries", "counts", "message"),
    [
        ([1.0], [0, np.pi], [4], "found 1 rings, 1 counts, 2 boundaries"),
        ([1.0, 2.0], [0, np.pi], [4, 4], "found 2 rings, 2 counts, 2 boundaries"),
        ([1.0, 2.0], [0, 1.5, np.pi], [4], "found 2 rings, 1 counts, 3 boundaries"),
        ([1.0, 2.0], [0, 1.5, np.pi], [4, 2], "three or more pixels; found 2"),
        ([1.0, 2.0], [0, 2.5, np.pi], [4, 4], "1 of 2 rings outside theirs"),
        ([1.0, 2.0], [0.1, 1.5, np.pi], [4, 4], "found 0.1 to 3.14"),
        ([1.0, 2.0], [0, 1.5, 3.0], [4, 4], "found 0.0 to 3.0"),
    ],
)
def test_wrong_rings_are_said_in_one_line(colatitudes, boundaries, counts, message):
    with pytest.raises(DeepsphereError, match=message) as error:
        Rings(np.array(colatitudes), np.array(boundaries), np.array(counts))
    assert "\n" not in str(error.value)
