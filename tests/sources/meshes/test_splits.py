"""Splits that are drawn: their shares, and that they stay when other meshes come."""

import hashlib
from collections import Counter
from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsphere.sources.meshes.entries import Entry
from deepsphere.sources.meshes.splits import draw_splits

_SHARES = {"train": 0.7, "validation": 0.1, "test": 0.2}


def _entries(sizes: dict[str, int]) -> list[Entry]:
    return [
        Entry(f"{label}/{number}", "set", f"{label}/{number}.off", 1, label, None, "train")
        for label, size in sizes.items()
        for number in range(size)
    ]


def test_shares_are_those_asked_for() -> None:
    # Counts are binomial: five standard deviations of n p (1 - p).
    drawn = draw_splits(_entries({"a": 10_000, "b": 10_000}), _SHARES, seed=1)
    for label in "ab":
        counts = Counter(entry.split for entry in drawn if entry.label == label)
        for name, share in _SHARES.items():
            assert abs(counts[name] - 10_000 * share) < 5 * np.sqrt(10_000 * share * (1 - share))


def test_seeds_draw_differently_and_the_same_seed_the_same() -> None:
    entries = _entries({"a": 200})
    first = draw_splits(entries, _SHARES, seed=1)
    assert first == draw_splits(entries, _SHARES, seed=1)
    agree = sum(
        a.split == b.split for a, b in zip(first, draw_splits(entries, _SHARES, 2), strict=True)
    )
    # Two independent draws agree with probability .7² + .1² + .2² = .54.
    assert abs(agree - 108) < 5 * np.sqrt(200 * 0.54 * 0.46)


def test_a_draw_is_known() -> None:
    # The first bit of the hash tells halves apart; another rule would draw every set anew.
    drawn = draw_splits(_entries({"a": 30}), {"train": 0.5, "test": 0.5}, seed=7)
    tests = [entry.id for entry in drawn if entry.split == "test"]
    expected = [e.id for e in drawn if hashlib.sha256(f"7/{e.id}".encode()).digest()[0] >= 128]
    assert tests == expected


@settings(derandomize=True, deadline=None, max_examples=100)
@given(
    st.dictionaries(st.sampled_from("abc"), st.integers(1, 40), min_size=1),
    st.integers(0, 5),
    st.randoms(use_true_random=False),
)
def test_every_class_has_every_split_that_it_can(
    sizes: dict[str, int], seed: int, random: Random
) -> None:
    entries = _entries(sizes)
    random.shuffle(entries)
    drawn = draw_splits(entries, _SHARES, seed)
    assert [replace(entry, split="train") for entry in drawn] == entries
    for label, size in sizes.items():
        splits = {entry.split for entry in drawn if entry.label == label}
        assert len(splits) == min(size, 3)
        assert "train" in splits
    ordered = draw_splits(_entries(sizes), _SHARES, seed)
    assert sorted(drawn, key=lambda entry: entry.id) == sorted(ordered, key=lambda entry: entry.id)


def test_other_meshes_change_nothing() -> None:
    few = draw_splits(_entries({"a": 60, "b": 60}), _SHARES, seed=3)
    many = {e.id: e for e in draw_splits(_entries({"c": 9, "b": 90, "a": 200}), _SHARES, seed=3)}
    assert all(many[entry.id] == entry for entry in few)


@pytest.mark.parametrize("shares", [{"train": 0.5, "test": 0.4}, {"train": 1.0, "test": 0.0}, {}])
def test_shares_must_be_positive_and_whole(shares: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="shares must be positive and add up to 1; found"):
        draw_splits(_entries({"a": 3}), shares, 0)
