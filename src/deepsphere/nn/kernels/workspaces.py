"""What the threads of a compiled loop compute in, kept for the next call."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepsphere.nn.kernels.registers import LANES
from deepsphere.nn.kernels.threads import share_out
from deepsphere.nn.kernels.vectors import MIX_ROWS, NARROW_MIX_ROWS, OUTER_ROWS, PANEL_VECTORS

# To wake a thread of Python takes as long as so many multiplications.
_WORTH_WAKING = 1 << 25
# A workspace is kept if that of a thread takes so many bytes at most.
_KEPT_BYTES = 1 << 25
# Rows that blocks at the end of a tile may read, and forget; and of the last row so many numbers.
_MARGIN = max(MIX_ROWS, NARROW_MIX_ROWS)
_LONGEST_BLOCK = max(OUTER_ROWS, PANEL_VECTORS * LANES)

# Of each type the last one that nobody uses. A call takes it away, so that no other one does.
_unused: dict[torch.dtype, NDArray[Any]] = {}


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
    threads = min(torch.get_num_threads(), shares, 1 + work // _WORTH_WAKING)
    works = borrow(threads, numbers_for(pixels, width), values.dtype)
    slots = np.zeros(1, dtype=np.int64)
    share_out(loop, shares, slots, works, *arguments, most=threads)
    give_back(works, values.dtype)


def numbers_for(pixels: int, width: int) -> int:
    """Return how many numbers a workspace has to hold, in whole vectors."""
    numbers = (pixels + _MARGIN) * width + _LONGEST_BLOCK
    return -(-numbers // LANES) * LANES


def borrow(threads: int, numbers: int, kind: torch.dtype) -> NDArray[Any]:
    """Return a workspace for each thread, shape (thread, number), at least that large."""
    works = _unused.pop(kind, None)
    if works is None or works.shape[0] < threads or works.shape[1] < numbers:
        # In PyTorch's memory vectors are aligned.
        return torch.zeros((threads, numbers), dtype=kind, device="cpu").numpy()
    return works


def give_back(works: NDArray[Any], kind: torch.dtype) -> None:
    """Keep workspaces for the next call, unless they are large."""
    if works.shape[1] * works.itemsize <= _KEPT_BYTES:
        _unused[kind] = works
