"""The signal that asks a training to end: a time limit, a cancel, a machine that is taken down.

Whoever manages the machine sends SIGTERM some seconds before SIGKILL. A training uses them to keep
what it has.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def watched_for_termination() -> Iterator[Callable[[], bool]]:
    """Give a function that says whether SIGTERM has come, which until the end is only noted.

    In a thread other than the main one, which hears no signals, it never has.
    """
    came = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield came.is_set
        return

    def note(number: int, frame: FrameType | None) -> None:
        came.set()

    before = signal.signal(signal.SIGTERM, note)
    try:
        yield came.is_set
    finally:
        signal.signal(signal.SIGTERM, before)
