"""Products of bfloat16 against NumPy, in numbers so small that all sums are exact."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsphere.nn.kernels import pools
from deepsphere.nn.kernels.matrix_instructions import BLOCK, DEPTH
from deepsphere.nn.kernels.mixing import After
from deepsphere.nn.kernels.pairs import pack_pairs
from deepsphere.nn.kernels.terms import Rows
from deepsphere.nn.pooling.nested import CHILDREN


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 5, 7), (2, 16, 32), (5, 13, 33), (4, 8, 64)])
def test_a_packed_weight_has_the_pairs_of_rows_of_each_tile(shape):
    kernel_size, entering, leaving = shape
    weight = np.arange(1, 1 + np.prod(shape), dtype=np.uint16).reshape(shape)
    depth = -(-kernel_size * entering // DEPTH) * DEPTH
    columns = -(-leaving // BLOCK) * BLOCK
    packed = pack_pairs(weight, np.uint16)
    assert packed.size == depth * columns
    rows = weight.reshape(-1, leaving)
    found = np.zeros((depth, columns), dtype=np.uint16)
    place = 0
    for block in range(0, columns, BLOCK):
        for step in range(0, depth, DEPTH):
            for tile in range(block, block + BLOCK, 16):
                for pair in range(step, step + DEPTH, 2):
                    for column in range(tile, tile + 16):
                        found[pair : pair + 2, column] = packed[place : place + 2]
                        place += 2
    np.testing.assert_array_equal(found[: len(rows), :leaving], rows)
    assert found.sum(dtype=int) == rows.sum(dtype=int)


def bits(numbers):
    return torch.as_tensor(numbers).to(torch.bfloat16).view(torch.uint16).numpy()


def integers(generator, *shape):
    return generator.integers(-8, 9, shape).astype(np.float32)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(data=st.data())
def test_rows_are_multiplied_and_what_follows_is_done(bfloat16_loops, data):
    """What has no column or row is not a number, and forgotten."""
    slabs, entering = data.draw(st.tuples(st.integers(1, 4), st.integers(1, 40)), "depth")
    leaving = data.draw(st.integers(1, 70), "leaving")
    samples, count = data.draw(st.tuples(st.integers(1, 3), st.integers(0, 70)), "rows")
    has_scales, has_shifts = data.draw(st.tuples(*[st.booleans()] * 2), "scales, shifts")
    pool = data.draw(st.sampled_from([pools.NONE, pools.MAX, pools.MEAN]), "pool")
    floor = data.draw(st.sampled_from([0.0, -np.inf]), "floor")
    halves = data.draw(st.booleans(), "result in bfloat16")
    generator = np.random.default_rng(data.draw(st.integers(0, 99), "seed"))
    if pool:
        count -= count % CHILDREN

    width = samples * entering + data.draw(st.integers(0, 3), "gap")
    slab, start = count * width + 5, data.draw(st.integers(0, 3), "start")
    left = integers(generator, slabs, count, samples, entering)
    work = np.full(start + slabs * slab, np.nan, dtype=np.float32)
    for term in range(slabs):
        rows = work[start + term * slab :][: count * width].reshape(count, width)
        rows[:, : samples * entering] = left[term].reshape(count, samples * entering)
    weight = integers(generator, slabs, entering, leaving)

    pixels = np.arange(count + 3, dtype=np.int32)
    pixels = pixels if pool else generator.permutation(pixels)
    scales = np.float32(2.0) ** generator.integers(-1, 2, len(pixels)) if has_scales else []
    scales = np.asarray(scales, dtype=np.float32)
    factors, shifts = np.zeros((2, -(-leaving // BLOCK) * BLOCK), dtype=np.float32)
    factors[:leaving] = 2.0 ** generator.integers(-1, 2, leaving)
    shifts[:leaving] = integers(generator, leaving)
    nothing = np.empty(0, dtype=np.float32)
    after = After(
        *((factors, shifts) if has_shifts else (nothing, nothing)), np.float32(floor), pool
    )

    expected = np.einsum("krsf,kfj->srj", left, weight)
    if has_scales:
        expected *= scales[pixels[:count], None]
    if has_shifts:
        expected = np.maximum(expected * factors[:leaving] + shifts[:leaving], floor)
    if pool:
        families = expected.reshape(samples, count // CHILDREN, CHILDREN, leaving)
        expected = families.max(axis=2) if pool == pools.MAX else families.mean(axis=2)
    places = pixels[:count:CHILDREN] // CHILDREN if pool else pixels[:count]
    result = np.full((samples, len(pixels), leaving), 3.0, dtype=np.float32)
    whole = result.copy()
    whole[:, places] = expected
    memory = bits(result).flatten() if halves else result.reshape(-1)
    target = Rows(memory, len(pixels) * leaving, leaving, leaving, scales, False)
    panels = pack_pairs(bits(weight), bfloat16_loops.kind)
    bfloat16_loops.mix_by_pairs(
        work, start, width, slabs, slab, entering, samples, count, panels, target, 0, pixels, after
    )  # fmt: skip
    np.testing.assert_array_equal(memory, bits(whole).flatten() if halves else whole.reshape(-1))


@pytest.mark.parametrize("pool", [pools.NONE, pools.MAX, pools.MEAN])
@pytest.mark.parametrize("child", range(CHILDREN))
def test_what_is_not_a_number_stays_so(bfloat16_loops, pool, child):
    work = np.ones(CHILDREN, dtype=np.float32)
    work[child] = np.nan
    result = np.zeros(CHILDREN, dtype=np.float32)
    one = np.ones(BLOCK, dtype=np.float32)
    target = Rows(result, CHILDREN, 1, 1, one[:0], False)
    panels = pack_pairs(bits(np.ones((1, 1, 1))), bfloat16_loops.kind)
    bfloat16_loops.mix_by_pairs(
        work, 0, 1, 1, CHILDREN, 1, 1, CHILDREN, panels, target, 0,
        np.arange(CHILDREN, dtype=np.int32), After(one, one, np.float32(0), pool),
    )  # fmt: skip
    missing = np.isnan(result)
    assert missing.tolist() == ([True] + 3 * [False] if pool else (np.arange(4) == child).tolist())


@settings(derandomize=True, deadline=None, max_examples=60)
@given(data=st.data())
def test_transposed_rows_are_multiplied_and_added(bfloat16_loops, data):
    """Of the terms on either side; what lies around the rows is not a number, and forgotten."""
    kernel_size, samples = data.draw(st.tuples(st.integers(1, 3), st.integers(1, 3)), "terms")
    entering, leaving = data.draw(st.tuples(st.integers(1, 70), st.integers(1, 70)), "channels")
    count = data.draw(st.sampled_from([0, 1, 2, 31, 32, 33, 255, 256, 257, 300]), "rows")
    of_left = data.draw(st.booleans(), "terms of the left")
    generator = np.random.default_rng(data.draw(st.integers(0, 99), "seed"))

    def lay(width, terms, gap):
        numbers = integers(generator, terms, count, samples, width)
        rows = np.full((terms, count + 3, samples * width + gap), np.nan, dtype=np.float32)
        rows[:, :count, : samples * width] = numbers.reshape(terms, count, samples * width)
        return numbers, rows

    left, left_rows = lay(entering, kernel_size if of_left else 1, 1)
    right, right_rows = lay(leaving, 1 if of_left else kernel_size, 2)
    work = np.concatenate([left_rows.reshape(-1), right_rows.reshape(-1)])
    sums = integers(generator, kernel_size, entering, leaving)
    products = [
        np.einsum("rsm,rsn->mn", left[order if of_left else 0], right[0 if of_left else order])
        for order in range(kernel_size)
    ]
    expected = sums + np.stack(products)
    found = sums.reshape(-1).copy()
    bfloat16_loops.add_outer_by_pairs(
        work, 0, left_rows[0].size if of_left else 0, left_rows.shape[2], entering,
        left_rows.size, 0 if of_left else right_rows[0].size, right_rows.shape[2], leaving,
        kernel_size, samples, count, found, np.empty(0, bfloat16_loops.kind),
    )  # fmt: skip
    np.testing.assert_array_equal(found, expected.reshape(-1))
