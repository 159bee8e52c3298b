"""The instructions of vectors for bfloat16 (AVX-512's), as compiled loops have them.

One multiplies 16 pairs of numbers by as many, and adds both products of each to a sum in float32:
two times as many products as an instruction of float32. Where there are matrix units
(:mod:`~deepsphere.nn.kernels.matrix_instructions`), those are better.
"""

from typing import Any

import llvmlite.binding
from llvmlite import ir
from numba import config
from numba.core import cgutils

from deepsphere.nn.kernels.matrix_instructions import BLOCK, DEPTH, TILE
from deepsphere.nn.kernels.registers import HAS, constant, spread

# Rows whose sums are in registers at a time.
_ROWS = 8
# Before, the instruction took its pairs as integers.
_LLVM_WITH_BFLOAT = 16


class _Bfloat16(ir.types.Type):  # type: ignore[misc]
    """The type of LLVM that llvmlite has no name for."""

    def _to_string(self) -> str:
        return "bfloat"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Bfloat16)

    def __hash__(self) -> int:
        return hash(_Bfloat16)


def has_dot_products() -> bool:
    """Return whether this processor has instructions for bfloat16, and numba knows of them."""
    # Who has numba compile for another processor gets no code for this one's instructions.
    ours = config.CPU_NAME is None and config.CPU_FEATURES is None
    return bool(ours and HAS.get("avx512bf16"))


def write_dot_products(
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
    sums, pairs = ir.VectorType(ir.FloatType(), TILE), ir.VectorType(ir.IntType(32), TILE)
    vectors = BLOCK // TILE
    places = [cgutils.alloca_once(builder, sums) for _ in range(_ROWS * vectors)]
    with cgutils.for_range(builder, constant(BLOCK // _ROWS)) as part:
        row = builder.mul(part.index, constant(_ROWS))
        for place in places:
            builder.store(ir.Constant(sums, [0.0] * TILE), place)
        with (
            cgutils.for_range(builder, steps) as step,
            cgutils.for_range(builder, constant(DEPTH // 2)) as pair,
        ):
            position = builder.mul(step.index, further)
            position = builder.add(position, builder.mul(pair.index, right_row))
            columns = []
            for _ in range(vectors):
                columns.append(_load(builder, right, position, pairs))
                position = builder.add(position, apart)
            position = builder.mul(row, left_row)
            position = builder.add(position, builder.mul(step.index, constant(DEPTH)))
            position = builder.add(position, builder.mul(pair.index, constant(2)))
            for line in range(_ROWS):
                factor = spread(builder, _load(builder, left, position, pairs.element), TILE)
                position = builder.add(position, left_row)
                for place, column in zip(places[line * vectors :], columns, strict=False):
                    total = builder.load(place)
                    builder.store(_add_products(builder, total, factor, column), place)
        start = builder.mul(row, constant(BLOCK))
        for number, place in enumerate(places):
            position = builder.add(start, constant(number * TILE))
            target = builder.bitcast(builder.gep(into, [position]), sums.as_pointer())
            builder.store(builder.load(place), target, align=4)


def _load(builder: Any, data: Any, position: Any, kind: Any) -> Any:
    place = builder.bitcast(builder.gep(data, [position]), kind.as_pointer())
    return builder.load(place, align=2)


def _add_products(builder: Any, total: Any, left: Any, right: Any) -> Any:
    halves = left.type
    if llvmlite.binding.llvm_version_info[0] >= _LLVM_WITH_BFLOAT:
        halves = ir.VectorType(_Bfloat16(), 2 * TILE)
        left, right = (builder.bitcast(vector, halves) for vector in (left, right))
    kind = ir.FunctionType(total.type, [total.type, halves, halves])
    name = "llvm.x86.avx512bf16.dpbf16ps.512"
    function = cgutils.get_or_insert_function(builder.module, kind, name)
    return builder.call(function, [total, left, right])
