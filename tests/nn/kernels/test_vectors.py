"""Rows of vectors, and hops, against loops over numbers, for machines with any vectors.

Most numbers are integers so small that all sums are exact in any order, which needs no tolerance.
Whatever a loop may read but must forget is not a number, and all that it must not write to is
compared as well.
"""

import importlib.util
import sys
from types import SimpleNamespace

import llvmlite.binding
import numba
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsphere.nn.kernels import hops as hops_of_this_machine
from deepsphere.nn.kernels import pools
from deepsphere.nn.kernels import registers as registers_of_this_machine
from deepsphere.nn.kernels import vectors as vectors_of_this_machine
from deepsphere.nn.kernels.memory import ALIGNMENT
from deepsphere.nn.pooling.nested import CHILDREN

# LLVM makes vectors of several where the machine has shorter ones.
FEATURES = {"16 bytes": {}, "32 bytes": {"avx": True}, "64 bytes": {"avx512f": True}}
TYPES = [torch.float32, torch.float64]
# What rows are read from and written to: bfloat16 is computed in float32.
CONVERSIONS = [
    (torch.float32, torch.float32),
    (torch.float64, torch.float64),
    (torch.bfloat16, torch.float32),
    (torch.float32, torch.bfloat16),
]
MIXTURES = [*zip(TYPES, TYPES, strict=True), (torch.float32, torch.bfloat16)]
MARGIN = 7

example = settings(derandomize=True, deadline=None, max_examples=40)


@pytest.fixture(scope="module", params=FEATURES)
def modules(request):
    """Return the modules as they are on a machine with vectors of so many bytes."""
    with pytest.MonkeyPatch.context() as patch:
        features = FEATURES[request.param]
        patch.setattr(llvmlite.binding, "get_host_cpu_features", lambda: features)
        below = loaded_again(registers_of_this_machine)
        patch.setitem(sys.modules, registers_of_this_machine.__name__, below)
        vectors = loaded_again(vectors_of_this_machine)
        vectors.LANES = below.LANES
        hops = loaded_again(hops_of_this_machine)
    return vectors, hops


@pytest.fixture(scope="module")
def vectors(modules):
    return modules[0]


@pytest.fixture(scope="module")
def hops(modules):
    return modules[1]


def loaded_again(module):
    spec = importlib.util.spec_from_file_location(module.__name__, module.__file__)
    again = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(again)
    return again


@pytest.fixture(scope="module")
def loops(vectors, hops):
    """Return functions compiled from those of the modules, for literal numbers of vectors."""
    hop_rows, hop_numbers = hops.hop_rows, hops.hop_numbers
    copy_row, mix_block, outer_block = vectors.copy_row, vectors.mix_block, vectors.outer_block

    @numba.njit
    def copy(target, at, source, start, count, scale):
        copy_row(target, at, source, start, count, scale)

    @numba.njit
    def copy_in_parts(target, source, part, scale):
        for at in range(0, len(source), part):
            copy_row(target, at, source, at, part, scale)

    def make_hop(number):
        @numba.njit
        def hop(
            target, at, source, start, width, columns, values, first, count, scale, add, before
        ):  # fmt: skip
            hop_rows(
                target, at, source, start, width, columns, values, first, count, scale, add,
                before, number,
            )  # fmt: skip

        return hop

    @numba.njit
    def hop_of_numbers(
        target, at, source, start, columns, values, first, count, scale, add, before
    ):  # fmt: skip
        hop_numbers(target, at, source, start, columns, values, first, count, scale, add, before)

    def make_mix(number, height):
        @numba.njit
        def mix(
            target, at, stride, pixels, pixel, kept, scales, source, start, width, slabs, slab,
            depth, panel, first, filled, streamed, shifts, shift, floor, pool,
        ):  # fmt: skip
            mix_block(
                target, at, stride, pixels, pixel, kept, scales, source, start, width, slabs, slab,
                depth, panel, first, filled, streamed, shifts, shift, floor, pool, number, height,
            )  # fmt: skip

        return mix

    def make_outer(number):
        @numba.njit
        def outer(
            target, at, width, left, start, stride, right, right_start, right_stride, rows, kept,
            filled,
        ):  # fmt: skip
            outer_block(
                target, at, width, left, start, stride, right, right_start, right_stride, rows,
                kept, filled, number,
            )  # fmt: skip

        return outer

    heights = {1: vectors.NARROW_MIX_ROWS, vectors.PANEL_VECTORS: vectors.MIX_ROWS}
    return SimpleNamespace(
        copy=copy,
        copy_in_parts=copy_in_parts,
        hop={number: make_hop(number) for number in range(1, hops.HOP_VECTORS + 1)},
        hop_of_numbers=hop_of_numbers,
        heights=heights,
        mix={number: make_mix(number, height) for number, height in heights.items()},
        outer={number: make_outer(number) for number in range(1, vectors.PANEL_VECTORS + 1)},
    )


