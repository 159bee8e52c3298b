"""The learning rate finder, on a task: which rate to begin with."""

from collections.abc import Callable
from itertools import chain, count, islice

import numpy as np
from torch import nn

from deepsphere.config.training import Training
from deepsphere.tasks.samples import Samples
from deepsphere.training.checks import check_split
from deepsphere.training.devices import open_fabric
from deepsphere.training.learner import NotFinite, make_learner
from deepsphere.training.learning_rate_finder import RangeTest, find_learning_rate
from deepsphere.training.loader import Loader
from deepsphere.training.objectives import Objective


def train_range_test(
    build: Callable[[], nn.Module],
    samples: Samples,
    objective: Objective,
    settings: Training,
    seed: int,
    lowest: float = 1e-6,
    highest: float = 1.0,
    steps: int = 100,
) -> RangeTest:
    """Train a fresh model with a rising learning rate, on one device; nothing is written.

    Parameters
    ----------
    build, samples, objective, seed
        As of :func:`deepsphere.training.loop.train`.
    settings : Training
        Its learning rate, schedule and epochs do not count.
    lowest, highest, steps
        See :func:`deepsphere.training.learning_rate_finder.find_learning_rate`.

    Raises
    ------
    DeepsphereError
        If the loss never fell, or there are no samples to train on.
    """
    check_split(samples, "train")
    fabric = open_fabric(settings.model_copy(update={"devices": 1}))
    learner = make_learner(fabric, build, objective, settings, seed)
    learner.wrapped.train()
    loader = Loader(samples, samples.splits["train"], settings.batch_size, seed=seed)
    batches = chain.from_iterable(loader.epoch(number) for number in count())

    def step(rate: float) -> float:
        try:
            total, weight = learner.step(list(islice(batches, settings.accumulate)), rate).tolist()
        except NotFinite:
            return np.nan
        return float(total / weight) if weight else 0.0

    return find_learning_rate(step, lowest, highest, steps)
