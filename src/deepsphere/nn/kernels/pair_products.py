"""Products of bfloat16 numbers, which processors multiply by pairs, as numba's intrinsics.

The type of the right factor says what multiplies: matrix units, :data:`BY_UNITS`
(:mod:`~deepsphere.nn.kernels.matrix_instructions`), or vectors, :data:`BY_DOTS`
(:mod:`~deepsphere.nn.kernels.dot_instructions`). What the functions are given is not checked.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import from_dtype, types
from numba.core import cgutils
from numba.extending import intrinsic

from deepsphere.nn.kernels.dot_instructions import has_dot_products, write_dot_products
from deepsphere.nn.kernels.matrix_instructions import (
    has_matrix_units,
    write_clear,
    write_matrix_products,
    write_set_up,
)
from deepsphere.nn.kernels.registers import Row, as_bfloat16, constant, spread, while_left

BY_UNITS, BY_DOTS = np.uint16, np.uint32
"""Types of right factors, for matrix units and for vectors. Either way they hold bfloat16."""

PairType = type[np.uint16] | type[np.uint32]


def fastest_pairs() -> PairType | None:
    """Return the type for what multiplies pairs fastest on this machine, if anything does."""
    if has_matrix_units():
        return BY_UNITS
    return BY_DOTS if has_dot_products() else None


def _by_units(right: Any) -> bool:
    return bool(right.dtype == from_dtype(np.dtype(BY_UNITS)))


@intrinsic  # type: ignore[untyped-decorator]
def set_up(typing_context: Any, settings: Any, right: Any) -> Any:
    """Set up this thread for products with such right factors, as ``SETTINGS`` say."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if _by_units(right):
            write_set_up(builder, context.make_array(settings)(context, builder, arguments[0]).data)
        return context.get_dummy_value()

    return types.void(settings, right), generate


@intrinsic  # type: ignore[untyped-decorator]
def clear(typing_context: Any, right: Any) -> Any:
    """Undo :func:`set_up`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if _by_units(right):
            write_clear(builder)
        return context.get_dummy_value()

    return types.void(right), generate


@intrinsic
def multiply_pairs(  # type: ignore[no-untyped-def]
    typing_context, target, left, start, left_row, right, first, right_row, apart, further, steps
):
    """Write the product of 32 rows and 32 columns, so many steps deep, of 32 numbers each.

    ``target``, of float32, gets 32 rows of 32 numbers. ``left`` has 32 rows of numbers from
    ``start`` on, ``left_row`` apart. ``right`` has two tiles from ``first`` on, of 16 columns each:
    their rows, of two numbers of each column, are ``right_row`` apart, the tiles ``apart``, and
    those of the next step ``further``. Positions and distances are in numbers of bfloat16.
    """

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        into, of, start, left_row, by, first, right_row, apart, further, steps = arguments
        into, of, by = (
            context.make_array(kind)(context, builder, array).data
            for kind, array in ((target, into), (left, of), (right, by))
        )
        number = ir.IntType(16).as_pointer()
        of, by = (
            builder.gep(builder.bitcast(data, number), [position])
            for data, position in ((of, start), (by, first))
        )
        write = write_matrix_products if _by_units(right) else write_dot_products
        write(builder, into, of, left_row, by, right_row, apart, further, steps)
        return context.get_dummy_value()

    i64 = types.int64
    return types.void(target, left, i64, i64, right, i64, i64, i64, i64, i64), generate


@intrinsic
def pair_rows(  # type: ignore[no-untyped-def]
    typing_context, target, at, source, start, width, count, present
):
    """Do ``target[at + i] = (source[start + i], source[start + width + i])`` for i below the count.

    The numbers are rounded to bfloat16, the first of them in the lower half. If ``present`` is not
    above 1, the second is 0, and if it is not above 0, both are: what is not there is not read.
    """

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        to, at, of, start, width, count, present = arguments
        to, of = Row(context, builder, target, to), Row(context, builder, source, of)
        word = ir.IntType(32)
        # What is not there is read in the place of what is, and masked.
        some, both = (builder.icmp_signed(">", present, constant(number)) for number in range(2))
        start = builder.select(some, start, constant(0))
        below = builder.select(both, builder.add(start, width), start)
        masks = [builder.sext(there, word) for there in (some, both)]
        done = cgutils.alloca_once_value(builder, constant(0))
        for step in (of.lanes, 1):
            with while_left(builder, done, count, step) as position:
                kind = ir.VectorType(word, step) if step > 1 else word
                low, high = (
                    builder.and_(
                        builder.zext(
                            as_bfloat16(builder, of.load(builder.add(row, position), step), step),
                            kind,
                        ),
                        spread(builder, mask, step),
                    )
                    for row, mask in zip((start, below), masks, strict=True)
                )
                shift = ir.Constant(word, 16)
                shifted = builder.shl(high, spread(builder, shift, step))
                to.store(builder.add(at, position), builder.or_(low, shifted))
        return context.get_dummy_value()

    i64 = types.int64
    return types.void(target, i64, source, i64, i64, i64, i64), generate