def lanes_of(vectors, dtype):
    return vectors.LANES // 2 if dtype == torch.float64 else vectors.LANES


def in_memory(numbers, dtype):
    """Return a flat array of numbers as loops take it."""
    tensor = torch.from_numpy(np.asarray(numbers, dtype=np.float64)).to(dtype).flatten()
    return (tensor.view(torch.uint16) if dtype == torch.bfloat16 else tensor).numpy()


def computed(dtype):
    """Return the type of a scalar that goes with numbers of some type."""
    return np.float64 if dtype == torch.float64 else np.float32


def draw(generator, size, dtype):
    """Return random integers as float64, of which sums of products are exact in some type."""
    most = 2**20 if dtype == torch.float64 else 9
    return generator.integers(-most, most, size, endpoint=True).astype(np.float64)


def spoilt(numbers, keep):
    """Return numbers, and what is none where they are not kept."""
    return np.where(keep, numbers, np.nan)


def test_lengths_are_those_of_the_machine(vectors, hops):
    """Vectors are of 16, 32 or 64 bytes, and the blocks' sums are not more than the registers."""
    assert registers_of_this_machine.LANES in (4, 8, 16)
    registers = 32 if vectors.LANES == 16 else 16
    assert registers > hops.HOP_ROWS * hops.HOP_VECTORS
    assert registers > vectors.MIX_ROWS * vectors.PANEL_VECTORS
    assert registers > vectors.NARROW_MIX_ROWS
    assert registers > vectors.OUTER_ROWS * vectors.PANEL_VECTORS


@pytest.mark.parametrize(("source", "target"), CONVERSIONS, ids=str)
@example
@given(
    count=st.integers(0, 70),
    at=st.integers(0, MARGIN),
    start=st.integers(0, 9),
    scale=st.sampled_from([1.0, -2.5, 1 / 3]),
    seed=st.integers(0, 99),
)
def test_a_copied_row_is_scaled_converted_and_as_long_as_is_said(
    loops, source, target, count, at, start, scale, seed
):
    generator = np.random.default_rng(seed)
    exact = torch.float64 if source == torch.float64 else torch.float32
    numbers = in_memory(generator.standard_normal(start + count), source)
    found = in_memory(draw(generator, at + count + MARGIN, target), target)
    expected = found.copy()
    wide = torch.from_numpy(numbers[start:])
    wide = (wide.view(torch.bfloat16) if source == torch.bfloat16 else wide).to(exact)
    scaled = (wide * torch.tensor(scale, dtype=exact)).to(target)
    expected[at : at + count] = in_memory_of(scaled)
    loops.copy(found, at, numbers, start, count, computed(exact)(scale))
    np.testing.assert_array_equal(found, expected)


def in_memory_of(tensor):
    return (tensor.view(torch.uint16) if tensor.dtype == torch.bfloat16 else tensor).numpy()


@pytest.fixture(params=["vectors", "halves", "quarters", "numbers"])
def part(request, vectors):
    """Return a row's length such that only vectors of some length are used, or single numbers."""
    parts = {"vectors": 1, "halves": 2, "quarters": 4, "numbers": vectors.LANES}
    return vectors.LANES // parts[request.param]


