"""What a task hands to training and evaluation: numbered samples, cut into splits."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]


@dataclass(frozen=True)
class Batch:
    """Some samples.

    Attributes
    ----------
    inputs : ndarray of float32, shape (sample, pixel, channel)
        What the model sees, normalized as the task says, without gaps.
    target : ndarray of float32, shape (sample, pixel) or (sample,)
        What the model should say, in the model's own units; 0 where it is unknown.
    known : ndarray of bool, shape of ``target``
        Where the target is known. The rest counts neither in the loss nor in the metrics.
    """

    inputs: Float
    target: Float
    known: NDArray[np.bool_]


class Samples(Protocol):
    """The samples of a task on a store.

    Attributes
    ----------
    splits : mapping of str to ndarray of int64
        Numbers of the samples of ``train``, ``validation`` and ``test``, in order of time.
    input_channels : int
        Channels of a sample's input.
    unit : str
        Unit of targets and predictions in :meth:`to_unit`.
    objective : str
        Name of what training is after, in :data:`deepsphere.training.objectives.OBJECTIVES`.
    """

    objective: ClassVar[str]
    splits: Mapping[str, NDArray[np.int64]]
    input_channels: int
    unit: str

    def batch(self, samples: NDArray[np.int64]) -> Batch:
        """Return some samples by their numbers.

        It is called from two threads at once (:mod:`deepsphere.training.loader`).
        """
        ...

    def to_unit(self, samples: NDArray[np.int64], values: NDArray[np.floating]) -> Float:
        """Return model outputs or targets of some samples in the unit of the data."""
        ...

    def times(self, samples: NDArray[np.int64]) -> NDArray[np.datetime64]:
        """Return the day that each sample's target belongs to."""
        ...
