"""What a run has come to: all that its checkpoint holds besides the model."""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from deepsphere.config.training import Training


@dataclass
class Progress:
    """How far a run has come, and what it found on its way.

    Attributes
    ----------
    epoch : int
        Finished epochs.
    batch : int
        Finished batches of the epoch that is not.
    sums : Tensor of float64, shape (2,)
        The sum of the losses of these batches and its weight.
    history : list of dict
        One entry an epoch: ``epoch``, ``learning_rate``, ``loss``, and every so often the scores
        of the monitored split.
    best : dict, optional
        Error, epoch and weights (on the CPU) of the best model on the validation samples.
    """

    epoch: int = 0
    batch: int = 0
    sums: Tensor = field(default_factory=lambda: torch.zeros(2, dtype=torch.float64))
    history: list[dict[str, Any]] = field(default_factory=list)
    best: dict[str, Any] | None = None

    def state(self) -> dict[str, Any]:
        """Return this as tensors on the CPU and plain data."""
        return vars(self) | {"sums": self.sums.cpu()}

    def finish_epoch(self) -> float:
        """Count one more finished epoch; return its mean loss."""
        total, weight = self.sums.tolist()
        self.epoch += 1
        self.batch = 0
        self.sums = torch.zeros_like(self.sums)
        return total / weight if weight else 0.0

    def keep_best(self, model: nn.Module, error: float) -> None:
        """Keep the weights of a model if its error is the lowest so far."""
        if self.best is None or error < self.best["error"]:
            weights = {
                name: value.detach().to("cpu", copy=True)
                for name, value in model.state_dict().items()
            }
            self.best = {"error": error, "epoch": self.epoch, "weights": weights}

    def is_monitored(self, settings: Training) -> bool:
        """Return whether the learning curve has a point at the last finished epoch."""
        return self.epoch % settings.monitor_every == 0 or self.epoch == settings.epochs

    def is_finished(self, settings: Training) -> bool:
        """Return whether all epochs are done, or no better model came for too long."""
        if settings.patience is not None and self.best is not None:
            later = self.history[self.best["epoch"] :]
            if sum("validation" in entry for entry in later) >= settings.patience:
                return True
        return self.epoch == settings.epochs
