"""The convolution where little is to be computed: two dense products, differentiated by PyTorch.

On a small graph with few samples and channels, what a call costs beside the computing is most of
its time. There the polynomials of the operator, as one dense matrix, are multiplied by at once.
"""

import torch
from torch import Tensor

from deepsphere.nn.kernels.kept import derived, has_memory

# Up to so many multiplications, what is learned from and what is not, this is faster than the
# compiled loops; measured by ``benchmarks/convolution.py --sweep``.
_MOST_PRODUCTS = 1 << 20
_MOST_PRODUCTS_UNLEARNED = 1 << 18


def is_small(features: Tensor, weight: Tensor, values: Tensor) -> bool:
    """Return whether :func:`convolve_small` is the fastest way, as far as was measured.

    Never while PyTorch traces, nor for bfloat16, which is to be summed in float32.
    """
    # Asked first: a compiler would take a comparison of sizes for a condition on the batch.
    if torch.compiler.is_compiling():
        return False
    batch, pixels, channels = features.shape
    learned = torch.is_grad_enabled() and (features.requires_grad or weight.requires_grad)
    return (
        # An empty batch, too, is no reason to make a large dense matrix.
        pixels * pixels * channels * max(batch, 1) * weight.shape[0]
        <= (_MOST_PRODUCTS if learned else _MOST_PRODUCTS_UNLEARNED)
        and features.device.type == "cpu"
        and features.dtype != torch.bfloat16
        and has_memory(values)
    )


def convolve_small(
    features: Tensor,
    weight: Tensor,
    offsets: Tensor,
    columns: Tensor,
    values: Tensor,
    roots: Tensor | None,
) -> Tensor:
    """Return the convolution; arguments as of :func:`deepsphere.nn.kernels.stock.convolve`."""
    kernel_size, entering, leaving = weight.shape
    terms = derived(
        (values, offsets, columns) if roots is None else (values, offsets, columns, roots),
        ("polynomials", kernel_size),
        lambda: _polynomials(kernel_size, offsets, columns, values, roots),
    )
    batch, pixels, _ = features.shape
    mixture = weight.reshape(kernel_size * entering, leaving)
    if batch == 1:
        # Products of matrices cost less to call than those of batches.
        expanded = terms.mm(features.reshape(pixels, entering))
        return expanded.view(pixels, len(mixture)).mm(mixture).view(1, pixels, leaving)
    return (terms @ features).view(batch, pixels, len(mixture)) @ mixture


@torch.no_grad()
def _polynomials(
    kernel_size: int, offsets: Tensor, columns: Tensor, values: Tensor, roots: Tensor | None
) -> Tensor:
    """Return T_0 to T_(K-1) of the operator, interleaved by row: shape (pixel * K, pixel)."""
    pixels = offsets.numel() - 1
    rows = torch.arange(pixels).repeat_interleave(offsets.diff())
    matrix = values.new_zeros(pixels, pixels)
    matrix[rows, columns.long()] = values
    if roots is not None:
        matrix = matrix * roots / roots[:, None]
    terms = [torch.eye(pixels, dtype=values.dtype), matrix][:kernel_size]
    while len(terms) < kernel_size:
        terms.append(2 * matrix @ terms[-1] - terms[-2])
    return torch.stack(terms, dim=1).view(pixels * kernel_size, pixels)
