"""What a model says about samples, and how good that is."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import nn

from deepsphere.tasks.samples import Float, Samples
from deepsphere.training.loader import Loader
from deepsphere.training.objectives import Objective

Predictions = tuple[Float, Float, NDArray[np.bool_]]


def score(
    model: nn.Module,
    samples: Samples,
    numbers: NDArray[np.int64],
    objective: Objective,
    batch_size: int,
    fabric: Fabric,
) -> dict[str, float]:
    """Return the scores of a model on some samples, in the unit of the data.

    The devices of ``fabric`` share the work, and each returns the scores of all samples.
    """
    own = np.array_split(numbers, fabric.world_size)[fabric.global_rank]
    found = predict(model, samples, own, batch_size, fabric.device) if len(own) else None
    parts: list[Any] = [found] * fabric.world_size
    if fabric.world_size > 1:
        torch.distributed.all_gather_object(parts, found)
    # A model that diverged says infinite values; that its scores are not finite, the caller sees.
    with np.errstate(invalid="ignore", over="ignore"):
        return objective.scores(*_joined(part for part in parts if part is not None))


def predict(
    model: nn.Module,
    samples: Samples,
    numbers: NDArray[np.int64],
    batch_size: int,
    device: torch.device,
) -> Predictions:
    """Apply a model to samples.

    Returns
    -------
    prediction, target : ndarray of float32, shape (sample, pixel) or (sample,)
        In the unit of the data.
    known : ndarray of bool, same shape
        Where the target is known.
    """
    training = model.training
    model.eval()
    found = []
    with torch.inference_mode():
        for batch in Loader(samples, numbers, batch_size, seed=None).epoch(0):
            output = model(batch.inputs.to(device)).float().cpu().numpy()
            prediction = samples.to_unit(batch.numbers, output)
            target = samples.to_unit(batch.numbers, batch.target.numpy())
            found.append((prediction, target, batch.known.numpy()))
    model.train(training)
    return _joined(found)


def _joined(parts: Iterable[Predictions]) -> Predictions:
    prediction, target, known = (np.concatenate(column) for column in zip(*parts, strict=True))
    return prediction, target, known
