import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest

from deepsphere.tasks.noise import white_noise

WORDS = st.lists(st.one_of(st.integers(0, 30), st.text("019,\"'[] ", max_size=3)), max_size=3)


@pytest.fixture(scope="module")
def many():
    return white_noise((20_000, 2), 1.0, ("fixed", "test", 0))


def test_numbers_are_normal_and_independent(many):
    """Of 40,000 numbers, a mean beyond 4 / 200 or a correlation beyond 4 / 141 has a chance of
    6e-5, and so has a p-value of Kolmogorov and Smirnov below it.
    """
    assert many.dtype == np.float32
    assert abs(many.mean()) < 4 / 200
    assert abs(np.corrcoef(many.T)[0, 1]) < 4 / 141
    assert abs(np.corrcoef(many[:-1, 0], many[1:, 0])[0, 1]) < 4 / 141
    assert kstest(many.ravel(), "norm").pvalue > 6e-5


def test_the_deviation_scales_the_same_numbers(many):
    louder = white_noise(many.shape, 3.5, ("fixed", "test", 0))
    np.testing.assert_array_equal(louder, np.float32(3.5) * many)
    assert not white_noise((5,), 0.0, ("fixed",)).any()


def test_the_numbers_are_those_of_philox_with_the_hash_of_the_words():
    """Written down with the words as text and the key as two words of 64 bits."""
    digest = hashlib.sha256(b'["fixed", "validation", 7]').digest()
    key = np.frombuffer(digest[:16], "<u8")
    expected = np.random.Generator(np.random.Philox(key=key)).standard_normal(9, np.float32)
    np.testing.assert_array_equal(white_noise((9,), 1.0, ("fixed", "validation", 7)), expected)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(WORDS, WORDS)
def test_streams_are_the_same_for_the_same_words_only(one, other):
    same = (white_noise((4,), 1.0, tuple(one)) == white_noise((4,), 1.0, tuple(other))).all()
    assert same == (one == other)


@pytest.mark.parametrize("deviation", [-0.5, np.inf, np.nan])
def test_a_deviation_is_a_number_from_0(deviation):
    with pytest.raises(ValueError, match="expected a deviation of 0 or more, found"):
        white_noise((3,), deviation, ("fixed",))
