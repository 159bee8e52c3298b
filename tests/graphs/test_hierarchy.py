import itertools

import numpy as np
import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.graphs.build import build_graph
from deepsphere.graphs.hierarchy import build_hierarchy
from deepsphere.graphs.recipe import Recipe
from deepsphere.samplings.cubed import Cubed
from deepsphere.samplings.equiangular import Equiangular
from deepsphere.samplings.fibonacci import Fibonacci
from deepsphere.samplings.healpix import Healpix
from deepsphere.samplings.icosahedral import Icosahedral
from deepsphere.samplings.masked import Masked
from deepsphere.samplings.stations import Stations
from deepsphere.samplings.ugscnn import Ugscnn


def scattered_pixels(full, count, seed=0):
    chosen = np.random.default_rng(seed).choice(len(full), count, replace=False)
    return Masked(full, np.sort(chosen))


def are_whole(coarsenings):
    """Return whether every coarse pixel has all children that it has on the full sphere."""
    return all(
        coarsening.children is not None and coarsening.children.shape == (len(coarsening.coarse), 4)
        for coarsening in coarsenings
    )


def test_levels_of_healpix_pool_nested_pixels():
    hierarchy = build_hierarchy(Healpix(16), 5)
    assert hierarchy.samplings == tuple(Healpix(nside) for nside in (16, 8, 4, 2, 1))
    assert len(hierarchy) == 5
    assert len(hierarchy.coarsenings) == 4
    assert hierarchy.padding.tolist() == []
    assert hierarchy.padding.dtype == np.int64
    values = np.random.default_rng(0).standard_normal(len(Healpix(16)))
    for coarsening, coarse in zip(hierarchy.coarsenings, hierarchy.samplings[1:], strict=True):
        assert coarsening.coarse is coarse
        np.testing.assert_array_equal(
            coarsening.children, np.arange(4 * len(coarse)).reshape(-1, 4)
        )
        means = values.reshape(-1, 4).mean(axis=1)
        np.testing.assert_allclose(coarsening.matrix @ values, means, rtol=1e-12, atol=1e-15)
        values = means


def test_one_level_is_the_sampling_itself():
    for sampling in (Healpix(3), Masked(Healpix(3), [5, 7])):
        hierarchy = build_hierarchy(sampling, 1)
        assert hierarchy.samplings == (sampling,)
        assert hierarchy.coarsenings == ()
        assert hierarchy.padding.size == 0


@pytest.mark.parametrize(
    ("full", "levels"),
    [(Healpix(8), 3), (Healpix(8), 2), (Cubed(8), 3), (Equiangular(16, 32), 3)],
)
@pytest.mark.parametrize("count", [1, 5, 60])
def test_a_part_is_completed_with_as_few_pixels_as_can_be(full, levels, count):
    part = scattered_pixels(full, count)
    hierarchy = build_hierarchy(part, levels)
    # The coarsest ancestor of each pixel, and all pixels that have the ancestor of one of the part.
    ancestor = np.arange(len(full))
    for coarsening in build_hierarchy(full, levels).coarsenings:
        parent = np.empty(coarsening.matrix.shape[1], dtype=int)
        parent[coarsening.children] = np.arange(len(coarsening.coarse))[:, np.newaxis]
        ancestor = parent[ancestor]
    needed = np.flatnonzero(np.isin(ancestor, ancestor[part.pixels]))
    finest = hierarchy.samplings[0]
    assert finest == Masked(full, needed)
    assert are_whole(hierarchy.coarsenings)
    # Padding names what was added, and nothing else.
    rest = np.delete(finest.pixels, hierarchy.padding)
    np.testing.assert_array_equal(rest, part.pixels)
    assert (np.diff(hierarchy.padding) > 0).all()


def test_no_smaller_part_is_whole():
    # By brute force: of the sets of pixels under the first four coarse pixels that hold the part,
    # none that pools without loss is smaller.
    full, part = Healpix(2), Masked(Healpix(2), [1, 9])
    found = build_hierarchy(part, 2).samplings[0]
    others = sorted(set(range(16)) - set(part.pixels.tolist()))
    smallest = next(
        size
        for size in range(len(others) + 1)
        for added in itertools.combinations(others, size)
        if Masked(full, sorted({*added, 1, 9})).coarser().children is not None
    )
    assert len(found) - len(part) == smallest == 6


@pytest.mark.parametrize("seed", range(3))
def test_what_is_complete_stays_as_it_is(seed):
    once = build_hierarchy(scattered_pixels(Healpix(8), 20, seed), 3)
    again = build_hierarchy(once.samplings[0], 3)
    assert again.samplings == once.samplings
    assert again.padding.size == 0
    assert once.padding.size > 0


