"""The levels of a network are those of the graph, and the maps between them average."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from deepsphere.graphs.hierarchy import build_hierarchy
from deepsphere.graphs.levels import build_levels
from deepsphere.graphs.recipe import Recipe
from deepsphere.nn.building import build_graph_hierarchy
from deepsphere.nn.hierarchy import CoarseningMap, compose, graph_hierarchy
from deepsphere.samplings.equiangular import Equiangular
from deepsphere.samplings.healpix import Healpix
from deepsphere.samplings.icosahedral import Icosahedral
from deepsphere.samplings.masked import Masked

RECIPE = Recipe(neighbours=8, refinement=0)


def nested(coarse, children=4):
    """Return the map to so many pixels from consecutive children, as a mean of each."""
    matrix = np.kron(np.eye(coarse), np.full((1, children), 1 / children))
    return CoarseningMap(csr_array(matrix), np.arange(children * coarse).reshape(coarse, children))


def test_the_levels_are_those_of_the_graph():
    stored, _ = build_levels(build_hierarchy(Icosahedral(2), 2), RECIPE, "symmetric")
    hierarchy = graph_hierarchy(stored, torch.float64)
    assert len(hierarchy) == 2
    for level, (found, expected) in enumerate(zip(hierarchy.operators, stored.levels, strict=True)):
        rows = csr_array(
            (found.values.numpy(), found.columns.numpy(), found.offsets.numpy()),
            shape=(found.pixels, found.pixels),
        )
        assert abs(rows - expected.operator()).max() == 0
        assert hierarchy.pixels(level) == len(expected)
        np.testing.assert_array_equal(hierarchy.positions[level], expected.positions)
        np.testing.assert_array_equal(hierarchy.areas[level], expected.areas)
        np.testing.assert_allclose(found.root_mass.numpy() ** 2, expected.graph.mass)
    (only,) = hierarchy.maps
    assert abs(only.matrix - stored.levels[0].pooling).max() == 0
    assert hierarchy.known == (None, None)


def test_pixels_of_equal_area_count_alike():
    hierarchy = build_graph_hierarchy(Healpix(2), 2, RECIPE)
    for areas in hierarchy.areas:
        np.testing.assert_allclose(areas, 1, rtol=1e-14)
    assert all(one.nested for one in hierarchy.maps)


def test_padding_is_known_on_all_levels():
    """Pixels 0 to 4 of nside 4 are completed to 0 to 15; on nside 2, pixels 0 and 1 have data."""
    hierarchy = build_graph_hierarchy(
        Masked(Healpix(4), np.arange(5)), 3, Recipe(neighbours=3, refinement=0)
    )
    expected = [np.arange(16) < 5, np.arange(4) < 2, np.array([True])]
    assert len(hierarchy.known) == 3
    for found, wanted in zip(hierarchy.known, expected, strict=True):
        np.testing.assert_array_equal(found, wanted)
    with pytest.raises(ValueError, match="level 2 has a single pixel"):
        hierarchy.operator(2)


@pytest.mark.parametrize("level", [-1, 2])
def test_there_are_no_other_levels(level):
    hierarchy = build_graph_hierarchy(Healpix(2), 2, RECIPE)
    with pytest.raises(ValueError, match=f"a level from 0 to 1, found {level}"):
        hierarchy.operator(level)


def test_a_composed_map_averages_over_all_descendants():
    over_two = compose([nested(8), nested(2)])
    np.testing.assert_allclose(over_two.matrix.toarray(), nested(2, 16).matrix.toarray())
    np.testing.assert_array_equal(over_two.children, nested(2, 16).children)
    assert over_two.nested


def test_children_out_of_order_are_followed_but_not_nested():
    swapped = CoarseningMap(nested(8).matrix, nested(8).children[::-1].copy())
    over_two = compose([swapped, nested(2)])
    assert not over_two.nested
    np.testing.assert_array_equal(over_two.children[0], swapped.children[:4].ravel())


def test_overlapping_cells_have_no_children_when_composed():
    hierarchy = build_graph_hierarchy(Icosahedral(2), 3, RECIPE)
    over_two = compose(hierarchy.maps)
    assert over_two.children is None
    assert (over_two.coarse, over_two.fine) == (12, 162)
    np.testing.assert_allclose(over_two.matrix.sum(axis=1), 1)


def test_maps_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="a map of 8 pixels after one to them, found one of 12"):
        compose([nested(8), nested(3)])
    with pytest.raises(ValueError, match="at least one map"):
        compose([])
    with pytest.raises(ValueError, match=r"share 32 pixels among 8, found shape \(8, 3\)"):
        CoarseningMap(nested(8).matrix, np.zeros((8, 3), dtype=np.int64))


def test_building_leaves_the_threads_of_pytorch_as_they_are():
    """In a process of its own: numba starts its threads once, as many as there are cores."""
    program = """
import torch
torch.set_num_threads(1)
from deepsphere.nn.building import build_graph_hierarchy
from deepsphere.samplings.healpix import Healpix
build_graph_hierarchy(Healpix(2), 2)
raise SystemExit(torch.get_num_threads() - 1)
"""
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe("adjacent", weights="inverse-distance"),
        Recipe(8, laplacian="normalized"),
        Recipe(8, refinement=0),
    ],
    ids=["inverse distance", "normalized", "areas"],
)
def test_areas_are_those_of_the_sampling_whatever_the_graph(recipe):
    """The mean of z² over the sphere is 1/3, by a midpoint rule of 16 rings."""
    hierarchy = build_graph_hierarchy(Equiangular(16, 32), 2, recipe)
    for areas, positions in zip(hierarchy.areas, hierarchy.positions, strict=True):
        assert areas.mean() == pytest.approx(1, rel=1e-12)
        assert np.mean(areas * positions[:, 2] ** 2) == pytest.approx(1 / 3, rel=0.02)
        assert areas.max() > 2 * areas.min()


def test_a_copy_has_operators_of_its_own():
    hierarchy = build_graph_hierarchy(Healpix(2), 2, RECIPE)
    copied = hierarchy.copy()
    copied.operator(0).double()
    assert hierarchy.operator(0).values.dtype == torch.float32
    assert torch.equal(copied.operator(1).values, hierarchy.operator(1).values)
    assert copied.maps is hierarchy.maps
