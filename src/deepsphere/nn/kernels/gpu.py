r"""The convolution on a GPU, in Triton.

For tensors on a CUDA device. Importing the module needs Triton, which comes with PyTorch for CUDA.

One kernel computes a step of either recurrence, in one pass over its terms, and PyTorch's matrix
products do the mixing of channels. A GPU is limited by its memory here, not by its arithmetic:

- A few samples are computed at a time, so that their terms stay in the second-level cache.
- All terms of a pixel lie side by side, shape (sample, pixel, kernel_size, channel). Mixing them is
  then one matrix product with kernel_size times channels to sum over, which writes the result once
  and rounds it once.
- A program computes consecutive pixels, which share most of their neighbours: with pixels in an
  order that keeps close what is close, most of what it reads is in the first-level cache.

Sums along rows are of the type of the Laplacian's values; terms are stored in the type of the
features. Matrix products obey PyTorch's own settings, such as
``torch.backends.cuda.matmul.allow_tf32``.

The functions are those of every backend: of plain tensors, without autograd.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from deepsphere.nn.kernels.gpu_hop import hop
from deepsphere.nn.kernels.neighbours import Neighbours, neighbours

# The terms of the samples computed at a time; a recent data centre's GPU caches 40 to 120 MiB.
_BYTES_AT_A_TIME = 30 * 2**20


# Whether PyTorch can sum products of bfloat16 numbers into float32 ones.
_MIXES_TYPES = hasattr(torch.ops.aten.mm, "dtype")


def convolve(
    features: Tensor,
    weight: Tensor,
    offsets: Tensor,
    columns: Tensor,
    values: Tensor,
    roots: Tensor | None,
) -> Tensor:
    """Return the sum over k of T_k(R^-1 S R) features weight_k.

    Parameters
    ----------
    features : Tensor, shape (batch, pixel, in_channels)
        Of type float32, float64 or bfloat16.
    weight : Tensor, shape (kernel_size, in_channels, out_channels)
        Of the type of ``features``.
    offsets : Tensor of int32, shape (pixel + 1,)
        The symmetric S in compressed rows.
    columns : Tensor of int32, shape (entry,)
    values : Tensor, shape (entry,)
        Of type float64 where ``features`` are, else float32.
    roots : Tensor or None, shape (pixel,)
        The diagonal of R, of the type of ``values``; None for the identity.

    Returns
    -------
    Tensor, shape (batch, pixel, out_channels)
        Of the type of ``features``, contiguous.
    """
    return _convolve(features, weight, neighbours(offsets, columns, values, roots))


def weight_gradient(
    features: Tensor,
    gradient: Tensor,
    kernel_size: int,
    offsets: Tensor,
    columns: Tensor,
    values: Tensor,
    roots: Tensor | None,
) -> Tensor:
    """Return the gradient of the weight: element k is (R features)^T T_k(S) (R^-1 gradient).

    Parameters
    ----------
    features : Tensor, shape (batch, pixel, in_channels)
    gradient : Tensor, shape (batch, pixel, out_channels)
        Of the result of :func:`convolve`, and of the type of ``features``.
    kernel_size : int
    offsets, columns, values, roots
        As for :func:`convolve`.

    Returns
    -------
    Tensor, shape (kernel_size, in_channels, out_channels)
        Summed over batch and pixels, of the type of ``features``.
    """
    entering, leaving = features.shape[2], gradient.shape[2]
    adjoint = leaving <= entering
    operator = neighbours(offsets, columns, values, roots, adjoint=adjoint)
    total = values.new_zeros(
        (entering, kernel_size * leaving) if adjoint else (kernel_size * entering, leaving)
    )
    if adjoint:
        for samples, terms in _terms(gradient, kernel_size, operator):
            total += _product(features[samples].flatten(0, 1).t(), terms)
        total = total.view(entering, kernel_size, leaving).transpose(0, 1)
    else:
        for samples, terms in _terms(features, kernel_size, operator):
            total += _product(terms.t(), gradient[samples].flatten(0, 1))
        total = total.view(kernel_size, entering, leaving)
    return total.to(features.dtype).contiguous()


def gradients(
    features: Tensor,
    gradient: Tensor,
    weight: Tensor,
    offsets: Tensor,
    columns: Tensor,
    values: Tensor,
    roots: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """Return the gradients of the features and of the weight.

    They share one recurrence on the gradient, except where the features are so much narrower that
    two recurrences on their width are less work.

    Parameters
    ----------
    features : Tensor, shape (batch, pixel, in_channels)
    gradient : Tensor, shape (batch, pixel, out_channels)
        Of the result of :func:`convolve`, and of the type of ``features``.
    weight : Tensor, shape (kernel_size, in_channels, out_channels)
        Of the type of ``features``.
    offsets, columns, values, roots
        As for :func:`convolve`.

    Returns
    -------
    of_features : Tensor, shape (batch, pixel, in_channels)
        R times the sum over k of T_k(S) (R^-1 gradient) weight_k^T; contiguous.
    of_weight : Tensor, shape (kernel_size, in_channels, out_channels)
        As by :func:`weight_gradient`.
    """
    kernel_size, entering, leaving = weight.shape
    matrix = (offsets, columns, values, roots)
    operator = neighbours(*matrix, adjoint=True)
    transposed = weight.transpose(1, 2)
    if leaving > 2 * entering:
        of_features = _convolve(gradient, transposed, operator)
        return of_features, weight_gradient(features, gradient, kernel_size, *matrix)
    of_features = features.new_empty(features.shape)
    of_weight = values.new_zeros(entering, kernel_size * leaving)
    for samples, terms in _terms(gradient, kernel_size, operator):
        torch.mm(terms, transposed.flatten(0, 1), out=of_features[samples].flatten(0, 1))
        of_weight += _product(features[samples].flatten(0, 1).t(), terms)
    of_weight = of_weight.view(entering, kernel_size, leaving).transpose(0, 1)
    return of_features, of_weight.to(weight.dtype).contiguous()


def _convolve(features: Tensor, weight: Tensor, operator: Neighbours) -> Tensor:
    kernel_size, entering, leaving = weight.shape
    if kernel_size == 1:
        return features.contiguous() @ weight[0]
    result = features.new_empty(*features.shape[:2], leaving)
    if leaving < entering:
        _mix_first(features, weight, operator, result)
        return result
    for samples, terms in _terms(features, kernel_size, operator):
        torch.mm(terms, weight.flatten(0, 1), out=result[samples].flatten(0, 1))
    return result


def _terms(
    features: Tensor, kernel_size: int, operator: Neighbours
) -> Iterator[tuple[slice, Tensor]]:
    """Yield some samples and their terms T_0 x, T_1 x, ...; the next samples overwrite the terms.

    The terms have shape (sample and pixel, kernel_size and channel).
    """
    for samples, slots in _workspace(features, kernel_size, features.shape[2]):
        terms = slots.unbind(dim=2)
        terms[0].copy_(features[samples])
        for order in range(1, kernel_size):
            if order == 1:
                hop(terms[1], terms[0], operator, factor=1)
            else:
                hop(terms[order], terms[order - 1], operator, factor=2, subtracted=terms[order - 2])
        yield samples, slots.flatten(0, 1).flatten(1, 2)


def _mix_first(features: Tensor, weight: Tensor, operator: Neighbours, result: Tensor) -> None:
    """Convolve by the recurrence of Clenshaw (1955), on the narrower output channels.

    With z_k = x W_k and b_k = z_k + 2 L b_{k+1} - b_{k+2}, the sum is z_0 + L b_1 - b_2. Each b
    takes the place of its z.
    """
    kernel_size, _, leaving = weight.shape
    mixing = weight.transpose(0, 1).flatten(1, 2)
    for samples, slots in _workspace(features, kernel_size, leaving):
        rows = features[samples].flatten(0, 1)
        torch.mm(rows, mixing, out=slots.flatten(0, 1).flatten(1, 2))
        sums = slots.unbind(dim=2)
        for order in range(kernel_size - 2, -1, -1):
            hop(
                sums[order] if order else result[samples],
                sums[order + 1],
                operator,
                factor=2 if order else 1,
                added=sums[order],
                subtracted=sums[order + 2] if order + 2 < kernel_size else None,
            )


def _workspace(features: Tensor, kernel_size: int, channels: int) -> Iterator[tuple[slice, Tensor]]:
    """Yield slices of the batch and room for them, shape (sample, pixel, kernel_size, channel)."""
    batch, pixels, _ = features.shape
    bytes_of_sample = pixels * kernel_size * channels * features.element_size()
    samples = max(1, min(batch, _BYTES_AT_A_TIME // bytes_of_sample))
    room = features.new_empty(samples, pixels, kernel_size, channels)
    for start in range(0, batch, samples):
        yield slice(start, start + samples), room[: batch - start]


def _product(left: Tensor, right: Tensor) -> Tensor:
    """Return a product of matrices in the type that is summed in, also under autocast."""
    with torch.autocast(left.device.type, enabled=False):
        if left.dtype != torch.bfloat16:
            return torch.mm(left, right)
        if left.is_cuda and _MIXES_TYPES:
            return torch.mm(left, right, out_dtype=torch.float32)
        return torch.mm(left.float(), right.float())
