"""How far a long read has come, on a terminal or in a log."""

import contextlib
import logging
import sys
import time
from collections.abc import Callable, Iterator

from tqdm import tqdm

logger = logging.getLogger(__name__)

_PROGRESS_SECONDS = 10.0


@contextlib.contextmanager
def report_progress(label: str, done: int, total: int | None) -> Iterator[Callable[[int], None]]:
    """Show progress: a bar on a terminal, else a line in the log every ten seconds.

    Parameters
    ----------
    label : str
        What is being read.
    done, total : int
        Bytes that are there already, and in all (None if unknown).

    Yields
    ------
    callable
        To be called with the number of bytes of each block.
    """
    if sys.stderr.isatty():
        with tqdm(desc=label, total=total, initial=done, unit="B", unit_scale=True) as bar:
            yield bar.update
        return
    received, reported = done, time.monotonic()

    def advance(count: int) -> None:
        nonlocal received, reported
        received += count
        if time.monotonic() - reported >= _PROGRESS_SECONDS:
            reported = time.monotonic()
            share = f" of {total / 1e6:.1f}" if total else ""
            logger.info("%s: %.1f%s MB", label, received / 1e6, share)

    yield advance