def test_coarse_levels_of_a_part_are_parts_of_the_coarse_spheres():
    hierarchy = build_hierarchy(scattered_pixels(Healpix(8), 20), 3)
    for fine, coarse, coarsening in zip(
        hierarchy.samplings[:-1], hierarchy.samplings[1:], hierarchy.coarsenings, strict=True
    ):
        np.testing.assert_array_equal(coarse.pixels, np.unique(fine.pixels // 4))
        np.testing.assert_array_equal(
            fine.pixels[coarsening.children], 4 * coarse.pixels[:, np.newaxis] + np.arange(4)
        )


def test_one_pixel():
    hierarchy = build_hierarchy(Masked(Healpix(16), [777]), 3)
    assert [len(sampling) for sampling in hierarchy.samplings] == [16, 4, 1]
    assert hierarchy.samplings[-1] == Masked(Healpix(4), [777 // 16])
    np.testing.assert_array_equal(hierarchy.padding, np.delete(np.arange(16), 777 % 16))
    # The coarsest level is a graph of one vertex.
    graph = build_graph(hierarchy.samplings[-1])
    assert len(graph) == 1
    assert graph.weights.nnz == 0


@pytest.mark.parametrize("full", [Icosahedral(3), Ugscnn(3)])
def test_vertices_have_no_super_pixels_to_complete(full):
    part = Masked.where(full, full.positions[:, 2] > 0.3)
    hierarchy = build_hierarchy(part, 3)
    assert hierarchy.samplings[0] == part
    assert hierarchy.padding.size == 0
    for coarsening in hierarchy.coarsenings:
        assert coarsening.children is None
        constant = coarsening.matrix @ np.ones(coarsening.matrix.shape[1])
        np.testing.assert_allclose(constant, 1, rtol=1e-12)


def test_overlapping_cells_have_no_super_pixels_either():
    part = Masked(Fibonacci(800), np.arange(300))
    hierarchy = build_hierarchy(part, 2)
    assert hierarchy.samplings[0] == part
    assert hierarchy.padding.size == 0
    assert hierarchy.samplings[1].full == Fibonacci(200)


def test_faces_are_completed():
    hierarchy = build_hierarchy(Masked(Icosahedral(2, "faces"), [17, 18, 100]), 3)
    np.testing.assert_array_equal(hierarchy.samplings[0].pixels, [*range(16, 32), *range(96, 112)])
    assert hierarchy.samplings[-1] == Masked(Icosahedral(0, "faces"), [1, 6])


@pytest.mark.parametrize(
    ("sampling", "levels", "most"),
    [
        (Healpix(16), 6, 5),
        (Healpix(12), 4, 3),
        (Healpix(1), 2, 1),
        (Icosahedral(2), 9, 3),
        (Equiangular(9, 16), 2, 1),
        (Stations(np.arange(10.0), np.arange(10.0)), 2, 1),
        (Fibonacci(200), 4, 3),
        (Masked(Healpix(4), [3, 100]), 4, 3),
        (Masked(Icosahedral(2), [3, 100]), 4, 3),
        (Masked(Equiangular(9, 16), [3, 100]), 2, 1),
    ],
)
def test_too_many_levels_are_refused_with_the_number_there_can_be(sampling, levels, most):
    with pytest.raises(DeepsphereError) as caught:
        build_hierarchy(sampling, levels)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"{levels} levels were asked for; {sampling.name} has {most}")
    assert message.endswith(f"give at most {most}")
    assert len(build_hierarchy(sampling, most)) == most


@pytest.mark.parametrize("levels", [0, -1])
def test_a_hierarchy_has_a_level(levels):
    with pytest.raises(DeepsphereError, match=f"at least 1 level; found {levels}"):
        build_hierarchy(Healpix(2), levels)


@pytest.mark.parametrize("neighbours", [8, 20])
def test_patches_have_graphs_of_their_own(neighbours):
    # Base pixels 0 to 3 are one another turned by 90° around the axis: one graph, up to rounding.
    # Base pixel 4 lies on the equator, where pixels are diamonds all alike, while those of base
    # pixel 0 change their shape towards the pole: the norm of the difference is a third of that of
    # the weights (measured: 0.363 and 0.309). The graph of one patch will not do for all.
    full = Healpix(16)
    recipe = Recipe(neighbours=neighbours, refinement=0)
    polar, turned, equatorial = (
        build_graph(Masked(full, full.patch(number, 12)), recipe).weights for number in (0, 1, 4)
    )
    assert abs(turned - polar).max() < 1e-12
    norm = np.sqrt(polar.power(2).sum())
    assert np.sqrt((equatorial - polar).power(2).sum()) / norm > 0.3
