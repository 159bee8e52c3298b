from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsphere.errors import DeepsphereError
from deepsphere.tasks.state_windows import windows_of


class Store(SimpleNamespace):
    def __len__(self):
        return self.length


def store(run, step):
    coordinates = {"run": np.array(run, np.int16), "step": np.array(step, np.int32)}
    return Store(length=len(run), folder=Path("weather"), coordinates=coordinates)


def test_states_follow_one_another_within_a_run():
    found = windows_of(store([1, 1, 2, 1, 2, 1], [5, 6, 7, 7, 8, 9]), 3)
    assert found.tolist() == [
        [-1, -1, 0],
        [-1, 0, 1],
        [-1, -1, 2],
        [0, 1, 3],
        [-1, 2, 4],
        [3, -1, 5],
    ]


def test_a_run_does_not_go_on_in_the_next():
    """Its last step is not the one before the first of the next run."""
    found = windows_of(store([1, 2, 3], [9, 0, 1]), 2)
    assert found[:, 0].tolist() == [-1, -1, -1]


def test_a_state_that_several_experts_labelled_counts_once_as_a_predecessor():
    found = windows_of(store([1, 1, 1, 1], [3, 3, 4, 4]), 2)
    assert found.tolist() == [[-1, 0], [-1, 1], [0, 2], [0, 3]]


@settings(derandomize=True, deadline=None, max_examples=50)
@given(
    st.lists(st.tuples(st.integers(-2, 3), st.integers(-4, 9)), min_size=1, max_size=20),
    st.integers(1, 4),
)
def test_windows_are_what_a_search_finds(moments, length):
    found = windows_of(store(*zip(*moments, strict=True)), length)
    for number, (run, step) in enumerate(moments):
        expected = [
            moments.index((run, step - back)) if (run, step - back) in moments else -1
            for back in range(length - 1, 0, -1)
        ]
        assert found[number].tolist() == [*expected, number]


def test_single_states_need_no_time():
    single = Store(length=3, folder=Path("weather"), coordinates={})
    assert windows_of(single, 1).tolist() == [[0], [1], [2]]
    with pytest.raises(DeepsphereError, match="weather has no coordinate 'run', which tells"):
        windows_of(single, 2)