def test_every_bfloat16_number_is_read_as_pytorch_does(loops, part):
    bits = np.arange(2**16, dtype=np.uint16)
    numbers = np.empty(bits.shape, dtype=np.float32)
    loops.copy_in_parts(numbers, bits, part, np.float32(1))
    expected = torch.from_numpy(bits).view(torch.bfloat16).float().numpy()
    missing = np.isnan(expected)
    assert np.isnan(numbers[missing]).all()
    np.testing.assert_array_equal(numbers[~missing].view("u4"), expected[~missing].view("u4"))


def test_numbers_are_rounded_to_bfloat16_as_pytorch_does(loops, part):
    """All upper halves, with lower halves on and around what rounds down, to even, and up."""
    upper = np.arange(2**16, dtype=np.uint32)[:, None] << 16
    lower = np.array([0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF], dtype=np.uint32)
    numbers = (upper | lower).view(np.float32).flatten()
    rounded = np.empty(numbers.shape, dtype=np.uint16)
    loops.copy_in_parts(rounded, numbers, part, np.float32(1))
    missing = np.isnan(numbers)
    expected = in_memory_of(torch.from_numpy(numbers).to(torch.bfloat16))
    np.testing.assert_array_equal(rounded[~missing], expected[~missing])
    assert torch.from_numpy(rounded).view(torch.bfloat16).isnan().numpy()[missing].all()


@pytest.mark.parametrize("dtype", TYPES, ids=str)
@example
@given(data=st.data())
def test_a_block_of_rows_is_multiplied_by_a_panel(vectors, loops, dtype, data):
    check_mixture(vectors, loops, dtype, dtype, data)


@example
@given(data=st.data())
def test_a_product_is_rounded_to_bfloat16(vectors, loops, data):
    check_mixture(vectors, loops, torch.float32, torch.bfloat16, data)


