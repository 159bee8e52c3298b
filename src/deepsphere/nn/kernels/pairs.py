"""The parts of a convolution that are multiplied in bfloat16.

:func:`mix_by_pairs` and :func:`add_outer_by_pairs` do what :mod:`~deepsphere.nn.kernels.mixing`
does with vectors of float32. Factors are bfloat16, so the terms of a convolution are rounded to
that before their mixture, as if each were a layer's result; numbers below the least normal one
become 0. Sums are float32.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepsphere.nn.kernels.loops import loop
from deepsphere.nn.kernels.matrix_instructions import BLOCK, DEPTH, SETTINGS, TILE, TILE_NUMBERS
from deepsphere.nn.kernels.pair_products import (
    PairType,
    clear,
    multiply_pairs,
    pair_rows,
    set_up,
)
from deepsphere.nn.kernels.pools import MAX, MEAN, NONE
from deepsphere.nn.kernels.vectors import copy_row
from deepsphere.nn.pooling.nested import CHILDREN

# Rows whose products are summed before they are added to the sum of a share.
_CHUNK = 256
# Pairs of a column lie so far apart from those of the next, not to share a place in the cache.
_TURNED = _CHUNK // 2 + TILE


def pack_pairs(weight: NDArray[np.uint16], kind: PairType) -> NDArray[Any]:
    """Lay a weight out for :func:`mix_by_pairs`.

    Parameters
    ----------
    weight : ndarray of uint16, shape (kernel_size, in_channels, out_channels)
        Bfloat16 numbers.
    kind : type
        One of :mod:`~deepsphere.nn.kernels.pair_products`.

    Returns
    -------
    ndarray of that type, flat
        For each 32 of the columns, for each 32 of all rows, the two tiles; in these, for each pair
        of rows, the two numbers of each column. What is missing is 0.
    """
    kernel_size, entering, leaving = weight.shape
    depth = kernel_size * entering
    steps, blocks = -(-depth // DEPTH), -(-leaving // BLOCK)
    padded = np.zeros((steps * DEPTH, blocks * BLOCK), dtype=np.uint16)
    padded[:depth, :leaving] = weight.reshape(depth, leaving)
    pairs = padded.reshape(steps, DEPTH // 2, 2, blocks, BLOCK // TILE, TILE)
    return np.ascontiguousarray(pairs.transpose(3, 0, 4, 1, 5, 2)).reshape(-1).view(kind)


@loop
def mix_by_pairs(  # type: ignore[no-untyped-def]
    work, start, width, slabs, slab, entering, samples, count, panels, target, at, pixels, after
):
    """Multiply rows of the workspace, rounded, by a packed weight."""
    set_up(SETTINGS, panels)
    depth = (slabs * entering + DEPTH - 1) // DEPTH * DEPTH
    rows = np.zeros(BLOCK * depth, dtype=np.uint16)
    sums = np.empty(BLOCK * BLOCK, dtype=work.dtype)
    one = work.dtype.type(1)
    for row in range(0, count, BLOCK):
        kept = min(BLOCK, count - row)
        for index in range(samples):
            for line in range(kept):
                begin = start + (row + line) * width + index * entering
                for order in range(slabs):
                    place = line * depth + order * entering
                    copy_row(rows, place, work, begin + order * slab, entering, one)
            for column in range(0, target.channels, BLOCK):
                filled = min(BLOCK, target.channels - column)
                multiply_pairs(
                    sums, rows, 0, depth, panels, column * depth, DEPTH, TILE_NUMBERS,
                    2 * TILE_NUMBERS, depth // DEPTH,
                )  # fmt: skip
                _finish(sums, kept, column, target.scales, pixels[row:], after)
                place = at + index * target.of_sample + column
                _store(sums, kept, filled, target, place, pixels, row, after.pool)
    clear(panels)


@loop
def add_outer_by_pairs(  # type: ignore[no-untyped-def]
    work, left, left_slab, left_width, entering, right, right_slab, right_width, leaving,
    kernel_size, samples, count, sums, panels,
):  # fmt: skip
    """Add the products of the transposed left rows and the right rows, both rounded.

    Two rows at a time, whose numbers then lie side by side.
    """
    set_up(SETTINGS, panels)
    height, width = (entering + BLOCK - 1) // BLOCK * BLOCK, (leaving + BLOCK - 1) // BLOCK * BLOCK
    turned = np.zeros(height * _TURNED, dtype=np.uint32)
    aside = np.empty(height, dtype=np.uint32)
    pairs = np.zeros(_CHUNK // 2 * width, dtype=np.uint32)
    block = np.empty(BLOCK * BLOCK, dtype=work.dtype)
    for row in range(0, count, _CHUNK):
        rows = min(_CHUNK, count - row)
        steps = (rows + DEPTH - 1) // DEPTH
        for index in range(samples):
            for order in range(kernel_size):
                for pair in range(steps * DEPTH // 2):
                    least = row + 2 * pair
                    present = count - least
                    if order == 0 or left_slab:
                        start = left + order * left_slab + least * left_width + index * entering
                        pair_rows(aside, 0, work, start, left_width, entering, present)
                        for column in range(entering):
                            turned[column * _TURNED + pair] = aside[column]
                    if order == 0 or right_slab:
                        start = right + order * right_slab + least * right_width + index * leaving
                        pair_rows(pairs, pair * width, work, start, right_width, leaving, present)
                for line in range(0, entering, BLOCK):
                    for column in range(0, leaving, BLOCK):
                        multiply_pairs(
                            block, turned.view(np.uint16), 2 * line * _TURNED, 2 * _TURNED,
                            pairs.view(panels.dtype), 2 * column, 2 * width, 2 * TILE,
                            DEPTH * width, steps,
                        )  # fmt: skip
                        filled = min(BLOCK, leaving - column)
                        for inner in range(min(BLOCK, entering - line)):
                            at = ((order * entering) + line + inner) * leaving + column
                            for lane in range(filled):
                                sums[at + lane] += block[inner * BLOCK + lane]
    clear(panels)


@loop
def _finish(sums, kept, column, scales, pixels, after):  # type: ignore[no-untyped-def]
    """Scale the sums of pixels, then shift and rectify those of channels, if that is asked for."""
    for row in range(kept):
        first = row * BLOCK
        if len(scales):
            scale = scales[pixels[row]]
            for lane in range(BLOCK):
                sums[first + lane] *= scale
        if len(after.shifts):
            for lane in range(BLOCK):
                changed = sums[first + lane] * after.factors[column + lane]
                changed += after.shifts[column + lane]
                sums[first + lane] = after.floor if changed <= after.floor else changed


@loop
def _store(sums, kept, filled, target, at, pixels, row, pool):  # type: ignore[no-untyped-def]
    """Write a block of sums to the places of its pixels, or of their parents if it is pooled."""
    family = 1 if pool == NONE else CHILDREN
    scale = sums.dtype.type(1 / CHILDREN if pool == MEAN else 1)
    for line in range(0, kept, family):
        first = line * BLOCK
        for child in range(1, family):
            for lane in range(BLOCK):
                most, other = sums[first + lane], sums[first + child * BLOCK + lane]
                larger = other if other > most or other != other else most
                sums[first + lane] = larger if pool == MAX else most + other
        place = at + np.int64(pixels[row + line]) // family * target.of_pixel
        copy_row(target.memory, place, sums, first, filled, scale)
