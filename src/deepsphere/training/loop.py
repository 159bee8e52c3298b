"""The training loop.

Everything random in a step follows from the seed and the numbers of the epoch, the batch and the
device, so a run that is killed and goes on from its last checkpoint ends with the same numbers, bit
for bit on a CPU, as one that was not.
"""

import logging
import math
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor, nn

from deepsphere.config.training import Training
from deepsphere.errors import DeepsphereError
from deepsphere.tasks.samples import Samples
from deepsphere.training.averaging import copied_state
from deepsphere.training.checkpoint import load_checkpoint, save_checkpoint
from deepsphere.training.checks import check_split
from deepsphere.training.devices import open_fabric, summed_over_devices
from deepsphere.training.diagnosis import not_finite
from deepsphere.training.learner import Learner, NotFinite, make_learner
from deepsphere.training.loader import Loader
from deepsphere.training.objectives import Objective
from deepsphere.training.prediction import score
from deepsphere.training.progress import Progress
from deepsphere.training.reporting import Reporter
from deepsphere.training.schedules import learning_rate
from deepsphere.training.termination import watched_for_termination

CHECKPOINT_SECONDS = 20.0
"""Time between two checkpoints. It decides what a killed run repeats, never its numbers."""

_BATCHES_UNCHECKED = 32
"""Batches on a GPU after which losses are looked at, for which the GPU must be waited for."""

_LOG = logging.getLogger(__name__)


def train(
    build: Callable[[], nn.Module],
    samples: Samples,
    objective: Objective,
    settings: Training,
    seed: int,
    folder: Path,
    fingerprint: Mapping[str, Any],
) -> tuple[nn.Module, Progress]:
    """Train a model, or go on training it.

    Parameters
    ----------
    build : callable
        Makes the model; its random start follows from ``seed``.
    samples : Samples
        The samples of a task.
    objective : Objective
        The loss of the task.
    settings : Training
    seed : int
        Decides the start of the weights and the order of the samples.
    folder : Path
        Where the checkpoint and the learning curve are kept: ``checkpoint.pt``,
        ``history.jsonl``.
    fingerprint : mapping
        All that decides the numbers, as plain data. A checkpoint of another one is set aside.

    Returns
    -------
    model : nn.Module
        The last model or the best one, as the settings say; the average if there is one.
    progress : Progress
        The learning curve and, if one was selected, the best epoch.

    Raises
    ------
    DeepsphereError
        If there are no samples to train on or to select on, if the numbers are not finite, or if
        the process is asked to end.
    """
    monitored = _monitored(samples, settings)
    fabric = open_fabric(settings)
    learner = make_learner(fabric, build, objective, settings, seed)
    loader = Loader(
        samples,
        samples.splits["train"],
        settings.batch_size,
        seed=seed,
        rank=fabric.global_rank,
        ranks=fabric.world_size,
        pin_memory=fabric.device.type == "cuda",
    )
    _check_warmup(settings, loader)
    checkpoint = folder / "checkpoint.pt"
    progress = _resume(checkpoint, fingerprint, learner)
    saved = time.monotonic()

    def save(at_once: bool = False) -> None:
        nonlocal saved
        late = time.monotonic() - saved > CHECKPOINT_SECONDS
        if fabric.is_global_zero and (late or at_once or must_end()):
            save_checkpoint(checkpoint, fingerprint, learner.state() | progress.state())
            saved = time.monotonic()
        if must_end():
            raise DeepsphereError(
                f"training: asked to end (SIGTERM) after {progress.epoch} epochs and "
                f"{progress.batch} batches; they are kept, run it again to go on"
            )

    with (
        watched_for_termination() as must_end,
        Reporter(folder, settings, loader.batches, progress, not fabric.is_global_zero) as report,
    ):
        while not progress.is_finished(settings):
            _train_epoch(learner, loader, progress, save, report)
            rate = _learning_rate(settings, loader, progress.epoch, loader.batches - 1)
            loss = progress.finish_epoch()
            entry: dict[str, Any] = {"epoch": progress.epoch, "learning_rate": rate, "loss": loss}
            if progress.is_monitored(settings):
                numbers = samples.splits[monitored]
                with learner.as_scored() as model:
                    scores = score(model, samples, numbers, objective, settings.batch_size, fabric)
                    error = scores[samples.error]
                    _check_finite(f"{monitored} error", error, progress.epoch, settings)
                    if settings.select == "best":
                        progress.keep_best(model, error)
                shown = {name: scores[name] for name in samples.curves if name in scores}
                entry[monitored] = shown
            progress.history.append(entry)
            report.epoch(entry)
            save(at_once=progress.is_finished(settings))
    if progress.epoch < settings.epochs and fabric.is_global_zero:
        _LOG.info(
            "no better model for %d points; ended at epoch %d", settings.patience, progress.epoch
        )
    if progress.best is not None:
        learner.model.load_state_dict(progress.best["weights"])
    elif learner.average is not None:
        learner.model.load_state_dict(learner.average.state_dict())
    return learner.model, progress


