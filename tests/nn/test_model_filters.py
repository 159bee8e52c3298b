"""Which layers of a model are looked at, and from where."""

from typing import Any

import numpy as np
import pytest
import torch

from deepsphere.graphs.hierarchy import build_hierarchy
from deepsphere.graphs.levels import build_levels
from deepsphere.graphs.recipe import Recipe
from deepsphere.graphs.storage import StoredGraph
from deepsphere.nn import model_filters as module
from deepsphere.nn.filters import chebyshev_coefficients_of, filter_views
from deepsphere.nn.hierarchy import graph_hierarchy
from deepsphere.nn.model_filters import model_filters
from deepsphere.nn.models.classifier import Classifier
from deepsphere.samplings.healpix import Healpix
from deepsphere.samplings.masked import Masked


def make_graph(sampling: Any, parts: int = 1) -> StoredGraph:
    recipe = Recipe(neighbours=8, parts=parts)
    stored, _ = build_levels(build_hierarchy(sampling, 3), recipe, "symmetric", 1)
    return stored


def make_model(graph: StoredGraph, **settings: Any) -> Classifier:
    torch.manual_seed(0)
    return Classifier(1, 2, graph_hierarchy(graph), kernel_size=3, widths=(4, 5), **settings)


@pytest.fixture(scope="module")
def sphere() -> StoredGraph:
    return make_graph(Healpix(8))


def test_the_first_and_the_last_layer_are_seen_with_their_strongest_filters(
    sphere: StoredGraph,
) -> None:
    model = make_model(sphere, levels=(0, 1, 2), fully_convolutional=True)
    found = model_filters(model, sphere, count=3)
    layers = dict(model.named_modules())
    assert list(found) == ["blocks.0.convolution", "convolution"]
    for (name, views), level in zip(found.items(), (0, 2), strict=True):
        coefficients = chebyshev_coefficients_of(layers[name])
        strongest = np.sort(np.linalg.norm(coefficients, axis=0).ravel())[::-1][:3]
        np.testing.assert_allclose(
            np.linalg.norm(views.coefficients, axis=0), strongest, rtol=1e-12
        )
        positions = sphere.levels[level].positions
        expected = filter_views(
            layers[name],
            positions,
            int(positions[:, 0].argmax()),
            count=3,
            areas=sphere.levels[level].areas,
        )
        np.testing.assert_array_equal(views.around[1], expected.around[1])
        assert views.degrees is not None


@pytest.mark.parametrize("parts", [1, 12])
def test_of_a_part_the_middle_is_seen_and_no_degrees(parts: int) -> None:
    """The middle of base pixel 0 is 45°E and sin(2/3) north, a corner of four pixels."""
    sampling = Healpix(8) if parts > 1 else Masked(Healpix(8), np.arange(64))
    graph = make_graph(sampling, parts)
    views = model_filters(make_model(graph), graph)["blocks.0.convolution"]
    assert views.degrees is None
    corner = Healpix(1).positions[0]
    near = np.flatnonzero(graph.levels[0].positions @ corner > np.cos(0.12))
    assert len(near) == 4
    layer = make_model(graph).blocks[0].convolution
    candidates = [
        filter_views(layer, graph.levels[0].positions, int(pixel)).plane[0] for pixel in near
    ]
    assert any(np.array_equal(views.plane[0], plane) for plane in candidates)


def test_a_model_without_filters_has_none(
    sphere: StoredGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert model_filters(torch.nn.Linear(3, 1), sphere) == {}
    # A kernel of one coefficient sees its own pixel alone.
    torch.manual_seed(0)
    pointwise = Classifier(1, 2, graph_hierarchy(sphere), kernel_size=1, widths=(4, 5))
    assert model_filters(pointwise, sphere) == {}
    monkeypatch.setattr(module, "_MOST_PIXELS", len(sphere.levels[1]))
    assert list(model_filters(make_model(sphere), sphere)) == ["blocks.1.convolution"]
