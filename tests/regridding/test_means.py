"""Compiled means beside those of :mod:`scipy.sparse`, which is read more easily."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array, random_array

from deepsphere.regridding.means import write_means

SOURCES, TARGETS = 30, 20
LEAST = 0.4


def means_by_scipy(matrix, divisors, smallest_share, fields):
    """The definition, one field after the other."""
    found = []
    for field in fields.astype(np.float64):
        known = ~np.isnan(field)
        shares = matrix @ known.astype(np.float64)
        some_missing = matrix.astype(bool).astype(np.float64) @ (~known).astype(np.float64) > 0
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            means = matrix @ np.where(known, field, 0) / np.where(some_missing, shares, divisors)
            means[some_missing & (shares < smallest_share)] = np.nan
            found.append(means.astype(np.float32))
    return np.array(found, np.float32).reshape(len(fields), matrix.shape[0])


def means_of(matrix, divisors, smallest_share, fields):
    means = np.full((len(fields), matrix.shape[0]), 7, np.float32)
    write_means(matrix, divisors, smallest_share, fields, means)
    return means


@pytest.fixture(scope="module")
def matrix():
    random = np.random.default_rng(0)
    filled = random_array((TARGETS, SOURCES), density=0.2, rng=random).toarray()
    filled[[0, 7, -1]] = 0
    return csr_array(filled)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    st.integers(0, 9),
    st.sampled_from([0.0, 0.02, 0.3, 1.0]),
    st.sampled_from([np.float32, np.float64]),
    st.sampled_from([1e-12, LEAST, np.inf]),
    st.integers(0, 2**32 - 1),
)
def test_means_are_those_of_scipy_to_the_last_bit(matrix, count, missing, dtype, least, seed):
    random = np.random.default_rng(seed)
    fields = random.normal(size=(count, SOURCES)).astype(dtype)
    fields[random.random(fields.shape) < missing] = np.nan
    divisors = np.where(random.random(TARGETS) < 0.1, np.nan, random.random(TARGETS))
    expected = means_by_scipy(matrix, divisors, least, fields)
    np.testing.assert_array_equal(means_of(matrix, divisors, least, fields), expected)


@pytest.mark.parametrize("count", [1, 4, 6])
@pytest.mark.parametrize("dtype", ["i1", "u2", "i4", "?", "f2", ">f4", ">f8", "g"])
def test_numbers_of_any_type(matrix, count, dtype):
    fields = np.random.default_rng(1).integers(0, 100, (count, SOURCES)).astype(dtype)
    ones = np.ones(TARGETS)
    expected = means_by_scipy(matrix, ones, LEAST, fields)
    np.testing.assert_array_equal(means_of(matrix, ones, LEAST, fields), expected)


@pytest.mark.parametrize("count", [1, 4])
def test_fields_that_lie_apart_in_memory_or_may_not_be_written(matrix, count):
    fields = np.random.default_rng(2).normal(size=(SOURCES, 2 * count))[:, ::2].T
    fields.flags.writeable = False
    ones = np.ones(TARGETS)
    expected = means_by_scipy(matrix, ones, LEAST, fields)
    np.testing.assert_array_equal(means_of(matrix, ones, LEAST, fields), expected)


@pytest.mark.parametrize("count", [1, 4])
def test_infinities_and_empty_rows_are_no_errors(matrix, count):
    """0/0 and ∞ - ∞ are NaN, and what single precision cannot hold is infinite."""
    fields = np.full((count, SOURCES), 1e300)
    fields[:, 0] = np.inf
    fields[:, 1] = -np.inf
    with np.errstate(invalid="ignore"):
        expected = means_by_scipy(matrix, np.zeros(TARGETS), 0.0, fields)
    found = means_of(matrix, np.zeros(TARGETS), 0.0, fields)
    empty = np.diff(matrix.indptr) == 0
    assert np.isnan(found[:, empty]).all()
    np.testing.assert_array_equal(found, expected)
