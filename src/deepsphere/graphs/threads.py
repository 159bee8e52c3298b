"""How many threads the compiled loops use."""

from collections.abc import Iterator
from contextlib import contextmanager

import numba


@contextmanager
def compiled_threads(threads: int) -> Iterator[None]:
    """Let the loops compiled by numba use so many threads, but no more than before."""
    before = numba.get_num_threads()
    numba.set_num_threads(max(1, min(threads, before)))
    try:
        yield
    finally:
        numba.set_num_threads(before)
