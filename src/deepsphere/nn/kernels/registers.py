"""Vectors in code that numba generates, as :mod:`deepsphere.nn.kernels.vectors` writes it.

Written with llvmlite, at the time that a loop is compiled. :class:`Row` moves vectors of numbers
between a flat array and registers, :class:`Sums` adds them up.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import llvmlite.binding
from llvmlite import ir
from numba import types
from numba.core import cgutils

HAS = llvmlite.binding.get_host_cpu_features()
"""The instruction sets of this machine, by name."""

_VECTOR_BYTES = 64 if HAS.get("avx512f") else 32 if HAS.get("avx") else 16

LANES = _VECTOR_BYTES // 4
"""Numbers of float32 in a vector; float64 has half as many."""

_I64 = ir.IntType(64)
# A product and a sum may become one operation; nothing else may be rearranged.
_FUSED = ("contract",)


class Row:
    """A flat array in generated code: vectors of the computed type to and from its numbers."""

    def __init__(self, context: Any, builder: Any, kind: Any, value: Any) -> None:
        self.builder = builder
        self.data = context.make_array(kind)(context, builder, value).data
        self.kind = kind.dtype
        self.element = context.get_data_type(kind.dtype)
        self.size = kind.dtype.bitwidth // 8
        self.lanes = LANES // 2 if kind.dtype == types.float64 else LANES

    def integer(self, position: Any) -> Any:
        """Load an integer, as 64 bits."""
        loaded = self.builder.load(self.builder.gep(self.data, [position]))
        return loaded if self.size == 8 else self.builder.sext(loaded, _I64)

    def load(self, position: Any, lanes: int) -> Any:
        """Load so many numbers, or one as a scalar."""
        builder = self.builder
        place = builder.gep(self.data, [position])
        if lanes > 1:
            place = builder.bitcast(place, ir.VectorType(self.element, lanes).as_pointer())
        return self._widened(builder.load(place, align=self.size), lanes)

    def _widened(self, loaded: Any, lanes: int) -> Any:
        """Return what was loaded in the type to compute in."""
        if self.kind != types.uint16:
            return loaded
        builder = self.builder
        bits = builder.zext(loaded, _like(ir.IntType(32), lanes))
        wide = builder.shl(bits, _equal(32, 16, lanes))
        return builder.bitcast(wide, _like(ir.FloatType(), lanes))

    def load_some(self, position: Any, number: int) -> list[Any]:
        """Load so many vectors."""
        steps = [self.builder.add(position, constant(self.lanes * part)) for part in range(number)]
        return [self.load(step, self.lanes) for step in steps]

    def store(self, position: Any, numbers: Any, streaming: bool = False) -> None:
        """Store a vector or a scalar; past the caches, where it is aligned as a vector."""
        builder = self.builder
        lanes = numbers.type.count if isinstance(numbers.type, ir.VectorType) else 1
        if self.kind == types.uint16:
            numbers = as_bfloat16(builder, numbers, lanes)
        place = builder.gep(self.data, [position])
        if lanes > 1:
            place = builder.bitcast(place, numbers.type.as_pointer())
        written = builder.store(numbers, place, align=self.size)
        if streaming:
            written.align = lanes * self.size
            once = builder.module.add_metadata([ir.Constant(ir.IntType(32), 1)])
            written.set_metadata("nontemporal", once)

    def store_some(self, position: Any, parts: list[Any], streaming: bool = False) -> None:
        """Store vectors one after the other."""
        for index, part in enumerate(parts):
            self.store(self.builder.add(position, constant(self.lanes * index)), part, streaming)

    def store_filled(
        self, position: Any, parts: list[Any], filled: Any, adding: bool = False
    ) -> None:
        """Store, or add, as many of the vectors' numbers as there are columns."""
        builder = self.builder
        lanes = parts[0].type.count
        for index, part in enumerate(parts):
            place = builder.add(position, constant(lanes * index))
            left = builder.sub(filled, constant(lanes * index))
            whole = builder.icmp_signed(">=", left, constant(lanes))
            with builder.if_else(whole) as (then, otherwise):
                with then:
                    held = builder.fadd(part, self.load(place, lanes)) if adding else part
                    self.store(place, held)
                with otherwise:
                    self._store_tail(place, part, left, adding)

    def _store_tail(self, position: Any, part: Any, left: Any, adding: bool) -> None:
        if adding:
            part = self.builder.fadd(part, self.load_first(position, left))
        self.store_first(position, part, left)

    def load_first(self, position: Any, count: Any) -> Any:
        """Load the first numbers of a vector, as many as the count says; the others are 0."""
        pointer, align, mask = self._masked(position, count)
        kind = pointer.type.pointee
        others = ir.Constant(kind, [kind.element(0)] * self.lanes)
        loaded = self._call_masked("load", kind, pointer, align, mask, others)
        return self._widened(loaded, self.lanes)

    def store_first(self, position: Any, numbers: Any, count: Any) -> None:
        """Store the first numbers of a vector, as many as the count says."""
        if self.kind == types.uint16:
            numbers = as_bfloat16(self.builder, numbers, self.lanes)
        self._call_masked("store", ir.VoidType(), numbers, *self._masked(position, count))

    def _masked(self, position: Any, count: Any) -> tuple[Any, Any, Any]:
        """Return the place of a vector, its alignment, and which of its numbers are meant."""
        builder, lanes = self.builder, self.lanes
        places = ir.Constant(ir.VectorType(_I64, lanes), list(range(lanes)))
        mask = builder.icmp_signed("<", places, spread(builder, count, lanes))
        kind = ir.VectorType(self.element, lanes)
        pointer = builder.bitcast(builder.gep(self.data, [position]), kind.as_pointer())
        return pointer, ir.Constant(ir.IntType(32), self.size), mask

    def _call_masked(self, name: str, result: Any, *arguments: Any) -> Any:
        """Call what touches no memory but that of the numbers that are meant."""
        kind = f"v{self.lanes}{'i' if self.kind == types.uint16 else 'f'}{8 * self.size}"
        signature = ir.FunctionType(result, [one.type for one in arguments])
        full = f"llvm.masked.{name}.{kind}.p0{kind}"
        function = cgutils.get_or_insert_function(self.builder.module, signature, full)
        return self.builder.call(function, arguments)


