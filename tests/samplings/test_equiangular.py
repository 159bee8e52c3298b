import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.linalg import eigsh
from scipy.special import eval_legendre, sph_harm_y

from deepsphere.errors import DeepsphereError
from deepsphere.samplings.equiangular import Equiangular, parse

POLES = ["none", "north", "both"]


def _colatitudes(sampling):
    x, y, z = sampling.positions.T
    return np.arctan2(np.hypot(x, y), z).reshape(sampling.rows, sampling.columns)


def test_positions_of_the_soft_grid():
    """θᵢ = π(2i + 1)/(4b) and φⱼ = πj/b, with θ outermost (Kostelec & Rockmore 2008)."""
    bandwidth = 64
    i, j = np.divmod(np.arange(4 * bandwidth**2), 2 * bandwidth)
    theta, phi = np.pi * (2 * i + 1) / (4 * bandwidth), np.pi * j / bandwidth
    expected = [np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)]
    grid = Equiangular.soft(bandwidth)
    assert grid == Equiangular(128, 128)
    assert len(grid) == 16_384
    np.testing.assert_allclose(grid.positions, np.transpose(expected), atol=1e-15)


@pytest.mark.parametrize(
    ("grid", "shape", "expected"),
    [
        (Equiangular.soft(2), (4, 4), [22.5, 67.5, 112.5, 157.5]),
        (Equiangular.driscoll_healy(2), (4, 4), [0, 45, 90, 135]),
        (Equiangular.clenshaw_curtis(2), (5, 6), [0, 45, 90, 135, 180]),
    ],
)
def test_rows_of_the_grids_known_by_name(grid, shape, expected):
    assert (grid.rows, grid.columns) == shape
    colatitudes = np.degrees(_colatitudes(grid))
    np.testing.assert_allclose(colatitudes, np.tile(np.array(expected)[:, None], shape[1]))


def test_a_row_at_a_pole_is_at_one_place_and_shares_the_cap():
    """The cap reaches halfway to the next row: to 22.5° here, 2π (1 - cos 22.5°) in all."""
    grid = Equiangular(5, 6, "both")
    np.testing.assert_array_equal(grid.positions[:6], np.broadcast_to([0, 0, 1], (6, 3)))
    np.testing.assert_array_equal(grid.positions[-6:], np.broadcast_to([0, 0, -1], (6, 3)))
    cap = 2 * np.pi * (1 - np.cos(np.pi / 8))
    np.testing.assert_allclose(grid.areas[:6], cap / 6, rtol=1e-14)
    np.testing.assert_allclose(grid.areas[-6:], cap / 6, rtol=1e-14)


def test_cells_without_poles_part_at_multiples_of_the_step():
    """Row i lies between iπ/rows and (i + 1)π/rows: its area is the difference of their cosines."""
    grid = Equiangular(12, 10)
    z = np.cos(np.arange(13) * np.pi / 12)
    expected = np.repeat((z[:-1] - z[1:]) * 2 * np.pi / 10, 10)
    np.testing.assert_allclose(grid.areas, expected, rtol=1e-13)


def test_weights_of_small_rules():
    """Closed forms, as integrals over z from -1 to 1.

    Clenshaw-Curtis of three rows is Simpson's rule: 1/3, 4/3, 1/3. Fejér's of two, at z = ±1/√2, is
    1, 1 by symmetry; of three, at z = ±√3/2 and 0, it takes 2w · 3/4 = 2/3, so w = 4/9 and
    2 - 8/9 = 10/9. Driscoll & Healy's of two rows has the equator only.
    """
    for grid, expected in [
        (Equiangular(3, 4, "both"), [1 / 3, 4 / 3, 1 / 3]),
        (Equiangular(2, 4, "both"), [1, 1]),
        (Equiangular(2, 4), [1, 1]),
        (Equiangular(3, 4), [4 / 9, 10 / 9, 4 / 9]),
        (Equiangular(2, 4, "north"), [0, 2]),
    ]:
        weights = grid.quadrature.reshape(grid.rows, 4) * 4 / (2 * np.pi)
        np.testing.assert_allclose(weights, np.tile(np.array(expected)[:, None], 4), atol=1e-15)


def test_weights_of_driscoll_and_healy_as_their_sum():
    """w_j = (2/b) sin(πj/2b) Σ sin((2k + 1)πj/2b)/(2k + 1), k = 0 to b - 1, times π/b."""
    bandwidth = 6
    j = np.arange(2 * bandwidth)[:, None]
    odd = 2 * np.arange(bandwidth) + 1
    angles = np.pi * j / (2 * bandwidth)
    weights = 2 / bandwidth * np.sin(angles[:, 0]) * (np.sin(odd * angles) / odd).sum(axis=1)
    grid = Equiangular.driscoll_healy(bandwidth)
    expected = np.repeat(weights * np.pi / bandwidth, 2 * bandwidth)
    np.testing.assert_allclose(grid.quadrature, expected, atol=1e-15)


