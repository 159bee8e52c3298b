"""The convolution where little is to be computed: two dense products, differentiated by PyTorch.

On a small graph with few samples and channels, what a call costs beside the computing is most of
its time. There the polynomials of the operator, as one dense matrix, are multiplied by at once.
"""

import torch
from torch import Tensor

from deepsphere.nn.kernels.kept import derived, has_memory

# With more multiplications than this, the compiled loops are faster.
_MOST_PRODUCTS = 1 << 20


def is_small(features: Tensor, weight: Tensor, values: Tensor) -> bool:
    """Return whether :func:`convolve_small` is the fastest way, as far as was measured.

    Never while PyTorch traces, nor for bfloat16, which is to be summed in float32.
    """
    # Asked first: a compiler would take a comparison of sizes for a condition on the batch.
    if torch.compiler.is_compiling():
        return False
    batch, pixels, channels = features.shape
    return (
        # An empty batch, too, is no reason to make a large dense matrix.
        pixels * pixels * channels * max(batch, 1) * len(weight) <= _MOST_PRODUCTS
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
    sources = (values, offsets, columns) if roots is None else (values, offsets, columns, roots)
    terms = derived(
        sources,
        ("polynomials", kernel_size),
        lambda: _polynomials(kernel_size, offsets, columns, values, roots),
    )
    batch, pixels, _ = features.shape
    mixed = terms @ features
    return mixed.view(batch, pixels, kernel_size * entering) @ weight.reshape(-1, leaving)


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
