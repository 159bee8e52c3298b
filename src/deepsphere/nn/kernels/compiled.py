"""The convolution on a CPU, compiled by numba: a whole layer in one go, on all threads.

Each thread takes tiles of pixels (:mod:`~deepsphere.nn.kernels.tiles`) of a few samples, and
computes all that the layer does with them in its own workspace
(:mod:`~deepsphere.nn.kernels.terms`). The functions are those of
:mod:`~deepsphere.nn.kernels.stock`, up to rounding. Results do not depend on the number of threads.
Channels must lie next to each other in memory, and the operator's tensors must be contiguous.
"""

import math
import os
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepsphere.nn.kernels import terms
from deepsphere.nn.kernels.kept import derived
from deepsphere.nn.kernels.memory import empty
from deepsphere.nn.kernels.registers import LANES
from deepsphere.nn.kernels.threads import share_out
from deepsphere.nn.kernels.tiles import Tiles, cut
from deepsphere.nn.kernels.vectors import HOP_ROWS, MIX_ROWS, NARROW_MIX_ROWS

# Rows of the workspace are at least so wide, as far as there are samples: two vectors.
_ROW = 2 * LANES
# The rows of a tile take so many bytes at most, so that those in use fit the second cache; or, if
# that would make a hop this much longer, as it is computed around the tile too, so many.
_TERM_BYTES = 1 << 18
_LONGEST_HOPS = 1.2
_LARGE_TERM_BYTES = 1 << 21
# To wake a thread takes as long as so many multiplications.
_WORTH_A_THREAD = 1 << 24
# With few samples there are so many tiles at least, if there is work for as many threads, of so
# many pixels at least; unless hops would be this much longer, as where a graph has no nearness.
_SHARES = 8
_FEWEST_PIXELS = 256
_TOO_LONG_HOPS = 2.5
# Sums of the weight's gradient are made in so many shares at most, each of so many rows at least.
_MOST_SUMS = 32
_ROWS_OF_A_SUM = 256
# What a thread computes in is kept for the next call if it takes so many bytes at most.
_KEPT_BYTES = 1 << 25

Matrix = tuple[Tensor, Tensor, Tensor, Tensor | None]


