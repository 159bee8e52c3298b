"""Each level has the graph of its own pixels, and its way to the next."""

import numpy as np
import pytest

from deepsphere.graphs.build import build_graph
from deepsphere.graphs.diagnostics import describe_graph
from deepsphere.graphs.hierarchy import build_hierarchy
from deepsphere.graphs.levels import build_levels
from deepsphere.graphs.recipe import Recipe
from deepsphere.samplings.equiangular import Equiangular
from deepsphere.samplings.healpix import Healpix
from deepsphere.samplings.icosahedral import Icosahedral
from deepsphere.samplings.masked import Masked

PART = Masked(Healpix(8), np.arange(100, 140))


@pytest.mark.parametrize(
    ("sampling", "levels", "recipe"),
    [
        (Healpix(4), 3, Recipe(neighbours=8)),
        (Icosahedral(2), 2, Recipe(refinement=2)),
        (Equiangular(8, 12), 2, Recipe("adjacent", laplacian="normalized")),
        (PART, 3, Recipe(neighbours=8, refinement=0)),
    ],
    ids=["healpix", "icosahedral", "equiangular", "part"],
)
def test_every_level_has_the_graph_of_its_own_pixels(sampling, levels, recipe):
    hierarchy = build_hierarchy(sampling, levels)
    stored, descriptions = build_levels(hierarchy, recipe, "symmetric")
    assert len(stored.levels) == len(descriptions) == levels
    assert stored.padding is hierarchy.padding
    for level, description, pixels in zip(
        stored.levels, descriptions, hierarchy.samplings, strict=True
    ):
        graph = build_graph(pixels, recipe)
        assert level.sampling == pixels.name
        np.testing.assert_array_equal(level.positions, pixels.positions)
        np.testing.assert_array_equal(level.graph.weights.toarray(), graph.weights.toarray())
        assert level.graph.width == graph.width
        assert (level.graph.mass is None) == (graph.mass is None)
        assert description == describe_graph(pixels, graph, recipe.laplacian)
        assert (level.laplacian, level.lmax) == (recipe.laplacian, description["lmax"])
        dense = np.linalg.eigvalsh(graph.laplacian(recipe.laplacian).toarray())
        assert level.lmax == pytest.approx(dense[-1], rel=1e-4)


def test_levels_are_joined_by_the_means_of_their_pixels():
    """A coarse HEALPix pixel is the mean of its four children, 4p to 4p + 3."""
    stored, _ = build_levels(build_hierarchy(Healpix(4), 3), Recipe(neighbours=8), "symmetric")
    fine, middle, coarse = stored.levels
    values = np.random.default_rng(0).standard_normal(192)
    np.testing.assert_allclose(fine.pooling @ values, values.reshape(48, 4).mean(axis=1))
    np.testing.assert_array_equal(fine.children, np.arange(192).reshape(48, 4))
    assert middle.pooling.shape == (12, 48)
    assert coarse.pooling is None
    assert coarse.children is None
    assert all(level.pixels is None for level in stored.levels)
    assert stored.padding.size == 0


def test_a_part_keeps_its_place_in_the_whole_at_every_level():
    """Pixels 100 to 139 of nside 8 lie in the pixels 6, 7 and 8 of nside 2, completed to 96-143."""
    stored, descriptions = build_levels(
        build_hierarchy(PART, 3), Recipe(neighbours=8, refinement=0), "symmetric"
    )
    for level, expected in zip(
        stored.levels, [range(96, 144), range(24, 36), range(6, 9)], strict=True
    ):
        np.testing.assert_array_equal(level.pixels, expected)
    np.testing.assert_array_equal(stored.padding, [0, 1, 2, 3, 44, 45, 46, 47])
    assert [level["pixels"] for level in descriptions] == [48, 12, 3]
    np.testing.assert_array_equal(stored.levels[0].children, np.arange(48).reshape(12, 4))


@pytest.mark.parametrize(
    ("rescaling", "interval"), [("symmetric", (-1, 0.981)), ("damped", (-0.75, 0.721))]
)
def test_every_level_is_rescaled_by_its_own_largest_eigenvalue(rescaling, interval):
    stored, _ = build_levels(build_hierarchy(Icosahedral(1), 2), Recipe(), rescaling)
    assert len({level.lmax for level in stored.levels}) == 2
    for level in stored.levels:
        eigenvalues = np.linalg.eigvalsh(level.operator().toarray())
        assert eigenvalues[[0, -1]] == pytest.approx(interval, abs=1e-3)


def test_the_graphs_do_not_depend_on_the_number_of_threads():
    hierarchy = build_hierarchy(Icosahedral(2), 2)
    one, other = (build_levels(hierarchy, Recipe(), "symmetric", threads) for threads in (1, 2))
    assert one[0].digest() == other[0].digest()
    assert one[1] == other[1]


def test_levels_have_the_areas_of_their_pixels_but_stations_count_alike(stations):
    part = Masked(Equiangular(8, 16), np.arange(20, 60))
    for sampling, recipe in (
        (Equiangular(8, 12), Recipe("adjacent", laplacian="normalized")),
        (part, Recipe(4, areas=False)),
        (stations(40), Recipe(4, areas=True)),
    ):
        hierarchy = build_hierarchy(sampling, 2)
        stored, _ = build_levels(hierarchy, recipe, "symmetric")
        for level, pixels in zip(stored.levels, hierarchy.samplings, strict=True):
            np.testing.assert_allclose(level.areas, pixels.areas / pixels.areas.mean(), rtol=1e-14)
            assert np.ptp(level.areas) > 0.1
    stored, _ = build_levels(build_hierarchy(stations(40), 2), Recipe(4), "symmetric")
    assert all((level.areas == 1).all() for level in stored.levels)
