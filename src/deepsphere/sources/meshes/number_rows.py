"""Rows of numbers in text, for the readers of meshes in text formats.

A megabyte of lines is read at a time, so that Python's short-lived words, which take five times the
space of the text, never stand beside each other for a whole file.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_BLOCK_BYTES = 1 << 20
_IS_BLANK = np.isin(np.arange(256), list(b" \t\n\r\v\f"))

# A hash after a full stop is part of a number: some compilers print 1.#IND and 1.#QNAN.
_COMMENT = re.compile(rb"(?<!\.)#[^\n]*")


@dataclass(frozen=True)
class NumberRows:
    """The numbers on successive lines.

    Attributes
    ----------
    values : numpy.ndarray of float64, shape (number,)
        All of them, in order.
    counts : numpy.ndarray of int64, shape (line,)
        How many are on each line.
    """

    values: NDArray[np.float64]
    counts: NDArray[np.int64]

    @property
    def starts(self) -> NDArray[np.int64]:
        """Position in ``values`` of the first number of each line, int64, shape (line,)."""
        starts: NDArray[np.int64] = np.cumsum(self.counts) - self.counts
        return starts


class NotNumber(ValueError):
    """A word is not a number.

    Attributes
    ----------
    row : int
        Its line, counted from 0.
    word : str
        Its first characters, quoted for a message.
    """

    def __init__(self, row: int, word: bytes) -> None:
        super().__init__(row, word)
        self.row = row
        self.word = quote(word)


def plain_text(content: bytes) -> bytes:
    r"""Return text without byte order mark and ``#`` comments, its lines ended by ``\n``.

    Lines keep their number.
    """
    text = content.removeprefix(b"\xef\xbb\xbf")
    if b"\r" in text:
        text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return _COMMENT.sub(b"", text) if b"#" in text else text


def line_blocks(text: bytes, start: int = 0) -> Iterator[tuple[int, bytes]]:
    r"""Yield whole lines, about a megabyte at a time.

    Parameters
    ----------
    text : bytes
        Lines that end in ``\n``; see :func:`plain_text`.
    start : int
        Where to begin; the line there need not be whole.

    Yields
    ------
    tuple of int and bytes
        Number of the block's first line, counted from 1, and its lines; the last one has no ``\n``,
        but may be an empty one at the end of the text.
    """
    line = 1 + text.count(b"\n", 0, start)
    while start < len(text):
        stop = text.find(b"\n", start + _BLOCK_BYTES)
        stop = len(text) if stop < 0 else stop
        block = text[start:stop]
        yield line, block
        line += 1 + block.count(b"\n")
        start = stop + 1


def read_rows(text: bytes) -> NumberRows:
    r"""Read lines of numbers that are separated by blanks.

    Parameters
    ----------
    text : bytes
        Lines that end in ``\n``, but for the last one. Lines may be empty.

    Returns
    -------
    NumberRows
        The numbers, rounded correctly; ``nan`` and ``inf`` are numbers.

    Raises
    ------
    NotNumber
        If a word is none.
    """
    words = text.split()
    try:
        values = np.fromiter(map(float, words), np.float64, len(words))
    except ValueError:
        raise _first_wrong(text) from None
    characters = np.frombuffer(text, np.uint8)
    blank = _IS_BLANK[characters]
    begins = np.flatnonzero(~blank & np.concatenate([[True], blank[:-1]]))
    ends = np.append(np.flatnonzero(characters == ord("\n")), len(text))
    counts = np.diff(np.searchsorted(begins, ends), prepend=0)
    return NumberRows(values, counts)


def quote(word: bytes) -> str:
    """Return the start of a word from a file, fit for a message."""
    return ascii(word[:40].decode("latin-1"))


def _first_wrong(text: bytes) -> NotNumber:
    for row, line in enumerate(text.split(b"\n")):
        for word in line.split():
            try:
                float(word)
            except ValueError:
                return NotNumber(row, word)
    raise ValueError("every word is a number")
