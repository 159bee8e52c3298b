import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import sph_harm_y

from deepsphere.errors import DeepsphereError
from deepsphere.samplings.gauss_legendre import GaussLegendre, gauss_rings, parse


@pytest.mark.parametrize("rows", [2, 3, 16, 33, 208])
def test_rows_and_areas_are_nodes_and_weights(rows):
    """NumPy's nodes and weights, from north to south. A cell has its weight's share of 2π.

    The two computations of the weights agree to 1e-10 of them next to the poles.
    """
    nodes, weights = np.polynomial.legendre.leggauss(rows)
    grid = GaussLegendre(rows, 4)
    z = grid.positions[:, 2].reshape(rows, 4)
    np.testing.assert_allclose(z, np.tile(nodes[::-1, None], 4), atol=1e-15)
    areas = grid.areas.reshape(rows, 4)
    np.testing.assert_allclose(areas, np.tile(weights[::-1, None], 4) * np.pi / 2, rtol=2e-10)
    assert grid.areas.sum() == pytest.approx(4 * np.pi, rel=1e-12)


def test_nodes_and_weights_of_three_rows():
    """z = ±√(3/5) and 0 with weights 5/9 and 8/9: exact for 1, z² and z⁴."""
    rings = gauss_rings(np.full(3, 4))
    np.testing.assert_allclose(np.cos(rings.colatitudes), [0.6**0.5, 0, -(0.6**0.5)], atol=1e-15)
    np.testing.assert_allclose(np.cos(rings.boundaries), [1, 4 / 9, -4 / 9, -1], atol=1e-15)


def test_longitudes_begin_at_0_and_go_east():
    x, y, _ = GaussLegendre(2, 8).positions.T
    longitudes = np.mod(np.degrees(np.arctan2(y, x)), 360).reshape(2, 8)
    np.testing.assert_allclose(longitudes, np.tile(np.arange(0, 360, 45), (2, 1)), atol=1e-12)


@pytest.mark.parametrize("rows", [2, 3, 4, 5, 64, 99, 640])
def test_boundaries_separate_the_nodes_and_are_symmetric(rows):
    """The theorem of Chebyshev, Markov and Stieltjes, far above the rounding of the angles."""
    rings = gauss_rings(np.full(rows, 4))
    gaps = np.stack(
        [rings.colatitudes - rings.boundaries[:-1], rings.boundaries[1:] - rings.colatitudes]
    )
    assert gaps.min() > 0.3 / rows
    np.testing.assert_allclose(rings.boundaries + rings.boundaries[::-1], np.pi, rtol=1e-15)
    assert rings.boundaries[0] == 0
    assert rings.boundaries[-1] == np.pi


def test_areas_integrate_spherical_harmonics_exactly():
    """Products of two harmonics of degrees l <= 7 have l <= 14 < 2 · 8, and orders below 16."""
    grid = GaussLegendre(8, 16)
    x, y, z = grid.positions.T
    theta, phi = np.arccos(z), np.arctan2(y, x)
    degrees = [(degree, order) for degree in range(8) for order in range(-degree, degree + 1)]
    harmonics = np.array([sph_harm_y(*degree, theta, phi) for degree in degrees])
    products = (harmonics * grid.areas) @ harmonics.conj().T
    np.testing.assert_allclose(products, np.eye(64), atol=1e-13)


def test_neighbours_are_those_of_the_grid_with_links_across_the_poles():
    around = GaussLegendre(4, 6).neighbours()
    np.testing.assert_array_equal(around[0], [5, 3, 1, 6])
    np.testing.assert_array_equal(around[8], [7, 2, 9, 14])
    np.testing.assert_array_equal(around[23], [22, 17, 18, 20])
    np.testing.assert_array_equal(GaussLegendre(4, 5).neighbours()[0], [4, 1, 5, -1])


def test_the_coarser_grid_has_means_over_overlaps():
    fine = GaussLegendre(8, 12)
    coarsening = fine.coarser()
    assert coarsening.coarse == GaussLegendre(4, 6)
    assert coarsening.children is None
    # Longitudes halve: a coarse cell takes a fine one whole and its two neighbours by half.
    [row] = coarsening.matrix[[1]].toarray()
    columns = row.reshape(8, 12).sum(axis=0)
    np.testing.assert_allclose(columns[1:4], [1 / 4, 1 / 2, 1 / 4], rtol=1e-9)
    # Integrals stay, but for cells being polygons: 5e-4 at most.
    kept = coarsening.coarse.areas @ coarsening.matrix
    np.testing.assert_allclose(kept, fine.areas, rtol=1e-3)


@pytest.mark.parametrize(("rows", "columns"), [(2, 8), (5, 8), (8, 9), (8, 4)])
def test_what_cannot_be_halved_has_no_coarser(rows, columns):
    assert GaussLegendre(rows, columns).coarser() is None


@settings(derandomize=True, deadline=None, max_examples=50)
@given(st.integers(2, 999_999), st.integers(3, 999_999))
def test_names_are_read_back(rows, columns):
    grid = GaussLegendre(rows, columns)
    assert parse(grid.name.removeprefix("gauss-legendre:")) == grid
    assert len(grid) == rows * columns


def test_the_name():
    assert GaussLegendre(64, 128).name == "gauss-legendre:64x128"


@pytest.mark.parametrize("text", ["", "64", "64x", "x128", "64x128:both", "64x128\n", "64X128"])
def test_other_texts_are_refused_with_a_right_one(text):
    with pytest.raises(DeepsphereError, match=r'as in "gauss-legendre:64x128"') as error:
        parse(text)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ((1, 8), "rows must be a whole number from 2 to 1000000; found 1"),
        (("8", 8), "rows must be a whole number from 2 to 1000000; found '8'"),
        ((8, 2), "columns must be a whole number from 3 to 1000000; found 2"),
    ],
)
def test_wrong_fields_are_said_in_one_line(fields, message):
    with pytest.raises(DeepsphereError, match=message):
        GaussLegendre(*fields)
