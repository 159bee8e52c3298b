import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsphere.report.moments import crowded_place, most_eventful, stretch_around
from deepsphere.samplings.healpix import Healpix


def test_the_state_with_most_of_the_rarest_event_is_chosen():
    counts = np.array([[90, 1, 30], [80, 3, 0], [85, 3, 20], [99, 0, 90]])
    assert most_eventful(counts) == 1


def test_an_event_that_never_happens_is_not_the_rarest():
    assert most_eventful(np.array([[90, 0, 3], [80, 0, 9]])) == 1
    assert most_eventful(np.array([[90, 0, 0], [80, 0, 0]])) == 0


@pytest.mark.parametrize(
    ("state", "most", "expected"),
    [
        (1, 9, [0, 1, 2]),
        (6, 9, [4, 5, 6, 7, 8]),
        (6, 3, [5, 6, 7]),
        (4, 3, [4, 5, 6]),
        (8, 4, [5, 6, 7, 8]),
        (3, 5, [3]),
    ],
)
def test_a_stretch_ends_at_gaps_and_at_the_ends_of_runs(state, most, expected):
    runs = np.array([0, 0, 0, 0, 1, 1, 1, 1, 1])
    steps = np.array([1, 2, 3, 5, 6, 7, 8, 9, 10])
    np.testing.assert_array_equal(stretch_around(runs, steps, state, most), expected)


def test_of_two_labels_of_one_state_the_chosen_one_counts_and_else_the_first():
    runs, steps = np.zeros(5, int), np.array([4, 5, 5, 6, 6])
    np.testing.assert_array_equal(stretch_around(runs, steps, 2, 9), [0, 2, 3])


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 12)), min_size=1), st.data())
@settings(derandomize=True, deadline=None, max_examples=60)
def test_a_stretch_is_consecutive_and_as_long_as_can_be(moments, data):
    runs, steps = np.array(moments).T
    state = data.draw(st.integers(0, len(moments) - 1))
    most = data.draw(st.integers(1, 6))
    found = stretch_around(runs, steps, state, most)
    assert state in found
    assert (runs[found] == runs[state]).all()
    assert (np.diff(steps[found]) == 1).all()
    have = {step for run, step in moments if run == runs[state]}
    first = last = steps[state]
    while first - 1 in have:
        first -= 1
    while last + 1 in have:
        last += 1
    assert len(found) == min(most, last - first + 1)


@pytest.mark.parametrize("repeats", [1, 20])
def test_the_most_crowded_place_is_in_the_larger_of_two_groups(repeats):
    """Of 3,072 pixels, those within 8° of the one place and 15° of the other."""
    positions = Healpix(16).positions
    small, large = positions[100], positions[2000]
    near = (positions @ small > np.cos(np.radians(8))) | (positions @ large > np.cos(0.26))
    found = crowded_place(np.repeat(positions[near], repeats, axis=0))
    assert found @ large > np.cos(np.radians(8))