def _train_epoch(
    learner: Learner,
    loader: Loader,
    progress: Progress,
    save: Callable[[], None],
    report: Reporter,
) -> None:
    """Train on what is left of an epoch."""
    fabric, settings = learner.fabric, learner.settings
    learner.wrapped.train()
    progress.sums = progress.sums.to(fabric.device)
    unchecked: list[NDArray[np.int64]] = []
    checked = copied_state(learner.model)
    try:
        with closing(loader.epoch(progress.epoch, start=progress.batch)) as batches:
            while step := list(islice(batches, settings.accumulate)):
                _seed_step(loader, progress)
                unchecked += [batch.numbers for batch in step]
                rate = _learning_rate(settings, loader, progress.epoch, progress.batch)
                progress.sums = progress.sums + learner.step(step, rate)
                progress.batch += len(step)
                report.step(len(step))
                last = progress.batch == loader.batches
                if fabric.device.type == "cpu" or last or len(unchecked) >= _BATCHES_UNCHECKED:
                    state = copied_state(learner.model)
                    if not (math.isfinite(progress.sums[0]) and _is_sound(fabric, state, checked)):
                        raise NotFinite
                    unchecked.clear()
                    checked = state
                    save()
    except NotFinite:
        # By now, the loader's threads have ended: samples are read here, and by nobody else.
        epoch = progress.epoch + 1
        raise not_finite(learner, checked, loader.samples, unchecked, epoch) from None


def _is_sound(fabric: Fabric, after: dict[str, Tensor], before: dict[str, Tensor]) -> bool:
    """Return whether nothing in a model's state stopped to be finite, on any device.

    A sample can make running statistics infinite and still have a finite loss, as it is normalized
    by its own statistics in training.
    """
    broken = torch.stack(
        [(before[name].isfinite() & ~after[name].isfinite()).any() for name in after]
    )
    return not summed_over_devices(fabric, broken.any().float())


def _seed_step(loader: Loader, progress: Progress) -> None:
    """Make what is random in a step follow from its place in the training alone."""
    place = (loader.seed or 0, progress.epoch, progress.batch, loader.rank)
    torch.manual_seed(int(np.random.SeedSequence(place).generate_state(1, np.uint64)[0]))


def _learning_rate(settings: Training, loader: Loader, epoch: int, batch: int) -> float:
    """Return the learning rate of the step that a batch belongs to.

    It falls in the unit of the schedule, but rises from step to step: over whole epochs, a warm-up
    would begin too high, and one of a single epoch would be none.
    """
    counts_steps = settings.schedule_unit == "step"
    steps = _steps(settings, loader)
    done, planned = epoch * steps + batch // settings.accumulate, settings.epochs * steps
    rising = settings.warmup * (1 if counts_steps else steps)
    if done < rising:
        return learning_rate("constant", settings.learning_rate, done, planned, warmup_steps=rising)
    return learning_rate(
        settings.schedule,
        settings.learning_rate,
        done if counts_steps else epoch,
        planned if counts_steps else settings.epochs,
        warmup_steps=settings.warmup,
        decay=settings.decay,
        every=settings.decay_every,
    )


def _steps(settings: Training, loader: Loader) -> int:
    """Return the number of steps of an epoch."""
    return -(-loader.batches // settings.accumulate)


def _check_warmup(settings: Training, loader: Loader) -> None:
    steps = settings.epochs * _steps(settings, loader)
    if settings.schedule_unit == "step" and settings.warmup >= steps:
        raise DeepsphereError(
            f"training.warmup: found {settings.warmup}; the training has {steps} steps, "
            "let it end before them"
        )


def _monitored(samples: Samples, settings: Training) -> str:
    """Return the split of the learning curve; test samples select nothing."""
    selects = settings.select == "best"
    monitored = "validation" if selects or len(samples.splits["validation"]) else "test"
    for split in ("train", monitored):
        check_split(samples, split)
    return monitored


def _check_finite(what: str, value: float, epoch: int, settings: Training) -> None:
    if not math.isfinite(value):
        raise DeepsphereError(
            f"training: the {what} is {value} in epoch {epoch}, though the data are finite; "
            f"lower the learning rate (found {settings.learning_rate:g})"
        )


def _resume(path: Path, fingerprint: Mapping[str, Any], learner: Learner) -> Progress:
    """Return how far the run has come, and give the learner its state there."""
    fabric = learner.fabric
    content = load_checkpoint(path, fingerprint) if fabric.is_global_zero else None
    content = fabric.broadcast(content)
    if content is None:
        return Progress()
    learner.load(content)
    progress = Progress(**{name: content[name] for name in vars(Progress())})
    if fabric.is_global_zero:
        batches = f" and {progress.batch} batches" if progress.batch else ""
        _LOG.info(
            "going on after epoch %d%s of %d", progress.epoch, batches, learner.settings.epochs
        )
    return progress
