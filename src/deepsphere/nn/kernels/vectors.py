"""Loops over rows of a few vectors, written as the machine's own vector operations.

numba compiles plain loops over short rows to code that keeps its sums in memory. Of these the sums
are LLVM vectors, which live in the registers of whatever machine the code runs on.

- :func:`copy_row` converts and scales a row;
- :func:`mix_block` multiplies a block of rows by a panel of a matrix;
- :func:`outer_block` multiplies some columns, transposed, by others, and adds.

All take flat arrays and positions in them, which nothing checks. What is computed in is the type of
the workspace, float32 or float64; an array of uint16 holds bfloat16 numbers, which are rounded to
the nearest even when they are stored.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from deepsphere.nn.kernels.pools import MAX, NONE
from deepsphere.nn.kernels.registers import (
    HAS,
    Row,
    Sums,
    computed,
    constant,
    larger,
    spread,
    while_left,
)
from deepsphere.nn.pooling.nested import CHILDREN

PANEL_VECTORS = 2
"""The most vectors of a row of a panel."""

MIX_ROWS = 12 if HAS.get("avx512f") else 4
"""Rows of a block of :func:`mix_block` with a panel of two vectors: their sums fill the registers.

With one vector, :data:`NARROW_MIX_ROWS` are best, as many as there are registers to address them.
"""

NARROW_MIX_ROWS = 8

OUTER_ROWS = 8 if HAS.get("avx512f") else 4
"""Transposed columns of a block of :func:`outer_block`."""


@intrinsic(prefer_literal=True)
def copy_row(typing_context, target, at, source, start, count, scale):  # type: ignore[no-untyped-def]
    """Do ``target[at + i] = scale * source[start + i]`` for all i below the count."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        to, at, of, start, count, scale = arguments
        to, of = Row(context, builder, target, to), Row(context, builder, source, of)
        done = cgutils.alloca_once_value(builder, constant(0))
        factor = spread(builder, scale, to.lanes)
        with while_left(builder, done, count, to.lanes) as position:
            row = of.load(builder.add(start, position), to.lanes)
            to.store(builder.add(at, position), builder.fmul(row, factor))
        position = builder.load(done)
        left = builder.sub(count, position)
        with builder.if_then(builder.icmp_signed(">", left, constant(0))):
            row = of.load_first(builder.add(start, position), left)
            to.store_first(builder.add(at, position), builder.fmul(row, factor), left)
        return context.get_dummy_value()

    i64 = types.int64
    return types.void(target, i64, source, i64, i64, computed(target, source)), generate


@intrinsic(prefer_literal=True)
def mix_block(  # type: ignore[no-untyped-def]
    typing_context,
    target,
    at,
    stride,
    pixels,
    pixel,
    kept,
    scales,
    source,
    start,
    width,
    slabs,
    slab,
    depth,
    panel,
    first,
    filled,
    streamed,
    shifts,
    shift,
    floor,
    pool,
    vectors,
    rows,
):
    """Multiply a block of rows by a panel of a literal number of vectors a row.

    With p = ``pixels[pixel + r]``, for each r below ``kept``, at most the literal ``rows``:
    ``target[at + p * stride + j] = scales[p] * sum over k below slabs and f below depth of
    source[start + r * width + k * slab + f] * panel[first + (k * depth + f) * lanes * vectors +
    j]``, for all j below ``filled``. The scale is 1 if there are none. What else stands in a whole
    block is read, and forgotten.

    Where there are ``shifts``, whole vectors of them, ``shifts[shift + j]`` is added to what would
    be stored, and what is then below ``floor`` becomes that. Then with a ``pool``, one of
    :mod:`~deepsphere.nn.kernels.pools`, a family of 4 rows becomes one, stored at the place of its
    parent: there must be whole families, each in order.

    What is stored goes past the caches if ``streamed`` is 1; then its places must be whole vectors
    apart, from the alignment of one.
    """
    number, height = vectors.literal_value, rows.literal_value

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        to, at, stride, pixels_, pixel, kept, scales_, of, start, width = arguments[:10]
        slabs, slab, depth, panel_, first, filled = arguments[10:16]
        streamed, shifts_, shift, floor, pool = arguments[16:21]
        scaled = _has_any(context, builder, scales, scales_)
        shifted = _has_any(context, builder, shifts, shifts_)
        to, of = Row(context, builder, target, to), Row(context, builder, source, of)
        pixels_ = Row(context, builder, pixels, pixels_)
        panel_ = Row(context, builder, panel, panel_)
        scales_ = Row(context, builder, scales, scales_)
        shifts_ = Row(context, builder, shifts, shifts_)
        sums = [Sums(builder, of, number) for _ in range(height)]
        steps = [builder.mul(width, constant(row)) for row in range(height)]
        with cgutils.for_range(builder, slabs) as term:
            begin = builder.add(start, builder.mul(term.index, slab))
            above = builder.mul(term.index, depth)
            with cgutils.for_range(builder, depth) as inner:
                line = builder.mul(builder.add(above, inner.index), constant(number * of.lanes))
                right = panel_.load_some(builder.add(first, line), number)
                here = builder.add(begin, inner.index)
                for step, total in zip(steps, sums, strict=True):
                    total.add_products(of.load(builder.add(here, step), 1), right)

        def pixel_of(row: int) -> Any:
            return pixels_.integer(builder.add(pixel, constant(row)))

        def place_of(row: int) -> Any:
            return builder.add(at, builder.mul(pixel_of(row), stride))

        def is_kept(row: int) -> Any:
            return builder.if_then(builder.icmp_signed("<", constant(row), kept))

        whole = builder.and_(
            builder.icmp_signed(">=", kept, constant(height)),
            builder.icmp_signed(">=", filled, constant(number * of.lanes)),
        )
        changed = builder.or_(scaled, shifted)
        with builder.if_else(builder.and_(whole, builder.not_(changed))) as (plain, other):
            with plain:
                past = builder.icmp_signed("==", streamed, constant(1))
                with builder.if_else(past) as (then, otherwise):
                    for case, streaming in ((then, True), (otherwise, False)):
                        with case:
                            for row, total in enumerate(sums):
                                to.store_some(place_of(row), total.parts(), streaming)
            with other:
                with builder.if_then(scaled):
                    for row, total in enumerate(sums):
                        with is_kept(row):
                            scale = spread(builder, scales_.load(pixel_of(row), 1), of.lanes)
                            total.apply(lambda part, _, scale=scale: builder.fmul(scale, part))
                with builder.if_then(shifted):
                    steps = shifts_.load_some(shift, number)
                    least = spread(builder, floor, of.lanes)
                    for total in sums:
                        total.add(steps)
                        total.apply(lambda part, _: larger(builder, least, part))
                pooled = builder.icmp_signed("!=", pool, constant(NONE))
                with builder.if_else(pooled) as (then, otherwise):
                    with then:
                        is_max = builder.icmp_signed("==", pool, constant(MAX))
                        for row in range(0, height, CHILDREN):
                            with is_kept(row):
                                parent = builder.sdiv(pixel_of(row), constant(CHILDREN))
                                place = builder.add(at, builder.mul(parent, stride))
                                parts = _pooled(builder, sums[row : row + CHILDREN], is_max)
                                to.store_filled(place, parts, filled)
                    with otherwise:
                        for row, total in enumerate(sums):
                            with is_kept(row):
                                to.store_filled(place_of(row), total.parts(), filled)
        return context.get_dummy_value()

    i64 = types.int64
    arrays = (target, i64, i64, pixels, i64, i64, scales, source, i64, i64, i64, i64, i64)
    after = (i64, shifts, i64, source.dtype, i64)
    return types.void(*arrays, panel, i64, i64, *after, vectors, rows), generate


