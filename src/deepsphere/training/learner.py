"""A model that learns: one step on some batches, on however many devices.

The gradients of a step are those of the mean loss over all its batches, of all devices together.
Means of batches cannot be averaged for that, as batches know different numbers of targets: the sum
of the losses is divided by the weight that the devices have together.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from deepsphere.config.training import Training
from deepsphere.errors import DeepsphereError
from deepsphere.nn.blocks import recompute_blocks
from deepsphere.training.averaging import WeightAverage
from deepsphere.training.devices import summed_over_devices
from deepsphere.training.loader import LoadedBatch
from deepsphere.training.objectives import Objective
from deepsphere.training.optimizers import make_optimizer


class NotFinite(Exception):
    """The data or the loss of a batch are NaN or infinite; the weights were not changed."""


@dataclass(frozen=True)
class Learner:
    """A model and all that changes with it.

    Attributes
    ----------
    fabric : Fabric
        The devices and the precision.
    model : nn.Module
        The model itself.
    wrapped : nn.Module
        The model as it is trained: its precision, and the other devices' gradients, see to
        themselves.
    optimizer : torch.optim.Optimizer
    average : WeightAverage or None
        The moving average of the weights, if there is one.
    objective : Objective
    settings : Training
    """

    fabric: Fabric
    model: nn.Module
    wrapped: Any
    optimizer: Any
    average: WeightAverage | None
    objective: Objective
    settings: Training

    def step(self, batches: Sequence[LoadedBatch], rate: float) -> Tensor:
        """Change the model once.

        Parameters
        ----------
        batches : sequence of LoadedBatch
            This device's slices of the batches of the step.
        rate : float
            The learning rate.

        Returns
        -------
        Tensor of float64, shape (2,)
            The sum of the losses and its weight, over the batches of all devices.

        Raises
        ------
        NotFinite
            On a CPU, if the loss is not finite. A GPU would have to be waited for: there, the
            caller looks at the losses of a few steps at once.
        """
        device = self.fabric.device
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad()
        sums = torch.zeros(2, dtype=torch.float64, device=device)
        divisor = torch.ones((), device=device)
        for number, batch in enumerate(batches, 1):
            waiting = number < len(batches) and self.fabric.world_size > 1
            with self.fabric.no_backward_sync(self.wrapped) if waiting else nullcontext():
                mean, of_batch, divisor = self._losses(batch, divisor if number > 1 else None)
                # The devices' gradients are averaged, but those of a sum of losses add up.
                self.fabric.backward(mean * self.fabric.world_size)
            sums += of_batch
            if device.type == "cpu" and not math.isfinite(sums[0]):
                raise NotFinite
        if len(batches) > 1:
            self._scale_gradients(divisor / torch.where(sums[1] > 0, sums[1], 1))
        if self.settings.clip is not None:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.clip)
        self.optimizer.step()
        if self.average is not None:
            self.average.update(self.model)
        return sums

    def _losses(self, batch: LoadedBatch, divisor: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Return what is to be derived, the sums of :meth:`step`, and what the loss is divided by.

        The divisor is the weight of the step's first batch, as those of the later ones are not
        known yet; the gradients are corrected for that at the end.
        """
        inputs, target, known = (
            part.to(self.fabric.device, non_blocking=True)
            for part in (batch.inputs, batch.target, batch.known)
        )
        loss = self.objective.loss(self.wrapped, inputs, target, known)
        # An activation may make a finite loss of infinite data, whose gradient is not finite.
        total = torch.where(torch.isfinite(inputs).all(), loss.total.detach(), torch.nan)
        own = torch.stack([total, loss.weight.to(total)]).double()
        total, weight = summed_over_devices(self.fabric, own)
        some = torch.where(weight > 0, weight, 1).to(loss.total)
        divisor = some if divisor is None else divisor
        mean = total.to(loss.total) / some
        return loss.total / divisor, torch.stack([mean.double() * weight, weight]), divisor

    def _scale_gradients(self, factor: Tensor) -> None:
        for parameter in self.model.parameters():
            if parameter.grad is not None:
                parameter.grad.mul_(factor.to(parameter.grad))

    @contextmanager
    def as_scored(self) -> Iterator[nn.Module]:
        """Give the model that is scored and kept.

        It computes in float32 whatever the precision of the training, as whoever uses it does.
        """
        averaged = nullcontext() if self.average is None else self.average.applied(self.model)
        with averaged:
            yield self.model

    def state(self) -> dict[str, Any]:
        """Return all that :meth:`load` needs to go on from here: tensors and plain data."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go back to a state."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])


def make_learner(
    fabric: Fabric,
    build: Callable[[], nn.Module],
    objective: Objective,
    settings: Training,
    seed: int,
) -> Learner:
    """Return an untrained model and its optimizer on the devices of ``fabric``.

    Parameters
    ----------
    build : callable
        Makes the model; its random start follows from ``seed``.

    Raises
    ------
    DeepsphereError
        If blocks shall be computed again, and the model has none.
    """
    torch.manual_seed(seed)
    built = build()
    if settings.recompute and not recompute_blocks(built):
        raise DeepsphereError(
            f"training.recompute: found true; the model {type(built).__name__} has no blocks that "
            "can be computed again; leave it out"
        )
    wrapped = fabric.setup_module(built)
    optimizer = make_optimizer(
        settings.optimizer,
        wrapped.parameters(),
        settings.learning_rate,
        epsilon=settings.epsilon,
        weight_decay=settings.weight_decay,
        momentum=settings.momentum,
    )
    model = wrapped.module
    average = None if settings.average is None else WeightAverage(model, settings.average)
    return Learner(
        fabric=fabric,
        model=model,
        wrapped=wrapped,
        optimizer=fabric.setup_optimizers(optimizer),
        average=average,
        objective=objective,
        settings=settings,
    )
