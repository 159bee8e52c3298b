"""Features on other pixels: a sparse matrix as a layer.

:func:`remap_between` takes features from any sampling to any other by the areas in which their
cells overlap. :class:`Remap` applies any matrix of which the values are not learned; the layers of
this package that average, select or move pixels are made of it. Data that are to be stored on
another sampling are converted once, when the store is made, and not here.
"""

from typing import Any, ClassVar

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor, nn
from torch.nn import functional

from deepsphere.nn.constants import KeepsConstants, constant_dtype
from deepsphere.samplings.overlap import area_overlap
from deepsphere.samplings.sampling import Sampling


def check_features(features: Tensor, pixels: int, channels: int | None = None) -> None:
    """Raise a ValueError unless features are of shape (batch, pixels, channels, if given)."""
    shape = tuple(features.shape)
    if len(shape) != 3 or shape[1] != pixels or channels not in (None, shape[2]):
        raise ValueError(
            f"expected features of shape (batch, {pixels}, {channels or 'channel'}), found {shape}"
        )


class Remap(nn.Module):
    """The product of a sparse matrix with features, the same for each sample and channel.

    Parameters
    ----------
    matrix : csr_array, shape (target pixel, source pixel)
        Kept in PyTorch's default type, but not less precise than float32. A target whose row is
        empty gets 0.

    Notes
    -----
    The matrix and its transpose are dense, non-persistent buffers in compressed rows, as in
    :class:`~deepsphere.nn.operator.SymmetricOperator`, and for the same reasons. The gradient is
    the product with the transpose: it adds up in a fixed order, so that it is the same in each run
    on a GPU, too, and can itself be differentiated. Source pixels that are not a number make only
    those targets so whose rows have them.
    """

    def __init__(self, matrix: csr_array) -> None:
        super().__init__()
        self.target, self.source = (int(pixels) for pixels in matrix.shape)
        self.rows = _Rows(matrix)
        self.transposed_rows = _Rows(csr_array(matrix.T))

    def extra_repr(self) -> str:
        """Return the sizes for ``repr``."""
        return f"source={self.source}, target={self.target}"

    def forward(self, features: Tensor) -> Tensor:
        """Multiply features, shape (batch, source, channel), to shape (batch, target, channel).

        The result is of the type of the features. Half precision is computed in float32.
        """
        check_features(features, self.source)
        working = features.to(torch.promote_types(features.dtype, torch.float32))
        product: Tensor = _multiply(
            working,
            *self.rows.tensors(working.dtype),
            *self.transposed_rows.tensors(working.dtype),
        )
        return product.to(features.dtype)


def remap_between(source: Sampling, target: Sampling) -> Remap:
    """Return the layer that averages over the cells of another sampling, weighted by area.

    Constants stay constant. Where the target covers no more than the source, the integral over
    the sphere stays, as far as the cells are known: see :mod:`deepsphere.samplings.overlap`.

    Parameters
    ----------
    source, target : Sampling
        The source covers at least a part of every pixel of the target.

    Raises
    ------
    DeepsphereError
        If a pixel of the target overlaps no pixel of the source.
    """
    return Remap(area_overlap(source, target))


class _Rows(KeepsConstants):
    """The compressed rows of a matrix."""

    constants: ClassVar[tuple[str, ...]] = ("values",)

    columns: Tensor
    offsets: Tensor
    values: Tensor

    def __init__(self, matrix: csr_array) -> None:
        super().__init__()
        rows = csr_array(matrix, copy=True)
        rows.sum_duplicates()
        for name, array, kind in (
            ("columns", rows.indices.astype(np.int64), torch.int64),
            ("offsets", rows.indptr[:-1].astype(np.int64), torch.int64),
            ("values", rows.data, constant_dtype()),
        ):
            self.register_buffer(name, torch.as_tensor(array).to(kind), persistent=False)

    def tensors(self, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
        """Return columns, offsets and values of that type."""
        return self.columns, self.offsets, self.values.to(dtype)


class _Product(torch.autograd.Function):
    """A matrix times features, and its transpose times gradients."""

    @staticmethod
    def forward(
        features: Tensor,
        columns: Tensor,
        offsets: Tensor,
        values: Tensor,
        transposed_columns: Tensor,
        transposed_offsets: Tensor,
        transposed_values: Tensor,
    ) -> Tensor:
        batch, pixels, channels = features.shape
        # One bag a row and sample: the rows of all samples lie one behind the other.
        sample = torch.arange(batch, device=features.device)[:, None]
        return functional.embedding_bag(
            (columns + pixels * sample).flatten(),
            features.flatten(0, 1),
            (offsets + len(columns) * sample).flatten(),
            mode="sum",
            per_sample_weights=values.repeat(batch),
        ).view(batch, len(offsets), channels)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs[1:])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        tensors = ctx.saved_tensors
        product: Tensor = _multiply(gradient, *tensors[3:], *tensors[:3])
        return product, None, None, None, None, None, None

    @staticmethod
    def vmap(info: Any, in_dims: tuple[Any, ...], *inputs: Tensor) -> tuple[Tensor, int]:
        features, *rows = inputs
        stacked = features.movedim(in_dims[0], 0)
        product: Tensor = _multiply(stacked.flatten(0, 1), *rows)
        return product.view(*stacked.shape[:2], *product.shape[1:]), 0


_multiply: Any = _Product.apply
