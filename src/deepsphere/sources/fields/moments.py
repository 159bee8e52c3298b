"""When a state is from, as its file's name says: ``data-YYYY-MM-DD-SS-R`` and more.

``SS`` is the number of the three hours of the day, 00 to 07, and ``R`` the number of the run of the
model. ClimateNet adds ``_N``, the number of the expert who labelled the state, and the level-5
archive ``-mesh``. The model's years have 365 days: there is no 29 February.
"""

import re
from dataclasses import dataclass
from datetime import date
from pathlib import PurePosixPath

import numpy as np

STEP_HOURS = 3
STEPS_PER_DAY = 8

_DAYS = 365
_NAME = re.compile(
    r"data-(\d{4})-(\d{2})-(\d{2})-(\d{2})-(\d{1,4})(?:_(\d{1,4}))?(?:-mesh)?\.[a-z0-9]+"
)


@dataclass(frozen=True, order=True)
class Moment:
    """A run, a time in it, and whose labels.

    Ordered by run, then by time, then by expert.

    Attributes
    ----------
    run : int
        Number of the run of the model.
    year, month, day : int
        The date, in years of 365 days.
    slot : int
        Number of the three hours of the day, 0 to 7.
    expert : int
        Number of who made the labels; -1 if the name says none.
    """

    run: int
    year: int
    month: int
    day: int
    slot: int
    expert: int = -1

    @property
    def step(self) -> int:
        """Number of the three hours since the year 0; states one step apart are neighbours."""
        first = date(2001, 1, 1).toordinal()
        day_of_year = date(2001, self.month, self.day).toordinal() - first
        return (self.year * _DAYS + day_of_year) * STEPS_PER_DAY + self.slot

    @property
    def time(self) -> np.datetime64:
        """The time, datetime64[s]."""
        hour = self.slot * STEP_HOURS
        return np.datetime64(f"{self.year:04}-{self.month:02}-{self.day:02}T{hour:02}:00:00", "s")


def read_moment(name: str) -> Moment | None:
    """Return what a file's name says, or None if it is another kind of name.

    Parameters
    ----------
    name : str
        The name, with folders or without.
    """
    match = _NAME.fullmatch(PurePosixPath(name).name)
    if match is None:
        return None
    year, month, day, slot, run, expert = (int(part or -1) for part in match.groups())
    try:
        # Of a year that has no 29 February either.
        date(2001, month, day)
    except ValueError:
        return None
    if year == 0 or slot >= STEPS_PER_DAY:
        return None
    return Moment(run, year, month, day, slot, expert)