def convolve(
    features: Tensor,
    weight: Tensor,
    offsets: Tensor,
    columns: Tensor,
    values: Tensor,
    roots: Tensor | None,
) -> Tensor:
    """Return the convolution; see :func:`deepsphere.nn.kernels.stock.convolve`."""
    kernel_size, entering, leaving = weight.shape
    batch, pixels, _ = features.shape
    result = empty((batch, pixels, leaving), features.dtype)
    if result.numel() == 0:
        return result
    mix_first = leaving < entering
    matrix = (offsets, columns, values)
    work = _multiplications(batch, kernel_size, entering, leaving, offsets, columns)
    samples, tiles = _plan(batch, min(entering, leaving), kernel_size, work, *matrix)
    wide, narrow = (_rounded(samples * channels, values) for channels in (entering, leaving))
    _run(
        terms.mix_and_contract if mix_first else terms.expand_and_mix,
        len(tiles.owns) * -(-batch // samples),
        work,
        tiles.most_pixels,
        3 * narrow + wide if mix_first else kernel_size * wide,
        values,
        terms.Batch(batch, samples, kernel_size),
        tiles,
        _in_memory(features, roots, values),
        _panels(weight, 1 if mix_first else kernel_size, values),
        _in_memory(result, roots, values, inverse=True),
    )
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
    """Return the weight's gradient; see :func:`deepsphere.nn.kernels.stock.weight_gradient`."""
    of_features = features[:0]
    panels = np.empty(0, dtype=_numpy_type(values))
    matrix = (offsets, columns, values, roots)
    return _differentiate(features, gradient, kernel_size, of_features, panels, matrix)


def gradients(
    features: Tensor,
    gradient: Tensor,
    weight: Tensor,
    offsets: Tensor,
    columns: Tensor,
    values: Tensor,
    roots: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """Return both gradients; see :func:`deepsphere.nn.kernels.stock.gradients`."""
    kernel_size = len(weight)
    of_features = empty(features.shape, features.dtype)
    panels = _panels(weight.transpose(1, 2), kernel_size, values)
    matrix = (offsets, columns, values, roots)
    of_weight = _differentiate(features, gradient, kernel_size, of_features, panels, matrix)
    return of_features, of_weight


def _differentiate(
    features: Tensor,
    gradient: Tensor,
    kernel_size: int,
    of_features: Tensor,
    panels: NDArray[Any],
    matrix: Matrix,
) -> Tensor:
    """Return the weight's gradient, and write that of the features where there are panels."""
    offsets, columns, values, roots = matrix
    batch, pixels, entering = features.shape
    leaving = gradient.shape[2]
    length = kernel_size * entering * leaving
    if features.numel() == 0:
        return features.new_zeros(kernel_size, entering, leaving)
    expand_features = len(panels) == 0 and entering <= leaving
    width = entering if expand_features else leaving
    work = _multiplications(batch, kernel_size, entering, leaving, offsets, columns)
    samples, tiles = _plan(batch, width, kernel_size, work, offsets, columns, values)
    tasks = len(tiles.owns) * -(-batch // samples)
    worthwhile = max(1, batch * pixels // _ROWS_OF_A_SUM)
    sums = np.empty((min(tasks, _MOST_SUMS, worthwhile), length), _numpy_type(values))
    expanded, other = (
        _rounded(samples * channels, values)
        for channels in ((entering, leaving) if expand_features else (leaving, entering))
    )
    _run(
        terms.differentiate,
        len(sums),
        work,
        tiles.most_pixels,
        kernel_size * expanded + other,
        values,
        terms.Batch(batch, samples, kernel_size),
        tiles,
        _in_memory(features, roots, values),
        _in_memory(gradient, roots, values, inverse=True),
        _in_memory(of_features, roots, values),
        panels,
        expand_features,
        sums,
    )
    # What is not finite stays so, without a warning, as in PyTorch.
    with np.errstate(all="ignore"):
        total = torch.from_numpy(sums.sum(axis=0, dtype=np.float64)).to(features.dtype)
    return total.view(kernel_size, entering, leaving)


def _multiplications(
    batch: int, kernel_size: int, entering: int, leaving: int, offsets: Tensor, columns: Tensor
) -> int:
    """Return how many multiplications a convolution takes, in whole vectors."""
    row = -(-batch * min(entering, leaving) // LANES) * LANES
    mixing = batch * entering * -(-leaving // LANES) * LANES
    return (kernel_size - 1) * columns.numel() * row + (offsets.numel() - 1) * kernel_size * mixing


def _plan(
    batch: int,
    width: int,
    kernel_size: int,
    work: int,
    offsets: Tensor,
    columns: Tensor,
    values: Tensor,
) -> tuple[int, Tiles]:
    """Return how many samples share a row of the workspace, and the tiles."""
    fewest = max(1, min(batch, _ROW // width))
    most = max(fewest, min(batch, 2 * _ROW // width))
    # As little as can be of all rows is empty.
    samples = min(
        range(fewest, most + 1),
        key=lambda number: -(-batch // number) * _rounded(number * width, values),
    )
    row = _rounded(samples * width, values) * values.dtype.itemsize
    pixels = -(-(offsets.numel() - 1) // HOP_ROWS) * HOP_ROWS
    shares_wanted = min(_SHARES, 1 + work // _WORTH_A_THREAD)
    tiles_wanted = -(-shares_wanted // -(-batch // samples))
    fair = max(_FEWEST_PIXELS, pixels // tiles_wanted // HOP_ROWS * HOP_ROWS)
    sizes = tuple(
        min(pixels, fair, 1 << max(8, (size // row).bit_length() - 1))
        for size in (_TERM_BYTES, _LARGE_TERM_BYTES)
    )
    tiles = derived(
        (values, offsets, columns),
        ("tiles", kernel_size, sizes),
        lambda: _cut(offsets, columns, values, kernel_size - 1, (*sizes, pixels)),
    )
    return samples, tiles


def _cut(
    offsets: Tensor, columns: Tensor, values: Tensor, hops: int, sizes: tuple[int, ...]
) -> Tiles:
    """Return the smallest tiles that do not make hops too long."""
    matrix = (offsets.numpy(), columns.numpy(), values.numpy())
    for size, longest in zip(sizes, (_LONGEST_HOPS, _TOO_LONG_HOPS, math.inf), strict=True):
        tiles = cut(*matrix, hops, size)
        if tiles.reach[:, :-1].sum() <= longest * hops * tiles.owns.sum():
            break
    return tiles


_workspaces: list[NDArray[Any]] = []
_lock = threading.Lock()
os.register_at_fork(
    before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release
)


def _run(
    loop: Callable[..., None],
    shares: int,
    work: int,
    pixels: int,
    width: int,
    values: Tensor,
    *arguments: Any,
) -> None:
    """Run a loop on all threads, each with a workspace that is kept for the next call."""
    threads = min(torch.get_num_threads(), shares, 1 + work // _WORTH_A_THREAD)
    length = (pixels + max(MIX_ROWS, NARROW_MIX_ROWS)) * width
    kind = _numpy_type(values)
    with _lock:
        kept = _workspaces.pop() if _workspaces else np.empty((0, 0), dtype=kind)
    if kept.dtype != kind or kept.shape[0] < threads or kept.shape[1] < length:
        kept = np.zeros((threads, length), dtype=kind)
    slots = np.zeros(1, dtype=np.int64)
    share_out(loop, shares, slots, kept, *arguments, most=threads)
    if kept.shape[1] * kept.itemsize <= _KEPT_BYTES:
        with _lock:
            _workspaces[:] = [kept]


def _in_memory(
    tensor: Tensor, roots: Tensor | None, values: Tensor, inverse: bool = False
) -> terms.Rows:
    """Return features as compiled loops take them, to be scaled by the roots or their inverse."""
    tensor = tensor.detach()
    if tensor.dtype == torch.bfloat16:
        tensor = tensor.view(torch.uint16)
    samples, pixels, channels = tensor.shape
    of_sample, of_pixel, _ = tensor.stride()
    if not tensor.is_contiguous():
        length = (samples - 1) * of_sample + (pixels - 1) * of_pixel + channels
        tensor = tensor.as_strided((length,), (1,))
    return terms.Rows(
        tensor.view(-1).numpy(), of_sample, of_pixel, channels, _scales(roots, values, inverse)
    )


def _panels(weight: Tensor, slabs: int, values: Tensor) -> NDArray[Any]:
    """Return the weight as :func:`deepsphere.nn.kernels.terms.pack` lays it out."""
    kernel_size, entering, leaving = weight.shape
    panels = np.empty(kernel_size * entering * _rounded(leaving, values), _numpy_type(values))
    terms.pack(weight.detach().to(values.dtype).contiguous().numpy(), slabs, panels)
    return panels


def _scales(roots: Tensor | None, values: Tensor, inverse: bool) -> NDArray[Any]:
    if roots is None:
        return np.empty(0, dtype=_numpy_type(values))
    scales: NDArray[Any] = (roots.reciprocal() if inverse else roots).numpy()
    return scales


def _numpy_type(values: Tensor) -> type[np.floating]:
    return np.float64 if values.dtype == torch.float64 else np.float32


def _rounded(channels: int, values: Tensor) -> int:
    """Return the numbers of whole vectors."""
    lanes = LANES if values.dtype == torch.float32 else LANES // 2
    return -(-channels // lanes) * lanes
