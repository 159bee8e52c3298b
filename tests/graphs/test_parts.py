"""Graphs of several parts: each block is the graph that its part has alone."""

from dataclasses import replace

import healpy
import numpy as np
import pytest
import scipy.sparse

from deepsphere.errors import DeepsphereError
from deepsphere.graphs.build import build_graph
from deepsphere.graphs.counted import counted_areas
from deepsphere.graphs.hierarchy import build_hierarchy
from deepsphere.graphs.levels import build_levels
from deepsphere.graphs.parts import (
    block_diagonal,
    check_parts,
    diagonal_block,
    part_samplings,
    runs,
    within_parts,
)
from deepsphere.graphs.recipe import Recipe
from deepsphere.samplings.cubed import Cubed
from deepsphere.samplings.healpix import Healpix
from deepsphere.samplings.icosahedral import Icosahedral
from deepsphere.samplings.masked import Masked

RECIPES = {
    "nearest": Recipe(8, width=0.2, refinement=0),
    "nearest, fitted": Recipe(12, width=0.2, refinement=3),
    "all of a part": Recipe(70, width=0.2, refinement=0),
    "normalized, average": Recipe(8, width=0.2, laplacian="normalized", symmetrization="average"),
    "adjacent": Recipe("adjacent", width=0.2, refinement=0),
    "radius": Recipe(radius=0.3, width=0.2, refinement=0),
    "unweighted": Recipe(radius=0.3, weights="unweighted"),
    "inverse-distance": Recipe("adjacent", weights="inverse-distance"),
    "by formula": Recipe(8, refinement=0),
    "published": Recipe(20, width="published", refinement=0, laplacian="normalized"),
}


