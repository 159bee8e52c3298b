"""How often to try again, and for how long: one policy, with its numbers, for all requests."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

logger = logging.getLogger(__name__)

Result = TypeVar("Result")


@dataclass(frozen=True)
class RetryPolicy:
    """How long to try before giving a mirror up.

    Parameters
    ----------
    attempts : int
        Attempts in a row that may fail without a byte of progress.
    first_wait_seconds, longest_wait_seconds : float
        Pause after the first failure, doubled after every other one up to the longest. A server's
        ``Retry-After`` lengthens it, up to the longest too.
    connect_timeout_seconds, read_timeout_seconds : float
        Patience for a connection, and for the next bytes.
    """

    attempts: int = 5
    first_wait_seconds: float = 1.0
    longest_wait_seconds: float = 30.0
    connect_timeout_seconds: float = 10.0
    read_timeout_seconds: float = 60.0

    def wait_seconds(self, failures: int, retry_after: float = 0.0) -> float:
        """Return the pause after the given number of failures in a row."""
        doubled = self.first_wait_seconds * 2.0 ** (failures - 1)
        return min(self.longest_wait_seconds, max(doubled, retry_after))


DEFAULT_POLICY = RetryPolicy()


class Unavailable(Exception):
    """A mirror did not answer, or not to the end, however often it was asked."""


class Refused(Unavailable):
    """A mirror answered that it does not give this file; asking again would not help."""


class Transient(Exception):
    """A failure that may not happen again.

    Parameters
    ----------
    message : str
        What happened, and where.
    retry_after : float, optional
        Seconds for which the server asks to be left alone.
    """

    def __init__(self, message: str, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


def retrying(
    attempt: Callable[[], Result], policy: RetryPolicy, progress: Callable[[], int]
) -> Result:
    """Call a function until it does not raise :class:`Transient`.

    Parameters
    ----------
    attempt : callable
        What to call.
    policy : RetryPolicy
        Attempts and pauses.
    progress : callable
        Returns how far the attempts have come; one that came further than all before starts the
        count of failures anew, so that a large file survives any number of interruptions.

    Raises
    ------
    Unavailable
        After too many failures in a row, with the last one's message.
    """
    furthest = progress()
    failures = 0
    while True:
        try:
            return attempt()
        except Transient as error:
            reached = progress()
            failures = 1 if reached > furthest else failures + 1
            furthest = max(furthest, reached)
            if failures >= policy.attempts:
                raise Unavailable(f"{error} ({failures} attempts in a row)") from None
            pause = policy.wait_seconds(failures, error.retry_after)
            logger.warning("%s; attempt %d follows in %.0f s", error, failures + 1, pause)
            time.sleep(pause)
