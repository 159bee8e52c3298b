"""Station files, ``ID.dly``: one line a station, month and element, 31 days side by side.

Columns, from 1: id 1-11, year 12-15, month 16-17, element 18-21, then for each of 31 days a value
(5 columns) and the flags M, Q and S (1 column each); 269 columns in all. -9999 is no value, also of
the days that a month does not have. Copies may have lost the blanks at the ends of their lines and
may end lines with CR LF.

A file is taken apart with array operations, about 100 MB a second. Use these files, single or in
NOAA's archives, for some stations over many years.
"""

import numpy as np
from numpy.typing import NDArray

from deepsphere.sources.ghcn.digits import parse_numbers
from deepsphere.sources.ghcn.records import Records, fits, keep_records
from deepsphere.sources.ghcn.tally import Tally
from deepsphere.sources.ghcn.wanted import Wanted

_HEAD, _GROUP, _DAYS = 21, 8, 31
_WIDTH = _HEAD + _GROUP * _DAYS
_SHORTEST = _HEAD + 5
# A line may end behind a value, or behind any of its flags, but not inside a value.
_WHOLE_REMAINDERS = (0, 5, 6, 7)
_VALUE_BITS = np.uint64(24)
_SPACES = np.uint64(0x202020)
_NO_VALUE = np.frombuffer(b"   -9999", "<u8")[0]
_BLANK = np.frombuffer(b"        ", "<u8")[0]
_QUALITY = 6


def parse_dly(content: bytes, place: str, wanted: Wanted, tally: Tally) -> Records:
    """Return the kept records of a station file, in the order of its lines and days.

    A day that cannot be read, or that the month does not have, makes its line malformed, but the
    other days of the line are kept. Headers of all lines are checked, days of the wanted elements
    and years only.

    Parameters
    ----------
    content : bytes
        The whole file.
    place : str
        What to call the file where a line of it is quoted.
    wanted : Wanted
        What is wanted.
    tally : Tally
        Grows by what is counted; ``missing`` by the days of -9999 that the calendar has.
    """
    lines = content.splitlines()
    if not lines:
        return _no_records()
    lengths = np.fromiter(map(len, lines), np.intp, len(lines))
    table = np.frombuffer(b"".join([line[:_WIDTH].ljust(_WIDTH) for line in lines]), np.uint8)
    table = table.reshape(len(lines), _WIDTH)
    filled = lengths > 0
    tally.rows += int(np.count_nonzero(filled))

    years, year_readable = _parse_digits(table[:, 11:15])
    months, month_readable = _parse_digits(table[:, 15:17])
    formed = filled & year_readable & month_readable & (months >= 1) & (months <= 12)
    formed &= (lengths >= _SHORTEST) & np.isin((lengths - _HEAD) % _GROUP, _WHOLE_REMAINDERS)
    for index in np.flatnonzero(lengths > _WIDTH).tolist():
        formed[index] = not lines[index][_WIDTH:].strip()
    faults = dict.fromkeys(np.flatnonzero(filled & ~formed).tolist(), "not a whole line")

    elements = wanted.index_of_elements(np.ascontiguousarray(table[:, 17:21]).view("<u4")[:, 0])
    chosen = formed & (elements >= 0) & (years >= wanted.years[0]) & (years <= wanted.years[1])
    rows = np.flatnonzero(chosen)
    groups = np.ascontiguousarray(table[rows, _HEAD:])
    month = (years[rows] - wanted.years[0]) * 12 + months[rows] - 1
    slots, days, values, readable = _parse_days(groups, month, wanted, tally)

    faults |= dict.fromkeys(rows[slots[~readable] // _DAYS].tolist(), "unreadable value")
    faults |= dict.fromkeys(rows[slots[days < 0] // _DAYS].tolist(), "a day the month has not")
    for index, reason in sorted(faults.items()):
        tally.note_malformed(place, index + 1, lines[index], reason)
    good = readable & (days >= 0)
    slots, days, values = slots[good], days[good], values[good]
    line_of = rows[slots // _DAYS]
    ids = np.ascontiguousarray(table[:, :11]).view("S11")[:, 0][line_of]
    flags = groups.reshape(-1, _GROUP)[slots, _QUALITY]
    return keep_records(tally, wanted, ids, elements[line_of], days, values, flags)


def _parse_days(
    groups: NDArray[np.uint8], month: NDArray[np.int64], wanted: Wanted, tally: Tally
) -> tuple[NDArray[np.intp], NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Parse the days of lines, shape [line, 248], of which ``month`` is the month's index.

    Returns
    -------
    slots : numpy.ndarray of intp
        Position in [line, 31], flat, of every day that has a value.
    days : numpy.ndarray of int64
        Index of the day; -1 if the month does not have it.
    values : numpy.ndarray of int64
        The value.
    readable : numpy.ndarray of bool
        Whether the value can be read and fits.
    """
    # The five characters of a value go to the end of a word that begins with three spaces.
    words = (groups.view("<u8") << _VALUE_BITS) | _SPACES
    missing = (words == _NO_VALUE) | (words == _BLANK)
    lengths = np.diff(wanted.month_starts)[month]
    real = np.asarray(np.arange(_DAYS) < lengths[:, None])
    tally.missing += int(np.count_nonzero(missing & real))
    slots = np.flatnonzero(~missing)
    values, readable = parse_numbers(words.reshape(-1)[slots])
    days = wanted.month_starts[month[slots // _DAYS]] + slots % _DAYS
    days[~real.reshape(-1)[slots]] = -1
    return slots, days, values, readable & fits(values)


def _parse_digits(columns: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Read numbers written with digits only, shape [line, digit]."""
    digits = columns.astype(np.int64) - ord("0")
    readable = np.asarray(((digits >= 0) & (digits <= 9)).all(axis=1))
    numbers = np.zeros(len(digits), np.int64)
    for place in range(digits.shape[1]):
        numbers = numbers * 10 + digits[:, place]
    return numbers, readable


def _no_records() -> Records:
    empty = np.empty(0, np.int64)
    return Records(empty, empty.astype(np.int8), empty, empty.astype(np.int16))