@pytest.mark.parametrize("parts", [12, 48])
@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES.keys())
def test_each_block_is_the_graph_of_its_part_alone(recipe, parts):
    sampling = Healpix(8)
    graph = build_graph(sampling, replace(recipe, parts=parts))
    found = graph.weights.toarray()
    length = len(sampling) // parts
    # Of a polar, an equatorial and the last patch; the first two differ.
    blocks = []
    for part in (0, parts // 2, parts - 1):
        alone = build_graph(Masked(sampling, sampling.patch(part, parts)), recipe)
        assert alone.width == graph.width
        run = slice(part * length, (part + 1) * length)
        blocks.append(found[run, run].copy())
        np.testing.assert_allclose(blocks[-1], alone.weights.toarray(), rtol=1e-12)
        found[run] = 0
    # Without weights, the smallest patches have the same graph.
    assert recipe.weights == "unweighted" or not np.allclose(blocks[0], blocks[1])
    # What is left of the rows of other parts joins nothing to these.
    for part in (0, parts // 2, parts - 1):
        assert not found[:, part * length : (part + 1) * length].any()
    assert graph.mass is None


def test_a_patch_has_parts_as_well():
    """Those of the second of 12 are the second four of 48."""
    whole = build_graph(Healpix(8), Recipe(8, parts=48))
    patch = build_graph(Masked(Healpix(8), np.arange(64, 128)), Recipe(8, parts=4))
    found = diagonal_block(whole.weights, slice(64, 128)).toarray()
    np.testing.assert_allclose(patch.weights.toarray(), found, rtol=1e-12)


def test_the_first_published_graph_of_each_patch_of_the_sky():
    """Perraudin et al. 2019: w = exp(-d²/(2 mean d²)), without the neighbours outside the patch.

    The mean is over the edges of all patches, so that one filter means the same on each of them.
    """
    recipe = Recipe("adjacent", width="mean-square", refinement=0, laplacian="normalized")
    graph = build_graph(Healpix(4), replace(recipe, parts=12))
    x = np.stack(healpy.pix2vec(4, np.arange(192), nest=True), axis=1)
    around = healpy.get_all_neighbours(4, np.arange(192), nest=True).T
    squares = {}
    for pixel in range(192):
        for neighbour in around[pixel]:
            if neighbour >= 0 and neighbour // 16 == pixel // 16:
                squares[pixel, neighbour] = np.square(x[pixel] - x[neighbour]).sum()
    mean = np.mean(list(squares.values()))
    expected = np.zeros((192, 192))
    for edge, square in squares.items():
        expected[edge] = np.exp(-square / (2 * mean))
    np.testing.assert_allclose(graph.weights.toarray(), expected, rtol=1e-11)
    root = np.sqrt(expected.sum(axis=1))
    laplacian = np.eye(192) - expected / root / root[:, np.newaxis]
    np.testing.assert_allclose(graph.laplacian("normalized").toarray(), laplacian, atol=1e-14)


def test_widths_are_of_all_parts_together():
    """Of each width the mean over all parts, all of which have as many edges."""
    for rule, power in (("mean", 1), ("mean-square", 2)):
        recipe = Recipe("adjacent", width=rule, refinement=0)
        width = build_graph(Healpix(4), replace(recipe, parts=12)).width
        alone = [
            build_graph(Masked(Healpix(4), Healpix(4).patch(part, 12)), recipe).width
            for part in range(12)
        ]
        assert min(alone) < width < max(alone)
        assert width == pytest.approx(np.mean(np.power(alone, power)) ** (1 / power), rel=1e-12)


def test_the_search_for_a_width_leaves_out_the_borders_of_all_parts():
    """Counted in, they would lead to a graph as wide as the search allows."""
    recipe = Recipe(8, width="search", refinement=0)
    expected = build_graph(Healpix(16), recipe).width
    assert build_graph(Healpix(16), replace(recipe, parts=12)).width == pytest.approx(
        expected, rel=0.15
    )


def test_pixels_at_the_borders_of_parts_do_not_count():
    graph = build_graph(Healpix(8), Recipe(8, refinement=0, parts=12))
    counted = counted_areas(Healpix(8), graph.weights, 12)
    inside = counted.reshape(12, 64) > 0
    # A pixel has pixels of other parts all along its sides: 28 of 64 are at one.
    assert (inside.sum(axis=1) <= 36).all()
    assert (inside.sum(axis=1) > 0).all()
    assert (counted_areas(Healpix(8), graph.weights) > 0).all()


def test_all_levels_are_described_as_they_are():
    hierarchy = build_hierarchy(Healpix(8), 4)
    recipe = Recipe(8, refinement=0, parts=12)
    stored, described = build_levels(hierarchy, recipe, "symmetric")
    assert stored.parts == 12
    alone = [
        build_levels(
            build_hierarchy(Masked(Healpix(8), Healpix(8).patch(part, 12)), 3),
            Recipe(8, refinement=0),
            "symmetric",
        )
        for part in (0, 4)
    ]
    for level, description in enumerate(described[:3]):
        assert description["components"]["count"] == 12
        # A polar and an equatorial patch; all others are rotated ones of these.
        lmax = max(levels[level]["lmax"] for _, levels in alone)
        assert description["lmax"] == pytest.approx(lmax, rel=1e-4)
        assert description["eigenvalue_groups"] is None
    inside = sum(levels[0]["equivariance"]["pixels"] for _, levels in alone)
    assert described[0]["equivariance"]["pixels"] / 12 == pytest.approx(inside / 2, rel=0.2)
    # On the last level each part is a pixel, which can be pooled to.
    assert described[3]["components"]["count"] == described[3]["isolated"] == 12
    assert described[3]["edges"] == 0
    with pytest.raises(DeepsphereError, match="healpix:1 has one pixel a part: pool to it"):
        stored.levels[3].operator()


def test_blocks_of_a_matrix():
    matrices = [
        scipy.sparse.random_array((size, size), density=0.4, rng=size, format="csr")
        for size in (5, 5, 5)
    ]
    joined = block_diagonal(matrices)
    expected = scipy.sparse.block_diag(matrices).toarray()
    np.testing.assert_array_equal(joined.toarray(), expected)
    for matrix, run in zip(matrices, runs(15, 3), strict=True):
        np.testing.assert_array_equal(diagonal_block(joined, run).toarray(), matrix.toarray())
    assert block_diagonal(matrices[:1]) is matrices[0]


def test_neighbours_of_the_same_part():
    neighbours = np.array([[1, 2], [0, -1], [3, 0], [-1, 2]])
    np.testing.assert_array_equal(within_parts(neighbours, 2), [[1, -1], [0, -1], [3, -1], [-1, 2]])
    np.testing.assert_array_equal(within_parts(neighbours, 1), neighbours)


def test_a_single_part_is_the_sampling_itself():
    assert part_samplings(Cubed(4), 1) == [Cubed(4)]
    assert [len(part) for part in part_samplings(Healpix(2), 12)] == [4] * 12


@pytest.mark.parametrize(
    ("sampling", "levels", "parts", "message"),
    [
        (Healpix(4), 1, 5, "healpix:4 has 192 pixels, which do not fall into 5 parts"),
        (Healpix(4), 1, 384, "healpix:4 has 192 pixels, which do not fall into 384 parts"),
        (Healpix(4), 3, 48, "healpix:1 has 12 pixels, which do not fall into 48 parts"),
        (Masked(Healpix(8), np.arange(2, 62)), 2, 4, "lacks 4 pixels of its super-pixels"),
        (Icosahedral(2), 2, 6, "icosahedral:1 are made of pixels of two of 6 parts of level 0"),
    ],
    ids=["count", "many", "coarse level", "padded", "vertices"],
)
def test_what_has_no_such_parts_is_refused(sampling, levels, parts, message):
    with pytest.raises(DeepsphereError, match=message):
        check_parts(build_hierarchy(sampling, levels), parts)
    with pytest.raises(DeepsphereError, match=message):
        build_levels(build_hierarchy(sampling, levels), Recipe(parts=parts), "symmetric")


@pytest.mark.parametrize("parts", [0, -1, 1.5, True, "12"])
def test_parts_are_a_whole_number(parts):
    with pytest.raises(DeepsphereError, match="parts are a whole number from 1; found"):
        Recipe(parts=parts)


def test_finite_elements_have_no_parts():
    with pytest.raises(DeepsphereError, match="finite elements join the whole sampling; found 12"):
        Recipe(weights="cotangent", parts=12)
