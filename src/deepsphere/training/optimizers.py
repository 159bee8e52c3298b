"""Optimizers, by the names that the configuration uses."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor


class TensorflowRMSprop(torch.optim.Optimizer):
    """RMSProp as TensorFlow 1 computes it.

    It differs from ``torch.optim.RMSprop`` in two ways that matter early in training: epsilon is
    added under the root, and the mean of the squared gradients starts at 1 (TensorFlow 1.x,
    ``python/training/rmsprop.py``).

    Parameters
    ----------
    params : iterable of Tensor
    lr : float
        Learning rate.
    decay : float
        Share of the old mean that a step keeps.
    epsilon : float
        Added to the mean under the root.
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1e-3,
        decay: float = 0.9,
        epsilon: float = 1e-10,
    ) -> None:
        super().__init__(params, {"lr": lr, "decay": decay, "epsilon": epsilon})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change the parameters by one step; see :class:`torch.optim.Optimizer`."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if not state:
                    state["mean_square"] = torch.ones_like(parameter)
                mean = state["mean_square"]
                mean.mul_(group["decay"])
                mean.addcmul_(parameter.grad, parameter.grad, value=1 - group["decay"])
                root = mean.add(group["epsilon"]).sqrt_()
                parameter.addcdiv_(parameter.grad, root, value=-group["lr"])
        return loss


def make_optimizer(
    name: str, parameters: Iterable[Tensor], learning_rate: float
) -> torch.optim.Optimizer:
    """Return the optimizer that the configuration names ``adam`` or ``rmsprop-tf``."""
    if name == "adam":
        return torch.optim.Adam(parameters, lr=learning_rate)
    if name == "rmsprop-tf":
        return TensorflowRMSprop(parameters, lr=learning_rate)
    raise ValueError(f"expected 'adam' or 'rmsprop-tf', found {name!r}")
