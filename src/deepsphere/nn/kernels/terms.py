"""The compiled loops of the convolution: each share is whole tiles of some samples.

A thread computes in a workspace of its own, a flat array. There a pixel of a tile has a row, with
the channels of a few samples side by side, so that it fills some vectors, or one number if there is
but one; ``width`` is the distance from a row to the next, and ``slab`` that from a term of the
recurrence to the next.

- :func:`expand_and_mix` computes the terms T_k x, then the sum of their products with the weight;
- :func:`mix_and_contract` multiplies by the weight first, then sums by Clenshaw's recurrence, which
  is better where fewer channels leave than enter;
- :func:`differentiate` computes the gradients.
"""

from typing import Any, NamedTuple

import numpy as np

from deepsphere.nn.kernels.hops import HOP_ROWS, HOP_VECTORS, hop_numbers, hop_rows
from deepsphere.nn.kernels.loops import inlined, loop
from deepsphere.nn.kernels.mixing import add_outer, lanes_of, mix, nothing_after
from deepsphere.nn.kernels.threads import claim
from deepsphere.nn.kernels.vectors import copy_row


class Rows(NamedTuple):
    """Features in memory.

    ``memory`` is flat; the distances are those from a sample or a pixel to the next, and what is
    read or written at a pixel is multiplied by its scale, if there are any. With ``streamed`` what
    is written goes past the caches where it can: for what they could not hold.
    """

    memory: Any
    of_sample: int
    of_pixel: int
    channels: int
    scales: Any
    streamed: bool


class Batch(NamedTuple):
    """How many samples there are, how many share a row, and the coefficients of a filter."""

    size: int
    samples: int
    kernel_size: int


@loop
def expand_and_mix(  # type: ignore[no-untyped-def]
    progress, shares, slots, works, batch, tiles, features, panels, result, after
):
    """Convolve: the terms of the features, then their mixture, and what comes after it."""
    work = works[claim(slots)]
    width = row_width(batch.samples * features.channels, work)
    while True:
        share = claim(progress)
        if share >= shares:
            return
        tile, sample, samples = _task(share, batch)
        reach, pixels, groups = _tile(tiles, tile)
        slab = (tiles.starts[tile + 1] - tiles.starts[tile]) * width
        far = reach[batch.kernel_size - 1]
        _gather(features, sample, samples, pixels, far, work, 0, width)
        _expand(work, slab, width, batch.kernel_size, reach, groups, tiles)
        mix(
            work, 0, width, batch.kernel_size, slab, features.channels, samples, tiles.owns[tile],
            panels, 0, result, sample * result.of_sample, pixels, after,
        )  # fmt: skip


@loop
def mix_and_contract(  # type: ignore[no-untyped-def]
    progress, shares, slots, works, batch, tiles, features, panels, result
):
    """Convolve: the mixtures of the features first, then Clenshaw's recurrence.

    With z_k = x W_k and b_k = z_k + 2 L b_(k+1) - b_(k+2), the sum is z_0 + L b_1 - b_2 (Clenshaw,
    1955).
    """
    work = works[claim(slots)]
    wide = row_width(batch.samples * features.channels, work)
    width = row_width(batch.samples * result.channels, work)
    panel = len(panels) // batch.kernel_size
    in_order = np.arange(tiles.most_pixels, dtype=np.int32)
    sums = Rows(work, result.channels, width, result.channels, work[:0], False)
    nothing = nothing_after(work)
    while True:
        share = claim(progress)
        if share >= shares:
            return
        tile, sample, samples = _task(share, batch)
        reach, pixels, groups = _tile(tiles, tile)
        slab = (tiles.starts[tile + 1] - tiles.starts[tile]) * width
        last = batch.kernel_size - 1
        _gather(features, sample, samples, pixels, reach[last], work, 3 * slab, wide)
        for order in range(last, -1, -1):
            target = order % 3 * slab
            mix(
                work, 3 * slab, wide, 1, 0, features.channels, samples, reach[order],
                panels, order * panel, sums, target, in_order, nothing,
            )  # fmt: skip
            if order < last:
                after = (order + 1) % 3 * slab
                before = (order + 2) % 3 * slab if order < last - 1 else -1
                scale = 2 if order else 1
                _hop(work, target, after, before, width, reach[order], scale, 1, groups, tiles)
        _scatter(work, 0, width, result, sample, samples, pixels, tiles.owns[tile])


