"""What training is after: the loss of a batch, and what a model says of samples.

The loop knows a task by its samples and their objective. Samples describe theirs in plain data, as
tasks know no PyTorch; :func:`make_objective` makes it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepsphere.training.losses import LossSum, cross_entropy, semi_hard_triplet, squared_error

Network = Callable[..., Any]
"""A model, or what stands for it while it is trained on several devices."""


@dataclass(frozen=True)
class Answer:
    """What a model says of some samples.

    Attributes
    ----------
    prediction : Tensor of float, shape (sample, ...)
        Numbers in the model's own units, or probabilities of classes, which are the last axis.
    descriptors : Tensor of float, shape (sample, feature), or None
        Vectors to compare samples by, if the objective asks for them.
    """

    prediction: Tensor
    descriptors: Tensor | None = None


class Objective(Protocol):
    """The loss of a task, and the way from a model's output to predictions."""

    def loss(self, model: Network, inputs: Tensor, target: Tensor, known: Tensor) -> LossSum:
        """Return the loss of a batch and its weight.

        Parameters
        ----------
        model : callable
            Takes the inputs.
        inputs : Tensor of float, shape (sample, pixel, channel) or (sample, time, pixel, channel)
            A device may have no sample of a batch; the model is to be called nevertheless, as the
            other devices wait for its gradients.
        target : Tensor of float or int64, shape (sample, ...)
            What the model should say.
        known : Tensor of bool, shape of ``target``
            Where the target counts.
        """
        ...

    def answer(self, model: Network, inputs: Tensor) -> Answer:
        """Return what a model says of some samples."""
        ...


@dataclass(frozen=True)
class Regression:
    """Squared errors, of models that say numbers."""

    def loss(self, model: Network, inputs: Tensor, target: Tensor, known: Tensor) -> LossSum:
        """Return the squared errors and the number of known targets; see :class:`Objective`."""
        return squared_error(model(inputs), target, known=known)

    def answer(self, model: Network, inputs: Tensor) -> Answer:
        """Return what the model says; see :class:`Objective`."""
        return Answer(model(inputs))


@dataclass(frozen=True)
class Classification:
    """Cross entropy, of models that give logits.

    Attributes
    ----------
    triplet : float
        Weight of the triplet loss on the descriptors of the model, which pulls samples of a class
        together: what is minimized is its sum with the cross entropy. The triplets are those
        within a device's part of a batch.
    descriptors : bool
        Whether answers have descriptors.

    With either, the model is called with ``descriptors=True`` and gives logits and descriptors.
    """

    triplet: float = 0.0
    descriptors: bool = False

    def loss(self, model: Network, inputs: Tensor, target: Tensor, known: Tensor) -> LossSum:
        """Return the loss and the number of known targets; see :class:`Objective`."""
        if not self.triplet:
            return cross_entropy(model(inputs), target, known=known)
        logits, descriptors = model(inputs, descriptors=True)
        loss = cross_entropy(logits, target, known=known)
        if not len(target):
            return loss
        triplets = semi_hard_triplet(descriptors[known], target[known])
        return LossSum(loss.total + self.triplet * loss.weight * triplets, loss.weight)

    def answer(self, model: Network, inputs: Tensor) -> Answer:
        """Return probabilities and, if asked for, descriptors; see :class:`Objective`."""
        logits, descriptors = (
            model(inputs, descriptors=True) if self.descriptors else (model(inputs), None)
        )
        return Answer(logits.float().softmax(dim=-1), descriptors)


@dataclass(frozen=True, eq=False)
class Segmentation:
    """Cross entropy in each pixel, of models that give logits.

    Attributes
    ----------
    class_weights : ndarray of float64, shape (class,), or None
        By which the losses of the classes are multiplied.
    areas : ndarray of float64, shape (pixel,), or None
        What pixels count; all alike, if None.
    """

    class_weights: NDArray[np.float64] | None = None
    areas: NDArray[np.float64] | None = None

    def loss(self, model: Network, inputs: Tensor, target: Tensor, known: Tensor) -> LossSum:
        """Return the loss and what it is to be divided by; see :class:`Objective`."""
        logits = model(inputs)
        return cross_entropy(
            logits,
            target,
            class_weights=_tensor(self.class_weights, logits),
            areas=_tensor(self.areas, logits),
            known=known,
        )

    def answer(self, model: Network, inputs: Tensor) -> Answer:
        """Return probabilities; see :class:`Objective`."""
        return Answer(model(inputs).float().softmax(dim=-1))


OBJECTIVES: dict[str, type[Regression] | type[Classification] | type[Segmentation]] = {
    "regression": Regression,
    "classification": Classification,
    "segmentation": Segmentation,
}
"""The kinds of objective."""


def make_objective(described: Mapping[str, Any]) -> Objective:
    """Return the objective of samples.

    Parameters
    ----------
    described : mapping
        Its ``kind``, one of :data:`OBJECTIVES`, and what that kind takes; see
        :class:`deepsphere.tasks.samples.Samples`.
    """
    arguments = dict(described)
    objective: Objective = OBJECTIVES[arguments.pop("kind")](**arguments)
    return objective


def _tensor(values: NDArray[np.float64] | None, beside: Tensor) -> Tensor | None:
    """Return numbers on the device of a tensor."""
    if values is None:
        return None
    return torch.as_tensor(values, dtype=torch.float32).to(beside.device, non_blocking=True)
