"""The training loop.

Everything random in an epoch follows from the seed and the number of the epoch, so a run that is
killed and goes on from its last checkpoint ends with the same numbers, bit for bit on a CPU, as one
that was not.
"""

import json
import logging
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor, nn

from deepsphere.config.training import Training
from deepsphere.errors import DeepsphereError
from deepsphere.files import write_bytes
from deepsphere.tasks.regression import regression_metrics
from deepsphere.tasks.samples import Samples
from deepsphere.training.checkpoint import load_checkpoint, save_checkpoint
from deepsphere.training.devices import find_device
from deepsphere.training.optimizers import make_optimizer

CHECKPOINT_SECONDS = 20.0
"""Time between two checkpoints. It decides what a killed run repeats, never its numbers."""

_CURVES = ("mse", "mae", "r2")
_LOG = logging.getLogger(__name__)


@dataclass
class Progress:
    """What a run has come to: all that its checkpoint holds besides the model.

    Attributes
    ----------
    epoch : int
        Finished epochs.
    history : list of dict
        One entry an epoch: ``epoch``, ``learning_rate``, ``loss``, and every so often the metrics
        of the monitored split.
    best : dict, optional
        Metric, epoch and weights of the best model on the validation samples.
    """

    epoch: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)
    best: dict[str, Any] | None = None


def train(
    build: Callable[[], nn.Module],
    samples: Samples,
    settings: Training,
    seed: int,
    folder: Path,
    fingerprint: str,
) -> tuple[nn.Module, Progress]:
    """Train a model, or go on training it.

    Parameters
    ----------
    build : callable
        Makes the model; its random start follows from ``seed``.
    samples : Samples
        The samples of a task.
    settings : Training
    seed : int
        Decides the start of the weights and the order of the samples.
    folder : Path
        Where the checkpoint and the learning curve are kept: ``checkpoint.pt``,
        ``history.jsonl``.
    fingerprint : str
        Digest of all that decides the numbers. A checkpoint of another one is not used.

    Returns
    -------
    model : nn.Module
        The last model or the best one, as the settings say.
    progress : Progress
        The learning curve and, if one was selected, the best epoch.

    Raises
    ------
    DeepsphereError
        If there are no samples to train on or to select on, or if the numbers are not finite.
    """
    monitored = _monitored(samples, settings)
    fabric = Fabric(accelerator=find_device(settings.device).type, devices=1, precision="32-true")
    torch.manual_seed(seed)
    model = fabric.setup_module(build())
    optimizer: Any = fabric.setup_optimizers(
        make_optimizer(settings.optimizer, model.parameters(), settings.learning_rate)
    )
    progress = _resume(folder / "checkpoint.pt", fingerprint, model, optimizer)
    if progress.epoch:
        _LOG.info("going on after epoch %d of %d", progress.epoch, settings.epochs)
    _write_history(folder / "history.jsonl", progress)
    saved = time.monotonic()
    while progress.epoch < settings.epochs:
        began = time.monotonic()
        rate = _learning_rate(settings, progress.epoch)
        for group in optimizer.param_groups:
            group["lr"] = rate
        loss = _epoch(fabric, model, optimizer, samples, settings, (seed, progress.epoch))
        progress.epoch += 1
        entry: dict[str, Any] = {"epoch": progress.epoch, "learning_rate": rate, "loss": loss}
        _check_finite("loss", loss, progress.epoch, settings)
        finished = progress.epoch == settings.epochs
        if finished or progress.epoch % settings.monitor_every == 0:
            scores = score(model, samples, monitored, settings.batch_size, fabric.device)
            _check_finite(f"{monitored} error", scores["mse"], progress.epoch, settings)
            entry[monitored] = {name: scores[name] for name in _CURVES if name in scores}
            if settings.select == "best":
                _keep_best(progress, model, scores["mse"])
        progress.history.append(entry)
        with (folder / "history.jsonl").open("a", encoding="utf-8") as stream:
            stream.write(_line(entry))
        if finished or time.monotonic() - saved > CHECKPOINT_SECONDS:
            _save(folder / "checkpoint.pt", fingerprint, model, optimizer, progress)
            saved = time.monotonic()
        _log_epoch(entry, settings.epochs, monitored, time.monotonic() - began)
    if settings.select == "best" and progress.best is not None:
        model.load_state_dict(progress.best["weights"])
    return model, progress


def score(
    model: nn.Module, samples: Samples, split: str, batch_size: int, device: torch.device
) -> dict[str, float]:
    """Return the metrics of a model on a split, in the unit of the data."""
    numbers = samples.splits[split]
    prediction, target, known = predict(model, samples, numbers, batch_size, device)
    return regression_metrics(prediction, target, known)


