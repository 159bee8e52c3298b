"""A learning rate to start with, from one short run in which the rate rises.

L. N. Smith, "Cyclical learning rates for training neural networks", WACV 2017, section 3.3: the
loss falls while the rate is useful and rises as soon as it is too large. Here the rate rises
geometrically, as the useful rates of different networks lie decades apart. The suggestion is a
tenth of the rate at which the loss was lowest. It is a rule of thumb for a first run of a new
network; for a published one, take the published rate.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError

_WINDOW = 5
"""Losses that are averaged, as those of single batches scatter."""

_DIVERGED = 4.0
"""The run ends when the loss is so many times the lowest."""


@dataclass(frozen=True)
class RangeTest:
    """What a run with a rising learning rate showed.

    Attributes
    ----------
    rates : ndarray of float64, shape (step,)
        Learning rates, rising; those after the loss diverged were not tried.
    losses : ndarray of float64, shape (step,)
        The loss of each step's batch, as it came.
    suggestion : float
        A tenth of the rate at which the mean of five losses in a row was lowest.
    """

    rates: NDArray[np.float64]
    losses: NDArray[np.float64]
    suggestion: float


def find_learning_rate(
    step: Callable[[float], float], lowest: float = 1e-6, highest: float = 1.0, steps: int = 100
) -> RangeTest:
    """Train with a rising learning rate until the loss diverges.

    Parameters
    ----------
    step : callable
        Trains one step at the given rate and returns the loss of its batch before the step. What it
        trains is spoiled: give it a copy of the model.
    lowest, highest : float
        Range of the rates; they rise geometrically from one to the other.
    steps : int
        Steps in the whole range, more than 5.

    Raises
    ------
    DeepsphereError
        If the loss never fell.
    ValueError
        If the range is empty or the steps are too few.
    """
    if not 0 < lowest < highest:
        raise ValueError(f"expected rates 0 < lowest < highest, found {lowest} and {highest}")
    if steps <= _WINDOW:
        raise ValueError(f"expected more than {_WINDOW} steps, found {steps}")
    rates = np.geomspace(lowest, highest, steps)
    losses: list[float] = []
    means: list[float] = []
    for rate in rates:
        losses.append(step(float(rate)))
        if not math.isfinite(losses[-1]):
            break
        if len(losses) >= _WINDOW:
            means.append(sum(losses[-_WINDOW:]) / _WINDOW)
            if means[-1] > _DIVERGED * min(means):
                break
    best = int(np.argmin(means)) if means else 0
    if best == 0:
        raise DeepsphereError(
            f"learning rate finder: the loss never fell; it went from {losses[0]:g} to "
            f"{losses[-1]:g} between the rates {lowest:g} and {rates[len(losses) - 1]:g}; "
            "try lower rates, or check the data"
        )
    middle = best + _WINDOW // 2
    return RangeTest(rates[: len(losses)], np.array(losses), float(rates[middle] / 10))
