import copy
import pickle
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.samplings.parameters import Parametric, whole_number


@dataclass(frozen=True)
class Squares(Parametric):
    """Counts how often it is checked and how often its values are computed."""

    count: int
    checked: ClassVar = []
    computed: ClassVar = []

    def __post_init__(self):
        self.checked.append(self.count)
        self._replace_fields(count=int(self.count))

    @cached_property
    def values(self):
        self.computed.append(self.count)
        return np.arange(self.count) ** 2


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))]
)
def test_copies_are_made_of_the_fields_and_checked_again(again):
    one = Squares(10_000)
    values = one.values
    checks, computations = len(Squares.checked), len(Squares.computed)
    other = again(one)
    assert len(Squares.checked) == checks + 1
    assert other == one
    assert type(other) is Squares
    np.testing.assert_array_equal(other.values, values)
    assert len(Squares.computed) == computations + 1
    assert len(pickle.dumps(one)) < 200


def test_fields_that_were_checked_replace_those_given_and_stay_frozen():
    squares = Squares("12")
    assert squares.count == 12
    with pytest.raises(AttributeError, match="cannot assign"):
        squares.count = 13


@pytest.mark.parametrize("value", [1, 5, np.int8(3), np.uint64(2), np.array(4)[()]])
def test_whole_numbers_become_ints(value):
    number = whole_number(value, "some", 1, 5)
    assert type(number) is int
    assert number == value
    assert whole_number(10**30, "some", 1) == 10**30


@pytest.mark.parametrize(
    "value", [0, 6, -1, 2.0, np.float64(2), True, np.True_, "2", None, [2], np.array([2]), 10**30]
)
def test_what_is_no_whole_number_within_the_limits_is_refused(value):
    with pytest.raises(DeepsphereError) as error:
        whole_number(value, "kind: side", 1, 5)
    assert str(error.value) == f"kind: side must be a whole number from 1 to 5; found {value!r}"


def test_there_may_be_no_highest():
    with pytest.raises(DeepsphereError, match=r"^rows must be a whole number from 2 on; found 1$"):
        whole_number(1, "rows", 2)
