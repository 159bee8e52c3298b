"""Vertices joined by weighted, undirected edges, and the Laplacian that follows.

:func:`deepsphere.graphs.build.build_graph` makes one on any sampling.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.graphs.laplacian import (
    LaplacianKind,
    combinatorial_laplacian,
    normalized_laplacian,
)
from deepsphere.graphs.pattern import is_symmetric
from deepsphere.graphs.weights import SparseMatrix


@dataclass(frozen=True, eq=False)
class Graph:
    """Vertices joined by weighted, undirected edges.

    Attributes
    ----------
    weights : csr_array
        Shape (vertices, vertices), float64, sorted indices, positive, symmetric bit for bit,
        without self-loops. The order of the vertices is that of the sampling.
    neighbour_distance : float or None
        Mean chord distance along the edges found, in radii of the sphere, before symmetrisation;
        None if there is no edge, or it is not known.
    mass : ndarray or None
        How much of the sphere each vertex stands for, float64, shape (vertices,), positive, with
        mean 1; None stands for ones. The operator on functions is M⁻¹(D - W).
    width : float or None
        Of the gaussian kernel of the distance, where there is one.

    Raises
    ------
    DeepsphereError
        If the weights or the mass are anything else.
    """

    weights: SparseMatrix
    neighbour_distance: float | None
    mass: NDArray[np.float64] | None = None
    width: float | None = None

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
        if not is_symmetric(weights):
            raise DeepsphereError(
                "the weights of a graph must be symmetric; take max(W, Wᵀ) or (W + Wᵀ)/2"
            )
        if self.mass is not None:
            mass = self.mass
            if mass.shape != (len(self),) or not (np.isfinite(mass).all() and (mass > 0).all()):
                raise DeepsphereError(
                    f"the mass of a graph must be positive and finite, of shape ({len(self)},)"
                )

    def __len__(self) -> int:
        return int(self.weights.shape[0])

    def laplacian(self, kind: LaplacianKind = "combinatorial") -> SparseMatrix:
        """Return a Laplacian, shape (vertices, vertices), symmetric bit for bit.

        Parameters
        ----------
        kind : {"combinatorial", "normalized"}
            D - W, or I - D^(-1/2) W D^(-1/2). With a mass, the combinatorial one is the symmetric
            S = M^(-1/2) (D - W) M^(-1/2), which has the eigenvalues of the operator on functions
            M⁻¹(D - W) = M^(-1/2) S M^(1/2).

        Raises
        ------
        DeepsphereError
            If the normalized Laplacian of a graph with a mass is asked for: it has its own, D.
        """
        if kind == "combinatorial":
            return combinatorial_laplacian(self.weights, self.mass)
        if self.mass is not None:
            raise DeepsphereError(
                "a normalized Laplacian takes no account of areas: build the graph without area "
                "weights, or take the combinatorial Laplacian"
            )
        return normalized_laplacian(self.weights)
