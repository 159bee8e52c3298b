"""What a model says about samples, and how good that is."""

from collections.abc import Iterable
from contextlib import closing
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import nn

from deepsphere.errors import DeepsphereError
from deepsphere.tasks.samples import Float, Samples
from deepsphere.training.checks import flaws_of
from deepsphere.training.loader import LoadedBatch, Loader
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

    Raises
    ------
    DeepsphereError
        As :func:`predict`, on all devices.
    """
    own = np.array_split(numbers, fabric.world_size)[fabric.global_rank]
    found: Predictions | DeepsphereError | None = None
    if len(own):
        try:
            found = predict(model, samples, own, batch_size, fabric.device)
        except DeepsphereError as error:
            # The other devices wait for this one.
            found = error
    parts: list[Any] = [found] * fabric.world_size
    if fabric.world_size > 1:
        torch.distributed.all_gather_object(parts, found)
    for part in parts:
        if isinstance(part, DeepsphereError):
            raise part
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

    Raises
    ------
    DeepsphereError
        If a sample's input or known target is not finite.
    """
    training = model.training
    model.eval()
    found = []
    batches = Loader(samples, numbers, batch_size, seed=None).epoch(0)
    with torch.inference_mode(), closing(batches):
        for batch in batches:
            if not _is_finite(batch):
                batches.close()
                flaws = filter(None, (flaws_of(samples, number) for number in batch.numbers))
                raise DeepsphereError(f"data: {next(flaws)}")
            output = model(batch.inputs.to(device)).float().cpu().numpy()
            prediction = samples.to_unit(batch.numbers, output)
            target = samples.to_unit(batch.numbers, batch.target.numpy())
            found.append((prediction, target, batch.known.numpy()))
    model.train(training)
    return _joined(found)


def _is_finite(batch: LoadedBatch) -> bool:
    """Return whether all that a model sees and is compared to is finite."""
    return bool(batch.inputs.isfinite().all() and batch.target[batch.known].isfinite().all())


def _joined(parts: Iterable[Predictions]) -> Predictions:
    prediction, target, known = (np.concatenate(column) for column in zip(*parts, strict=True))
    return prediction, target, known
