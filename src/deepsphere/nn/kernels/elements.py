"""Elements of arrays in compiled loops: bfloat16 too, and without fear of overlap.

A plain loop over two arrays is compiled to vector instructions only if they cannot overlap, and
numba lets LLVM find that out at run time, for a few arrays. Loops that use :func:`read` and
:func:`write` promise it instead. An array of uint16 holds bfloat16 numbers.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic


@intrinsic  # type: ignore[untyped-decorator]
def read(typing_context: Any, array: Any, row: Any, column: Any) -> Any:
    """Return ``array[row, column]``, and bfloat16 as float32.

    What a function reads so, it must not :func:`write`. Positions are not checked, and not
    counted from the end.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value = builder.load(_place(context, builder, array, *arguments))
        value.set_metadata("alias.scope", _scope(builder.module))
        if array.dtype != types.uint16:
            return value
        bits = builder.zext(value, ir.IntType(32))
        return builder.bitcast(builder.shl(bits, bits.type(16)), ir.FloatType())

    return _number(array)(array, row, column), generate


@intrinsic  # type: ignore[untyped-decorator]
def write(typing_context: Any, array: Any, row: Any, column: Any, value: Any) -> Any:
    """Set ``array[row, column]``; float32 is rounded to bfloat16, to even and NaN to NaN."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        *place, stored = arguments
        if array.dtype == types.uint16:
            bits = builder.bitcast(stored, ir.IntType(32))
            odd = builder.and_(builder.lshr(bits, bits.type(16)), bits.type(1))
            rounded = builder.add(bits, builder.add(odd, bits.type(0x7FFF)))
            missing = builder.fcmp_unordered("uno", stored, stored)
            rounded = builder.select(missing, bits.type(0x7FC00000), rounded)
            stored = builder.trunc(builder.lshr(rounded, bits.type(16)), ir.IntType(16))
        store = builder.store(stored, _place(context, builder, array, *place))
        store.set_metadata("noalias", _scope(builder.module))
        return context.get_dummy_value()

    return types.void(array, row, column, _number(array)), generate


def _number(array: Any) -> Any:
    return types.float32 if array.dtype == types.uint16 else array.dtype


def _place(context: Any, builder: Any, kind: Any, array: Any, row: Any, column: Any) -> Any:
    struct = context.make_array(kind)(context, builder, array)
    return cgutils.get_item_pointer(context, builder, kind, struct, (row, column))


def _scope(module: ir.Module) -> ir.MDValue:
    """Return LLVM's name of all that :func:`read` reads, which :func:`write` does not touch."""
    domain = module.add_metadata(["deepsphere"])
    return module.add_metadata([module.add_metadata(["read", domain])])
