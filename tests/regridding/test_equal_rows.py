import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from deepsphere.regridding import equal_rows as module
from deepsphere.regridding.equal_rows import equal_rows

_ROWS = arrays.arrays(
    np.int64,
    st.tuples(st.integers(0, 40), st.just(3)),
    elements=st.integers(-2, 2) | st.sampled_from([2**62, -(2**63)]),
)


def _check(rows):
    first, of_rows = equal_rows(rows)
    distinct, expected_first = np.unique(rows, axis=0, return_index=True)
    np.testing.assert_array_equal(first, np.sort(expected_first))
    assert len(first) == len(distinct)
    np.testing.assert_array_equal(rows[first][of_rows], rows)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(_ROWS)
def test_groups_are_those_of_numpy_in_order_of_their_first_rows(rows):
    _check(rows)


def test_rows_that_mix_to_one_number_are_told_apart(monkeypatch):
    monkeypatch.setattr(module, "_MULTIPLIER", np.uint64(0))
    _check(np.array([[3, 1, 2], [0, 0, 1], [3, 1, 2], [5, 5, 5], [0, 0, 1]]))


def test_both_zeros_are_one_number():
    first, of_rows = equal_rows(np.array([[0.0, 1.0], [-0.0, 1.0], [0.0, -1.0]]))
    np.testing.assert_array_equal(first, [0, 2])
    np.testing.assert_array_equal(of_rows, [0, 0, 1])


def test_columns_are_told_apart():
    first, _ = equal_rows(np.array([[1.0, 2.0], [2.0, 1.0], [1.5, 1.5]]))
    np.testing.assert_array_equal(first, [0, 1, 2])


def test_arrays_of_any_layout_are_taken():
    rows = np.asfortranarray(np.array([[1, 2, 3], [4, 5, 6], [1, 2, 3]]))
    np.testing.assert_array_equal(equal_rows(rows).of_rows, [0, 1, 0])
