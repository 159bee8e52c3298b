"""Metrics of regressions, with gaps: those of scikit-learn wherever nothing is missing.

Per output (a station, say) the metric is taken over the samples whose target is known; then the
outputs that have enough of them are averaged with equal weight, which is scikit-learn's
``uniform_average``. R² and explained variance need two different targets; an output without
them is left out of these two and is counted in ``outputs_without_variance``.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from deepsphere.tasks.samples import Batch, Float, Predictions
from deepsphere.tasks.tally import Whole

METRICS = ("mse", "mae", "mre", "r2", "explained_variance")
"""Names of the metrics, in the order in which tables show them."""


class RegressionSamples(ABC):
    """What the samples of all regressions share; see :class:`deepsphere.tasks.samples.Samples`."""

    objective: ClassVar[Mapping[str, Any]] = {"kind": "regression"}
    metrics: ClassVar[tuple[str, ...]] = METRICS
    curves: ClassVar[tuple[str, ...]] = ("mse", "mae", "r2")
    error: ClassVar[str] = "mse"
    input_times: ClassVar[int] = 1
    outputs: ClassVar[None] = None
    classes: ClassVar[None] = None

    @abstractmethod
    def times(self, samples: NDArray[np.int64]) -> NDArray[np.datetime64]:
        """Return the day that each sample's target belongs to."""

    @abstractmethod
    def batch(self, samples: NDArray[np.int64]) -> Batch:
        """Return some samples by their numbers."""

    @abstractmethod
    def to_unit(self, samples: NDArray[np.int64], values: NDArray[Any]) -> Float:
        """Return predictions or targets of some samples in the unit of the data."""

    def truth(self, samples: NDArray[np.int64]) -> tuple[Float, NDArray[np.bool_]]:
        """Return the targets in the unit of the data, and where they are known."""
        batch = self.batch(samples)
        return self.to_unit(samples, batch.target), batch.known

    def tally(self, scratch: Path | None = None) -> Whole:
        """Return an empty tally, in memory."""
        return Whole(self)

    def scores(self, found: Predictions) -> dict[str, float]:
        """Return the metrics of a regression."""
        return regression_metrics(found.prediction, found.target, found.known)

    def kept(self, found: Predictions) -> dict[str, NDArray[Any]]:
        """Return predictions, targets and their days."""
        return {
            "prediction": found.prediction,
            "target": found.target,
            "known": found.known,
            "day": self.times(found.numbers).astype("datetime64[D]"),
        }

    def name(self, number: int) -> str:
        """Return the day of a sample."""
        return str(self.times(np.array([number]))[0])


def regression_metrics(
    prediction: NDArray[np.floating],
    target: NDArray[np.floating],
    known: NDArray[np.bool_],
) -> dict[str, float]:
    """Return how well predictions meet their targets.

    Parameters
    ----------
    prediction, target : ndarray, shape (sample, output) or (sample,)
        In the unit of the data.
    known : ndarray of bool, same shape
        Where the target counts.

    Returns
    -------
    dict of str to float
        ``mse`` in squared units, ``mae`` in units, ``mre`` = mean of |error| / max(target, 1) in
        percent (as published; it depends on the zero of the unit), ``r2``,
        ``explained_variance``, and ``outputs_without_variance``.

    Raises
    ------
    ValueError
        If the shapes differ, or if no target is known.
    """
    if not prediction.shape == target.shape == known.shape:
        raise ValueError(
            f"expected one shape, found {prediction.shape=}, {target.shape=}, {known.shape=}"
        )
    if not known.any():
        raise ValueError("no target is known, so there is nothing to score")
    samples = len(target)
    known = known.reshape(samples, -1)
    truth = np.where(known, target.reshape(samples, -1).astype(np.float64), 0)
    error = np.where(known, prediction.reshape(samples, -1).astype(np.float64) - truth, 0)
    count = known.sum(axis=0)
    scored = count > 0
    divisor = np.maximum(count, 1)

    def average(values: NDArray[np.float64]) -> float:
        return float((values.sum(axis=0) / divisor)[scored].mean())

    centred = np.where(known, truth - truth.sum(axis=0) / divisor, 0)
    centred_error = np.where(known, error - error.sum(axis=0) / divisor, 0)
    total = np.square(centred).sum(axis=0)
    highest = np.where(known, truth, -np.inf).max(axis=0)
    lowest = np.where(known, truth, np.inf).min(axis=0)
    # The mean of equal float64 targets may differ from them in the last digit: then total > 0.
    varied = (total > 0) & (highest > lowest)
    result = {
        "mse": average(np.square(error)),
        "mae": average(np.abs(error)),
        "mre": 100 * average(np.abs(error) / np.maximum(truth, 1)),
        "outputs_without_variance": float((scored & ~varied).sum()),
    }
    if varied.any():
        unexplained = np.square(error).sum(axis=0)[varied] / total[varied]
        unexplained_variance = np.square(centred_error).sum(axis=0)[varied] / total[varied]
        result["r2"] = float(1 - unexplained.mean())
        result["explained_variance"] = float(1 - unexplained_variance.mean())
    return result


def error_by_output(
    prediction: NDArray[np.floating],
    target: NDArray[np.floating],
    known: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Return the mean absolute error of each output, shape (output,); NaN where none is known."""
    error = np.where(known, np.abs(prediction.astype(np.float64) - target), 0)
    count = known.sum(axis=0)
    return np.where(count > 0, error.sum(axis=0) / np.maximum(count, 1), np.nan)
