"""What a model says about samples, and how good that is."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor, nn

from deepsphere.errors import DeepsphereError
from deepsphere.tasks.samples import Float, Predictions, Samples
from deepsphere.tasks.tally import joined
from deepsphere.training.checks import flaws_of
from deepsphere.training.loader import LoadedBatch, Loader
from deepsphere.training.objectives import Objective


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
    found: Any = None
    if len(own):
        tally = samples.tally()
        try:
            for part in predictions(model, samples, own, objective, batch_size, fabric.device):
                tally.add(part)
            found = tally.state()
        except DeepsphereError as error:
            # The other devices wait for this one.
            found = error
    parts: list[Any] = [found] * fabric.world_size
    if fabric.world_size > 1:
        torch.distributed.all_gather_object(parts, found)
    together = samples.tally()
    for part in parts:
        if isinstance(part, DeepsphereError):
            raise part
        if part is not None:
            together.merge(part)
    # A model that diverged says infinite values; that its scores are not finite, the caller sees.
    with np.errstate(invalid="ignore", over="ignore"):
        return dict(together.scores())


def predict(
    model: nn.Module,
    samples: Samples,
    numbers: NDArray[np.int64],
    objective: Objective,
    batch_size: int,
    device: torch.device,
) -> Predictions:
    """Apply a model to samples, all of which are then held in memory.

    Raises
    ------
    DeepsphereError
        If a sample's input or known target is not finite.
    """
    return joined(list(predictions(model, samples, numbers, objective, batch_size, device)))


def predictions(
    model: nn.Module,
    samples: Samples,
    numbers: NDArray[np.int64],
    objective: Objective,
    batch_size: int,
    device: torch.device,
) -> Iterator[Predictions]:
    """Apply a model to samples, batch by batch, in their order.

    Raises
    ------
    DeepsphereError
        If a sample's input or known target is not finite.
    """
    training = model.training
    model.eval()
    batches = Loader(samples, numbers, batch_size, seed=None).epoch(0)
    with torch.inference_mode(), closing(batches):
        for batch in batches:
            if not _is_finite(batch):
                batches.close()
                flaws = filter(None, (flaws_of(samples, number) for number in batch.numbers))
                raise DeepsphereError(f"data: {next(flaws)}")
            answer = objective.answer(model, batch.inputs.to(device))
            described = answer.descriptors
            yield Predictions(
                numbers=batch.numbers,
                prediction=samples.to_unit(batch.numbers, _array(answer.prediction)),
                target=samples.to_unit(batch.numbers, batch.target.numpy()),
                known=batch.known.numpy(),
                descriptors=None if described is None else _array(described),
            )
    model.train(training)


def _is_finite(batch: LoadedBatch) -> bool:
    """Return whether all that a model sees and is compared to is finite."""
    return bool(batch.inputs.isfinite().all() and batch.target[batch.known].isfinite().all())


def _array(values: Tensor) -> Float:
    array: Float = values.float().cpu().numpy()
    return array
