r"""The convolution in stock PyTorch, for where there is neither numba nor Triton.

It compiles nothing and runs on any device, but is slower than the compiled loops.

The functions are those of every backend: of plain tensors, without autograd. A chunk of samples is
copied to (pixel, sample, channel), where the Laplacian multiplies long rows; the terms of
:math:`T_k = 2 \tilde L T_{k-1} - T_{k-2}` are mixed into the chunk's result as they come, and that
is copied back. Beyond arguments and results, a call needs a few buffers of a chunk's size.

All sums are in the type of the Laplacian's values: bfloat16 is read and written by the copies only.
Products are written in place or to ``out``, which autocast leaves in their type.
"""

import warnings
from collections.abc import Iterator
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

# Products of so many rows are summed before they are added to the gradient of the weight.
_ROWS_OF_A_SUM = 1024


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
    _, channels, outputs = weight.shape
    result = features.new_empty(*features.shape[:2], outputs)
    product = _product(offsets, columns, values)
    evaluate = _mix_first if outputs < channels else _mix_last
    weight = weight.to(values.dtype)
    for chunk in _chunks(features, channels + outputs):
        mixed = evaluate(_interleave(features[chunk], roots, values.dtype), weight, product)
        _separate(mixed, roots, result[chunk])
    return result


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
    channels, outputs = features.shape[2], gradient.shape[2]
    product = _product(offsets, columns, values)
    inverse = None if roots is None else roots.reciprocal()
    total = values.new_zeros(kernel_size, channels, outputs)
    for chunk in _chunks(features, channels + outputs):
        left = _interleave(features[chunk], roots, values.dtype)
        right = _interleave(gradient[chunk], inverse, values.dtype)
        if outputs < channels:
            for share, term in zip(total, _terms(right, product), strict=False):
                _add_outer(share, _rows(left), _rows(term))
        else:
            for share, term in zip(total, _terms(left, product), strict=False):
                _add_outer(share, _rows(term), _rows(right))
    return total.to(features.dtype)