def predict(
    model: nn.Module,
    samples: Samples,
    numbers: NDArray[np.int64],
    batch_size: int,
    device: torch.device,
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
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
    predictions, targets, masks = [], [], []
    with torch.inference_mode():
        for part in _parts(numbers, batch_size):
            batch = samples.batch(part)
            output = model(torch.from_numpy(batch.inputs).to(device)).cpu().numpy()
            predictions.append(samples.to_unit(part, output))
            targets.append(samples.to_unit(part, batch.target))
            masks.append(batch.known)
    model.train(training)
    return np.concatenate(predictions), np.concatenate(targets), np.concatenate(masks)


def _epoch(
    fabric: Fabric,
    model: nn.Module,
    optimizer: Any,
    samples: Samples,
    settings: Training,
    seed: tuple[int, int],
) -> float:
    """Train on every sample once, in an order that follows from the seed; return the mean loss."""
    model.train()
    order = np.random.default_rng(seed).permutation(samples.splits["train"])
    total = torch.zeros((), dtype=torch.float64)
    weight = torch.zeros((), dtype=torch.float64)
    for part in _parts(order, settings.batch_size):
        batch = samples.batch(part)
        known = torch.from_numpy(batch.known).to(fabric.device)
        output = model(torch.from_numpy(batch.inputs).to(fabric.device))
        loss = masked_squared_error(output, torch.from_numpy(batch.target).to(fabric.device), known)
        optimizer.zero_grad()
        fabric.backward(loss)
        optimizer.step()
        total += loss.detach().cpu().double() * int(batch.known.sum())
        weight += int(batch.known.sum())
    return float(total / weight.clamp(min=1))


def masked_squared_error(output: Tensor, target: Tensor, known: Tensor) -> Tensor:
    """Return the mean of the squared errors where the target is known."""
    squares = torch.where(known, output - target, 0).square()
    return squares.sum() / known.sum().clamp(min=1)


def _monitored(samples: Samples, settings: Training) -> str:
    """Return the split of the learning curve; test samples select nothing."""
    selects = settings.select == "best"
    monitored = "validation" if selects or len(samples.splits["validation"]) else "test"
    for split in ("train", monitored):
        if not len(samples.splits[split]):
            raise DeepsphereError(
                f"training: found 0 {split} samples; raise this share of the store's split, "
                "or take more days"
            )
    return monitored


def _check_finite(what: str, value: float, epoch: int, settings: Training) -> None:
    if not math.isfinite(value):
        raise DeepsphereError(
            f"training: the {what} is {value} in epoch {epoch}; "
            f"lower the learning rate (found {settings.learning_rate:g})"
        )


def _write_history(path: Path, progress: Progress) -> None:
    """Write the learning curve so far; what a killed run added after its checkpoint is dropped."""
    write_bytes(path, "".join(map(_line, progress.history)).encode())


def _line(entry: dict[str, Any]) -> str:
    return json.dumps(entry, sort_keys=True) + "\n"


def _learning_rate(settings: Training, epoch: int) -> float:
    if settings.schedule == "constant":
        return settings.learning_rate
    return settings.learning_rate * (1 + math.cos(math.pi * epoch / settings.epochs)) / 2


def _keep_best(progress: Progress, model: nn.Module, error: float) -> None:
    if progress.best is None or error < progress.best["mse"]:
        weights = {name: value.detach().clone() for name, value in model.state_dict().items()}
        progress.best = {"mse": error, "epoch": progress.epoch, "weights": weights}


def _save(
    path: Path, fingerprint: str, model: nn.Module, optimizer: Any, progress: Progress
) -> None:
    content = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "epoch": progress.epoch,
        "history": progress.history,
        "best": progress.best,
    }
    save_checkpoint(path, fingerprint, content)


def _resume(path: Path, fingerprint: str, model: nn.Module, optimizer: Any) -> Progress:
    content = load_checkpoint(path, fingerprint)
    if content is None:
        return Progress()
    model.load_state_dict(content["model"])
    optimizer.load_state_dict(content["optimizer"])
    return Progress(content["epoch"], content["history"], content["best"])


def _parts(numbers: NDArray[np.int64], size: int) -> Iterator[NDArray[np.int64]]:
    for start in range(0, len(numbers), size):
        yield numbers[start : start + size]


def _log_epoch(entry: dict[str, Any], epochs: int, monitored: str, seconds: float) -> None:
    remaining = (epochs - entry["epoch"]) * seconds
    text = f"epoch {entry['epoch']}/{epochs}: loss {entry['loss']:.4g}"
    if monitored in entry:
        scores = ", ".join(f"{name} {value:.4g}" for name, value in entry[monitored].items())
        text += f"; {monitored} {scores}"
    _LOG.info("%s (%.1f s an epoch, %.0f s left)", text, seconds, remaining)