@loop
def differentiate(  # type: ignore[no-untyped-def]
    progress, shares, slots, works, batch, tiles, features, gradient, of_features, panels,
    expand_features, sums,
):  # fmt: skip
    """Compute the gradient of the weight, and that of the features where there are panels.

    The terms are those of the features or those of the gradient; only the latter give the gradient
    of the features. A share's sum is one of ``sums``, shape (share, weight).
    """
    work = works[claim(slots)]
    wide = row_width(batch.samples * features.channels, work)
    width = row_width(batch.samples * gradient.channels, work)
    kernel_size, nothing = batch.kernel_size, nothing_after(work)
    tasks = -(-batch.size // batch.samples) * len(tiles.owns)
    while True:
        share = claim(progress)
        if share >= shares:
            return
        mine = sums[share]
        mine[:] = 0
        for task in range(share * tasks // shares, (share + 1) * tasks // shares):
            tile, sample, samples = _task(task, batch)
            reach, pixels, groups = _tile(tiles, tile)
            own, far = tiles.owns[tile], reach[kernel_size - 1]
            slab = (tiles.starts[tile + 1] - tiles.starts[tile]) * (
                wide if expand_features else width
            )
            other = kernel_size * slab
            if expand_features:
                _gather(features, sample, samples, pixels, far, work, 0, wide)
                _expand(work, slab, wide, kernel_size, reach, groups, tiles)
                _gather(gradient, sample, samples, pixels, own, work, other, width)
                add_outer(
                    work, 0, slab, wide, features.channels, other, 0, width, gradient.channels,
                    kernel_size, samples, own, mine, panels,
                )  # fmt: skip
                continue
            _gather(gradient, sample, samples, pixels, far, work, 0, width)
            _expand(work, slab, width, kernel_size, reach, groups, tiles)
            if len(panels):
                mix(
                    work, 0, width, kernel_size, slab, gradient.channels, samples, own,
                    panels, 0, of_features, sample * of_features.of_sample, pixels, nothing,
                )  # fmt: skip
            _gather(features, sample, samples, pixels, own, work, other, wide)
            add_outer(
                work, other, 0, wide, features.channels, 0, slab, width, gradient.channels,
                kernel_size, samples, own, mine, panels,
            )  # fmt: skip


@loop
def _task(number, batch):  # type: ignore[no-untyped-def]
    """Return the tile, the first sample, and how many samples are left of those of a row."""
    parts = -(-batch.size // batch.samples)
    sample = number % parts * batch.samples
    return number // parts, sample, min(batch.samples, batch.size - sample)


@loop
def _tile(tiles, tile):  # type: ignore[no-untyped-def]
    start = tiles.starts[tile]
    return tiles.reach[tile], tiles.pixels[start:], tiles.groups[start // HOP_ROWS :]


@loop
def _gather(  # type: ignore[no-untyped-def]
    source, sample, samples, pixels, count, work, at, width
):
    """Copy the features of some pixels to rows of the workspace."""
    for row in range(count):
        pixel = np.int64(pixels[row])
        scale = source.scales[pixel] if len(source.scales) else work.dtype.type(1)
        for index in range(samples):
            start = (sample + index) * source.of_sample + pixel * source.of_pixel
            place = at + row * width + index * source.channels
            copy_row(work, place, source.memory, start, source.channels, scale)


@loop
def _scatter(  # type: ignore[no-untyped-def]
    work, start, width, target, sample, samples, pixels, count
):
    """Copy rows of the workspace to the features of some pixels."""
    for row in range(count):
        pixel = np.int64(pixels[row])
        scale = target.scales[pixel] if len(target.scales) else work.dtype.type(1)
        for index in range(samples):
            place = (sample + index) * target.of_sample + pixel * target.of_pixel
            begin = start + row * width + index * target.channels
            copy_row(target.memory, place, work, begin, target.channels, scale)


@inlined
def _expand(work, slab, width, kernel_size, reach, groups, tiles):  # type: ignore[no-untyped-def]
    """Compute the terms T_1, T_2, ... from T_0, each as far out as the next one needs."""
    for order in range(1, kernel_size):
        target = order * slab
        scale = 1 if order == 1 else 2
        count = reach[kernel_size - 1 - order]
        _hop(work, target, target - slab, target - 2 * slab, width, count, scale, 0, groups, tiles)


@loop
def _hop(  # type: ignore[no-untyped-def]
    work, target, source, before, width, count, scale, add, groups, tiles
):
    """Multiply the rows of a term by the matrix, whole groups of them.

    What stands in the target is added if ``add`` is 1, and the term ``before`` is subtracted if it
    is not negative.
    """
    lanes = lanes_of(work)
    columns, values = tiles.columns, tiles.values
    factor = work.dtype.type(scale)
    if width == 1:
        for group in range(count // HOP_ROWS):
            first = groups[group]
            row = group * HOP_ROWS
            hop_numbers(
                work, target + row, work, source, columns, values, first,
                groups[group + 1] - first, factor, add, before + row if before >= 0 else -1,
            )  # fmt: skip
        return
    for left in range(0, width, HOP_VECTORS * lanes):
        vectors = min(HOP_VECTORS, (width - left) // lanes)
        start = source + left
        for group in range(count // HOP_ROWS):
            first = groups[group]
            number = groups[group + 1] - first
            row = group * HOP_ROWS * width + left
            at = target + row
            minus = before + row if before >= 0 else -1
            if vectors == 4:
                hop_rows(
                    work, at, work, start, width, columns, values, first, number, factor, add,
                    minus, 4,
                )  # fmt: skip
            elif vectors == 3:
                hop_rows(
                    work, at, work, start, width, columns, values, first, number, factor, add,
                    minus, 3,
                )  # fmt: skip
            elif vectors == 2:
                hop_rows(
                    work, at, work, start, width, columns, values, first, number, factor, add,
                    minus, 2,
                )  # fmt: skip
            else:
                hop_rows(
                    work, at, work, start, width, columns, values, first, number, factor, add,
                    minus, 1,
                )  # fmt: skip


@loop
def row_width(columns, work):  # type: ignore[no-untyped-def]
    """Return the width of a row in the workspace: whole vectors, or one number."""
    if columns == 1:
        return 1
    lanes = lanes_of(work)
    return (columns + lanes - 1) // lanes * lanes
