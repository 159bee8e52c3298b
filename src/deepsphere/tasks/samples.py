"""What a task hands to training and evaluation: numbered samples, cut into splits.

Training and the stages know a task by its samples alone: what a model sees and should say, which
metrics there are, and what is kept of a model's answers.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]


@dataclass(frozen=True)
class Batch:
    """Some samples.

    Attributes
    ----------
    inputs : ndarray of float32, shape (sample, pixel, channel) or (sample, time, pixel, channel)
        What the model sees, normalized as the task says, without gaps.
    target : ndarray of float32 or int64, shape (sample, pixel), (sample, part) or (sample,)
        What the model should say: numbers in the model's own units, or classes; 0 where it is
        unknown. Several numbers have an axis behind.
    known : ndarray of bool, shape of ``target``
        Where the target is known. The rest counts neither in the loss nor in the metrics.
    """

    inputs: Float
    target: Float | NDArray[np.int64]
    known: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Predictions:
    """What was said of some samples, by a model or by a baseline, and what is true.

    Attributes
    ----------
    numbers : ndarray of int64, shape (sample,)
        Which samples these are.
    prediction : ndarray of float32, shape of ``target``, or with an axis of classes behind
        In the unit of the data, or the probabilities of the classes.
    target : ndarray of float32 or int64, shape (sample, pixel), (sample, part) or (sample,)
        In the unit of the data, or classes. Several numbers have an axis behind.
    known : ndarray of bool, shape of ``target``
        Where the target counts.
    descriptors : ndarray of float32, shape (sample, feature), or None
        Vectors to compare samples by, if the task asks for them.
    """

    numbers: NDArray[np.int64]
    prediction: Float
    target: NDArray[Any]
    known: NDArray[np.bool_]
    descriptors: Float | None = None


class Tally(Protocol):
    """Predictions that are added up until they are scored.

    :class:`deepsphere.tasks.tally.Whole` keeps them all.
    """

    def add(self, found: Predictions) -> None:
        """Add the predictions of some samples."""
        ...

    def state(self) -> Any:
        """Return what is to be scored, to be sent to another process."""
        ...

    def merge(self, state: Any) -> None:
        """Add the :meth:`state` of another tally, whose samples come after the own ones."""
        ...

    def scores(self) -> Mapping[str, float]:
        """Return how good the predictions are, by the names of the scores."""
        ...

    def kept(self) -> Mapping[str, NDArray[Any]]:
        """Return what an evaluation keeps: ``prediction`` and ``target`` as they were scored, and
        what is needed to know the samples again.
        """
        ...


class Samples(Protocol):
    """The samples of a task on a store.

    Attributes
    ----------
    objective : mapping
        What training is after: the ``kind`` of objective in
        :data:`deepsphere.training.objectives.OBJECTIVES`, and what that kind takes.
    metrics : tuple of str
        Names of the scores that tables show, in their order. Not all need be there.
    curves : tuple of str
        Names of the scores that a learning curve shows.
    error : str
        Name of the score that a model is selected by: the lower, the better.
    splits : mapping of str to ndarray of int64
        Numbers of the samples of ``train``, ``validation`` and ``test``, in their order.
    input_channels : int
        Channels of a sample's input.
    input_times : int
        States that a sample's input has: if several, on an axis before that of the pixels.
    unit : str
        Unit of targets and predictions in :meth:`to_unit`.
    outputs : tuple of str or None
        Names of what a model says side by side: the classes, or several numbers. None if it says
        one number.
    classes : tuple of str or None
        Names of the classes, if targets are such.
    """

    @property
    def objective(self) -> Mapping[str, Any]: ...  # noqa: D102

    @property
    def metrics(self) -> tuple[str, ...]: ...  # noqa: D102

    @property
    def curves(self) -> tuple[str, ...]: ...  # noqa: D102

    @property
    def error(self) -> str: ...  # noqa: D102

    @property
    def splits(self) -> Mapping[str, NDArray[np.int64]]: ...  # noqa: D102

    @property
    def input_channels(self) -> int: ...  # noqa: D102

    @property
    def input_times(self) -> int: ...  # noqa: D102

    @property
    def unit(self) -> str: ...  # noqa: D102

    @property
    def outputs(self) -> tuple[str, ...] | None: ...  # noqa: D102

    @property
    def classes(self) -> tuple[str, ...] | None: ...  # noqa: D102

    def batch(self, samples: NDArray[np.int64]) -> Batch:
        """Return some samples by their numbers.

        It is called from two threads at once (:mod:`deepsphere.training.loader`).
        """
        ...

    def to_unit(self, samples: NDArray[np.int64], values: NDArray[Any]) -> NDArray[Any]:
        """Return predictions or targets of some samples in the unit of the data."""
        ...

    def truth(self, samples: NDArray[np.int64]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return what predictions of some samples are compared with: targets in the unit of the
        data, and where they are known.
        """
        ...

    def tally(self, scratch: Path | None = None) -> Tally:
        """Return an empty tally of predictions of these samples.

        Parameters
        ----------
        scratch : Path, optional
            An empty folder for what does not fit into memory, which must stay as long as the tally
            and what it keeps are of use. Without it, scores may be less exact, and predictions that
            are large are not kept.
        """
        ...

    def name(self, number: int) -> str:
        """Return what people call a sample, such as the day that it is of."""
        ...


@runtime_checkable
class Randomized(Protocol):
    """Samples whose inputs are drawn anew each time that a model is trained on them."""

    def drawn_batch(self, samples: NDArray[np.int64], place: tuple[int, int]) -> Batch:
        """Return training samples by their numbers, as they are drawn at a place of a training.

        What is drawn may be noise, or parts of other training samples. ``batch`` returns samples as
        they always are, for scores that can be compared. Both are called from two threads at once.

        Parameters
        ----------
        samples : ndarray of int64, shape (sample,)
        place : (int, int)
            The seed and the number of the epoch. A sample is the same at the same place, whatever
            the other samples of the batch are.
        """
        ...


@runtime_checkable
class Tunable(Protocol):
    """Samples whose scores may need to know first what the model says of other samples."""

    def tuned(self, predict: Callable[[NDArray[np.int64]], Predictions]) -> Samples:
        """Return the samples with all that their scores need.

        Parameters
        ----------
        predict : callable
            Gives what the model says of samples by their numbers.
        """
        ...
