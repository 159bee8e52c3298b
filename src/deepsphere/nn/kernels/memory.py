"""Memory for large results.

The first touch of fresh memory costs more than computing what is written to it, as the system hands
it out in small pages. NumPy asks for large ones, where the system has them (``madvise`` of
transparent huge pages on Linux), and PyTorch does not.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

_ALIGNMENT = 64
_LARGE = 1 << 22


def empty(shape: Sequence[int], dtype: torch.dtype) -> Tensor:
    """Return what ``torch.empty`` does on a CPU, in large pages if it is large."""
    size = math.prod(shape) * dtype.itemsize
    if size < _LARGE:
        return torch.empty(shape, dtype=dtype)
    memory = np.empty(size + _ALIGNMENT, dtype=np.uint8)
    start = -memory.ctypes.data % _ALIGNMENT
    flat = torch.frombuffer(memory, dtype=dtype, offset=start, count=math.prod(shape))
    # Not a view: results of operators can be changed in place only if they are none.
    strides = [math.prod(shape[place + 1 :]) for place in range(len(shape))]
    storage, offset = flat.untyped_storage(), int(flat.storage_offset())
    result: Tensor = torch.empty(0, dtype=dtype).set_(storage, offset, list(shape), strides)
    return result
