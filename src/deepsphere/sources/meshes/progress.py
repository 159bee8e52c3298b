"""How far a long computation has come: a line in the log every ten seconds at most."""

import logging
import time
from collections.abc import Callable

_LOG = logging.getLogger(__name__)
_SECONDS = 10.0


class Progress:
    """Counts what is done and says how long the rest will take.

    The rest is estimated by cost, not by number: where the dearest things come first, the number
    would promise too long a wait.

    Parameters
    ----------
    label : str
        What is counted.
    done, total : int
        How many there are already, from earlier, and in all.
    cost : float
        Of all that are still to do, in any unit.
    clock : callable, optional
        Returns seconds.
    """

    def __init__(
        self,
        label: str,
        done: int,
        total: int,
        cost: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._label, self._done, self._total, self._cost = label, done, total, cost
        self._clock = clock
        self._begun_with = done
        self._spent = 0.0
        self._begun = self._told = clock()
        if done:
            _LOG.info("%s: %d of %d are there from an earlier run", label, done, total)

    def advance(self, count: int, cost: float) -> None:
        """Count some more, of a cost in all; tell the log if the last line is old, or it is all."""
        self._done += count
        self._spent += cost
        now = self._clock()
        is_last = self._done == self._total
        if now - self._told < _SECONDS and not is_last:
            return
        self._told = now
        seconds = max(now - self._begun, 1e-9)
        left = seconds * (self._cost - self._spent) / max(self._spent, 1e-9)
        _LOG.info(
            "%s: %d of %d, %.1f a second, %s",
            self._label,
            self._done,
            self._total,
            (self._done - self._begun_with) / seconds,
            f"done in {_duration(seconds)}" if is_last else f"{_duration(left)} left",
        )


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
