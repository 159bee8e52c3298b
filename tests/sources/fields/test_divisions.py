"""Divisions: by time without leaks, at random, and by the publisher's folders."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsphere.config.split import Split
from deepsphere.errors import DeepsphereError
from deepsphere.sources.fields.divisions import LEFT_OUT, at_random, by_folder, by_time
from deepsphere.sources.fields.moments import Moment
from deepsphere.sources.fields.snapshots import Snapshot

SHARES = Split(train=0.7, validation=0.1, test=0.2)


def weather(days: int, runs: int) -> list[Moment]:
    """Return every state of the first days of some months of some runs."""
    return [
        Moment(run, 2106, 1 + day // 28, 1 + day % 28, slot)
        for run in range(1, runs + 1)
        for day in range(days)
        for slot in range(8)
    ]


@settings(derandomize=True, deadline=None, max_examples=50)
@given(
    days=st.integers(30, 80),
    runs=st.integers(1, 4),
    gap=st.floats(0, 2.5),
    seed=st.integers(0, 2**32 - 1),
)
def test_splits_are_in_order_and_further_apart_than_the_gap(
    days: int, runs: int, gap: float, seed: int
) -> None:
    every = weather(days, runs)
    # Runs with holes, as those of the archive have.
    kept = np.random.default_rng(seed).random(len(every)) < 0.8
    moments = [moment for moment, keep in zip(every, kept, strict=True) if keep]
    split = by_time(moments, SHARES, gap)
    steps = np.array([moment.step for moment in moments])
    for before, after in ((0, 1), (1, 2)):
        distance = steps[split == after].min() - steps[split == before].max()
        assert distance > gap * 8
    # No more is left out than the gap asks for.
    assert (split == LEFT_OUT).sum() <= 2 * runs * np.ceil(gap * 8)
    shares = [(split == number).mean() for number in range(3)]
    np.testing.assert_allclose(shares, [0.7, 0.1, 0.2], atol=0.05 + 5 / days)


def test_the_order_of_the_states_does_not_matter() -> None:
    moments = weather(20, 2)
    order = np.random.default_rng(3).permutation(len(moments))
    shuffled = [moments[place] for place in order]
    for divide in (
        lambda states: by_time(states, SHARES, 0.5),
        lambda states: at_random(states, SHARES, 4),
    ):
        np.testing.assert_array_equal(divide(shuffled), divide(moments)[order])


def test_a_share_of_nothing_makes_no_cut() -> None:
    moments = weather(10, 1)
    split = by_time(moments, Split(train=0.8, test=0.2), 1.0)
    assert Counter(split.tolist()) == {0: 56, LEFT_OUT: 8, 2: 16}


def test_gaps_that_leave_nothing() -> None:
    with pytest.raises(DeepsphereError, match=r"80 states .*gap of 2 days leaves none for valid"):
        by_time(weather(10, 1), SHARES, 2.0)
    with pytest.raises(DeepsphereError, match=r"3 states at random leaves none for validation"):
        at_random(weather(1, 1)[:3], SHARES, 0)


def test_random_divisions_have_exact_shares_and_depend_on_the_seed() -> None:
    moments = weather(25, 2)
    split = at_random(moments, SHARES, 0)
    assert Counter(split.tolist()) == {0: 280, 1: 40, 2: 80}
    assert (at_random(moments, SHARES, 1) != split).any()
    # The leak: next to nearly all test states there is one to train on.
    train = {(m.run, m.step) for m, number in zip(moments, split, strict=True) if number == 0}
    test = [(m.run, m.step) for m, number in zip(moments, split, strict=True) if number == 2]
    leaks = [(run, step - 1) in train or (run, step + 1) in train for run, step in test]
    assert np.mean(leaks) > 0.8


def test_the_labels_of_several_experts_stay_together() -> None:
    moments = [
        Moment(1, 2000, 1, day, 1, expert) for day in range(1, 29) for expert in range(day % 3 + 1)
    ]
    for split in (at_random(moments, SHARES, 0), by_time(moments, SHARES, 0)):
        of_state: dict[int, set[int]] = {}
        for moment, number in zip(moments, split.tolist(), strict=True):
            of_state.setdefault(moment.step, set()).add(number)
        assert all(len(numbers) == 1 for numbers in of_state.values())


def test_folders_and_archives_say_the_split() -> None:
    moment = Moment(1, 2000, 1, 1, 0)
    places = [
        (".", "train/data.nc", 0),
        (".", "All-Hist/validation/data.h5", 1),
        (".", "test/more/data.nc", 2),
        ("train.zip", "data.nc", 0),
        ("all.tar.gz", "climatenet_new/Test/data.nc", 2),
        ("train.zip", "val/data.nc", 1),
    ]
    snapshots = [Snapshot(archive, member, moment) for archive, member, _ in places]
    np.testing.assert_array_equal(by_folder(snapshots), [number for _, _, number in places])
    with pytest.raises(DeepsphereError, match=r"all\.zip/data\.nc is in none of the folders"):
        by_folder([*snapshots, Snapshot("all.zip", "data.nc", moment)])
