import dataclasses

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from deepsphere.errors import DeepsphereError
from deepsphere.graphs.recipe import Recipe
from deepsphere.nn.building import build_graph_hierarchy
from deepsphere.nn.hierarchy import CoarseningMap, compose
from deepsphere.nn.levels import check_levels, pooled_block, statistics_of
from deepsphere.nn.pooling.reduction import Pooling
from deepsphere.samplings.equiangular import Equiangular
from deepsphere.samplings.healpix import Healpix

HEALPIX = build_graph_hierarchy(Healpix(4), 3, Recipe(6, refinement=0))
GRID = build_graph_hierarchy(Equiangular(8, 16), 2, Recipe(6, refinement=0))


def draw(pixels):
    return torch.randn(3, pixels, 2, generator=torch.Generator().manual_seed(0))


def made(hierarchy, target, kind, **settings):
    torch.manual_seed(0)
    return pooled_block(2, 5, 3, hierarchy, 0, target, kind, **settings)


@pytest.mark.parametrize("target", [0, 1, 2])
@pytest.mark.parametrize("kind", ["max", "mean", "stride"])
def test_a_block_and_its_pooling_are_the_same_together_and_apart(kind, target):
    features = draw(192)
    block, pooling = made(HEALPIX, target, kind)
    plain, apart = made(HEALPIX, target, kind, separate=True)
    assert (block.pool == kind) == (target == 1 and kind != "stride")
    assert plain.pool is None
    if target:
        assert isinstance(apart, Pooling)
        expected = Pooling(compose(HEALPIX.maps[:target]), kind)(plain(features))
    else:
        expected = plain(features)
    torch.testing.assert_close(apart(plain(features)), expected, rtol=0, atol=1e-6)
    torch.testing.assert_close(pooling(block(features)), expected, rtol=0, atol=1e-6)
    assert expected.shape == (3, 192 // 4**target, 5)
    assert {*block.state_dict()} == {*plain.state_dict()}
    assert not {**pooling.state_dict(), **apart.state_dict()}


def test_a_block_pools_only_what_is_in_plain_groups_with_data():
    known = np.ones(192, dtype=np.bool_)
    assert made(dataclasses.replace(HEALPIX, known=(known, None, None)), 1, "max")[0].pool == "max"
    padded = dataclasses.replace(HEALPIX, known=(known & (np.arange(192) > 1), None, None))
    assert made(padded, 1, "max")[0].pool is None
    assert made(GRID, 1, "max")[0].pool is None
    weights = np.tile([0.1, 0.2, 0.3, 0.4], 48)
    first = HEALPIX.maps[0]
    matrix = csr_array((weights, first.matrix.indices, first.matrix.indptr), first.matrix.shape)
    uneven = dataclasses.replace(
        HEALPIX, maps=(CoarseningMap(matrix, first.children), HEALPIX.maps[1])
    )
    assert made(uneven, 1, "max")[0].pool == "max"
    assert made(uneven, 1, "mean")[0].pool is None
    block, pooling = made(HEALPIX, 1, "max", return_indices=True)
    assert block.pool is None
    pooled, indices = pooling(block(draw(192)))
    assert torch.equal(block(draw(192)).gather(1, indices), pooled)


def test_statistics_have_areas_only_where_they_differ_and_only_what_is_known():
    assert statistics_of("mean", 2, HEALPIX, 0).areas is None
    known = np.arange(128) > 1
    layer = statistics_of("mean", 2, dataclasses.replace(GRID, known=(known, None)), 0)
    features = draw(128)
    areas = torch.as_tensor(GRID.areas[0][known], dtype=torch.float32)
    expected = (areas[:, None] * features[:, known]).sum(dim=1) / areas.sum()
    torch.testing.assert_close(layer(features), expected, rtol=1e-5, atol=1e-6)


def test_a_network_deeper_than_its_graph_is_refused():
    check_levels(HEALPIX, 3)
    with pytest.raises(
        DeepsphereError, match=r"works on 4 levels, but its graph has 3; give the g"
    ):
        check_levels(HEALPIX, 4)