def gradients(
    features: Tensor,
    gradient: Tensor,
    weight: Tensor,
    offsets: Tensor,
    columns: Tensor,
    values: Tensor,
    roots: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """Return the gradients of the features and of the weight, from one recurrence.

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
    _, channels, outputs = weight.shape
    product = _product(offsets, columns, values)
    inverse = None if roots is None else roots.reciprocal()
    of_features = features.new_empty(features.shape)
    of_weight = values.new_zeros(weight.shape)
    transposed = weight.to(values.dtype).transpose(1, 2)
    for chunk in _chunks(features, channels + outputs):
        left = _interleave(features[chunk], roots, values.dtype)
        right = _interleave(gradient[chunk], inverse, values.dtype)
        mixed = torch.zeros_like(left)
        terms = zip(of_weight, transposed, _terms(right, product), strict=False)
        for share, coefficient, term in terms:
            _add_outer(share, _rows(left), _rows(term))
            _rows(mixed).addmm_(_rows(term), coefficient)
        _separate(mixed, inverse, of_features[chunk])
    return of_features, of_weight.to(weight.dtype)


class _Product(Protocol):
    """Multiplies a term of shape (pixel, sample, channel) by a factor of S, and subtracts another.

    It may overwrite what it subtracts, which no recurrence needs any more.
    """

    def __call__(self, term: Tensor, factor: int = 1, less: Tensor | None = None) -> Tensor: ...


def _product(offsets: Tensor, columns: Tensor, values: Tensor) -> _Product:
    """Return the fastest product for the matrix's device and type."""
    has_mkl = torch.backends.mkl.is_available()  # type: ignore[no-untyped-call]
    if values.device.type == "cpu" and (values.dtype == torch.float32 or not has_mkl):
        return _bags(offsets, columns, values)
    return _sparse_rows(offsets, columns, values)


def _bags(offsets: Tensor, columns: Tensor, values: Tensor) -> _Product:
    """Return the product as weighted sums of rows of a dense matrix.

    ``embedding_bag`` is meant for words, but runs on all threads and, for float32, on vectors.
    """
    multiples = {1: values, 2: 2 * values}

    def product(term: Tensor, factor: int = 1, less: Tensor | None = None) -> Tensor:
        summed = functional.embedding_bag(
            columns,
            term.flatten(1),
            offsets,
            mode="sum",
            per_sample_weights=multiples[factor],
            include_last_offset=True,
        ).view(term.shape)
        return summed if less is None else summed.sub_(less)

    return product


def _sparse_rows(offsets: Tensor, columns: Tensor, values: Tensor) -> _Product:
    """Return the product of PyTorch's sparse tensors: of MKL on a CPU, of cuSPARSE on a GPU."""
    pixels = offsets.numel() - 1
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta state")
        matrix = torch.sparse_csr_tensor(
            offsets, columns, values, (pixels, pixels), check_invariants=False
        )

    def product(term: Tensor, factor: int = 1, less: Tensor | None = None) -> Tensor:
        result = torch.zeros_like(term) if less is None else less
        rows = result.flatten(1)
        torch.addmm(rows, matrix, term.flatten(1), beta=-1, alpha=factor, out=rows)
        return result

    return product


def _chunks(features: Tensor, width: int) -> Iterator[slice]:
    """Yield slices of the batch whose samples are computed at once, for a sum of channels."""
    samples = max(1, _columns_at_once(features.shape[1], features.device.type) // width)
    for start in range(0, features.shape[0], samples):
        yield slice(start, start + samples)


def _columns_at_once(pixels: int, device: str) -> int:
    """Return how many channels, in and out, of how many samples a chunk should have.

    On a CPU rows of 32 to 128 columns are the fastest, and so are buffers of a few megabytes: they
    stay in the caches, and the allocator reuses them instead of asking the system for more. On a
    GPU a chunk should keep all processors busy; cuSPARSE fails from 2^31 elements on, which a chunk
    reaches only where a single sample does.
    """
    if device == "cpu":
        return max(96, min(256, 2**22 // pixels))
    return 2**25 // pixels


def _interleave(features: Tensor, roots: Tensor | None, dtype: torch.dtype) -> Tensor:
    """Return a copy of shape (pixel, sample, channel), times the roots."""
    swapped = features.transpose(0, 1)
    copy = torch.empty(swapped.shape, dtype=dtype, device=features.device)
    if roots is None:
        return copy.copy_(swapped)
    return torch.mul(swapped, roots[:, None, None], out=copy)


def _separate(interleaved: Tensor, roots: Tensor | None, result: Tensor) -> None:
    """Write (pixel, sample, channel), divided by the roots, into (sample, pixel, channel)."""
    swapped = result.transpose(0, 1)
    if roots is None:
        swapped.copy_(interleaved)
    else:
        torch.div(interleaved, roots[:, None, None], out=swapped)


def _add_outer(total: Tensor, left: Tensor, right: Tensor) -> None:
    """Add the product of the transposed left rows and the right rows, some rows at a time.

    Libraries differ in how they add up a long sum. One by one, float32 would lose digits.
    """
    blocks, rest = divmod(len(left), _ROWS_OF_A_SUM)
    if blocks:
        parts = total.new_empty(blocks, *total.shape)
        first, second = (rows[rest:].reshape(blocks, _ROWS_OF_A_SUM, -1) for rows in (left, right))
        total.add_(torch.bmm(first.transpose(1, 2), second, out=parts).sum(dim=0))
    total.addmm_(left[:rest].t(), right[:rest])


def _rows(interleaved: Tensor) -> Tensor:
    """Return a view of shape (pixel and sample, channel)."""
    return interleaved.flatten(0, 1)


def _terms(features: Tensor, product: _Product) -> Iterator[Tensor]:
    """Yield T_0 x, T_1 x, T_2 x, ..., each when it is asked for."""
    last, term = features, features
    yield term
    term = product(term)
    yield term
    while True:
        last, term = term, product(term, 2, last)
        yield term


def _mix_last(features: Tensor, weight: Tensor, product: _Product) -> Tensor:
    """Return the sum over k of T_k x W_k, term by term."""
    mixed = features.new_zeros(*features.shape[:2], weight.shape[2])
    for coefficient, term in zip(weight, _terms(features, product), strict=False):
        _rows(mixed).addmm_(_rows(term), coefficient)
    return mixed


def _mix_first(features: Tensor, weight: Tensor, product: _Product) -> Tensor:
    """Return the same sum by the recurrence of Clenshaw (1955), on the output channels.

    With z_k = x W_k and b_k = z_k + 2 L b_{k+1} - b_{k+2}, it is z_0 + L b_1 - b_2.
    """
    before: Tensor | None = None
    mixed = features.new_zeros(*features.shape[:2], weight.shape[2])
    _rows(mixed).addmm_(_rows(features), weight[-1])
    for order in range(len(weight) - 2, -1, -1):
        mixed, before = product(mixed, 2 if order else 1, before), mixed
        _rows(mixed).addmm_(_rows(features), weight[order])
    return mixed
