"""Constants of layers, which must not lose digits where a network is converted.

Weights can be learned anew in a type of few digits; what comes from a graph or a sampling cannot.
"""

from collections.abc import Callable
from typing import ClassVar, Self

import torch
from torch import Tensor, nn


class KeepsConstants(nn.Module):
    """A module with buffers of floating point numbers that stay float32 or float64.

    ``Module.to``, ``half``, ``bfloat16`` and so on move and convert these buffers with the others,
    but where the type has less precision than float32, they become float32. Converting them to
    float64 does not bring back digits.

    Attributes
    ----------
    constants : tuple of str
        Names of the buffers, set by the class; they may be None.
    """

    constants: ClassVar[tuple[str, ...]]

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        before = {name: getattr(self, name) for name in self.constants}
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        for name, tensor in before.items():
            after = getattr(self, name)
            if after is not None and after.dtype.itemsize < torch.float32.itemsize:
                setattr(self, name, tensor.to(after.device, torch.float32))
        return self


def constant_dtype() -> torch.dtype:
    """Return PyTorch's default type, but not one of less precision than float32."""
    return torch.promote_types(torch.get_default_dtype(), torch.float32)