@pytest.mark.parametrize("poles", POLES)
@pytest.mark.parametrize("rows", [2, 3, 8, 11, 40])
def test_quadrature_of_legendre_polynomials_up_to_its_degree_and_no_further(rows, poles):
    """The integral of P_l(z) over the sphere is 4π for l = 0 and zero otherwise.

    Rules on n rows are exact for l < n; Driscoll & Healy's is on n - 1 rows, as the pole has weight
    zero, but if these are symmetric about a node at the equator, one more, an odd l, comes free.
    """
    grid = Equiangular(rows, 4, poles)
    degree = rows - 2 if poles == "north" and rows % 2 else rows - 1
    z = np.cos(_colatitudes(grid)).ravel()
    integrals = [grid.quadrature @ eval_legendre(n, z) for n in range(degree + 1)]
    np.testing.assert_allclose(integrals, [4 * np.pi] + [0] * degree, atol=1e-13)
    assert (grid.quadrature >= 0).all()
    beyond = range(degree + 1, degree + 3)
    assert max(abs(grid.quadrature @ eval_legendre(n, z)) for n in beyond) > 1e-4


@pytest.mark.parametrize("poles", POLES)
def test_quadrature_keeps_spherical_harmonics_orthonormal(poles):
    """Products of two harmonics of degree l < b = 5 have degrees below 2b - 1 < rows."""
    grid = Equiangular(10, 10, poles)
    x, y, _ = grid.positions.T
    theta, phi = _colatitudes(grid).ravel(), np.arctan2(y, x)
    degrees = [(degree, order) for degree in range(5) for order in range(-degree, degree + 1)]
    harmonics = np.array([sph_harm_y(*degree, theta, phi) for degree in degrees])
    products = (harmonics * grid.quadrature) @ harmonics.conj().T
    np.testing.assert_allclose(products, np.eye(25), atol=1e-14)


@pytest.mark.parametrize("square", [True, False])
@pytest.mark.parametrize(
    ("bandwidth", "of_squares", "of_distances"),
    [
        (64, 1.999807, 1.999816),
        (32, 1.999228, 1.999266),
        (16, 1.996912, 1.997067),
        (8, 1.987692, 1.988322),
        (4, 1.951629, 1.954127),
        (2, 1.821013, 1.829537),
    ],
)
def test_largest_eigenvalue_of_the_graph_of_neighbours(bandwidth, of_squares, of_distances, square):
    """Of the normalized Laplacian I - D^-1/2 W D^-1/2, with weights 1/(d² + 1e-8) or 1/d.

    The values were computed once with other code, to six digits.
    """
    grid = Equiangular.soft(bandwidth)
    around = grid.neighbours()
    assert around.shape == (len(grid), 4)
    assert around.min() == 0
    differences = grid.positions[around] - grid.positions[:, None]
    squares = (differences**2).sum(axis=-1)
    weights = 1 / (squares + 1e-8) if square else 1 / np.sqrt(squares)
    pixels = np.repeat(np.arange(len(grid)), 4)
    scales = 1 / np.sqrt(weights.sum(axis=1))
    entries = weights.ravel() * scales[pixels] * scales[around.ravel()]
    matrix = coo_array((entries, (pixels, around.ravel())), (len(grid), len(grid))).tocsr()
    # The largest eigenvalue of I - M is 1 minus the smallest of M.
    start = np.sin(np.arange(len(grid)))
    [smallest] = eigsh(matrix, k=1, which="SA", tol=1e-9, v0=start, return_eigenvectors=False)
    assert 1 - smallest == pytest.approx(of_squares if square else of_distances, abs=6e-7)


@pytest.mark.parametrize("poles", POLES)
def test_rows_at_poles_are_linked_across_like_others(poles):
    grid = Equiangular(5, 6, poles)
    np.testing.assert_array_equal(grid.neighbours()[0], [5, 3, 1, 6])
    np.testing.assert_array_equal(grid.neighbours()[29], [28, 23, 24, 26])


def test_children_are_blocks_of_rows_and_columns():
    """Of 4 × 6 pixels::

     0  1 |  2  3 |  4  5
     6  7 |  8  9 | 10 11
    ---------------------
    12 13 | 14 15 | 16 17
    18 19 | 20 21 | 22 23
    """
    coarsening = Equiangular(4, 6).coarser()
    assert coarsening.coarse == Equiangular(2, 3)
    np.testing.assert_array_equal(coarsening.children[0], [0, 1, 6, 7])
    np.testing.assert_array_equal(coarsening.children[2], [4, 5, 10, 11])
    np.testing.assert_array_equal(coarsening.children[3], [12, 13, 18, 19])


