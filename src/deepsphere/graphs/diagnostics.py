"""A graph in numbers, for its manifest.

Look here when a network does not learn: many components, or vertices without edges, mean that a
convolution cannot see across.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from deepsphere.graphs.graph import Graph
from deepsphere.graphs.laplacian import LaplacianKind
from deepsphere.graphs.spectrum import largest_eigenvalue

_COMPONENTS_LISTED = 5


def describe_graph(graph: Graph, laplacian: LaplacianKind = "combinatorial") -> dict[str, Any]:
    """Return plain data that describe a graph.

    Parameters
    ----------
    graph : Graph
        The graph.
    laplacian : {"combinatorial", "normalized"}
        Whose largest eigenvalue is given as ``lmax``.

    Returns
    -------
    dict
        ``vertices``, ``edges`` (undirected); ``neighbours`` (edges of a vertex), ``degree`` (sum
        of their weights) and ``weight``, each with ``min``, ``mean`` and ``max`` (null if there
        is none); ``isolated`` (vertices without edges); ``components`` with their ``count`` and
        the sizes of the ``largest`` five; ``symmetric``; ``neighbour_distance`` (mean chord
        distance, radii of the sphere); ``laplacian`` and its ``lmax``.
    """
    weights = graph.weights
    neighbours = np.diff(weights.indptr)
    count, labels = connected_components(weights, directed=False)
    sizes = np.sort(np.bincount(labels, minlength=count))[::-1]
    return {
        "vertices": len(graph),
        "edges": int(weights.nnz) // 2,
        "neighbours": _range(neighbours),
        "degree": _range(np.asarray(weights.sum(axis=1))),
        "weight": _range(weights.data),
        "isolated": int((neighbours == 0).sum()),
        "components": {"count": int(count), "largest": sizes[:_COMPONENTS_LISTED].tolist()},
        "symmetric": not (weights - weights.T).count_nonzero(),
        "neighbour_distance": graph.neighbour_distance,
        "laplacian": laplacian,
        "lmax": largest_eigenvalue(graph.laplacian(laplacian)),
    }


def _range(values: NDArray[np.generic]) -> dict[str, float] | None:
    if values.size == 0:
        return None
    return {
        "min": values.min().item(),
        "mean": values.mean().item(),
        "max": values.max().item(),
    }
