"""From blocks of regridded states to probabilities on a user's grid: the tasks that Dask runs."""

import math
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepsphere.inference.trained import Trained
from deepsphere.regridding.weights import Weights

# PyTorch and numba have threads of their own: blocks are read side by side, and then wait here.
_one_at_a_time = Lock()


@dataclass(frozen=True, eq=False)
class Answer:
    """What a model says of a block of states.

    Attributes
    ----------
    trained : Trained
        The model.
    weights : Weights or None
        Those that take its pixels to the user's grid; None if it says one thing of a whole state.
    shape : tuple of int
        That of the grid, which is empty without weights.
    """

    trained: Trained
    weights: Weights | None = field(repr=False)
    shape: tuple[int, ...]

    def __call__(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return probabilities.

        Parameters
        ----------
        block : ndarray of float32, shape (dimensions of states..., [time,] pixel, channel)
            In the unit of the data, NaN where nothing is known.

        Returns
        -------
        ndarray of float32, shape (dimensions of states..., class, dimensions of the grid...)
            NaN where no channel is known, which is where the user's grid has nothing to say.
        """
        axes = 3 if self.trained.input_times > 1 else 2
        kept, sample = block.shape[:-axes], block.shape[-axes:]
        values = block.reshape(math.prod(kept), *sample)
        if not len(values):
            return np.empty((*kept, self._classes, *self.shape), np.float32)
        with _one_at_a_time:
            probabilities = self.trained.probabilities(values)
        last = values[:, -1] if self.trained.input_times > 1 else values
        unknown = np.isnan(last).all(axis=-1)
        if self.weights is None:
            probabilities[unknown.all(axis=-1)] = np.nan
        else:
            probabilities[unknown] = np.nan
            by_class = np.moveaxis(probabilities, -1, 1)
            probabilities = self.weights.apply(by_class, "renormalize")
        return probabilities.reshape(*kept, self._classes, *self.shape)

    @property
    def _classes(self) -> int:
        return len(self.trained.classes or ())


def most_likely(block: NDArray[np.float32], axis: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return the class of the highest probability, -1 where there is none.

    Parameters
    ----------
    block : ndarray of float
        Probabilities.
    axis : int
        The axis of the classes.
    dtype : dtype
        Of the result.
    """
    known = ~np.isnan(block).any(axis=axis)
    return np.where(known, np.nan_to_num(block).argmax(axis=axis), -1).astype(dtype)
