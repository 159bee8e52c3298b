"""The products of a convolution with its weight, and of its gradient's: channels are mixed.

:func:`mix` multiplies rows of a workspace by a weight, and does what follows a convolution;
:func:`add_outer` adds up the weight's gradient. Both are for compiled loops, and are compiled to
what the weight was packed for: products of bfloat16 (:mod:`~deepsphere.nn.kernels.pairs`), or
vectors of float32 or float64 (:func:`pack`).
"""

from typing import Any, NamedTuple

import numpy as np
from numba import types
from numba.extending import overload

from deepsphere.nn.kernels.loops import loop
from deepsphere.nn.kernels.pairs import add_outer_by_pairs, mix_by_pairs
from deepsphere.nn.kernels.pools import NONE
from deepsphere.nn.kernels.registers import LANES
from deepsphere.nn.kernels.vectors import (
    MIX_ROWS,
    NARROW_MIX_ROWS,
    OUTER_ROWS,
    PANEL_VECTORS,
    copy_row,
    mix_block,
    outer_block,
)

# Rows whose products are summed before they are added to the sum of a share: for accuracy, and so
# that they stay in the first cache.
_CHUNK = 128


class After(NamedTuple):
    """What follows a convolution: the shifts of its channels, in whole vectors, if there are any.

    What is then below ``floor`` becomes that, and ``pool`` is one of
    :mod:`~deepsphere.nn.kernels.pools`. Before, sums of products of bfloat16 are multiplied by the
    ``factors``; elsewhere these are part of the panels.
    """

    factors: Any
    shifts: Any
    floor: Any
    pool: int


@loop
def pack(weight, shape, strides, slabs, panels):  # type: ignore[no-untyped-def]
    """Lay a weight out for :func:`mix_block`, padded with zeros.

    ``weight`` and ``panels`` are flat; so many ``slabs`` of the weight share a panel, all of them
    or one.
    """
    kernel_size, depth, columns = shape[0], shape[1], shape[2]
    far, long, short = strides[0], strides[1], strides[2]
    lanes = lanes_of(panels)
    position = 0
    for first in range(0, kernel_size, slabs):
        for column in range(0, columns, PANEL_VECTORS * lanes):
            width = PANEL_VECTORS * lanes if columns - column > lanes else lanes
            for order in range(first, first + slabs):
                for row in range(depth):
                    place = order * far + row * long + column * short
                    filled = min(width, columns - column)
                    if short == 1:
                        copy_row(panels, position, weight, place, filled, panels.dtype.type(1))
                    else:
                        for lane in range(filled):
                            panels[position + lane] = weight[place + lane * short]
                    panels[position + filled : position + width] = 0
                    position += width


def mix(*arguments: Any) -> None:
    """Multiply rows of the workspace by panels, into the target at the pixels' places.

    It is compiled to what the panels are for: integers are pairs of bfloat16.
    """
    raise NotImplementedError("only compiled loops mix")


@overload(mix)
def _choose_mix(  # type: ignore[no-untyped-def]
    work, start, width, slabs, slab, entering, samples, count, panels, first, target, at, pixels,
    after,
):  # fmt: skip
    if isinstance(panels.dtype, types.Integer):

        def mix(  # type: ignore[no-untyped-def]
            work, start, width, slabs, slab, entering, samples, count, panels, first, target, at,
            pixels, after,
        ):  # fmt: skip
            mix_by_pairs(
                work, start, width, slabs, slab, entering, samples, count, panels, target, at,
                pixels, after,
            )  # fmt: skip

        return mix
    return _mix_by_vectors


def _mix_by_vectors(  # type: ignore[no-untyped-def]
    work, start, width, slabs, slab, entering, samples, count, panels, first, target, at, pixels,
    after,
):  # fmt: skip
    lanes, streamed = lanes_of(work), np.int64(target.streamed)
    for left in range(0, target.channels, PANEL_VECTORS * lanes):
        filled = target.channels - left
        panel = first + left * slabs * entering
        height = MIX_ROWS if filled > lanes else NARROW_MIX_ROWS
        for row in range(0, count, height):
            kept = min(height, count - row)
            for index in range(samples):
                begin = start + row * width + index * entering
                place = at + index * target.of_sample + left
                if filled > lanes:
                    mix_block(
                        target.memory, place, target.of_pixel, pixels, row, kept, target.scales,
                        work, begin, width, slabs, slab, entering, panels, panel,
                        min(filled, 2 * lanes), streamed, after.shifts, left, after.floor,
                        after.pool, 2, MIX_ROWS,
                    )  # fmt: skip
                else:
                    mix_block(
                        target.memory, place, target.of_pixel, pixels, row, kept, target.scales,
                        work, begin, width, slabs, slab, entering, panels, panel,
                        filled, streamed, after.shifts, left, after.floor, after.pool,
                        1, NARROW_MIX_ROWS,
                    )  # fmt: skip


def add_outer(*arguments: Any) -> None:
    """Add the products of the transposed left rows and the right rows, for each term.

    It is compiled to what the panels are for, as :func:`mix`.
    """
    raise NotImplementedError("only compiled loops multiply")


@overload(add_outer)
def _choose_outer(  # type: ignore[no-untyped-def]
    work, left, left_slab, left_width, entering, right, right_slab, right_width, leaving,
    kernel_size, samples, count, sums, panels,
):  # fmt: skip
    if isinstance(panels.dtype, types.Integer):

        def outer(  # type: ignore[no-untyped-def]
            work, left, left_slab, left_width, entering, right, right_slab, right_width, leaving,
            kernel_size, samples, count, sums, panels,
        ):  # fmt: skip
            add_outer_by_pairs(
                work, left, left_slab, left_width, entering, right, right_slab, right_width,
                leaving, kernel_size, samples, count, sums, panels,
            )  # fmt: skip

        return outer
    return _outer_by_vectors


def _outer_by_vectors(  # type: ignore[no-untyped-def]
    work, left, left_slab, left_width, entering, right, right_slab, right_width, leaving,
    kernel_size, samples, count, sums, panels,
):  # fmt: skip
    lanes = lanes_of(work)
    for row in range(0, count, _CHUNK):
        rows = min(_CHUNK, count - row)
        for order in range(kernel_size):
            for column in range(0, leaving, PANEL_VECTORS * lanes):
                filled = leaving - column
                for line in range(0, entering, OUTER_ROWS):
                    kept = min(OUTER_ROWS, entering - line)
                    at = (order * entering + line) * leaving + column
                    for index in range(samples):
                        start = left + order * left_slab + row * left_width
                        start += index * entering + line
                        other = right + order * right_slab + row * right_width
                        other += index * leaving + column
                        if filled > lanes:
                            outer_block(
                                sums, at, leaving, work, start, left_width, work, other,
                                right_width, rows, kept, min(filled, 2 * lanes), 2,
                            )  # fmt: skip
                        else:
                            outer_block(
                                sums, at, leaving, work, start, left_width, work, other,
                                right_width, rows, kept, filled, 1,
                            )  # fmt: skip


@loop
def nothing_after(work):  # type: ignore[no-untyped-def]
    """Return what follows a convolution where nothing does."""
    return After(work[:0], work[:0], work.dtype.type(0), NONE)


@loop
def lanes_of(work):  # type: ignore[no-untyped-def]
    """Return how many numbers of an array's type a vector has."""
    return LANES if work.itemsize == 4 else LANES // 2
