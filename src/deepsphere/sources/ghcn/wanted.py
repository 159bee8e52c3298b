"""Which records are wanted, and their places along the axes of the dense array."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError


@dataclass(frozen=True, eq=False)
class Wanted:
    """Which records are wanted, and the axes they are counted along.

    Attributes
    ----------
    stations : numpy.ndarray of S11, shape [station]
        The ids of the station list, sorted.
    elements : tuple of str
        Element names, in the order of the element axis.
    years : tuple of int
        First and last year, both included.
    """

    stations: NDArray[np.bytes_]
    elements: tuple[str, ...]
    years: tuple[int, int]

    def __post_init__(self) -> None:
        first, last = self.years
        if not 1700 <= first <= last <= 9999:
            raise DeepsphereError(
                f"the years must be two, the first not after the last, from 1700 on, got {first} "
                f"to {last}"
            )

    @cached_property
    def days(self) -> NDArray[np.datetime64]:
        """Every day of the years, leap days included, shape [day], datetime64[D]."""
        first, last = self.years
        start, stop = np.datetime64(f"{first:04d}", "D"), np.datetime64(f"{last + 1:04d}", "D")
        return np.arange(start, stop)

    @cached_property
    def element_codes(self) -> NDArray[np.uint32]:
        """The element names as little-endian 4-byte words, shape [element]."""
        return np.array([name.encode() for name in self.elements], "S4").view(np.uint32)

    @cached_property
    def month_starts(self) -> NDArray[np.int64]:
        """Index of the first day of every month and, last, the number of days, shape [month+1]."""
        first, last = self.years
        months = np.arange(np.datetime64(f"{first:04d}-01"), np.datetime64(f"{last + 1:04d}-02"))
        starts: NDArray[np.int64] = (months.astype("datetime64[D]") - self.days[0]).astype(np.int64)
        return starts

    def index_of_dates(self, dates: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the day index of dates written as the numbers YYYYMMDD; -1 where there is none.

        There is none if the date does not exist or is not of the wanted years.
        """
        years, month, day = dates // 10000 - self.years[0], dates // 100 % 100 - 1, dates % 100 - 1
        real = (years >= 0) & (dates // 10000 <= self.years[1]) & (month >= 0) & (month < 12)
        months = np.where(real, years * 12 + month, 0)
        real &= (day >= 0) & (day < np.diff(self.month_starts)[months])
        return np.where(real, self.month_starts[months] + day, -1)

    def index_of_elements(self, codes: NDArray[np.uint32]) -> NDArray[np.int8]:
        """Return the element index of 4-byte words; -1 where the element is not wanted."""
        index = np.full(codes.shape, -1, np.int8)
        for position, code in enumerate(self.element_codes):
            index[codes == code] = position
        return index

    def index_of_stations(self, ids: NDArray[np.bytes_]) -> NDArray[np.int64]:
        """Return the station index of ids (S11); -1 where the list does not have it.

        Files come grouped by station, so only the first of equal neighbours is looked up.
        """
        if not len(ids) or not len(self.stations):
            return np.full(len(ids), -1, np.int64)
        starts = np.concatenate([[0], np.flatnonzero(ids[1:] != ids[:-1]) + 1])
        heads = ids[starts]
        found = np.searchsorted(self.stations, heads)
        found[found == len(self.stations)] = 0
        found[self.stations[found] != heads] = -1
        return np.repeat(found, np.diff(starts, append=len(ids)))
