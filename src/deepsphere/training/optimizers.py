"""Optimizers, by the names that the configuration uses.

Adam (``adam``, or ``adamw`` with weight decay) is the choice where nothing has to be reproduced.
The published networks were trained with TensorFlow 1, whose RMSProp (``rmsprop-tf``: weather
stations) and Adam with a large epsilon (``adam-tf``: shapes on HEALPix) make other steps than
PyTorch's; the shapes on equiangular grids were trained with plain ``sgd``.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor


class _TensorflowOptimizer(torch.optim.Optimizer):
    """What the optimizers of TensorFlow 1 have in common: they change one parameter at a time."""

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change the parameters by one step; see :class:`torch.optim.Optimizer`."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._change(parameter, parameter.grad, self.state[parameter], group)
        return loss

    def _change(
        self, parameter: Tensor, gradient: Tensor, state: dict[str, Any], group: dict[str, Any]
    ) -> None:
        raise NotImplementedError


class TensorflowRMSprop(_TensorflowOptimizer):
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

    def _change(
        self, parameter: Tensor, gradient: Tensor, state: dict[str, Any], group: dict[str, Any]
    ) -> None:
        if not state:
            state["mean_square"] = torch.ones_like(parameter)
        mean = state["mean_square"]
        mean.mul_(group["decay"])
        mean.addcmul_(gradient, gradient, value=1 - group["decay"])
        root = mean.add(group["epsilon"]).sqrt_()
        parameter.addcdiv_(gradient, root, value=-group["lr"])


class TensorflowAdam(_TensorflowOptimizer):
    """Adam as TensorFlow 1 computes it.

    It differs from ``torch.optim.Adam`` in where epsilon is added: to the root of the mean of the
    squared gradients before that is corrected for its start at 0, not after (TensorFlow 1.x,
    ``python/training/adam.py``; "epsilon hat" in section 2 of D. P. Kingma and J. Ba, "Adam: a
    method for stochastic optimization", ICLR 2015). With a small epsilon they agree. With the 0.1
    of the published shape networks, the first step is up to √(1 - β₂) = 0.03 times as long, which
    acts as a warm-up of a thousand steps or more.

    Parameters
    ----------
    params : iterable of Tensor
    lr : float
        Learning rate.
    betas : tuple of float
        Shares of the old means, of the gradients and of their squares, that a step keeps.
    epsilon : float
        Added to the root.
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "epsilon": epsilon})

    def _change(
        self, parameter: Tensor, gradient: Tensor, state: dict[str, Any], group: dict[str, Any]
    ) -> None:
        if not state:
            state["step"] = 0
            state["mean"] = torch.zeros_like(parameter)
            state["mean_square"] = torch.zeros_like(parameter)
        state["step"] += 1
        first, second = group["betas"]
        state["mean"].lerp_(gradient, 1 - first)
        state["mean_square"].mul_(second).addcmul_(gradient, gradient, value=1 - second)
        correction = math.sqrt(1 - second ** state["step"]) / (1 - first ** state["step"])
        root = state["mean_square"].sqrt().add_(group["epsilon"])
        parameter.addcdiv_(state["mean"], root, value=-group["lr"] * correction)


_OPTIMIZERS: dict[str, tuple[Callable[..., torch.optim.Optimizer], dict[str, str]]] = {
    "adam": (torch.optim.Adam, {"epsilon": "eps", "weight_decay": "weight_decay"}),
    "adamw": (torch.optim.AdamW, {"epsilon": "eps", "weight_decay": "weight_decay"}),
    "adam-tf": (TensorflowAdam, {"epsilon": "epsilon"}),
    "sgd": (torch.optim.SGD, {"weight_decay": "weight_decay", "momentum": "momentum"}),
    "rmsprop-tf": (TensorflowRMSprop, {"epsilon": "epsilon"}),
}
"""Of each name, what makes the optimizer, and what it calls the options that it has."""


def make_optimizer(
    name: str,
    parameters: Iterable[Tensor],
    learning_rate: float,
    *,
    epsilon: float | None = None,
    weight_decay: float = 0.0,
    momentum: float = 0.0,
) -> torch.optim.Optimizer:
    """Return the optimizer that the configuration names.

    Parameters
    ----------
    name : {"adam", "adamw", "adam-tf", "sgd", "rmsprop-tf"}
    parameters : iterable of Tensor
    learning_rate : float
    epsilon : float, optional
        Of all but ``sgd``. The default is 1e-8, and 1e-10 for ``rmsprop-tf``.
    weight_decay : float
        Of ``adam`` and ``sgd``, which add it to the gradient, and of ``adamw``, which does not.
    momentum : float
        Of ``sgd``.

    Raises
    ------
    ValueError
        If there is no such optimizer, or it lacks an option that is given.
    """
    if name not in _OPTIMIZERS:
        names = ", ".join(map(repr, _OPTIMIZERS))
        raise ValueError(f"expected an optimizer of {names}, found {name!r}")
    make, known = _OPTIMIZERS[name]
    options: dict[str, Any] = {"lr": learning_rate}
    given = {"epsilon": epsilon, "weight_decay": weight_decay, "momentum": momentum}
    for option, value in given.items():
        if option in known and value is not None:
            options[known[option]] = value
        elif option not in known and value:
            raise ValueError(f"optimizer {name!r}: expected no {option}, found {value}")
    return make(parameters, **options)
