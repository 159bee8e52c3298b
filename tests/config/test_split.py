import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from deepsphere.config.split import Split

PUBLISHED = Split(train=0.7, validation=0, test=0.3)


@pytest.mark.parametrize(
    ("samples", "train", "test"),
    # 1,826 days from 2010 to 2014: windows of 5, single days, windows of 2 and of 10.
    [(1821, 1274, 547), (1826, 1278, 548), (1824, 1276, 548), (1816, 1271, 545)],
)
def test_the_parts_are_as_large_as_published(samples, train, test):
    parts = PUBLISHED.ranges(samples)
    assert parts == {
        "train": range(train),
        "validation": range(train, train),
        "test": range(train, samples),
    }
    assert len(parts["test"]) == test


def test_validation_samples_come_before_the_same_test_samples():
    parts = Split(train=0.6, validation=0.1, test=0.3).ranges(1821)
    assert parts["train"] == range(1092)
    assert parts["validation"] == range(1092, 1274)
    assert parts["test"] == PUBLISHED.ranges(1821)["test"]


@settings(derandomize=True, max_examples=200)
@given(first=st.integers(1, 98), second=st.integers(0, 97), hundreds=st.integers(0, 50))
def test_shares_in_percent_of_hundreds_of_samples_are_exact(first, second, hundreds):
    """``0.29 * 100`` is 28.999999999999996 in binary, and still 29 samples are meant."""
    second = min(second, 99 - first)
    rest = 100 - first - second
    split = Split(train=first / 100, validation=second / 100, test=rest / 100)
    parts = split.ranges(100 * hundreds)
    sizes = [len(parts[name]) for name in ("train", "validation", "test")]
    assert sizes == [first * hundreds, second * hundreds, rest * hundreds]


@settings(derandomize=True, max_examples=200)
@given(train=st.floats(0.01, 0.98), share=st.floats(0, 0.99), samples=st.integers(0, 5000))
def test_every_sample_is_in_one_part_in_order_of_time(train, share, samples):
    validation = (1 - train) * share
    split = Split(train=train, validation=validation, test=1 - train - validation)
    parts = split.ranges(samples)
    assert list(parts) == ["train", "validation", "test"]
    assert list(itertools.chain(*parts.values())) == list(range(samples))


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ({"train": 0.7, "test": 0.2}, "sum to 0.9, not to 1"),
        ({"train": 0.7, "validation": 0.1, "test": 0.3}, "sum to 1.1, not to 1"),
        ({"train": 0, "test": 1}, "train"),
        ({"train": 1, "test": 0}, "test"),
        ({"train": 0.8, "validation": -0.1, "test": 0.3}, "validation"),
        ({"train": float("nan"), "test": 0.3}, "train"),
        ({"train": 0.7}, "test"),
        ({"train": 0.7, "tets": 0.3}, "did you mean 'test'"),
    ],
)
def test_shares_that_are_no_division_are_refused(shares, message):
    with pytest.raises(ValidationError, match=message):
        Split.model_validate(shares)


def test_validation_is_optional():
    assert Split(train=0.7, test=0.3) == PUBLISHED
