"""What the threads of a compiled loop compute in, kept for the next call."""

import os
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepsphere.nn.kernels.arrays import numpy_type
from deepsphere.nn.kernels.plans import WORTH_A_THREAD
from deepsphere.nn.kernels.threads import share_out
from deepsphere.nn.kernels.vectors import MIX_ROWS, NARROW_MIX_ROWS

# A workspace is kept if that of a thread takes so many bytes at most.
_KEPT_BYTES = 1 << 25

_workspaces: list[NDArray[Any]] = []
_lock = threading.Lock()
os.register_at_fork(
    before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release
)


def run(
    loop: Callable[..., None],
    shares: int,
    work: int,
    pixels: int,
    width: int,
    values: Tensor,
    *arguments: Any,
) -> None:
    """Run a loop on all threads, each with a workspace that is kept for the next call."""
    threads = min(torch.get_num_threads(), shares, 1 + work // WORTH_A_THREAD)
    length = (pixels + max(MIX_ROWS, NARROW_MIX_ROWS)) * width
    kind = numpy_type(values)
    with _lock:
        kept = _workspaces.pop() if _workspaces else np.empty((0, 0), dtype=kind)
    if kept.dtype != kind or kept.shape[0] < threads or kept.shape[1] < length:
        kept = np.zeros((threads, length), dtype=kind)
    slots = np.zeros(1, dtype=np.int64)
    share_out(loop, shares, slots, kept, *arguments, most=threads)
    if kept.shape[1] * kept.itemsize <= _KEPT_BYTES:
        with _lock:
            _workspaces[:] = [kept]
