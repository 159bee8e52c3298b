import numpy as np
import pytest

from deepsphere.tasks.ranked_lists import RankedLists


def test_lists_may_be_shared_missing_empty_and_hold_unknown_objects():
    lists = RankedLists([np.array([2, 0, -1]), np.array([], np.int32)], np.array([0, -1, 0]))
    assert len(lists.members) == 2


@pytest.mark.parametrize(
    ("members", "list_of", "message"),
    [
        ([[0]], [[0]], r"expected list_of of shape \(object,\), found \(1, 1\)"),
        ([[0]], [0, 1], r"expected list_of in -1\.\.0, found \[0 1\]"),
        ([[0]], [0, -2], r"expected list_of in -1\.\.0, found \[ 0 -2\]"),
        ([[[0]]], [0], r"expected lists of shape \(entry,\), found members.shape=\(1, 1\)"),
        ([[0], [1]], [0], r"expected objects in -1\.\.0, found others in list 1"),
        ([[0], [-2]], [0], r"expected objects in -1\.\.0, found others in list 1"),
    ],
)
def test_what_is_no_answer_is_refused(members, list_of, message):
    with pytest.raises(ValueError, match=message):
        RankedLists([np.array(one) for one in members], np.array(list_of))
