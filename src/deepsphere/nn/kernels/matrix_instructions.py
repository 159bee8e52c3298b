"""The instructions of matrix units for bfloat16 (Intel's AMX), as numba's intrinsics.

A unit multiplies a tile of 16 rows of 32 numbers by one of 32 rows of 16, and sums in float32: some
five times as many products a second as vectors of float32 take.

Linux has a process ask before it may use them; :func:`has_matrix_units` does, and says what came of
it. A thread sets them up before it uses them, and clears them after it. What they are given is not
checked.
"""

import ctypes
import platform
import sys
from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from deepsphere.nn.kernels.registers import (
    HAS,
    Row,
    as_bfloat16,
    constant,
    spread,
    while_left,
)

BLOCK = 32
"""Rows, and columns, that are computed at a time: two tiles by two."""

DEPTH = 32
"""Products of a sum that are added at a time."""

TILE = 16
"""Rows of a tile, and columns of float32."""

TILE_NUMBERS = TILE * DEPTH
"""Numbers of bfloat16 in a tile."""

# arch_prctl's number, its request for permission, and what is asked for.
_ARCH_PRCTL, _REQUEST_PERMISSION, _TILE_DATA = 158, 0x1023, 18


@cache
def has_matrix_units() -> bool:
    """Return whether this process may use matrix units for bfloat16, and numba knows of them."""
    if not (HAS.get("amx-tile") and HAS.get("amx-bf16")):
        return False
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return False
    # Who has numba compile for another processor gets no code for this one's units.
    if config.CPU_NAME is not None or config.CPU_FEATURES is not None:
        return False
    answer: int = ctypes.CDLL(None).syscall(_ARCH_PRCTL, _REQUEST_PERMISSION, _TILE_DATA)
    return answer == 0


def _settings() -> NDArray[np.uint8]:
    """Return how the units are set up: eight tiles of 16 rows of 64 bytes."""
    settings = np.zeros(64, dtype=np.uint8)
    settings[0] = 1
    settings[16:32].view(np.uint16)[:] = 4 * TILE
    settings[48:56] = TILE
    return settings


SETTINGS = _settings()
"""What :func:`set_up` takes."""


def _call(builder: Any, name: str, *arguments: Any) -> None:
    kind = ir.FunctionType(ir.VoidType(), [argument.type for argument in arguments])
    function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.x86.{name}")
    builder.call(function, arguments)


def _tile(number: int) -> Any:
    return ir.Constant(ir.IntType(8), number)


@intrinsic  # type: ignore[untyped-decorator]
def set_up(typing_context: Any, settings: Any) -> Any:
    """Set this thread's units up."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(settings)(context, builder, arguments[0]).data
        _call(builder, "ldtilecfg", builder.bitcast(data, ir.IntType(8).as_pointer()))
        return context.get_dummy_value()

    return types.void(settings), generate


@intrinsic  # type: ignore[untyped-decorator]
def clear(typing_context: Any) -> Any:
    """Clear this thread's units, so that its state is small again."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _call(builder, "tilerelease")
        return context.get_dummy_value()

    return types.void(), generate


@intrinsic
def multiply_tiles(  # type: ignore[no-untyped-def]
    typing_context, target, left, start, left_row, right, first, right_row, apart, further, steps
):
    """Write the product of 32 rows and 32 columns, so many steps deep.

    ``target`` gets 32 rows of 32 numbers. ``left`` has 32 rows of numbers from ``start`` on,
    ``left_row`` apart. ``right`` has two tiles from ``first`` on: their rows of pairs are
    ``right_row`` apart, the tiles ``apart``, and those of the next step ``further``.
    """

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        into, of, start, left_row, by, first, right_row, apart, further, steps = arguments
        into, of, by = (
            context.make_array(kind)(context, builder, array).data
            for kind, array in ((target, into), (left, of), (right, by))
        )

        def place(data: Any, position: Any) -> Any:
            return builder.bitcast(builder.gep(data, [position]), ir.IntType(8).as_pointer())

        for number in range(4):
            _call(builder, "tilezero", _tile(number))
        of_left, of_right = (builder.mul(row, constant(2)) for row in (left_row, right_row))
        with cgutils.for_range(builder, steps) as step:
            along = builder.add(start, builder.mul(step.index, constant(DEPTH)))
            below = builder.add(along, builder.mul(left_row, constant(TILE)))
            here = builder.add(first, builder.mul(step.index, further))
            beside = builder.add(here, apart)
            for number, data, position, distance in (
                (4, of, along, of_left),
                (5, of, below, of_left),
                (6, by, here, of_right),
                (7, by, beside, of_right),
            ):
                _call(builder, "tileloadd64", _tile(number), place(data, position), distance)
            for number in range(4):
                factors = _tile(4 + number // 2), _tile(6 + number % 2)
                _call(builder, "tdpbf16ps", _tile(number), *factors)
        for number in range(4):
            position = constant(number // 2 * TILE * BLOCK + number % 2 * TILE)
            stored = _tile(number), place(into, position), constant(4 * BLOCK)
            _call(builder, "tilestored64", *stored)
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
