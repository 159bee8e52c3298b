"""Hops as the machine's own vector operations: groups of rows of a sparse matrix times rows.

As in :mod:`~deepsphere.nn.kernels.vectors`, sums are LLVM vectors, arrays are flat, and nothing
checks the positions in them.

- :func:`hop_rows` is for rows of vectors: a sum's vectors are a row;
- :func:`hop_numbers` is for rows of one number: a sum's vector is all the rows of a group.
"""

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from deepsphere.nn.kernels.registers import HAS, Row, Sums, constant, spread, while_left

HOP_ROWS = 4
"""Rows that are summed at a time: neighbours, which have most of their own in common."""

HOP_VECTORS = 4 if HAS.get("avx512f") else 2
"""The most vectors of a row that :func:`hop_rows` sums at a time."""

# Entries that are multiplied side by side, as one sum would wait for each product.
_SIDE_BY_SIDE = 4


@intrinsic(prefer_literal=True)
def hop_rows(  # type: ignore[no-untyped-def]
    typing_context,
    target,
    at,
    source,
    start,
    width,
    columns,
    values,
    first,
    count,
    scale,
    add,
    before,
    vectors,
):
    """Sum weighted rows, for a group of rows of a literal number of vectors.

    For each r below :data:`HOP_ROWS`: ``target[at + r * width + i] = scale * sum over e from first,
    count in number, of values[e * HOP_ROWS + r] * source[start + columns[e] * width + i]``, for all
    i of the vectors; plus what stood there if ``add`` is 1, minus ``target[before + r * width +
    i]`` if ``before`` is not negative.
    """
    number = vectors.literal_value

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        to, at, of, start, width, columns_, values_, first, count = arguments[:9]
        scale, add, before = arguments[9:12]
        to, of = Row(context, builder, target, to), Row(context, builder, source, of)
        columns_ = Row(context, builder, columns, columns_)
        values_ = Row(context, builder, values, values_)
        sums = [Sums(builder, to, number) for _ in range(HOP_ROWS)]
        with cgutils.for_range(builder, count) as entry:
            position = builder.add(first, entry.index)
            row = builder.add(start, builder.mul(columns_.integer(position), width))
            vector = of.load_some(row, number)
            weights = builder.mul(position, constant(HOP_ROWS))
            for index, total in enumerate(sums):
                weight = values_.load(builder.add(weights, constant(index)), 1)
                total.add_products(weight, vector)
        factor = spread(builder, scale, to.lanes)
        for index, total in enumerate(sums):
            step = builder.mul(width, constant(index))
            place = builder.add(at, step)
            total.apply(lambda part, _: builder.fmul(part, factor))
            with builder.if_then(builder.icmp_signed("==", add, constant(1))):
                total.add(to.load_some(place, number))
            with builder.if_then(builder.icmp_signed(">=", before, constant(0))):
                total.subtract(to.load_some(builder.add(before, step), number))
            to.store_some(place, total.parts())
        return context.get_dummy_value()

    i64 = types.int64
    arrays = (target, i64, source, i64, i64, columns, values, i64, i64)
    return types.void(*arrays, target.dtype, i64, i64, vectors), generate


@intrinsic
def hop_numbers(  # type: ignore[no-untyped-def]
    typing_context, target, at, source, start, columns, values, first, count, scale, add, before
):
    """Sum weighted numbers, for a group of rows of one number.

    What :func:`hop_rows` does with a ``width`` of 1, but of a single number: ``target[at + r] =
    scale * sum over e from first, count in number, of values[e * HOP_ROWS + r] * source[start +
    columns[e]]``; plus what stood there if ``add`` is 1, minus ``target[before + r]`` if ``before``
    is not negative.
    """

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        to, at, of, start, columns_, values_, first, count, scale, add, before = arguments
        to, of = Row(context, builder, target, to), Row(context, builder, source, of)
        columns_ = Row(context, builder, columns, columns_)
        values_ = Row(context, builder, values, values_)
        sums = [Sums(builder, to, 1, HOP_ROWS) for _ in range(_SIDE_BY_SIDE)]
        done = cgutils.alloca_once_value(builder, constant(0))
        for together in (sums, sums[:1]):
            with while_left(builder, done, count, len(together)) as position:
                for index, total in enumerate(together):
                    entry = builder.add(builder.add(first, position), constant(index))
                    number = of.load(builder.add(start, columns_.integer(entry)), 1)
                    weights = values_.load(builder.mul(entry, constant(HOP_ROWS)), HOP_ROWS)
                    total.add_products(number, [weights])
        total = sums[0]
        for other in sums[1:]:
            total.add(other.parts())
        factor = spread(builder, scale, HOP_ROWS)
        total.apply(lambda part, _: builder.fmul(part, factor))
        with builder.if_then(builder.icmp_signed("==", add, constant(1))):
            total.add([to.load(at, HOP_ROWS)])
        with builder.if_then(builder.icmp_signed(">=", before, constant(0))):
            total.subtract([to.load(before, HOP_ROWS)])
        to.store(at, total.parts()[0])
        return context.get_dummy_value()

    i64 = types.int64
    arrays = (target, i64, source, i64, columns, values, i64, i64)
    return types.void(*arrays, target.dtype, i64, i64), generate
