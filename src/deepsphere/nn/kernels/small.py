"""The convolution where little is to be computed, out of PyTorch's own products.

There, what a call costs beside the computing is most of its time. :func:`small_way` says how a
convolution is computed fastest, as far as ``benchmarks/convolution.py --sweep`` has measured:

- :func:`multiply_polynomials` on a small graph: all polynomials of the operator, as one dense
  matrix. PyTorch differentiates it.
- :func:`multiply_rows` where nothing is to be differentiated: the recurrence with PyTorch's product
  by compressed rows, one call for each coefficient. The samples of a pixel lie side by side, also
  in the result, so that one such convolution after another copies nothing.

Neither is for half precision, which is to be summed in float32.
"""

import warnings
from collections.abc import Callable

import torch
from torch import Tensor

from deepsphere.nn.kernels.kept import derived, has_memory

# The compiled loops are faster than dense matrices with more multiplications than these, ...
_MOST_PRODUCTS = 1 << 20
# ... and compressed rows are with more than these, but on so few pixels.
_MOST_PRODUCTS_UNLEARNED = 1 << 18
_FEW_PIXELS = 64
_FEW_COEFFICIENTS = 2
# The compiled loops are faster than compressed rows with more features than these (of several
# samples, these are put side by side at first), or more multiplications by the weight than these.
# On few more pixels, they are for several samples and more coefficients than those.
_SOME_PIXELS = 1 << 9
_MOST_FEATURES = 1 << 18
_MOST_FEATURES_OF_ONE = 1 << 20
_MOST_MIXING = 1 << 25
# From so many rows on, terms are multiplied one by one if they are so wide, or one channel leaves:
# to put them side by side takes longer than to add products up.
_MANY_ROWS = 1 << 9
_WIDE = 16


def small_way(
    features: Tensor, weight: Tensor, values: Tensor, learned: bool
) -> Callable[..., Tensor] | None:
    """Return the function that is the fastest for a small convolution; None if it is not small.

    Parameters
    ----------
    features, weight, values : Tensor
        As of :func:`deepsphere.nn.kernels.stock.convolve`, not traced by a compiler.
    learned : bool
        Whether the result may be differentiated, in any way.
    """
    if not features.is_cpu or features.dtype == torch.bfloat16 or not has_memory(values):
        return None
    batch, pixels, channels = features.shape
    kernel_size = weight.shape[0]
    # An empty batch, too, is no reason to make a large dense matrix.
    numbers = pixels * channels * max(batch, 1)
    products = numbers * pixels * kernel_size
    if learned:
        return multiply_polynomials if products <= _MOST_PRODUCTS else None
    if pixels <= _FEW_PIXELS:
        dense = products <= _MOST_PRODUCTS
    else:
        dense = products <= _MOST_PRODUCTS_UNLEARNED
        dense = dense and not _mixes_first(batch, *weight.shape)
    if dense:
        return multiply_polynomials
    if batch == 1:
        most = _MOST_FEATURES_OF_ONE
    elif kernel_size > _FEW_COEFFICIENTS and pixels <= _SOME_PIXELS:
        return None
    else:
        most = _MOST_FEATURES
    narrow = weight.shape[2] if _mixes_first(batch, *weight.shape) else channels
    mixing = numbers * kernel_size * weight.shape[2]
    few = batch and pixels * batch * narrow <= most and mixing <= _MOST_MIXING
    return multiply_rows if few else None


