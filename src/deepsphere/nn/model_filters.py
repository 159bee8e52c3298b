"""The filters of a whole model: which of its layers, and around which pixel, to look at.

:mod:`deepsphere.nn.filters` has the views of the filters of one layer.
"""

import numpy as np
from torch import nn

from deepsphere.graphs.storage import Level, StoredGraph
from deepsphere.nn.chebyshev import ChebConv
from deepsphere.nn.filters import filter_views
from deepsphere.nn.learned_filters import FilterViews
from deepsphere.nn.sections import Float

_MOST_PIXELS = 1 << 18
_AROUND_THE_SPHERE = 0.01


def model_filters(model: nn.Module, graph: StoredGraph, count: int = 6) -> dict[str, FilterViews]:
    """Return the views of the strongest filters of a model's first and last layers.

    Parameters
    ----------
    model : Module
        On the levels of the graph.
    graph : StoredGraph
    count : int
        How many filters of each layer at most.

    Returns
    -------
    dict of str to FilterViews
        By the name of the layer in the model. Only layers count whose filters reach beyond their
        pixel, on at most 2^18 pixels, so that time and memory are bounded; a model may have none.
    """
    levels = {len(level): level for level in graph.levels}
    layers = [
        (name, layer)
        for name, layer in model.named_modules()
        if isinstance(layer, ChebConv)
        and len(layer.weight) > 1
        and layer.laplacian.pixels in levels
        and layer.laplacian.pixels <= _MOST_PIXELS
    ]
    return {
        name: _views(layer, levels[layer.laplacian.pixels], graph.parts, count)
        for name, layer in (*layers[:1], *layers[-1:])
    }


def _views(layer: ChebConv, level: Level, parts: int, count: int) -> FilterViews:
    """Return the views around a pixel in the middle of the graph, or of its first part."""
    centre = _centre(level.positions, level.areas)
    is_whole = parts == 1 and centre is None
    within = len(level) // parts
    middle = _centre(level.positions[:within], level.areas[:within])
    if middle is None:
        middle = np.array([1.0, 0.0, 0.0])
    return filter_views(
        layer,
        level.positions,
        int((level.positions[:within] @ middle).argmax()),
        count=count,
        areas=level.areas if is_whole else None,
    )


def _centre(positions: Float, areas: Float) -> Float | None:
    """Return where the middle of some pixels is; None if they are all around the sphere."""
    mean: Float = areas @ positions / areas.sum()
    return mean if np.linalg.norm(mean) > _AROUND_THE_SPHERE else None
