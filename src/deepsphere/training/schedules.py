"""Learning rates, as functions of the number of the step.

The published networks train at a constant rate, but for the cosmological ones, whose rate falls
exponentially (0.999 a step). Half a cosine to 0 is the better choice where nothing has to be
reproduced. A warm-up helps large batches and networks with attention through their first steps.

A rate that follows from the step alone has no state: a run that is resumed has the same rates.
"""

import math
from typing import Literal

Schedule = Literal["constant", "cosine", "exponential", "step"]


def learning_rate(
    schedule: Schedule,
    base: float,
    step: int,
    steps: int,
    *,
    warmup_steps: int = 0,
    decay: float | None = None,
    every: int = 1,
) -> float:
    """Return the learning rate of a step.

    Parameters
    ----------
    schedule : {"constant", "cosine", "exponential", "step"}
        How the rate falls after the warm-up: not at all; along half a cosine, to 0 at the end of
        the last step; by the factor ``decay`` over every ``every`` steps, a little at each of them,
        or all at once at the last.
    base : float
        The rate after the warm-up, before it falls.
    step : int
        Steps done before this one: the first step is 0.
    steps : int
        Steps of the whole training, those of the warm-up included.
    warmup_steps : int
        Steps over which the rate rises linearly: to ``base / warmup_steps`` in the first of them
        and to ``base`` in the last.
    decay : float, optional
        Of the exponential and the step schedule, which have no default; at most 1.
    every : int
        Steps over which the rate falls by ``decay``.

    Raises
    ------
    ValueError
        If a number is out of its range, or the schedule is none of these.
    """
    if not 0 <= step <= steps:
        raise ValueError(f"expected a step of 0 to {steps}, found {step}")
    if not 0 <= warmup_steps < steps:
        raise ValueError(f"expected fewer than {steps} warm-up steps, found {warmup_steps}")
    if step < warmup_steps:
        return base * ((step + 1) / warmup_steps)
    step, steps = step - warmup_steps, steps - warmup_steps
    if schedule == "constant":
        return base
    if schedule == "cosine":
        return base * (1 + math.cos(math.pi * step / steps)) / 2
    if schedule not in ("exponential", "step"):
        raise ValueError(
            f"expected 'constant', 'cosine', 'exponential' or 'step', found {schedule!r}"
        )
    if decay is None or not 0 < decay <= 1 or every < 1:
        raise ValueError(
            f"schedule {schedule!r}: expected 0 < decay <= 1 and every >= 1, "
            f"found {decay} and {every}"
        )
    falls = step / every if schedule == "exponential" else step // every
    return float(base * decay**falls)