def multiply_polynomials(
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
    # Products of matrices cost less to call than others.
    if batch == 1:
        expanded = terms.mm(features.reshape(pixels, entering))
    else:
        expanded = terms.expand(batch, -1, -1).bmm(features)
    rows = expanded.view(batch * pixels, kernel_size * entering)
    mixed = rows.mm(weight.reshape(kernel_size * entering, leaving))
    return mixed.view(batch, pixels, leaving)


def multiply_rows(
    features: Tensor,
    weight: Tensor,
    offsets: Tensor,
    columns: Tensor,
    values: Tensor,
    roots: Tensor | None,
) -> Tensor:
    """Return the convolution; arguments as of :func:`deepsphere.nn.kernels.stock.convolve`.

    The result is contiguous as (pixel, batch, channel).
    """
    matrix = derived(
        (values, offsets, columns) if roots is None else (values, offsets, columns, roots),
        "rows",
        lambda: _rows(offsets, columns, values, roots),
    )
    kernel_size, entering, leaving = weight.shape
    batch, pixels, _ = features.shape
    if _mixes_first(batch, kernel_size, entering, leaving):
        return _mix_first(features, weight, matrix)
    rows = pixels * batch
    # Of one channel this is a view.
    terms = [features.transpose(0, 1).reshape(pixels, batch * entering)]
    if kernel_size > 1:
        terms.append(matrix.mm(terms[0]))
    while len(terms) < kernel_size:
        terms.append(torch.addmm(terms[-2], matrix, terms[-1], beta=-1, alpha=2))
    if rows >= _MANY_ROWS and (entering >= _WIDE or leaving == 1):
        terms = [term.reshape(rows, entering) for term in terms]
        coefficients = weight.unbind()
        mixed = terms[0].mm(coefficients[0])
        for term, coefficient in zip(terms[1:], coefficients[1:], strict=True):
            mixed.addmm_(term, coefficient)
    else:
        terms = [term.view(pixels, batch, entering) for term in terms]
        stacked = torch.stack(terms, dim=2).view(rows, kernel_size * entering)
        mixed = stacked.mm(weight.reshape(kernel_size * entering, leaving))
    return mixed.view(pixels, batch, leaving).transpose(0, 1)


def _mixes_first(batch: int, kernel_size: int, entering: int, leaving: int) -> bool:
    """Return whether it is faster to multiply by the weight first, which two coefficients allow."""
    if kernel_size != _FEW_COEFFICIENTS:
        return False
    return leaving <= 2 * entering if batch == 1 else 4 * leaving <= entering


def _mix_first(features: Tensor, weight: Tensor, matrix: Tensor) -> Tensor:
    """Return the product of features and the first coefficient, and the matrix times the other."""
    first, second = weight.unbind()
    if features.shape[0] == 1:
        rows = features.squeeze(0)
        return torch.addmm(rows.mm(first), matrix, rows.mm(second)).unsqueeze(0)
    batch, pixels, _ = features.shape
    rows = features.flatten(0, 1)
    still, moved = (
        rows.mm(one).view(batch, pixels, -1).transpose(0, 1).reshape(pixels, -1)
        for one in (first, second)
    )
    return torch.addmm(still, matrix, moved).view(pixels, batch, -1).transpose(0, 1)


def _polynomials(
    kernel_size: int, offsets: Tensor, columns: Tensor, values: Tensor, roots: Tensor | None
) -> Tensor:
    """Return T_0 to T_(K-1) of the operator, interleaved by row: shape (pixel * K, pixel)."""
    pixels = offsets.numel() - 1
    matrix = values.new_zeros(pixels, pixels)
    rows, entries = _entries(offsets, columns, values, roots)
    matrix[rows, columns.long()] = entries
    terms = [torch.eye(pixels, dtype=values.dtype, device=values.device), matrix][:kernel_size]
    while len(terms) < kernel_size:
        terms.append(2 * matrix @ terms[-1] - terms[-2])
    return torch.stack(terms, dim=1).view(pixels * kernel_size, pixels)


def _rows(offsets: Tensor, columns: Tensor, values: Tensor, roots: Tensor | None) -> Tensor:
    """Return the operator on features as PyTorch's sparse tensor of compressed rows."""
    pixels = offsets.numel() - 1
    _, entries = _entries(offsets, columns, values, roots)
    # That such tensors are in beta is PyTorch's warning at the first of them.
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta")
        return torch.sparse_csr_tensor(
            offsets,
            columns,
            entries,
            (pixels, pixels),
            device=values.device,
            check_invariants=False,
        )


def _entries(
    offsets: Tensor, columns: Tensor, values: Tensor, roots: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Return the row of each entry, and the entries of the operator on features."""
    rows = torch.arange(len(offsets) - 1, device=offsets.device).repeat_interleave(offsets.diff())
    return rows, values if roots is None else values * roots[columns.long()] / roots[rows]
