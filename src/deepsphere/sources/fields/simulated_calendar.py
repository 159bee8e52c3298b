"""When simulated states are from: short episodes of weather, far from each other.

States of an episode are three hours apart, as sequences need them. Between episodes there are weeks
or months, so that a few hundred states have many kinds of weather in all seasons, and a division in
order of time has something left on both sides of its gaps.
"""

from collections.abc import Mapping, Sequence
from datetime import date

from deepsphere.errors import DeepsphereError
from deepsphere.sources.fields.moments import STEPS_PER_DAY, Moment

Day = tuple[int, int, int]
"""Year, month and day."""

_LEAST_EPISODES = 10


def episodes(samples: int, days: Mapping[int, Sequence[Day]]) -> list[list[Moment]]:
    """Return the moments of states, episode by episode.

    Each run has its share of the states, in episodes of one day: eight states, or fewer if the run
    would have less than ten episodes. They are spread evenly over its days.

    Parameters
    ----------
    samples : int
        Number of states, of all runs.
    days : mapping of int to sequence
        Days of each run, in order.

    Raises
    ------
    DeepsphereError
        If there are too few days.
    """
    whole: list[list[Moment]] = []
    for place, (run, its_days) in enumerate(days.items()):
        count = samples // len(days) + (place < samples % len(days))
        length = min(max(count // _LEAST_EPISODES, 1), STEPS_PER_DAY)
        needed = -(-count // length)
        if needed > len(its_days):
            raise DeepsphereError(
                f"simulated states: {count} of run {run} need {needed} days, and there are "
                f"{len(its_days)}; ask for fewer samples"
            )
        for number in range(needed):
            day = its_days[(2 * number + 1) * len(its_days) // (2 * needed)]
            slots = range(min(length, count - number * length))
            whole.append([Moment(run, *day, slot) for slot in slots])
    return whole


def days_of_years(first: int, last: int) -> list[Day]:
    """Return all days of some years, both included, none of which has a 29 February."""
    start = date(2001, 1, 1).toordinal()
    of_year = [date.fromordinal(start + day) for day in range(365)]
    return [(year, day.month, day.day) for year in range(first, last + 1) for day in of_year]
