"""Many short decimal numbers at once, eight characters to a machine word.

A yearly file holds tens of millions of numbers; this turns arrays of 8-byte words (little-endian,
so the first character is the lowest byte) into integers with a dozen array operations and no loop.
The last two steps are the well-known "SIMD within a register" parse of eight digits (D. Lemire,
"Quickly parsing eight digits", 2018).
"""

import numpy as np
from numpy.typing import NDArray

_HIGH_BITS = np.uint64(0x8080808080808080)
_LOW_BITS = np.uint64(0x7F7F7F7F7F7F7F7F)
_TEN_UP = np.uint64(0x7676767676767676)
_ZEROS = np.uint64(0x3030303030303030)
_SPACES = np.uint64(0x2020202020202020)
_MINUSES = np.uint64(0x2D2D2D2D2D2D2D2D)
_LAST = np.uint64(0x80 << 56)
_BYTE = np.uint64(0xFF)
_1, _7, _8, _16, _32 = (np.uint64(shift) for shift in (1, 7, 8, 16, 32))


def words_at(text: bytes, places: NDArray[np.intp]) -> NDArray[np.uint64]:
    """Return the eight bytes of ``text`` from each place on, as words of shape [place]."""
    every = np.ndarray((max(len(text) - 7, 0),), "<u8", text, 0, (1,))
    return every[places]


def pad_left(words: NDArray[np.uint64], lengths: NDArray[np.intp]) -> NDArray[np.uint64]:
    """Overwrite with spaces all but the last ``lengths`` (0..8) characters of each word."""
    blank = (np.uint64(8) - lengths.astype(np.uint64)) * _8
    # A shift by 64 is not defined, hence two shifts by half the bits.
    half = blank >> _1
    kept = ~np.uint64(0) << half << half
    return (words & kept) | (_SPACES & ~kept)


def parse_numbers(words: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Read numbers that are right-aligned in eight characters and padded with spaces.

    Parameters
    ----------
    words : numpy.ndarray of uint64
        Eight characters each, the first in the lowest byte: any number of spaces, perhaps one
        ``-``, then digits up to the end.

    Returns
    -------
    numbers : numpy.ndarray of int64
        Same shape; meaningless where not readable.
    readable : numpy.ndarray of bool
        Whether the characters are such a number.
    """
    # All sums stay below 256 in every byte, so no carry crosses bytes, if no byte is above 127:
    # that is the first thing `readable` asks for.
    digit_values = words ^ _ZEROS
    digit = ~(digit_values + _TEN_UP) & _HIGH_BITS
    minus = ~((words ^ _MINUSES) + _LOW_BITS) & _HIGH_BITS
    space = ~((words ^ _SPACES) + _LOW_BITS) & _HIGH_BITS
    not_digit = ~digit
    readable = (words & _HIGH_BITS) == 0
    readable &= (digit | minus | space) == _HIGH_BITS
    readable &= (digit & _LAST) != 0
    readable &= (((digit | minus) << _8) & not_digit) == 0
    values = digit_values & ((digit >> _7) * _BYTE)
    numbers = _join_digits(values).astype(np.int64)
    return np.where(minus == 0, numbers, -numbers), readable


def _join_digits(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    pairs = (values * np.uint64(2561)) >> _8
    fours = ((pairs & np.uint64(0x00FF00FF00FF00FF)) * np.uint64(6553601)) >> _16
    return ((fours & np.uint64(0x0000FFFF0000FFFF)) * np.uint64(42949672960001)) >> _32
