"""A graph in numbers, for its manifest.

Look here when a network does not learn: many components, or vertices without edges, mean that a
convolution cannot see across; a large equivariance error means that filters differ from place to
place and from direction to direction.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from deepsphere.graphs.counted import counted_areas
from deepsphere.graphs.degrees import degrees_within
from deepsphere.graphs.eigenvalue_groups import eigenvalue_groups
from deepsphere.graphs.equivariance import haar_errors, zonal_errors
from deepsphere.graphs.graph import Graph
from deepsphere.graphs.laplacian import LaplacianKind
from deepsphere.graphs.pattern import is_symmetric
from deepsphere.graphs.spectrum import largest_eigenvalue
from deepsphere.graphs.weights import SparseMatrix
from deepsphere.samplings.masked import Masked
from deepsphere.samplings.sampling import Sampling

_COMPONENTS_LISTED = 5
_MOST_PIXELS = 1 << 20
_MOST_PIXELS_HAAR = 1 << 18
_FUNCTIONS = 16


def describe_graph(
    sampling: Sampling, graph: Graph, laplacian: LaplacianKind = "combinatorial", parts: int = 1
) -> dict[str, Any]:
    """Return plain data that describe a graph.

    Parameters
    ----------
    sampling : Sampling
        Its pixels.
    graph : Graph
        The graph.
    laplacian : {"combinatorial", "normalized"}
        Whose largest eigenvalue and errors are given.
    parts : int
        Of the graph, no two of which are joined; see :mod:`~deepsphere.graphs.parts`.

    Returns
    -------
    dict
        ``sampling``, ``pixels``, ``edges`` (undirected); ``neighbours`` (edges of a pixel),
        ``degree`` (sum of their weights), ``weight`` and ``mass``, each with ``min``, ``mean`` and
        ``max`` (null if there is none); ``isolated`` (pixels without edges); ``components`` with
        their ``count`` and the sizes of the ``largest`` five; ``symmetric``;
        ``neighbour_distance`` (mean chord distance, radii of the sphere) and ``width`` of the
        kernel; ``laplacian`` and its ``lmax``; ``equivariance``, see
        :func:`describe_equivariance`; and ``eigenvalue_groups``, see
        :mod:`~deepsphere.graphs.eigenvalue_groups`, null for parts of a sphere, whose spectrum is
        another, and for graphs of more than 20,000 pixels.
    """
    weights = graph.weights
    neighbours = np.diff(weights.indptr)
    count, labels = connected_components(weights, directed=False)
    sizes = np.sort(np.bincount(labels, minlength=count))[::-1]
    matrix = graph.laplacian(laplacian)
    whole = parts == 1 and not isinstance(sampling, Masked)
    groups = eigenvalue_groups(matrix) if whole else None
    return {
        "sampling": sampling.name,
        "pixels": len(graph),
        "edges": int(weights.nnz) // 2,
        "neighbours": _range(neighbours),
        "degree": _range(np.asarray(weights.sum(axis=1))),
        "weight": _range(weights.data),
        "mass": None if graph.mass is None else _range(graph.mass),
        "isolated": int((neighbours == 0).sum()),
        "components": {"count": int(count), "largest": sizes[:_COMPONENTS_LISTED].tolist()},
        "symmetric": is_symmetric(weights),
        "neighbour_distance": graph.neighbour_distance,
        "width": graph.width,
        "laplacian": laplacian,
        "lmax": largest_eigenvalue(matrix),
        "equivariance": describe_equivariance(sampling, graph, matrix, parts),
        "eigenvalue_groups": groups.described() if groups else None,
    }


def describe_equivariance(
    sampling: Sampling, graph: Graph, matrix: SparseMatrix, parts: int = 1
) -> dict[str, Any] | None:
    """Return what the operator does to spherical harmonics of degrees over the whole band.

    Parameters
    ----------
    sampling : Sampling
        The pixels.
    graph : Graph
        The graph.
    matrix : csr_array
        Its Laplacian.
    parts : int
        Of the graph.

    Returns
    -------
    dict or None
        ``degrees``, ``responses``, ``errors`` (on zonal functions) and ``haar`` (over all functions
        and rotations, from 16 random functions of each degree; null above 2¹⁸ pixels); None
        above 2²⁰ pixels. On a part of a sphere both are measured where the neighbours of a pixel
        are all around it, and their ``pixels`` are fewer.
    """
    if len(graph) > _MOST_PIXELS or not graph.weights.nnz:
        return None
    areas = counted_areas(sampling, graph.weights, parts)
    degrees = degrees_within(areas, low=3, high=6)
    arguments = (matrix, sampling.positions, areas, degrees, graph.mass)
    described: dict[str, Any] = dict(zonal_errors(*arguments).described())
    described["haar"] = None
    if len(graph) <= _MOST_PIXELS_HAAR:
        described["haar"] = haar_errors(*arguments, functions=_FUNCTIONS).described()["errors"]
    described["pixels"] = int((areas > 0).sum())
    return described


def _range(values: NDArray[Any]) -> dict[str, float] | None:
    if values.size == 0:
        return None
    return {
        "min": values.min().item(),
        "mean": values.mean().item(),
        "max": values.max().item(),
    }
