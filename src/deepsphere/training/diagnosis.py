"""Which sample it was, when a loss is NaN or infinite."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepsphere.errors import DeepsphereError
from deepsphere.tasks.samples import Samples
from deepsphere.training.checks import flaws_of, sample_name
from deepsphere.training.learner import Learner


def not_finite(
    learner: Learner,
    before: Mapping[str, Tensor],
    samples: Samples,
    numbers: Sequence[NDArray[np.int64]],
    epoch: int,
) -> DeepsphereError:
    """Return the error that says why a loss is not finite.

    All devices must ask together, each with its own samples; they get the same answer. The model is
    left in the state ``before``.

    Parameters
    ----------
    learner : Learner
    before : mapping of str to Tensor
        The state of the model before it saw these batches. After them, its running statistics or
        its weights may be NaN, and then no sample has a finite loss.
    samples : Samples
    numbers : sequence of ndarray of int64, shape (sample,)
        This device's slices of the batches that may be the cause.
    epoch : int
        Number of the epoch, from 1.
    """
    learner.model.load_state_dict(before)
    own = np.concatenate(numbers)
    where = f"training: the loss is not finite in epoch {epoch}"
    in_data = _highest(learner, next((number for number in own if flaws_of(samples, number)), -1))
    if in_data >= 0:
        return DeepsphereError(f"{where}: {flaws_of(samples, in_data)}")
    bad = [number for number in own if not _has_finite_loss(learner, samples, number)]
    some_are_good = _highest(learner, len(bad) < len(own))
    in_loss = _highest(learner, bad[0] if bad else -1)
    rate = f"lower the learning rate (found {learner.settings.learning_rate:g})"
    if some_are_good and in_loss >= 0:
        return DeepsphereError(
            f"{where}: that of {sample_name(samples, in_loss)} is not, though its data are; "
            f"look at it, or {rate}"
        )
    return DeepsphereError(f"{where}, whatever the sample; {rate}")


def _has_finite_loss(learner: Learner, samples: Samples, number: int) -> bool:
    batch = samples.batch(np.array([number]))
    inputs, target, known = (
        torch.from_numpy(part).to(learner.fabric.device)
        for part in (batch.inputs, batch.target, batch.known)
    )
    training = learner.model.training
    learner.model.eval()
    with torch.inference_mode(), learner.fabric.autocast():
        loss = learner.objective.loss(learner.model, inputs, target, known)
    learner.model.train(training)
    return bool(torch.isfinite(loss.total))


def _highest(learner: Learner, number: int) -> int:
    """Return the highest of the numbers that the devices found."""
    tensor = torch.tensor(int(number), device=learner.fabric.device)
    highest: Any = learner.fabric.all_reduce(tensor, reduce_op="max")
    return int(highest)
