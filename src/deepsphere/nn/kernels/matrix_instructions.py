"""The instructions of matrix units for bfloat16 (Intel's AMX), as compiled loops have them.

A unit multiplies a tile of 16 rows of 32 numbers by one of 32 rows of 16, and sums in float32: some
five times as many products a second as vectors of float32 take.

Linux has a process ask before it may use them; :func:`has_matrix_units` does, and says what came of
it. A thread sets them up before it uses them, and clears them after it.
"""

import ctypes
import platform
import sys
from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import config
from numba.core import cgutils
from numpy.typing import NDArray

from deepsphere.nn.kernels.registers import HAS, constant

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
    settings = np.zeros(64, dtype=np.uint8)
    settings[0] = 1
    settings[16:32].view(np.uint16)[:] = 4 * TILE
    settings[48:56] = TILE
    return settings


SETTINGS = _settings()
"""How the units are set up: eight tiles of 16 rows of 64 bytes."""


def write_set_up(builder: Any, settings: Any) -> None:
    """Set this thread's units up, as the bytes of :data:`SETTINGS` say."""
    _call(builder, "ldtilecfg", _bytes(builder, settings))


def write_clear(builder: Any) -> None:
    """Clear this thread's units, so that its state is small again."""
    _call(builder, "tilerelease")


def write_matrix_products(
    builder: Any,
    into: Any,
    left: Any,
    left_row: Any,
    right: Any,
    right_row: Any,
    apart: Any,
    further: Any,
    steps: Any,
) -> None:
    """Write a product as :func:`~deepsphere.nn.kernels.pair_products.multiply_pairs` says."""
    for number in range(4):
        _call(builder, "tilezero", _tile(number))
    of_left, of_right = (builder.mul(row, constant(2)) for row in (left_row, right_row))
    with cgutils.for_range(builder, steps) as step:
        along = builder.mul(step.index, constant(DEPTH))
        below = builder.add(along, builder.mul(left_row, constant(TILE)))
        here = builder.mul(step.index, further)
        beside = builder.add(here, apart)
        for number, data, position, distance in (
            (4, left, along, of_left),
            (5, left, below, of_left),
            (6, right, here, of_right),
            (7, right, beside, of_right),
        ):
            place = _bytes(builder, builder.gep(data, [position]))
            _call(builder, "tileloadd64", _tile(number), place, distance)
        for number in range(4):
            factors = _tile(4 + number // 2), _tile(6 + number % 2)
            _call(builder, "tdpbf16ps", _tile(number), *factors)
    for number in range(4):
        position = constant(number // 2 * TILE * BLOCK + number % 2 * TILE)
        place = _bytes(builder, builder.gep(into, [position]))
        _call(builder, "tilestored64", _tile(number), place, constant(4 * BLOCK))


def _call(builder: Any, name: str, *arguments: Any) -> None:
    kind = ir.FunctionType(ir.VoidType(), [argument.type for argument in arguments])
    function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.x86.{name}")
    builder.call(function, arguments)


def _bytes(builder: Any, place: Any) -> Any:
    return builder.bitcast(place, ir.IntType(8).as_pointer())


def _tile(number: int) -> Any:
    return ir.Constant(ir.IntType(8), number)
