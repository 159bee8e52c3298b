import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsphere.errors import DeepsphereError
from deepsphere.samplings.octahedral import Octahedral, parse


def test_counts_of_known_grids():
    """4N(N + 9); ECMWF publishes 6,599,680 points for O1280 and 40,320 for O96."""
    assert len(Octahedral(104)) == 47_008
    assert len(Octahedral(1280)) == 6_599_680
    assert len(Octahedral(96)) == 40_320
    assert len(Octahedral(1)) == 40


@pytest.mark.parametrize("number", [1, 2, 7, 24])
def test_pixels_of_each_ring(number):
    """20 in the ring at a pole and 4 more in each ring after it, in the order of the rings."""
    grid = Octahedral(number)
    z = grid.positions[:, 2]
    assert len(z) == len(grid)
    rings = np.flatnonzero(np.diff(z, prepend=2) < 0)
    north = 20 + 4 * np.arange(number)
    np.testing.assert_array_equal(
        np.diff(rings, append=len(grid)), np.concatenate([north, north[::-1]])
    )


def test_rings_are_at_gauss_nodes_and_begin_at_0():
    nodes, weights = np.polynomial.legendre.leggauss(8)
    grid = Octahedral(4)
    firsts = np.cumsum([0, 20, 24, 28, 32, 32, 28, 24])
    np.testing.assert_allclose(grid.positions[firsts, 2], nodes[::-1], atol=1e-15)
    np.testing.assert_array_equal(grid.positions[firsts, 1], 0)
    assert (grid.positions[firsts, 0] > 0).all()
    x, y, _ = grid.positions[1]
    assert np.degrees(np.arctan2(y, x)) == pytest.approx(360 / 20)
    pixels = np.array([20, 24, 28, 32, 32, 28, 24, 20])
    np.testing.assert_allclose(grid.areas[firsts], 2 * np.pi * weights / pixels, rtol=1e-12)


def test_areas_sum_to_the_sphere_and_vary_as_said():
    """Within a quarter of their mean below 86° of latitude for O104; a fifth of it at the poles."""
    grid = Octahedral(104)
    assert grid.areas.sum() == pytest.approx(4 * np.pi, rel=1e-12)
    relative = grid.areas / grid.areas.mean()
    below = np.abs(grid.positions[:, 2]) < np.sin(np.radians(85.8))
    assert relative[below].min() > 0.75
    assert relative.max() < 1.25
    assert relative.min() == pytest.approx(0.2, abs=0.01)


def test_it_has_no_neighbours():
    assert Octahedral(3).neighbours() is None


def test_the_coarser_grid_has_means_over_overlaps():
    fine = Octahedral(4)
    coarsening = fine.coarser()
    assert coarsening.coarse == Octahedral(2)
    assert coarsening.children is None
    # Integrals stay, but for cells being polygons: 5e-4 at most.
    kept = coarsening.coarse.areas @ coarsening.matrix
    np.testing.assert_allclose(kept, fine.areas, rtol=1e-3)
    # A function linear in z keeps its mean over each cell, up to the difference between a node and
    # the middle of its ring.
    means = coarsening.matrix @ fine.positions[:, 2]
    np.testing.assert_allclose(means, coarsening.coarse.positions[:, 2], atol=0.05)


def test_numbers_halve_while_they_are_even():
    assert Octahedral(2).coarser().coarse == Octahedral(1)
    assert Octahedral(1).coarser() is None
    assert Octahedral(9).coarser() is None


@settings(derandomize=True, deadline=None, max_examples=30)
@given(st.integers(1, 999_999))
def test_names_are_read_back(number):
    grid = Octahedral(number)
    assert grid.name == f"octahedral:{number}"
    assert parse(grid.name.removeprefix("octahedral:")) == grid


@pytest.mark.parametrize("text", ["", "O104", "104x208", "-1", "104\n", "1.5"])
def test_other_texts_are_refused_with_a_right_one(text):
    with pytest.raises(DeepsphereError, match=r'as in "octahedral:104"') as error:
        parse(text)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("number", [0, -4, 1.0, True, "104"])
def test_wrong_numbers_are_said_in_one_line(number):
    with pytest.raises(DeepsphereError, match=f"N must be .* from 1 to 1000000; found {number!r}"):
        Octahedral(number)
