"""Numbers on lines: the same as Python reads them, one by one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsphere.sources.meshes.number_rows import (
    NotNumber,
    line_blocks,
    plain_text,
    quote,
    read_rows,
)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.text(" \t\v\f\n015.-e", max_size=40))
def test_reads_what_python_reads_line_by_line(text: str) -> None:
    content = text.encode()
    lines = [line.split() for line in content.split(b"\n")]
    try:
        expected = [[float(word) for word in line] for line in lines]
    except ValueError:
        with pytest.raises(NotNumber) as caught:
            read_rows(content)
        with pytest.raises(ValueError, match="could not convert"):
            [float(word) for word in lines[caught.value.row]]
        return
    rows = read_rows(content)
    np.testing.assert_array_equal(rows.values, [number for line in expected for number in line])
    assert rows.counts.tolist() == [len(line) for line in expected]
    filled = rows.counts > 0
    first = [line[0] for line in expected if line]
    assert rows.values[rows.starts[filled]].tolist() == first


def test_names_the_first_word_that_is_no_number() -> None:
    with pytest.raises(NotNumber) as caught:
        read_rows(b"1 2\n\n3 4\xe9" + b"4" * 100 + b" 5\nx")
    assert caught.value.row == 2
    assert caught.value.word == "'4\\xe9" + "4" * 38 + "'"


def test_plain_text_keeps_the_numbers_of_lines() -> None:
    assert plain_text(b"\xef\xbb\xbf1 # 2\r\n#\r\r\n3#4") == b"1 \n\n\n3"
    assert plain_text(b"-1.#IND # x") == b"-1.#IND "


def test_blocks_hold_every_line_once() -> None:
    text = b"".join(b"%d\n" % number for number in range(400_000))
    blocks = list(line_blocks(text, 2))
    assert len(blocks) > 2
    assert b"\n".join(block for _, block in blocks) == text[2:]
    for line, block in blocks[1:]:
        assert int(block[: block.index(b"\n")]) == line - 1
    assert list(line_blocks(b"")) == []
    assert list(line_blocks(b"1\n2")) == [(1, b"1\n2")]


def test_quotes_are_short_and_plain() -> None:
    assert quote(b"\x00\n\xff" + b"a" * 100) == "'\\x00\\n\\xff" + "a" * 37 + "'"
