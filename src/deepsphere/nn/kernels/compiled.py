"""The convolution on a CPU, compiled by numba: a whole layer in one go, on all threads.

Each thread takes tiles of pixels (:mod:`~deepsphere.nn.kernels.tiles`) of a few samples, and
computes all that the layer does with them in its own workspace
(:mod:`~deepsphere.nn.kernels.terms`). The functions are those of
:mod:`~deepsphere.nn.kernels.stock`, up to rounding. Results do not depend on the number of threads.
Channels must lie next to each other in memory, and the operator's tensors must be contiguous.
"""

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepsphere.nn.kernels import direct, terms
from deepsphere.nn.kernels.arrays import (
    bits_of,
    numbers_of,
    numpy_type,
    panels_of,
    row_width,
    rows_in_memory,
)
from deepsphere.nn.kernels.matrix_instructions import BLOCK
from deepsphere.nn.kernels.memory import empty
from deepsphere.nn.kernels.mixing import After
from deepsphere.nn.kernels.normalization import normalize
from deepsphere.nn.kernels.pairs import pack_pairs
from deepsphere.nn.kernels.plans import make_plan, pairs_for, sums_of
from deepsphere.nn.kernels.pools import NUMBERS
from deepsphere.nn.kernels.workspaces import run
from deepsphere.nn.pooling.nested import PoolKind, pooled_pixels

_NOTHING_AFTER: dict[type[np.floating], After] = {
    kind: After(np.empty(0, kind), np.empty(0, kind), kind(0), NUMBERS[None])
    for kind in (np.float32, np.float64)
}

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
    matrix = (offsets, columns, values, roots)
    result = direct.convolve(features, weight, *matrix)
    return _convolve(features, weight, matrix, None) if result is None else result


def convolve_rectify(
    features: Tensor,
    weight: Tensor,
    scale: Tensor,
    shift: Tensor,
    rectify: bool,
    pool: PoolKind | None,
    offsets: Tensor,
    columns: Tensor,
    values: Tensor,
    roots: Tensor | None,
) -> Tensor:
    """Return the convolution, scaled, shifted, rectified and pooled.

    Parameters
    ----------
    features : Tensor, shape (batch, pixel, in_channels)
    weight : Tensor, shape (kernel_size, in_channels, out_channels)
        Of the type of the features.
    scale, shift : Tensor, shape (out_channels,)
        What each channel of the convolution is multiplied with, and what is then added to it.
    rectify : bool
        Whether what is then negative becomes 0.
    pool : {"max", "mean"}, optional
        See :func:`deepsphere.nn.pooling.nested.pool`.
    offsets, columns, values, roots : Tensor
        See :func:`deepsphere.nn.kernels.stock.convolve`.

    Returns
    -------
    Tensor, shape (batch, pixel or pixel / 4, out_channels), of the type of the features
    """
    following = _Following(scale, shift, rectify, pool)
    return _convolve(features, weight, (offsets, columns, values, roots), following)


class _Following(NamedTuple):
    """What follows a convolution: the arguments of :func:`convolve_rectify` that say so."""

    scale: Tensor
    shift: Tensor
    rectify: bool
    pool: PoolKind | None


