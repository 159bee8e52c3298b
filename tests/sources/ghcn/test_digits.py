"""Numbers eight characters at a time, against ``int`` and a regular expression."""

import re

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsphere.sources.ghcn.digits import pad_left, parse_numbers, words_at


def _words(texts: list[str]) -> np.ndarray:
    return np.array([text.encode("latin-1") for text in texts], "S8").view("<u8")


@settings(derandomize=True, max_examples=200)
@given(st.lists(st.integers(-9_999_999, 99_999_999), min_size=1, max_size=20))
def test_every_integer_of_eight_characters_is_read(numbers: list[int]) -> None:
    found, readable = parse_numbers(_words([f"{number:8d}" for number in numbers]))
    assert readable.all()
    assert found.tolist() == numbers


@settings(derandomize=True, max_examples=500)
@given(st.text("0123456789-  .+:/,\x7f\xb0\x80e", min_size=8, max_size=8))
def test_readable_means_spaces_one_minus_and_digits(text: str) -> None:
    found, readable = parse_numbers(_words([text]))
    assert readable[0] == bool(re.fullmatch(r" *-?[0-9]+", text))
    if readable[0]:
        assert found[0] == int(text)


def test_characters_before_the_number_are_overwritten() -> None:
    text = b",TMAX,-123,,"
    words = words_at(text, np.array([2, 2, 2, 2]))
    numbers, readable = parse_numbers(pad_left(words, np.array([4, 3, 2, 0])))
    assert readable.tolist() == [True, True, True, False]
    assert numbers[:3].tolist() == [-123, 123, 23]
    assert parse_numbers(pad_left(_words(["12345678"]), np.array([8])))[0].tolist() == [12345678]
