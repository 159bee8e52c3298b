"""Less memory for training: what is computed again for the gradient, instead of kept.

Gradient checkpointing (Chen et al., 2016, arXiv:1604.06174): between its forward and its backward
pass a block keeps its input alone, and when its gradient is asked for, it computes what it needs
from that once more. The numbers are the same, the time is that of another forward pass. Take it
where maps or networks are so large that a single sample hardly fits.

A convolution and a normalization of this library keep no more than their inputs anyway. So it saves
the result of the convolution of each block: much where several blocks work on the finest level, and
little where each pools, as then the first block, which has to be computed at some time, is most of
the network.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


def recomputed(
    function: Callable[[Tensor], Tensor], features: Tensor, averages: nn.Module | None
) -> Tensor:
    """Return what a function makes of features, and keep only these for the gradient.

    Parameters
    ----------
    function : callable
    features : Tensor
    averages : nn.Module, optional
        Whose buffers the function changes, such as running averages. They change once, not a second
        time where it is computed again. Random numbers are the same both times.
    """
    buffers = [] if averages is None else list(averages.buffers())

    def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), _Restored(buffers)

    result: Tensor = checkpoint(function, features, use_reentrant=False, context_fn=contexts)
    return result


class _Restored(AbstractContextManager[None]):
    """Buffers have the values that they had before when it ends; it may be entered again."""

    def __init__(self, buffers: list[Tensor]) -> None:
        self.buffers = buffers
        self.before: list[Tensor] = []

    def __enter__(self) -> None:
        self.before = [buffer.clone() for buffer in self.buffers]

    def __exit__(self, *_: object) -> None:
        with torch.no_grad():
            for buffer, before in zip(self.buffers, self.before, strict=True):
                buffer.copy_(before)
        self.before = []
