"""Bringing the spectrum of a Laplacian into [-1, 1], where Chebyshev polynomials are bounded.

The published codes used three maps of L to slope · L/(margin · lmax) - offset · I:

========= ==================== ====== ============== ===========================================
name      formula              margin spectrum       used by
========= ==================== ====== ============== ===========================================
symmetric 2L/lmax - I          1.01   [-1, 0.981]    deepsphere-pytorch; the choice for new work
damped    0.75 (2L/lmax - I)   1.02   [-0.75, 0.721] the published GHCN runs
shifted   1.5 L/lmax - I       1.02   [-1, 0.471]    arXiv 1810.12186 (its text says [-a, a])
========= ==================== ====== ============== ===========================================

The margin keeps the spectrum inside although lmax is estimated from below.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.sparse import csr_array, diags_array

from deepsphere.errors import DeepsphereError
from deepsphere.graphs.weights import SparseMatrix

RescalingName = Literal["symmetric", "damped", "shifted"]


@dataclass(frozen=True)
class Rescaling:
    """The map of L to slope · L/(margin · lmax) - offset · I.

    Attributes
    ----------
    slope, offset, margin : float
        Its numbers, all positive.
    """

    slope: float
    offset: float
    margin: float

    @property
    def interval(self) -> tuple[float, float]:
        """Where 0 and lmax go: the ends of the rescaled spectrum."""
        return -self.offset, self.slope / self.margin - self.offset

    def apply(self, laplacian: SparseMatrix, lmax: float) -> SparseMatrix:
        """Rescale a Laplacian, which is left as it was.

        Parameters
        ----------
        laplacian : csr_array
            Symmetric, shape (vertices, vertices).
        lmax : float
            Its largest eigenvalue, from :func:`deepsphere.graphs.spectrum.largest_eigenvalue`.

        Returns
        -------
        csr_array
            Same shape, float64, sorted indices, symmetric bit for bit.

        Raises
        ------
        DeepsphereError
            If lmax is not positive: the graph has no edges.
        """
        if not lmax > 0:
            raise DeepsphereError(
                f"the Laplacian cannot be rescaled by its largest eigenvalue {lmax}: the graph "
                "has no edges; give it more neighbours or wider weights"
            )
        offsets = diags_array(np.full(laplacian.shape[0], self.offset))
        rescaled = csr_array((self.slope / (self.margin * lmax)) * laplacian - offsets)
        rescaled.sort_indices()
        return rescaled


RESCALINGS: dict[RescalingName, Rescaling] = {
    "symmetric": Rescaling(slope=2.0, offset=1.0, margin=1.01),
    "damped": Rescaling(slope=1.5, offset=0.75, margin=1.02),
    "shifted": Rescaling(slope=1.5, offset=1.0, margin=1.02),
}
