"""A graph on points of the sphere.

:func:`build_graph` makes one from the positions of any sampling; the Laplacian, its largest
eigenvalue and its rescaling follow from it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.graphs.laplacian import LAPLACIANS, LaplacianKind
from deepsphere.graphs.neighbours import nearest_neighbours
from deepsphere.graphs.weights import (
    SparseMatrix,
    Symmetrization,
    Weights,
    gaussian,
    join,
    time_of_width,
    unweighted,
)


@dataclass(frozen=True, eq=False)
class Graph:
    """Vertices joined by weighted, undirected edges.

    Attributes
    ----------
    weights : csr_array
        Shape (vertices, vertices), float64, sorted indices, positive, symmetric bit for bit,
        without self-loops. The order of the vertices is that of the sampling.
    neighbour_distance : float
        Mean chord distance to the neighbours found, in radii of the sphere, before
        symmetrisation.

    Raises
    ------
    DeepsphereError
        If the weights are anything else.
    """

    weights: SparseMatrix
    neighbour_distance: float

    def __post_init__(self) -> None:
        weights = self.weights
        if weights.ndim != 2 or weights.shape[0] != weights.shape[1]:
            raise DeepsphereError(
                f"the weights of a graph must be square; found shape {weights.shape}"
            )
        if weights.dtype != np.float64:
            raise DeepsphereError(
                f"the weights of a graph must be float64; found {weights.dtype}; convert them"
            )
        if not (np.isfinite(weights.data).all() and (weights.data > 0).all()):
            raise DeepsphereError("the weights of a graph must be positive and finite")
        if weights.diagonal().any():
            raise DeepsphereError("a graph must have no self-loops; set the diagonal to zero")
        if (weights - weights.T).count_nonzero():
            raise DeepsphereError(
                "the weights of a graph must be symmetric; take max(W, Wᵀ) or (W + Wᵀ)/2"
            )

    def __len__(self) -> int:
        return int(self.weights.shape[0])

    def laplacian(self, kind: LaplacianKind = "combinatorial") -> SparseMatrix:
        """Return a Laplacian, shape (vertices, vertices); see :mod:`~deepsphere.graphs.laplacian`.

        Parameters
        ----------
        kind : {"combinatorial", "normalized"}
            D - W, or I - D^(-1/2) W D^(-1/2).
        """
        return LAPLACIANS[kind](self.weights)


def build_graph(
    positions: NDArray[np.float64],
    neighbours: int,
    weights: Weights = "gaussian",
    width: float | None = None,
    symmetrization: Symmetrization = "union",
) -> Graph:
    """Join every point to its nearest ones.

    Parameters
    ----------
    positions : ndarray
        Unit vectors, float64, shape (vertices, 3). Points may coincide.
    neighbours : int
        How many nearest points each point is joined to. Symmetrisation adds those to which it is
        itself a neighbour.
    weights : {"gaussian", "unweighted"}
        exp(-d²/(4t)) of the chord distance d, or 1.
    width : float, optional
        Distance at which a gaussian weight is 1/2, in radii of the sphere. By default the mean
        distance to the neighbours.
    symmetrization : {"union", "average"}
        An edge found from one side only: kept whole, or with half its weight.

    Returns
    -------
    Graph
        Its vertices are in the order of the positions.

    Raises
    ------
    DeepsphereError
        If the positions are not unit vectors, there are too few of them, or the width is not
        positive.
    """
    indices, distances = nearest_neighbours(positions, neighbours)
    mean_distance = float(distances.mean())
    if weights == "unweighted":
        values = unweighted(distances)
    else:
        values = gaussian(distances, time_of_width(mean_distance if width is None else width))
    return Graph(join(indices, values, symmetrization), mean_distance)
