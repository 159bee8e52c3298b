"""Yearly files, ``by_year/YYYY.csv`` or ``.csv.gz``: one line a station, day and element.

The layout is ``ID,YYYYMMDD,ELEMENT,VALUE,M,Q,S,HHMM`` without header (NCEI) or with one (AWS).
A file is taken apart with array operations on blocks of its bytes, several million lines a second
and in bounded memory, whatever the size of the year. Use it for whole years of the whole world;
for a few stations over many years the ``.dly`` files (:mod:`deepsphere.sources.ghcn.dly`) are less
to read.

Every line is checked for its fields; date and value are read for the wanted elements only.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.sources.ghcn.digits import pad_left, parse_numbers, words_at
from deepsphere.sources.ghcn.records import Records, fits, keep_records
from deepsphere.sources.ghcn.streams import read_lines
from deepsphere.sources.ghcn.tally import Tally
from deepsphere.sources.ghcn.wanted import Wanted

HEADER = b"ID,DATE,ELEMENT,DATA_VALUE,M_FLAG,Q_FLAG,S_FLAG,OBS_TIME"

_COMMAS = 7
_NEWLINE, _RETURN, _COMMA = 10, 13, 44
# Where the fields begin that have the same place in every line.
_DATE, _ELEMENT, _VALUE = 12, 21, 26


def read_by_year(path: Path, place: str, wanted: Wanted, tally: Tally) -> Iterator[Records]:
    """Yield the kept records of a yearly file, block by block, in file order.

    Parameters
    ----------
    path : Path
        ``YYYY.csv`` or ``YYYY.csv.gz``.
    place : str
        What to call the file where a line of it is quoted.
    wanted : Wanted
        What is wanted; a line dated outside its years is malformed.
    tally : Tally
        Grows by what is counted.

    Raises
    ------
    DeepsphereError
        If the file is missing, empty, cut short, not gzip, a web page, has another header, or too
        many of its lines are malformed.
    """
    line = 1
    for block in read_lines(path):
        if line == 1 and block[:3].upper() == b"ID,":
            header, _, rest = block.partition(b"\n")
            if header.rstrip(b"\r") != HEADER:
                raise DeepsphereError(
                    f"{path}:1: the header is {header[:90]!r}, but {HEADER.decode()} is expected; "
                    f"fetch the by_year file of NOAA"
                )
            block, line = rest, 2
        records, lines = _parse_block(block, line, place, wanted, tally)
        yield records
        line += lines
    if not tally.rows:
        raise DeepsphereError(f"{path} is empty; delete it and fetch it again")
    tally.refuse_malformed(path)


def _parse_block(
    block: bytes, line: int, place: str, wanted: Wanted, tally: Tally
) -> tuple[Records, int]:
    """Take apart whole lines, the first of which is number ``line``; also return their number."""
    characters = np.frombuffer(block, np.uint8)
    ends = np.flatnonzero(characters == _NEWLINE)
    starts = np.concatenate([[0], ends[:-1] + 1])[: len(ends)]
    filled = ends - starts > 0
    filled &= (characters[starts] != _RETURN) | (ends - starts > 1)
    tally.rows += int(np.count_nonzero(filled))
    formed, commas = _find_fields(characters, starts, ends)
    faults = dict.fromkeys(np.flatnonzero(filled & ~formed).tolist(), "not the fields of a record")

    lines = np.flatnonzero(formed)
    names = np.ndarray((max(len(block) - 3, 0),), "<u4", block, 0, (1,))
    elements = wanted.index_of_elements(names[starts[lines] + _ELEMENT])
    chosen = np.flatnonzero(elements >= 0)
    lines, elements = lines[chosen], elements[chosen]
    begins, value_ends, quality = starts[lines], commas[chosen, 3], commas[chosen, 4]
    has_flag = commas[chosen, 5] - quality > 1
    dates, readable = parse_numbers(words_at(block, begins + _DATE))
    days = wanted.index_of_dates(np.where(readable, dates, 0))
    widths = value_ends - begins - _VALUE
    values, readable = parse_numbers(
        pad_left(words_at(block, value_ends - 8), np.minimum(widths, 8))
    )
    readable &= (widths <= 8) & fits(values)
    flags = np.where(has_flag, characters[quality + 1], 0).astype(np.uint8)
    ids = np.ndarray((max(len(block) - 10, 0),), "S11", block, 0, (1,))[begins]
    good = (days >= 0) & readable
    if not good.all():
        faults |= dict.fromkeys(lines[~readable].tolist(), "unreadable value")
        faults |= dict.fromkeys(lines[days < 0].tolist(), "no such date in the file's year")
        ids, elements, days = ids[good], elements[good], days[good]
        values, flags = values[good], flags[good]
    for index, reason in sorted(faults.items()):
        tally.note_malformed(place, line + index, block[starts[index] : ends[index]], reason)
    return keep_records(tally, wanted, ids, elements, days, values, flags), len(ends)


def _find_fields(
    characters: NDArray[np.uint8], starts: NDArray[np.intp], ends: NDArray[np.intp]
) -> tuple[NDArray[np.bool_], NDArray[np.intp]]:
    """Find the commas between the fields of every well-formed line.

    Returns
    -------
    formed : numpy.ndarray of bool, shape [line]
        Whether a line has eight fields of the right widths.
    commas : numpy.ndarray of intp, shape [well-formed line, 7]
        Position of each comma in the block.
    """
    commas: NDArray[np.intp] = np.flatnonzero(characters == _COMMA)
    formed = np.ones(len(starts), np.bool_)
    # Seven commas a line on average, the first not before its line and the last not after it:
    # then every line has seven. It is so in nearly every block, and spares counting line by line.
    if (
        len(commas) != len(starts) * _COMMAS
        or (commas[::_COMMAS] < starts).any()
        or (commas[_COMMAS - 1 :: _COMMAS] > ends).any()
    ):
        line_of = np.searchsorted(ends, commas)
        formed = np.bincount(line_of, minlength=len(starts)) == _COMMAS
        commas = commas[formed[line_of]]
    commas = commas.reshape(-1, _COMMAS)
    begins = starts[formed]
    fitting = commas[:, 0] - begins == _DATE - 1
    fitting &= commas[:, 1] - begins == _ELEMENT - 1
    fitting &= commas[:, 2] - begins == _VALUE - 1
    fitting &= commas[:, 5] - commas[:, 4] <= 2
    formed[formed] = fitting
    return formed, commas[fitting]