@np.errstate(all="ignore")
def _convolve(
    features: Tensor, weight: Tensor, matrix: Matrix, following: _Following | None
) -> Tensor:
    """Convolve, and do what follows, if anything does."""
    values, roots = matrix[2:]
    kernel_size, entering, leaving = weight.shape
    batch, pixels, _ = features.shape
    pool = None if following is None else following.pool
    if features.numel() == 0:
        return empty((batch, pooled_pixels(pixels, pool), leaving), features.dtype)
    mix_first = leaving < entering
    narrower = min(entering, leaving)
    plan = make_plan(batch, kernel_size, entering, leaving, narrower, *matrix[:3])
    samples, tiles = plan.samples, plan.tiles
    at_once = following is not None and not mix_first and (pool is None or tiles.in_order)
    rows = pooled_pixels(pixels, pool if at_once else None)
    result = empty((batch, rows, leaving), features.dtype)
    wide, narrow = (row_width(samples * channels, values) for channels in (entering, leaving))
    after: tuple[After, ...] = ()
    if mix_first:
        loop, width = terms.mix_and_contract, 3 * narrow + wide
    else:
        loop, width = terms.expand_and_mix, kernel_size * wide
        after = (_after(following if at_once else None, values),)
    # Panels of float32 hold the scale, which must be there if the rest is done afterwards.
    in_pairs = not mix_first and (following is None or at_once)
    if in_pairs and (kind := pairs_for(features, entering, leaving)):
        panels = pack_pairs(bits_of(weight), kind)
    else:
        scale = None if following is None else numbers_of(following.scale, values)
        panels = panels_of(weight, 1 if mix_first else kernel_size, values, scale)
    run(
        loop,
        plan.shares,
        plan.work,
        tiles.most_pixels,
        width,
        values,
        terms.Batch(batch, samples, kernel_size),
        tiles,
        rows_in_memory(features, roots, values),
        panels,
        rows_in_memory(result, roots, values, inverse=True),
        *after,
    )
    if following is None or at_once:
        return result
    nothing, one = (torch.full((leaving,), float(of), device="cpu") for of in (0, 1))
    return normalize(result, nothing, one, following.shift, following.rectify, pool, epsilon=0)


def _after(following: _Following | None, values: Tensor) -> After:
    """Return what the loops do after a convolution."""
    kind = numpy_type(values)
    if following is None:
        return _NOTHING_AFTER[kind]
    scale, shift, rectify, pool = following
    # Whole blocks of them, however they are mixed.
    factors, shifts = np.zeros((2, -(-len(shift) // BLOCK) * BLOCK), dtype=kind)
    factors[: len(shift)], shifts[: len(shift)] = (
        numbers_of(scale, values),
        numbers_of(shift, values),
    )
    return After(factors, shifts, kind(0 if rectify else -np.inf), NUMBERS[pool])


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
    matrix = (offsets, columns, values, roots)
    result = direct.weight_gradient(features, gradient, kernel_size, *matrix)
    if result is not None:
        return result
    of_features = features[:0]
    kind = pairs_for(features, features.shape[2], gradient.shape[2]) or numpy_type(values)
    panels = np.empty(0, dtype=kind)
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
    matrix = (offsets, columns, values, roots)
    results = direct.gradients(features, gradient, weight, *matrix)
    if results is not None:
        return results
    kernel_size = len(weight)
    of_features = empty(features.shape, features.dtype)
    turned = weight.transpose(1, 2)
    if kind := pairs_for(features, features.shape[2], gradient.shape[2]):
        panels = pack_pairs(bits_of(turned), kind)
    else:
        panels = panels_of(turned, kernel_size, values)
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
    values, roots = matrix[2:]
    batch, pixels, entering = features.shape
    leaving = gradient.shape[2]
    length = kernel_size * entering * leaving
    if features.numel() == 0:
        return features.new_zeros(kernel_size, entering, leaving)
    expand_features = len(panels) == 0 and entering <= leaving
    width = entering if expand_features else leaving
    plan = make_plan(batch, kernel_size, entering, leaving, width, *matrix[:3])
    samples, tiles = plan.samples, plan.tiles
    sums = np.empty((sums_of(plan, batch * pixels), length), numpy_type(values))
    expanded, other = (
        row_width(samples * channels, values)
        for channels in ((entering, leaving) if expand_features else (leaving, entering))
    )
    run(
        terms.differentiate,
        len(sums),
        plan.work,
        tiles.most_pixels,
        kernel_size * expanded + other,
        values,
        terms.Batch(batch, samples, kernel_size),
        tiles,
        rows_in_memory(features, roots, values),
        rows_in_memory(gradient, roots, values, inverse=True),
        rows_in_memory(of_features, roots, values),
        panels,
        expand_features,
        sums,
    )
    # What is not finite stays so, without a warning, as in PyTorch.
    with np.errstate(all="ignore"):
        total = sums.sum(axis=0, dtype=np.float64).astype(sums.dtype)
    of_weight = torch.from_numpy(total).to(features.dtype)
    return of_weight.view(kernel_size, entering, leaving)