def check_mixture(vectors, loops, source, target, data):
    """Compare all of the target with the product in NumPy."""
    number, height = data.draw(st.sampled_from(sorted(loops.heights.items())), "vectors, rows")
    columns = number * lanes_of(vectors, source)
    kept = data.draw(st.integers(0, height), "kept")
    filled = data.draw(st.integers(0, columns), "filled")
    slabs, depth = data.draw(st.tuples(st.integers(1, 3), st.integers(1, 5)), "depth")
    width, stride = depth + data.draw(st.integers(0, 3), "gap"), columns + 2
    at, start, first, pixel = data.draw(st.tuples(*[st.integers(0, MARGIN)] * 4), "positions")
    has_scales, has_shifts = data.draw(st.tuples(*[st.booleans()] * 2), "scales, shifts")
    pool = data.draw(st.sampled_from([pools.NONE, pools.MAX, pools.MEAN] if has_shifts else [0]))
    floor = data.draw(st.sampled_from([0.0, -np.inf]), "floor")
    if pool:
        kept -= kept % CHILDREN
    streamed = data.draw(st.booleans(), "streamed")
    if streamed:
        at, stride = 0, 2 * columns
    generator = np.random.default_rng(data.draw(st.integers(0, 99), "seed"))

    slab = height * width + 3
    rows = np.full(start + slabs * slab, np.nan)
    left = draw(generator, (slabs, kept, depth), source)
    for term in range(slabs):
        for row in range(kept):
            begin = start + term * slab + row * width
            rows[begin : begin + depth] = left[term, row]
    inside = np.arange(columns) < filled
    right = spoilt(draw(generator, (slabs, depth, columns), source), inside)
    panel = np.concatenate([np.full(first, np.nan), right.flatten()])
    places = generator.permutation(height + 3).astype(np.int32)
    if pool:
        places = (CHILDREN * places[:, None] + np.arange(CHILDREN, dtype=np.int32)).flatten()
    pixels = np.concatenate([np.full(pixel, -1, dtype=np.int32), places])
    scales = 2.0 ** generator.integers(-2, 3, len(places)) if has_scales else np.empty(0)

    shift = data.draw(st.integers(0, MARGIN), "shift")
    shifts = draw(generator, shift + columns, source) if has_shifts else np.empty(0)

    found = in_memory(draw(generator, at + len(places) * stride + MARGIN, target), target)
    found = aligned(found)
    expected = found.copy()
    product = np.einsum("krf,kfj->rj", left, right[:, :, :filled])
    if has_scales:
        product *= scales[places[:kept], None]
    if has_shifts:
        product = np.maximum(product + shifts[shift : shift + filled], floor)
    if pool:
        families = product.reshape(kept // CHILDREN, CHILDREN, filled)
        product = families.max(axis=1) if pool == pools.MAX else families.mean(axis=1)
        places = places[::CHILDREN] // CHILDREN
    for row, place in zip(product, places, strict=False):
        begin = at + place * stride
        expected[begin : begin + filled] = in_memory(row, target)
    loops.mix[number](
        found, at, stride, pixels, pixel, kept, in_memory(scales, source), in_memory(rows, source),
        start, width, slabs, slab, depth, in_memory(panel, source), first, filled, int(streamed),
        in_memory(shifts, source), shift, in_memory(floor, source)[0], pool,
    )  # fmt: skip
    np.testing.assert_array_equal(found, expected)


def aligned(array):
    """Return a copy that starts where the longest vectors do."""
    memory = np.empty(array.nbytes + ALIGNMENT, dtype=np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    copy = memory[start : start + array.nbytes].view(array.dtype)
    copy[:] = array
    return copy


@pytest.mark.parametrize("dtype", TYPES, ids=str)
@pytest.mark.parametrize("pool", [pools.NONE, pools.MAX, pools.MEAN])
@pytest.mark.parametrize("child", range(CHILDREN))
def test_what_is_not_a_number_stays_so_in_what_follows(vectors, loops, dtype, pool, child):
    columns = lanes_of(vectors, dtype)
    rows = np.arange(CHILDREN, dtype=float)
    rows[child] = np.nan
    found = in_memory(np.zeros(CHILDREN * columns), dtype)
    loops.mix[1](
        found, 0, columns, np.arange(CHILDREN, dtype=np.int32), 0, CHILDREN,
        in_memory(np.empty(0), dtype), in_memory(np.pad(rows, (0, loops.heights[1])), dtype), 0, 1,
        1, 0, 1, in_memory(np.ones(columns), dtype), 0, columns, 0,
        in_memory(np.ones(columns), dtype), 0, in_memory(0.0, dtype)[0], pool,
    )  # fmt: skip
    found = found.reshape(CHILDREN, columns)
    if pool:
        assert np.isnan(found[0]).all()
        assert not found[1:].any()
    else:
        np.testing.assert_array_equal(found, np.repeat(rows[:, None] + 1, columns, axis=1))


@pytest.mark.parametrize("dtype", TYPES, ids=str)
@example
@given(data=st.data())
def test_a_transposed_block_is_multiplied_by_another_and_added(vectors, loops, dtype, data):
    number = data.draw(st.integers(1, vectors.PANEL_VECTORS), "vectors")
    columns = number * lanes_of(vectors, dtype)
    kept = data.draw(st.integers(0, vectors.OUTER_ROWS), "kept")
    filled = data.draw(st.integers(0, columns), "filled")
    rows = data.draw(st.integers(0, 6), "rows")
    width = columns + data.draw(st.integers(0, 3), "gap")
    at, start, right_start = data.draw(st.tuples(*[st.integers(0, MARGIN)] * 3), "positions")
    stride = vectors.OUTER_ROWS + data.draw(st.integers(0, 3), "left gap")
    right_stride = columns + data.draw(st.integers(0, 3), "right gap")
    generator = np.random.default_rng(data.draw(st.integers(0, 99), "seed"))

    left = spoilt(draw(generator, (rows, stride), dtype), np.arange(stride) < kept)
    right = draw(generator, (rows, right_stride), dtype)
    right = spoilt(right, np.arange(right_stride) < filled)
    before = draw(generator, at + vectors.OUTER_ROWS * width + MARGIN, dtype)
    expected = before.copy()
    product = left[:, :kept].T @ right[:, :filled]
    for line in range(kept):
        expected[at + line * width :][:filled] += product[line]
    found = in_memory(before, dtype)
    loops.outer[number](
        found, at, width, in_memory(np.append(np.full(start, np.nan), left), dtype), start, stride,
        in_memory(np.append(np.full(right_start, np.nan), right), dtype), right_start,
        right_stride, rows, kept, filled,
    )  # fmt: skip
    np.testing.assert_array_equal(found, in_memory(expected, dtype))


@pytest.mark.parametrize("dtype", TYPES, ids=str)
@example
@given(data=st.data())
def test_a_hop_sums_weighted_rows(vectors, hops, loops, dtype, data):
    """What is subtracted may lie where the sum is written, as in the recurrence.

    With no vectors, rows are of one number.
    """
    number, height = data.draw(st.integers(0, hops.HOP_VECTORS), "vectors"), hops.HOP_ROWS
    size = number * lanes_of(vectors, dtype) or 1
    count = data.draw(st.integers(0, 12), "count")
    start, first = data.draw(st.tuples(*[st.integers(0, MARGIN)] * 2), "positions")
    width = size + (data.draw(st.integers(0, 3), "gap") if number else 0)
    scale = data.draw(st.sampled_from([1.0, 2.0, -0.5]), "scale")
    add = data.draw(st.sampled_from([0, 1]), "add")
    at = data.draw(st.integers(0, MARGIN), "at")
    before = data.draw(st.sampled_from([-1, at, at + height * width]), "before")
    generator = np.random.default_rng(data.draw(st.integers(0, 99), "seed"))

    columns = generator.integers(0, 9, count)
    values = draw(generator, (count, height), dtype)
    rows = np.full((9, width), np.nan)
    rows[columns, :size] = draw(generator, (9, size), dtype)[columns]
    target = draw(generator, at + 2 * height * width + MARGIN, dtype)
    expected = target.copy()
    for row, product in enumerate(scale * (values.T @ rows[columns, :size])):
        here = at + row * width
        expected[here : here + size] = product + add * target[here : here + size]
        if before >= 0:
            expected[here : here + size] -= target[before + row * width :][:size]
    found = in_memory(target, dtype)
    hop, widths = (loops.hop[number], (width,)) if number else (loops.hop_of_numbers, ())
    hop(
        found, at, in_memory(np.append(np.full(start, np.nan), rows), dtype), start, *widths,
        np.append(np.full(first, -1), columns).astype(np.int32),
        in_memory(np.append(np.full(first * height, np.nan), values), dtype), first, count,
        computed(dtype)(scale), add, before,
    )  # fmt: skip
    np.testing.assert_array_equal(found, in_memory(expected, dtype))


@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_what_is_not_a_number_stays_so_in_its_channel(vectors, hops, loops, dtype):
    """In row 1 of the group it is 2 - 3 = -1, but for the channels with a NaN or an infinity."""
    size, height = lanes_of(vectors, dtype), hops.HOP_ROWS
    rows = np.ones((2, size))
    rows[1, 0], rows[1, 1] = np.nan, np.inf
    values = np.zeros((2, height))
    values[:, 1] = 2, -3
    found = in_memory(np.zeros((height, size)), dtype)
    columns, one = np.array([0, 1], dtype=np.int32), computed(dtype)(1)
    loops.hop[1](
        found, 0, in_memory(rows, dtype), 0, size, columns, in_memory(values, dtype), 0, 2, one, 0,
        -1,
    )  # fmt: skip
    expected = np.full(size, -1.0)
    expected[:2] = np.nan, -np.inf
    np.testing.assert_array_equal(found.reshape(height, size)[1], expected)
