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
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_ALIGNMENT = 64
_LARGE = 1 << 22
# Of what no tensor uses, so many bytes are kept at most; and memory is used again for results that
# take this part of it at least.
_MOST_KEPT = 1 << 28
_LEAST_USE = 0.8

_unused: list[NDArray[np.uint8]] = []
_lock = threading.RLock()
os.register_at_fork(
    before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release
)


def empty(shape: Sequence[int], dtype: torch.dtype) -> Tensor:
    """Return what ``torch.empty`` does on a CPU, in large pages if it is large."""
    size = math.prod(shape) * dtype.itemsize
    if size < _LARGE:
        return torch.empty(shape, dtype=dtype)
    memory = _take(size + _ALIGNMENT)
    # The tensor holds this, and nothing else does.
    loan = memory[:]
    weakref.finalize(loan, _keep, memory).atexit = False
    start = -memory.ctypes.data % _ALIGNMENT
    flat = torch.frombuffer(loan, dtype=dtype, offset=start, count=math.prod(shape))
    # Not a view: results of operators can be changed in place only if they are none.
    strides = [math.prod(shape[place + 1 :]) for place in range(len(shape))]
    storage, offset = flat.untyped_storage(), int(flat.storage_offset())
    result: Tensor = torch.empty(0, dtype=dtype).set_(storage, offset, list(shape), strides)
    return result


def release() -> None:
    """Give the memory that no tensor uses back to the system."""
    with _lock:
        _unused.clear()


def _take(size: int) -> NDArray[np.uint8]:
    with _lock:
        fitting = [
            (len(memory), -place)
            for place, memory in enumerate(_unused)
            if _LEAST_USE * len(memory) <= size <= len(memory)
        ]
        if fitting:
            # Of equals the last, of which most may still be in a cache.
            return _unused.pop(-min(fitting)[1])
    return np.empty(size, dtype=np.uint8)


def _keep(memory: NDArray[np.uint8]) -> None:
    """Keep memory whose tensor is gone, instead of what has not been used for longest."""
    with _lock:
        _unused.append(memory)
        while sum(map(len, _unused)) > _MOST_KEPT:
            del _unused[0]
