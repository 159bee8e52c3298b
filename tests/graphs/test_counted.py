import numpy as np
import pytest

from deepsphere.graphs.build import build_graph
from deepsphere.graphs.counted import counted_areas, interior
from deepsphere.graphs.neighbours import nearest_neighbours
from deepsphere.graphs.recipe import Recipe
from deepsphere.samplings.cubed import Cubed
from deepsphere.samplings.equiangular import Equiangular
from deepsphere.samplings.fibonacci import Fibonacci
from deepsphere.samplings.gauss_legendre import GaussLegendre
from deepsphere.samplings.healpix import Healpix
from deepsphere.samplings.icosahedral import Icosahedral
from deepsphere.samplings.masked import Masked


def graph_of(sampling, neighbours, refinement=0):
    return build_graph(sampling, Recipe(neighbours=neighbours, refinement=refinement))


def surrounded(part, neighbours):
    """Return whether the nearest pixels of the full sampling all lie in the part."""
    indices, _ = nearest_neighbours(part.full.positions, neighbours)
    is_there = np.zeros(len(part.full), dtype=bool)
    is_there[part.pixels] = True
    return is_there[indices[part.pixels]].all(axis=1)


@pytest.mark.parametrize("neighbours", [8, 20])
@pytest.mark.parametrize("direction", [(0, 0, 1), (0.36, 0.48, 0.8)])
@pytest.mark.parametrize("full", [Healpix(16), Icosahedral(4), Cubed(16), Fibonacci(3000)])
def test_half_a_sphere_is_inside_where_its_neighbours_are(neighbours, direction, full):
    part = Masked.where(full, full.positions @ direction > 1e-9)
    inside = interior(part, graph_of(part, neighbours).weights)
    expected = surrounded(part, neighbours)
    assert 0.5 * len(part) < expected.sum() < len(part)
    # Where pixels are not quite alike, the reach that is usual is not that of each of them.
    assert np.mean(inside != expected) < 0.02


def test_refinement_does_not_change_what_is_inside():
    part = Masked.where(Healpix(8), Healpix(8).positions[:, 2] > 0.1)
    plain, refined = (graph_of(part, 20, refinement=steps).weights for steps in (0, 10))
    np.testing.assert_array_equal(interior(part, plain), interior(part, refined))


def test_a_large_sampling_is_not_made_as_a_whole():
    # 12 Nside² positions would be 1.6 TB.
    part = Healpix(1 << 18).patch(0, 12 * (1 << 30))
    assert len(part) == 64
    patch = Masked(Healpix(1 << 18), part)
    inside = interior(patch, graph_of(patch, 8).weights)
    # In eight rows of eight pixels the border is one or two pixels wide.
    assert 16 <= inside.sum() <= 36


def test_a_pixel_without_edges_is_not_inside():
    part = Masked(Healpix(8), np.arange(16))
    weights = graph_of(part, 4).weights.tolil()
    weights[3, :] = 0
    weights[:, 3] = 0
    assert not interior(part, weights.tocsr())[3]


@pytest.mark.parametrize("sampling", [Healpix(4), GaussLegendre(8, 16), Equiangular(8, 16)])
def test_full_spheres_count_by_their_areas(sampling):
    weights = graph_of(sampling, 8).weights
    np.testing.assert_array_equal(counted_areas(sampling, weights), sampling.areas)


def test_parts_count_by_their_areas_but_not_at_the_border():
    part = Masked.where(GaussLegendre(16, 32), GaussLegendre(16, 32).positions[:, 0] > 0)
    weights = graph_of(part, 8).weights
    inside = interior(part, weights)
    assert 0 < inside.sum() < len(part)
    np.testing.assert_array_equal(counted_areas(part, weights), np.where(inside, part.areas, 0))


def test_a_part_that_is_everything_is_a_full_sphere():
    part = Masked(Healpix(4), np.arange(192))
    np.testing.assert_array_equal(counted_areas(part, graph_of(part, 8).weights), part.areas)


def test_a_part_that_is_all_border_counts_as_it_is():
    # Of two pixels neither has others around it.
    corner = Masked(Healpix(8), np.arange(2))
    weights = graph_of(corner, 1).weights
    assert not interior(corner, weights).any()
    np.testing.assert_array_equal(counted_areas(corner, weights), corner.areas)


def test_stations_count_alike(stations):
    full = stations(400)
    assert np.ptp(full.areas) > full.areas.mean()
    found = counted_areas(full, graph_of(full, 8).weights)
    np.testing.assert_allclose(found, np.pi / 100, rtol=1e-15)
    part = Masked.where(full, full.positions[:, 2] > 0)
    weights = graph_of(part, 8).weights
    inside = interior(part, weights)
    assert 0 < inside.sum() < len(part)
    expected = np.where(inside, np.pi / 100, 0)
    np.testing.assert_allclose(counted_areas(part, weights), expected, rtol=1e-15)
