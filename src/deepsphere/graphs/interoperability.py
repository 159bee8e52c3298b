"""Graphs to and from PyGSP, a library for signal processing on any graph.

With PyGSP one designs, plots and compares filters; its classes also make graphs that are on no
sphere, on which our convolutions run just as well. PyGSP is optional: ``pip install pygsp``.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from deepsphere.errors import DeepsphereError
from deepsphere.graphs.graph import Graph
from deepsphere.graphs.laplacian import LaplacianKind
from deepsphere.graphs.rescaling import RESCALINGS
from deepsphere.graphs.spectrum import largest_eigenvalue


def to_pygsp(
    graph: Graph,
    positions: NDArray[np.float64] | None = None,
    laplacian: LaplacianKind = "combinatorial",
) -> Any:
    """Return a ``pygsp.graphs.Graph`` with the same weights and Laplacian.

    Parameters
    ----------
    graph : Graph
        A graph whose vertices all have the mass 1.
    positions : ndarray, optional
        Coordinates of the vertices, float64, shape (vertices, 3), for PyGSP's plots.
    laplacian : {"combinatorial", "normalized"}
        The ``L`` of the PyGSP graph.

    Returns
    -------
    pygsp.graphs.Graph
        It shares no memory with the graph. Its ``lmax`` is our largest eigenvalue and the margin of
        the symmetric rescaling, 1 % as in PyGSP's own estimate: the Chebyshev recursion of its
        filters then runs on the very operator that our convolutions have.

    Raises
    ------
    DeepsphereError
        If PyGSP is not installed, the graph has masses, which PyGSP does not know, or there is not
        a position for every vertex.
    """
    try:
        from pygsp import graphs
    except ImportError:
        raise DeepsphereError("PyGSP is not installed; pip install pygsp") from None
    if graph.mass is not None:
        raise DeepsphereError(
            "PyGSP has no graphs whose vertices have masses, as areas or finite elements give them"
        )
    if positions is not None and positions.shape != (len(graph), 3):
        raise DeepsphereError(
            f"the positions of {len(graph)} vertices must have shape ({len(graph)}, 3); "
            f"found {positions.shape}"
        )
    converted = graphs.Graph(graph.weights.copy(), laplacian, positions)
    # Nothing public sets it. PyGSP's estimate starts at random and differs by 0.1 % from call to
    # call, and with it the result of every filter. Named after the default method, ours stays.
    lmax = RESCALINGS["symmetric"].margin * largest_eigenvalue(graph.laplacian(laplacian))
    converted._lmax, converted._lmax_method = lmax, "lanczos"
    return converted


def from_pygsp(graph: Any) -> Graph:
    """Return the graph of an undirected ``pygsp.graphs.Graph``.

    Its weights become float64, whatever they were; entries that are given in parts are added up,
    and zeros are no edges. Its coordinates and signals are left behind.

    Parameters
    ----------
    graph : pygsp.graphs.Graph
        Any of its classes, without self-loops or negative weights.

    Returns
    -------
    Graph
        Its vertices are in the same order; its ``neighbour_distance`` is None, as edges have no
        length. It shares no memory with the PyGSP graph.

    Raises
    ------
    DeepsphereError
        If the weights are not symmetric, not positive or not finite, or if there are self-loops:
        the normalized Laplacian of PyGSP counts them as part of the degree, ours has none.
    """
    weights = csr_array(graph.W, dtype=np.float64, copy=True)
    weights.sum_duplicates()
    weights.eliminate_zeros()
    return Graph(weights, neighbour_distance=None)
