"""What training is after: the loss of a batch, and the scores of predictions.

The loop knows a task by its objective alone. Samples name theirs, one of :data:`OBJECTIVES`; tasks
themselves know no PyTorch.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from deepsphere.tasks.regression import regression_metrics
from deepsphere.training.losses import LossSum, squared_error


class Objective(Protocol):
    """The loss and the scores of a task.

    Attributes
    ----------
    curves : tuple of str
        The scores that the learning curve shows, if there are such.
    error : str
        The score by which a model is selected: the lower, the better.
    """

    @property
    def curves(self) -> tuple[str, ...]: ...  # noqa: D102

    @property
    def error(self) -> str: ...  # noqa: D102

    def loss(self, output: Tensor, target: Tensor, known: Tensor) -> LossSum:
        """Return the loss of a batch and its weight.

        Parameters
        ----------
        output : Tensor of float, shape (sample, ...)
            What the model says.
        target : Tensor, shape (sample, ...)
            What it should say.
        known : Tensor of bool, shape of ``target``
            Where the target counts.
        """
        ...

    def scores(
        self, prediction: NDArray[Any], target: NDArray[Any], known: NDArray[np.bool_]
    ) -> dict[str, float]:
        """Return how well predictions meet their targets, both in the unit of the data."""
        ...


@dataclass(frozen=True)
class Regression:
    """Squared errors in training, and the metrics of :mod:`deepsphere.tasks.regression`."""

    curves: tuple[str, ...] = ("mse", "mae", "r2")
    error: str = "mse"

    def loss(self, output: Tensor, target: Tensor, known: Tensor) -> LossSum:
        """Return the squared errors and the number of known targets; see :class:`Objective`."""
        return squared_error(output, target, known=known)

    def scores(
        self, prediction: NDArray[Any], target: NDArray[Any], known: NDArray[np.bool_]
    ) -> dict[str, float]:
        """Return the metrics of a regression; see :class:`Objective`."""
        return regression_metrics(prediction, target, known)


OBJECTIVES: dict[str, Objective] = {"regression": Regression()}
"""The objectives, by the names that samples give."""