def test_children_have_the_area_of_their_parent_and_its_rows():
    fine = Equiangular(12, 16)
    coarsening = fine.coarser()
    children = coarsening.children
    np.testing.assert_allclose(
        fine.areas[children].sum(axis=1), coarsening.coarse.areas, rtol=1e-14
    )
    corners = fine.cells()[children].reshape(len(children), -1, 3)
    parents = coarsening.coarse.cells()
    for extreme in (np.min, np.max):
        np.testing.assert_allclose(
            extreme(corners[..., 2], axis=1), extreme(parents[..., 2], axis=1), atol=1e-15
        )
    # The matrix weights by area: children nearer to the equator count more.
    [weights] = coarsening.matrix[[0]].toarray()
    expected = fine.areas[children[0]] / fine.areas[children[0]].sum()
    np.testing.assert_allclose(weights[children[0]], expected, rtol=1e-14)


@pytest.mark.parametrize(
    ("fine", "coarse"),
    [
        (Equiangular(9, 12, "both"), Equiangular(5, 6, "both")),
        (Equiangular(8, 12, "north"), Equiangular(4, 6, "north")),
    ],
)
def test_grids_with_poles_keep_every_other_row_and_average_by_overlap(fine, coarse):
    coarsening = fine.coarser()
    assert coarsening.coarse == coarse
    assert coarsening.children is None
    assert np.isin(np.round(_colatitudes(coarse), 12), np.round(_colatitudes(fine), 12)).all()
    # A coarse cell at the equator reaches a quarter over two of the fine rows, half over columns.
    pixel = 2 * coarse.columns + 1
    [row] = coarsening.matrix[[pixel]].toarray()
    grid = row.reshape(fine.rows, fine.columns)
    np.testing.assert_array_equal(np.flatnonzero(grid.sum(axis=1) > 1e-12), [3, 4, 5])
    np.testing.assert_allclose(grid[4, 1:4] / grid[4].sum(), [1 / 4, 1 / 2, 1 / 4], rtol=1e-9)
    # Integrals stay, but for cells being polygons: 5e-4 at most.
    np.testing.assert_allclose(coarse.areas @ coarsening.matrix, fine.areas, rtol=1e-3)


@pytest.mark.parametrize(
    "grid",
    [
        Equiangular(5, 8),
        Equiangular(6, 9),
        Equiangular(2, 8),
        Equiangular(8, 4),
        Equiangular(8, 8, "both"),
        Equiangular(9, 9, "both"),
        Equiangular(2, 8, "both"),
        Equiangular(9, 8, "north"),
        Equiangular(2, 8, "north"),
    ],
)
def test_what_cannot_be_halved_has_no_coarser(grid):
    assert grid.coarser() is None


def test_equal_grids_are_equal_and_arrays_are_read_only():
    grid = Equiangular(4, 6)
    assert grid == Equiangular(4, 6, "none")
    assert hash(grid) == hash(Equiangular(4, 6))
    assert grid != Equiangular(4, 6, "north")
    for array in (grid.positions, grid.areas, grid.quadrature):
        assert array.dtype == np.float64
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


@settings(derandomize=True, deadline=None, max_examples=50)
@given(st.integers(2, 999_999), st.integers(3, 999_999), st.sampled_from(POLES))
def test_names_are_read_back(rows, columns, poles):
    grid = Equiangular(rows, columns, poles)
    assert parse(grid.name.removeprefix("equiangular:")) == grid


def test_names():
    assert Equiangular(128, 128).name == "equiangular:128x128"
    assert Equiangular(128, 128, "north").name == "equiangular:128x128:north"
    assert Equiangular(129, 258, "both").name == "equiangular:129x258:both"


@pytest.mark.parametrize(
    "text", ["", "128", "128x", "128x128:none", "128x128:", "128x-8", "8x8\n", "1e3x8", "٨x٨"]
)
def test_other_texts_are_refused_with_a_right_one(text):
    with pytest.raises(DeepsphereError, match=r'as in "equiangular:128x128"') as error:
        parse(text)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ((1, 8), "rows must be a whole number from 2 to 1000000; found 1"),
        ((8, 2), "columns must be a whole number from 3 to 1000000; found 2"),
        ((8.0, 8), "rows must be a whole number from 2 to 1000000; found 8.0"),
        ((8, True), "columns must be a whole number from 3 to 1000000; found True"),
        ((8, 8, "south"), "'none', 'north' or 'both'; found 'south'"),
    ],
)
def test_wrong_fields_are_said_in_one_line(fields, message):
    with pytest.raises(DeepsphereError, match=message):
        Equiangular(*fields)
