"""How well the spectrum of a Laplacian falls into the groups of the sphere's.

On the sphere the Laplacian has the eigenvalue l(l + 1), 2l + 1 times, for every degree l. A graph
whose lowest eigenvalues form the same staircase of flat and evenly growing steps resembles the
sphere; equal areas and enough neighbours bring it about. It is a picture of the whole graph, for
which eigenvectors of up to some ten thousand pixels must be found; for larger graphs, or one degree
at a time, see :mod:`deepsphere.graphs.equivariance`.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigvalsh
from scipy.sparse import eye_array
from scipy.sparse.linalg import LinearOperator, eigsh, splu

from deepsphere.errors import DeepsphereError
from deepsphere.graphs.weights import SparseMatrix

MOST_PIXELS = 20_000
"""Graphs with more pixels get no eigenvalue groups: the factors of the matrix become too large."""

_DENSE_PIXELS = 512
_SIGNIFICANT_DIGITS = 6
# Relative to the norm of the Laplacian: where the inverse is taken, and what counts as zero.
_SHIFT = 1e-4
_ZERO = 1e-12


@dataclass(frozen=True, eq=False)
class EigenvalueGroups:
    """The lowest eigenvalues of a Laplacian, cut into groups of 1, 3, 5, ....

    Attributes
    ----------
    eigenvalues : ndarray
        In ascending order, float64, shape ((degrees + 1)²,).

    Raises
    ------
    DeepsphereError
        If their number is not a square, or they are not in order.
    """

    eigenvalues: NDArray[np.float64]

    def __post_init__(self) -> None:
        count = self.eigenvalues.size
        if self.eigenvalues.shape != (math.isqrt(count) ** 2,) or count == 0:
            raise DeepsphereError(
                "eigenvalues form whole groups where their number is a square; "
                f"found shape {self.eigenvalues.shape}"
            )
        if (np.diff(self.eigenvalues) < 0).any():
            raise DeepsphereError("eigenvalues must be in ascending order; sort them")

    @property
    def degrees(self) -> NDArray[np.int64]:
        """The degrees l = 0, ..., of the groups, shape (groups,)."""
        return np.arange(math.isqrt(self.eigenvalues.size))

    @property
    def means(self) -> NDArray[np.float64]:
        """Mean eigenvalue of each group, shape (groups,)."""
        sums: NDArray[np.float64] = np.add.reduceat(self.eigenvalues, self.degrees**2)
        return sums / (2 * self.degrees + 1)

    @property
    def spreads(self) -> NDArray[np.float64]:
        """Largest less smallest eigenvalue of each group, shape (groups,); 0 on the sphere."""
        return self.eigenvalues[(self.degrees + 1) ** 2 - 1] - self.eigenvalues[self.degrees**2]

    @property
    def ratios(self) -> NDArray[np.float64]:
        """Means over l(l + 1), relative to that of l = 1, shape (groups,); 1 on the sphere.

        NaN for l = 0, and everywhere if the mean of l = 1 is zero, as in a graph that has fallen
        into four pieces.
        """
        ratios = np.full(self.degrees.size, np.nan)
        if ratios.size > 1 and self.means[1] > 0:
            step = self.means[1] / 2
            ratios[1:] = self.means[1:] / (step * self.degrees[1:] * (self.degrees[1:] + 1))
        return ratios

    def described(self) -> dict[str, list[int] | list[float] | list[float | None]]:
        """Return plain data, to 6 digits: ``degrees``, ``means``, ``spreads``, ``ratios``.

        A ratio that does not exist is None.
        """
        return {
            "degrees": self.degrees.tolist(),
            "means": _rounded(self.means),
            "spreads": _rounded(self.spreads),
            "ratios": [None if math.isnan(ratio) else ratio for ratio in _rounded(self.ratios)],
        }


def eigenvalue_groups(laplacian: SparseMatrix, degrees: int = 8) -> EigenvalueGroups | None:
    """Return the smallest eigenvalues of a Laplacian by groups.

    Parameters
    ----------
    laplacian : csr_array
        Symmetric and positive semi-definite, float64, shape (pixels, pixels). That of
        M^(-1/2) S M^(1/2) is S, as the two have the same eigenvalues.
    degrees : int
        The last group is that of this degree l, or of the largest for which there are
        (l + 1)² pixels.

    Returns
    -------
    EigenvalueGroups or None
        Eigenvalues rounded to 6 digits, so that they are the same on every machine. A graph in
        several pieces has a zero for each, so that its groups mix. None if there are more than
        :data:`MOST_PIXELS` pixels.

    Raises
    ------
    DeepsphereError
        If the degree is negative or the Laplacian empty.
    """
    pixels = laplacian.shape[0]
    if degrees < 0 or pixels == 0:
        raise DeepsphereError(
            "eigenvalue groups need a degree from 0 and at least one pixel; "
            f"found degree {degrees} and {pixels} pixels"
        )
    if pixels > MOST_PIXELS:
        return None
    count = min(degrees + 1, math.isqrt(pixels)) ** 2
    norm = float(abs(laplacian).sum(axis=1).max())
    if pixels <= max(_DENSE_PIXELS, 2 * count) or norm == 0:
        values = eigvalsh(laplacian.toarray())[:count]
    else:
        values = _smallest_eigenvalues(laplacian, count, -_SHIFT * norm)
    values[np.abs(values) <= _ZERO * norm] = 0
    return EigenvalueGroups(np.array(_rounded(values), dtype=np.float64))


def _smallest_eigenvalues(laplacian: SparseMatrix, count: int, shift: float) -> NDArray[np.float64]:
    """Return the eigenvalues nearest to a shift below the spectrum, in ascending order."""
    pixels = laplacian.shape[0]
    # The shifted matrix is positive definite, so that no pivots need be looked for, and an order
    # that keeps it symmetric fills in least: a third of the time of eigsh's own factors.
    factors = splu(
        (laplacian - shift * eye_array(pixels)).tocsc(),
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0,
        options={"SymmetricMode": True},
    )
    inverse = LinearOperator(laplacian.shape, matvec=factors.solve, dtype=np.float64)
    # Random, as the constant vector is an eigenvector, which Lanczos would never leave.
    start = np.random.default_rng(0).standard_normal(pixels)
    values = eigsh(
        laplacian, k=count, sigma=shift, OPinv=inverse, v0=start, return_eigenvectors=False
    )
    return np.sort(values)


def _rounded(values: NDArray[np.floating[Any]]) -> list[float]:
    return [float(f"{value:.{_SIGNIFICANT_DIGITS}g}") for value in values]
