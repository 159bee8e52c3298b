"""A symmetric sparse operator on the pixels of a graph, such as a rescaled Laplacian.

The operator is kept in three dense buffers (compressed rows), not in a sparse tensor: then
``DistributedDataParallel``, ``copy.deepcopy``, ``Module.to`` and ``torch.export`` treat it as any
other buffer. The buffers are not persistent: an operator belongs to the graph and is built from it,
so a ``state_dict`` holds what was learned and nothing else.
"""

from typing import Any, ClassVar

import numpy as np
import scipy.sparse
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepsphere.nn.constants import KeepsConstants


class SymmetricOperator(KeepsConstants):
    """A symmetric matrix in compressed rows, shared by the layers of one graph.

    Parameters
    ----------
    matrix : scipy sparse array, shape (pixel, pixel)
        Exactly symmetric, as the backward pass multiplies by the same matrix.
    dtype : torch.dtype
        Type of the values, float32 or float64: that in which sums of features are computed. It
        stays float32 where the module is converted to a type of less precision; converting it to
        float64 does not bring back digits.
    mass : ndarray, optional, shape (pixel,)
        Where pixels differ in area, the operator on features is M^(-1/2) matrix M^(1/2) with this
        diagonal M; so says the graph that the matrix comes from. Positive.

    Raises
    ------
    ValueError
        If the matrix is not square or not exactly symmetric, has 2^31 entries or more, or the mass
        has another length or is not positive; or if the type is another one.

    Notes
    -----
    What the layers derive from the buffers is kept with them: do not write to them past PyTorch's
    notice, that is through ``data`` or NumPy, nor between a forward pass and its backward pass.
    """

    constants: ClassVar[tuple[str, ...]] = ("values", "root_mass")

    offsets: Tensor
    columns: Tensor
    values: Tensor
    root_mass: Tensor | None

    def __init__(
        self,
        matrix: scipy.sparse.csr_array,
        dtype: torch.dtype = torch.float32,
        mass: NDArray[np.float64] | None = None,
    ) -> None:
        super().__init__()
        if dtype not in (torch.float32, torch.float64):
            raise ValueError(f"expected a dtype of float32 or float64, found {dtype}")
        if matrix.nnz > np.iinfo(np.int32).max:
            raise ValueError(f"expected at most 2^31 - 1 entries, found {matrix.nnz}")
        if matrix.shape[0] != matrix.shape[1]:
            raise ValueError(f"expected a square matrix, found {matrix.shape=}")
        asymmetry = abs(matrix - matrix.T)
        if asymmetry.nnz and asymmetry.max() != 0:
            raise ValueError(f"expected a symmetric matrix, found |M - M'| = {asymmetry.max():g}")
        rows = scipy.sparse.csr_array(matrix, copy=True)
        rows.sum_duplicates()
        self.pixels = matrix.shape[0]
        for name, array, kind in (
            ("offsets", rows.indptr.astype(np.int32), torch.int32),
            ("columns", rows.indices.astype(np.int32), torch.int32),
            ("values", rows.data, dtype),
        ):
            self.register_buffer(name, torch.as_tensor(array).to(kind), persistent=False)
        if mass is not None and mass.shape != (self.pixels,):
            raise ValueError(f"expected a mass for {self.pixels} pixels, found {mass.shape=}")
        if mass is not None and not (mass > 0).all():
            raise ValueError(f"expected a positive mass, found {mass.min()}")
        roots = None if mass is None else torch.as_tensor(np.sqrt(mass)).to(dtype)
        self.register_buffer("root_mass", roots, persistent=False)

    def extra_repr(self) -> str:
        """Return the size for ``repr``."""
        return f"pixels={self.pixels}, entries={self.columns.numel()}"

    @property
    def tensors(self) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
        """Offsets, columns, values and the roots of the mass, if any."""
        # A small layer's call takes not much longer than to look four attributes up in a module.
        buffers: Any = self._buffers
        return buffers["offsets"], buffers["columns"], buffers["values"], buffers["root_mass"]
