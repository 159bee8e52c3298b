import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsphere.conversion.blocks import block_lengths


@pytest.mark.parametrize(
    ("sizes", "units", "limit", "expected"),
    [
        ((100,), (1,), 800, (8,)),
        ((100,), (5,), 800, (5,)),
        ((100,), (5,), 1000, (10,)),
        ((100,), (50,), 800, (8,)),
        ((100, 4), (1, 1), 800, (2, 4)),
        ((100, 40), (1, 1), 800, (1, 8)),
        ((3, 4), (1, 1), 10**9, (3, 4)),
        ((3, 4), (1, 1), 1, (1, 1)),
        ((), (), 800, ()),
    ],
)
def test_lengths_of_items_of_a_hundred_bytes(sizes, units, limit, expected):
    assert block_lengths(sizes, units, 100, limit) == expected


@settings(derandomize=True, deadline=None, max_examples=100)
@given(
    st.lists(st.tuples(st.integers(1, 50), st.integers(1, 50)), max_size=4),
    st.integers(1, 100),
    st.integers(1, 10_000),
)
def test_blocks_keep_the_limit_and_the_units(dimensions, item, limit):
    sizes, units = zip(*dimensions, strict=True) if dimensions else ((), ())
    lengths = block_lengths(sizes, units, item, limit)
    assert all(1 <= length <= size for length, size in zip(lengths, sizes, strict=True))
    assert math.prod(lengths) * item <= max(limit, item)
    if item * math.prod(map(min, units, sizes)) <= limit:
        for length, unit, size in zip(lengths, units, sizes, strict=True):
            assert length == size or length % min(unit, size) == 0
