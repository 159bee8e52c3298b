"""An exponential moving average of a model's weights.

The average of the last steps' weights often predicts better than the last weights, above all where
the learning rate does not fall to 0. It remembers about ``1 / (1 - decay)`` steps; take this well
below the steps of the training, as the average starts at the random weights.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from torch import Tensor, nn


class WeightAverage:
    """The exponential moving average of a model's state.

    After n updates with the states s₁ … sₙ it is ``decayⁿ s₀ + (1 - decay) Σ decayⁿ⁻ⁱ sᵢ``, where
    s₀ is the state at construction. The state is that of ``model.state_dict()``: parameters and
    buffers that belong to a checkpoint, running statistics among them. What counts in it (whole
    numbers) is not averaged; the last value is kept.

    Parameters
    ----------
    model : nn.Module
        The model before its first step, on its device.
    decay : float
        Share of the old average that an update keeps, at least 0 and less than 1.

    Raises
    ------
    ValueError
        If the decay is out of its range.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"expected a decay of at least 0 and less than 1, found {decay}")
        self.decay = decay
        self._average = copied_state(model)

    def update(self, model: nn.Module) -> None:
        """Take in the state of the model after a step."""
        state = model.state_dict()
        for name, average in self._average.items():
            if average.is_floating_point():
                average.lerp_(state[name], 1 - self.decay)
            else:
                average.copy_(state[name])

    def state_dict(self) -> dict[str, Tensor]:
        """Return the average, by the names of the model's state.

        It is what ``model.load_state_dict`` takes. As with modules, the tensors are not copied.
        """
        return dict(self._average)

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Set the average to one that :meth:`state_dict` returned.

        Raises
        ------
        ValueError
            If it is of another model.
        """
        expected = {name: tuple(value.shape) for name, value in self._average.items()}
        found = {name: tuple(value.shape) for name, value in state.items()}
        if found != expected:
            names = sorted(dict(found.items() ^ expected.items()))
            raise ValueError(f"expected the average of this model, found others in {names}")
        for name, average in self._average.items():
            average.copy_(state[name])

    @contextmanager
    def applied(self, model: nn.Module) -> Iterator[None]:
        """Give the model the averaged state for the time of a ``with`` block.

        After the block, the model has its own state back, bit for bit.
        """
        own = copied_state(model)
        model.load_state_dict(self._average)
        try:
            yield
        finally:
            model.load_state_dict(own)


def copied_state(model: nn.Module) -> dict[str, Tensor]:
    """Return a copy of the model's state, by the names of ``model.state_dict()``."""
    return {name: value.detach().clone() for name, value in model.state_dict().items()}
