"""The graphs of all levels of a hierarchy, each built for its own pixels.

The published networks on parts of the sphere used the graph of the first part for all; here every
level of every part has the graph of the pixels that it has.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.graphs.build import build_graph
from deepsphere.graphs.diagnostics import describe_graph
from deepsphere.graphs.hierarchy import Hierarchy
from deepsphere.graphs.parts import check_parts
from deepsphere.graphs.recipe import Recipe
from deepsphere.graphs.rescaling import RescalingName
from deepsphere.graphs.storage import Level, StoredGraph
from deepsphere.graphs.threads import compiled_threads
from deepsphere.samplings.masked import Masked
from deepsphere.samplings.sampling import Sampling
from deepsphere.samplings.stations import Stations


def build_levels(
    hierarchy: Hierarchy, recipe: Recipe, rescaling: RescalingName, threads: int = 1
) -> tuple[StoredGraph, list[dict[str, Any]]]:
    """Build and describe the graph of each level.

    Parameters
    ----------
    hierarchy : Hierarchy
        The samplings, finest first.
    recipe : Recipe
        How each graph is made.
    rescaling : {"symmetric", "damped", "shifted"}
        How the spectra of their Laplacians are brought into [-1, 1].
    threads : int
        Threads of the search for neighbours, the fit and the diagnostics.

    Returns
    -------
    stored : StoredGraph
        The graphs, ready to be saved.
    descriptions : list of dict
        See :func:`~deepsphere.graphs.diagnostics.describe_graph`, one a level.

    Raises
    ------
    DeepsphereError
        If a level of more than one pixel (a part) has no edges, or the levels do not fall into the
        parts of the recipe.
    """
    with compiled_threads(threads):
        return _build_levels(hierarchy, recipe, rescaling, threads)


def _build_levels(
    hierarchy: Hierarchy, recipe: Recipe, rescaling: RescalingName, threads: int
) -> tuple[StoredGraph, list[dict[str, Any]]]:
    check_parts(hierarchy, recipe.parts)
    levels, descriptions = [], []
    for number, sampling in enumerate(hierarchy.samplings):
        graph = build_graph(sampling, recipe, threads)
        if len(sampling) > recipe.parts and not graph.weights.nnz:
            raise DeepsphereError(
                f"level {number} of the graph, {sampling.name} with {len(sampling)} pixels, has no "
                "edges, so that no filter can use it; give it a larger radius or width"
            )
        description = describe_graph(sampling, graph, recipe.laplacian, recipe.parts)
        last = number == len(hierarchy) - 1
        coarsening = None if last else hierarchy.coarsenings[number]
        levels.append(
            Level(
                sampling=sampling.name,
                positions=sampling.positions,
                areas=_areas(sampling, recipe),
                graph=graph,
                laplacian=recipe.laplacian,
                lmax=description["lmax"],
                rescaling=rescaling,
                pooling=coarsening.matrix if coarsening else None,
                children=coarsening.children if coarsening else None,
                pixels=sampling.pixels if isinstance(sampling, Masked) else None,
            )
        )
        descriptions.append(description)
    return StoredGraph(tuple(levels), hierarchy.padding, recipe.parts), descriptions


def _areas(sampling: Sampling, recipe: Recipe) -> NDArray[np.float64]:
    """Return what each pixel counts in means; stations count alike, if not asked otherwise."""
    full = sampling.full if isinstance(sampling, Masked) else sampling
    if isinstance(full, Stations) and not recipe.areas:
        return np.ones(len(sampling))
    areas: NDArray[np.float64] = sampling.areas / sampling.areas.mean()
    return areas
