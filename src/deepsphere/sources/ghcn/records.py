"""What every reader of GHCN-Daily shares: the record, and which ones are kept.

The readers differ in how they take a file apart. What happens to a record afterwards is decided
here, once, so that all formats give the same numbers for the same records:

1. a record that cannot be read, has an impossible date or does not fit 16 bits is *malformed*;
2. a value of -9999 is *missing*;
3. a station that the station list does not know is *unknown*;
4. a quality flag that is not blank makes it *flagged*;
5. all others are *kept*.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepsphere.sources.ghcn.tally import Tally
from deepsphere.sources.ghcn.wanted import Wanted

MISSING = -32768
"""The value of a day without a kept record, in the dense arrays."""
ABSENT = -9999
"""NOAA's own value of a day without a record."""
LARGEST = 32767
"""Values beyond this size do not fit the dense arrays and are malformed."""

_SPACE = ord(" ")


@dataclass(frozen=True)
class Records:
    """Kept records in file order: four arrays of shape [record].

    Attributes
    ----------
    stations : numpy.ndarray of int64
        Index into the station list.
    elements : numpy.ndarray of int8
        Index into the wanted elements.
    days : numpy.ndarray of int64
        Index into the wanted days.
    values : numpy.ndarray of int16
        The integers of the file (tenths, for many elements), never :data:`MISSING`.
    """

    stations: NDArray[np.int64]
    elements: NDArray[np.int8]
    days: NDArray[np.int64]
    values: NDArray[np.int16]


def fits(values: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return whether values can stand in the dense arrays: -32767 to 32767."""
    return np.abs(values) <= LARGEST


def keep_records(
    tally: Tally,
    wanted: Wanted,
    ids: NDArray[np.bytes_],
    elements: NDArray[np.int8],
    days: NDArray[np.int64],
    values: NDArray[np.int64],
    flags: NDArray[np.uint8],
) -> Records:
    """Sort well-formed records of wanted elements and days into missing, unknown, flagged, kept.

    Parameters
    ----------
    tally : Tally
        Grows by what is counted.
    wanted : Wanted
        What is wanted.
    ids : numpy.ndarray of S11, shape [record]
        Station ids.
    elements, days : numpy.ndarray of int, shape [record]
        Index of the element and of the day, not negative.
    values : numpy.ndarray of int64, shape [record]
        Values for which :func:`fits` holds.
    flags : numpy.ndarray of uint8, shape [record]
        The character of the quality flag; 0 or a space if blank.

    Returns
    -------
    Records
        The kept ones, in the same order.
    """
    stations = wanted.index_of_stations(ids)
    present = values != ABSENT
    known = stations >= 0
    blank = (flags == 0) | (flags == _SPACE)
    tally.missing += int(np.count_nonzero(~present))
    names, counts = np.unique(ids[present & ~known], return_counts=True)
    for name, count in zip(names.tolist(), counts.tolist(), strict=True):
        tally.unknown[name.decode("latin-1")] += count
    letters = np.bincount(flags[present & known & ~blank], minlength=256)
    for letter in np.flatnonzero(letters).tolist():
        tally.flagged[chr(letter)] += int(letters[letter])
    kept = np.flatnonzero(present & known & blank)
    records = Records(
        stations[kept],
        elements[kept].astype(np.int8),
        days[kept].astype(np.int64),
        values[kept].astype(np.int16),
    )
    _count_kept(tally, wanted, records)
    return records


def _count_kept(tally: Tally, wanted: Wanted, records: Records) -> None:
    first, last = wanted.years
    years = last - first + 1
    cells = records.elements.astype(np.int64) * years
    if years > 1:
        year_starts = wanted.month_starts[:-1:12]
        cells += np.searchsorted(year_starts, records.days, side="right") - 1
    counts = np.bincount(cells, minlength=len(wanted.elements) * years)
    for cell in np.flatnonzero(counts).tolist():
        name = wanted.elements[cell // years]
        tally.kept.setdefault(name, Counter())[first + cell % years] += int(counts[cell])
