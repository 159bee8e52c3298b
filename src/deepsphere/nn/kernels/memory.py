"""Memory for large results.

The first touch of fresh memory costs more than computing what is written to it, as the system hands
it out in small pages, each filled with zeros. NumPy asks for large ones, where the system has them
(``madvise`` of transparent huge pages on Linux), and PyTorch does not. What a result had is kept
for another one of about the same size: a network asks for the same sizes at every step.
"""

import math
import os
import threading
import weakref
from collections import deque
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

ALIGNMENT = 64
"""Bytes that large results start at a multiple of: those of the longest vectors."""

_LARGE = 1 << 22
# Of what no tensor uses, so many bytes are kept at most; and memory is used again for results that
# take this part of it at least.
_MOST_KEPT = 1 << 29
_LEAST_USE = 0.8


class _Pool:
    """Memory that no tensor uses, what has not been used for longest first.

    Python may collect garbage, and so call :meth:`keep`, anywhere, also in a method of this: then
    what comes back waits until that has ended.
    """

    def __init__(self) -> None:
        self.unused: list[NDArray[np.uint8]] = []
        self._waiting: deque[NDArray[np.uint8]] = deque()
        self._lock = threading.Lock()

    def take(self, size: int) -> NDArray[np.uint8] | None:
        """Return the memory that fits best, if any does."""
        with self._lock:
            self._settle()
            fitting = [
                (len(memory), -place)
                for place, memory in enumerate(self.unused)
                if _LEAST_USE * len(memory) <= size <= len(memory)
            ]
            # Of equals the last, of which most may still be in a cache.
            return self.unused.pop(-min(fitting)[1]) if fitting else None

    def keep(self, memory: NDArray[np.uint8]) -> None:
        """Keep memory whose tensor is gone."""
        if len(memory) > _MOST_KEPT:
            return
        self._waiting.append(memory)
        if self._lock.acquire(blocking=False):
            try:
                self._settle()
            finally:
                self._lock.release()

    def clear(self) -> None:
        """Keep nothing."""
        with self._lock:
            self._waiting.clear()
            self.unused.clear()

    def _settle(self) -> None:
        while self._waiting:
            self.unused.append(self._waiting.popleft())
        while sum(map(len, self.unused)) > _MOST_KEPT:
            del self.unused[0]


_pool = _Pool()


def _start_anew() -> None:
    """Leave the pool as it is, as another thread may have been at work on it."""
    global _pool
    _pool = _Pool()


os.register_at_fork(after_in_child=_start_anew)


def empty(shape: Sequence[int], dtype: torch.dtype) -> Tensor:
    """Return what ``torch.empty`` does on a CPU, in large pages if it is large."""
    size = math.prod(shape) * dtype.itemsize
    if size < _LARGE:
        return torch.empty(shape, dtype=dtype, device="cpu")
    memory = _pool.take(size + ALIGNMENT)
    if memory is None:
        memory = np.empty(size + ALIGNMENT, dtype=np.uint8)
    # The tensor holds this, and nothing else does.
    loan = memory[:]
    weakref.finalize(loan, _pool.keep, memory).atexit = False
    start = -memory.ctypes.data % ALIGNMENT
    flat = torch.frombuffer(loan, dtype=dtype, offset=start, count=math.prod(shape))
    # Not a view: results of operators can be changed in place only if they are none.
    strides = [math.prod(shape[place + 1 :]) for place in range(len(shape))]
    storage, offset = flat.untyped_storage(), int(flat.storage_offset())
    result: Tensor = torch.empty(0, dtype=dtype, device="cpu")
    result.set_(storage, offset, list(shape), strides)
    return result


def release() -> None:
    """Give the memory that no tensor uses back to the system."""
    _pool.clear()