class Sums:
    """Vectors that are added to, which LLVM turns from places on the stack into registers."""

    def __init__(self, builder: Any, row: Row, number: int, lanes: int | None = None) -> None:
        self.builder = builder
        scalar = ir.DoubleType() if row.kind == types.float64 else ir.FloatType()
        kind = ir.VectorType(scalar, lanes or row.lanes)
        self.places = [cgutils.alloca_once(builder, kind) for _ in range(number)]
        for place in self.places:
            builder.store(ir.Constant(kind, [0.0] * kind.count), place)

    def parts(self) -> list[Any]:
        """Return the vectors as they stand."""
        return [self.builder.load(place) for place in self.places]

    def add_products(self, scalar: Any, vectors: list[Any]) -> None:
        """Add a multiple of vectors."""
        builder = self.builder
        factor = spread(builder, scalar, vectors[0].type.count)
        for place, vector in zip(self.places, vectors, strict=True):
            product = builder.fmul(factor, vector, flags=_FUSED)
            builder.store(builder.fadd(builder.load(place), product, flags=_FUSED), place)

    def add(self, vectors: list[Any]) -> None:
        """Add as many vectors."""
        self.apply(lambda part, index: self.builder.fadd(part, vectors[index]))

    def subtract(self, vectors: list[Any]) -> None:
        """Subtract as many vectors."""
        self.apply(lambda part, index: self.builder.fsub(part, vectors[index]))

    def apply(self, change: Any) -> None:
        """Replace each vector by a function of it and its number."""
        for index, place in enumerate(self.places):
            self.builder.store(change(self.builder.load(place), index), place)


def larger(builder: Any, first: Any, second: Any) -> Any:
    """Return the larger numbers of two vectors, and NaN where one of them is."""
    exceeds = builder.fcmp_ordered(">", second, first)
    missing = builder.fcmp_unordered("uno", second, second)
    return builder.select(builder.or_(exceeds, missing), second, first)


def computed(*kinds: Any) -> Any:
    """Return the first type of arrays' numbers that is not bfloat16."""
    return next(kind.dtype for kind in kinds if kind.dtype != types.uint16)


def constant(value: int) -> Any:
    """Return an integer of 64 bits."""
    return ir.Constant(_I64, value)


def _like(scalar: Any, lanes: int) -> Any:
    return ir.VectorType(scalar, lanes) if lanes > 1 else scalar


def _equal(bits: int, value: int, lanes: int) -> Any:
    kind = ir.IntType(bits)
    if lanes == 1:
        return ir.Constant(kind, value)
    return ir.Constant(ir.VectorType(kind, lanes), [value] * lanes)


def spread(builder: Any, scalar: Any, lanes: int) -> Any:
    """Return a vector of equal numbers."""
    if lanes == 1:
        return scalar
    kind = ir.VectorType(scalar.type, lanes)
    single = builder.insert_element(ir.Constant(kind, ir.Undefined), scalar, _zero())
    order = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)
    return builder.shuffle_vector(single, ir.Constant(kind, ir.Undefined), order)


def _zero() -> Any:
    return ir.Constant(ir.IntType(32), 0)


def as_bfloat16(builder: Any, numbers: Any, lanes: int) -> Any:
    """Round float32 to the upper 16 bits, to nearest even; not a number stays so."""
    bits = builder.bitcast(numbers, _like(ir.IntType(32), lanes))
    odd = builder.and_(builder.lshr(bits, _equal(32, 16, lanes)), _equal(32, 1, lanes))
    rounded = builder.add(bits, builder.add(odd, _equal(32, 0x7FFF, lanes)))
    missing = builder.fcmp_unordered("uno", numbers, numbers)
    kept = builder.select(missing, _equal(32, 0x7FC00000, lanes), rounded)
    return builder.trunc(builder.lshr(kept, _equal(32, 16, lanes)), _like(ir.IntType(16), lanes))


@contextmanager
def while_left(builder: Any, done: Any, count: Any, step: int) -> Iterator[Any]:
    """Loop while so many are left of the count; yields the position, and moves it on."""
    head, body, end = (builder.append_basic_block(name) for name in ("head", "body", "end"))
    builder.branch(head)
    builder.position_at_end(head)
    position = builder.load(done)
    left = builder.sub(count, position)
    builder.cbranch(builder.icmp_signed(">=", left, constant(step)), body, end)
    builder.position_at_end(body)
    yield position
    builder.store(builder.add(position, constant(step)), done)
    builder.branch(head)
    builder.position_at_end(end)