def _has_any(context: Any, builder: Any, kind: Any, array: Any) -> Any:
    """Return whether there is a number in an array."""
    size = context.make_array(kind)(context, builder, array).nitems
    return builder.icmp_signed(">", size, constant(0))


def _pooled(builder: Any, rows: list[Sums], is_max: Any) -> list[Any]:
    """Return the largest vectors of some rows, or their means."""
    pooled = []
    for parts in zip(*(row.parts() for row in rows), strict=True):
        most, total = parts[0], parts[0]
        for part in parts[1:]:
            most, total = larger(builder, most, part), builder.fadd(total, part)
        weight = ir.Constant(total.type, [1 / len(parts)] * total.type.count)
        pooled.append(builder.select(is_max, most, builder.fmul(weight, total)))
    return pooled


@intrinsic(prefer_literal=True)
def outer_block(  # type: ignore[no-untyped-def]
    typing_context,
    target,
    at,
    width,
    left,
    start,
    stride,
    right,
    right_start,
    right_stride,
    rows,
    kept,
    filled,
    vectors,
):
    """Add the product of a transposed block with a block of a literal number of vectors a row.

    ``target[at + m * width + j] += sum over i below rows of left[start + i * stride + m] *
    right[right_start + i * right_stride + j]``, for all m below ``kept``, which is at most
    :data:`OUTER_ROWS`, and all j below ``filled``. What else stands in a whole block is read, and
    forgotten.
    """
    number = vectors.literal_value

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        to, at, width, of, start, stride, right_, right_start, right_stride = arguments[:9]
        rows, kept, filled = arguments[9:12]
        to, of = Row(context, builder, target, to), Row(context, builder, left, of)
        right_ = Row(context, builder, right, right_)
        sums = [Sums(builder, of, number) for _ in range(OUTER_ROWS)]
        with cgutils.for_range(builder, rows) as row:
            place = builder.add(right_start, builder.mul(row.index, right_stride))
            vector = right_.load_some(place, number)
            place = builder.add(start, builder.mul(row.index, stride))
            for column, total in enumerate(sums):
                total.add_products(of.load(builder.add(place, constant(column)), 1), vector)
        for column, total in enumerate(sums):
            with builder.if_then(builder.icmp_signed("<", constant(column), kept)):
                place = builder.add(at, builder.mul(constant(column), width))
                to.store_filled(place, total.parts(), filled, adding=True)
        return context.get_dummy_value()

    i64 = types.int64
    arrays = (target, i64, i64, left, i64, i64, right, i64, i64)
    return types.void(*arrays, i64, i64, i64, vectors), generate
