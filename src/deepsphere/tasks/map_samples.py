"""Maps of which something is known, read from a store batch by batch: it may be larger than memory.

The samples of a task that says something of whole maps are such; each task adds what it is.

The pixels of a map may fall into parts, runs of equally many consecutive pixels, each of which is
answered for. What is scored and kept then has a row for each part, as if it were a sample.

A model is trained on parts of different maps, put together anew in each epoch
(:meth:`MapSamples.drawn_batch`). Were the parts of a batch all of one map, or of a few, the batch's
mean and deviation would be theirs, and normalization would take away what tells a map of one class
from one of another.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from deepsphere.stores.description import SPLITS
from deepsphere.stores.reader import Store
from deepsphere.tasks.labelled_store import sample_name
from deepsphere.tasks.noise import add_noise
from deepsphere.tasks.normalization import Layout
from deepsphere.tasks.samples import Batch, Float, Predictions
from deepsphere.tasks.tally import Whole


@dataclass(frozen=True, eq=False, kw_only=True)
class MapSamples(ABC):
    """What the samples of maps share; see :class:`deepsphere.tasks.samples.Samples` and
    :class:`deepsphere.tasks.samples.Randomized`.

    Attributes
    ----------
    store : Store
    channels : tuple of str
        Of the store.
    splits : mapping of str to ndarray of int64
        Numbers of the samples that count.
    means, deviations : ndarray of float32, shape (split, channel)
        By which the samples of each split are normalized.
    noise : float
        Standard deviation of the white noise that is added to normalized inputs.
    parts : int
        Into how many parts a map falls. With more than one, targets have an axis of these behind
        that of the samples.
    seen : ndarray of bool, shape (part,), or None
        Of which parts the maps show anything; the others are not known. All, if None.
    """

    input_times: ClassVar[int] = 1
    layout: ClassVar[Layout] = "map"
    unit: ClassVar[str] = "1"

    store: Store
    channels: tuple[str, ...]
    splits: Mapping[str, NDArray[np.int64]] = field(repr=False)
    means: Float = field(repr=False)
    deviations: Float = field(repr=False)
    noise: float = 0.0
    parts: int = 1
    seen: NDArray[np.bool_] | None = field(default=None, repr=False)

    @property
    def input_channels(self) -> int:
        """Channels of a sample's input."""
        return len(self.channels)

    @property
    def mean(self) -> Float:
        """What is taken away from the channels of new maps, shape (channel,)."""
        mean: Float = self.means[0]
        return mean

    @property
    def deviation(self) -> Float:
        """What the channels of new maps are divided by, shape (channel,)."""
        deviation: Float = self.deviations[0]
        return deviation

    @property
    def fill(self) -> Float:
        """What stands for a value that nothing is known of, shape (pixel, channel)."""
        return np.tile(self.mean, (self.store.shape[1], 1))

    def batch(self, samples: NDArray[np.int64]) -> Batch:
        """Return some samples by their numbers, whose noise is always the same."""
        return self._batch(samples, "fixed")

    def noisy_batch(self, samples: NDArray[np.int64], place: tuple[int, int]) -> Batch:
        """Return some samples by their numbers, with the noise of a seed and an epoch."""
        return self._batch(samples, "drawn", *place)

    def drawn_batch(self, samples: NDArray[np.int64], place: tuple[int, int]) -> Batch:
        """Return as many samples as there are numbers, as a seed and an epoch make them.

        With several parts, each part of a sample is that part of another training map, with its
        target. Over all training samples, every part of every map comes once.

        Raises
        ------
        ValueError
            If there are several parts, and a number is no training sample's.
        """
        if self.parts == 1:
            return self.noisy_batch(samples, place)
        maps = self._mixed(samples, place)
        inputs = np.concatenate(
            [
                self.store.read(maps[:, part], cells=cells)
                for part, cells in enumerate(self._cells())
            ],
            axis=1,
        )
        inputs = self._normalized(inputs, samples, "drawn", *place)
        target, known = (
            self._own(values.reshape(*maps.shape, *values.shape[1:]))
            for values in self._targets(maps.ravel())
        )
        return Batch(inputs, target, known)

    @abstractmethod
    def truth(self, samples: NDArray[np.int64]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return the targets of some samples, and where they are known."""

    @abstractmethod
    def scores(self, found: Predictions) -> dict[str, float]:
        """Return how good predictions are."""

    @abstractmethod
    def kept(self, found: Predictions) -> dict[str, NDArray[Any]]:
        """Return what an evaluation keeps."""

    def tally(self, scratch: Path | None = None) -> Whole:
        """Return an empty tally, in memory."""
        return Whole(self)

    def name(self, number: int) -> str:
        """Return the name of a sample's object and, if there are several, of the copy."""
        return sample_name(self.store, number)

    def _targets(self, samples: NDArray[np.int64]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return what a model should say of some samples, and where it is known."""
        return self.truth(samples)

    def _of_parts(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return values of samples for each of their parts, if there are several."""
        return values if self.parts == 1 else np.repeat(values[:, None], self.parts, axis=1)

    def _mixed(self, samples: NDArray[np.int64], place: tuple[int, int]) -> NDArray[np.int64]:
        """Return of which map each part of some samples is, shape (sample, part)."""
        train = np.sort(self.splits["train"])
        rows = np.minimum(np.searchsorted(train, samples), len(train) - 1)
        if (train[rows] != samples).any():
            raise ValueError(f"expected numbers of training samples, found {samples}")
        orders = [
            np.random.default_rng((*place, part)).permutation(train) for part in range(self.parts)
        ]
        return np.stack([order[rows] for order in orders], axis=1)

    def _own(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return of values (sample, part, part of the map that this is of, ...) each part's own."""
        each = np.arange(self.parts)
        return values[:, each, each]

    def _cells(self) -> list[range]:
        """Return the pixels of each part."""
        size = self.store.shape[1] // self.parts
        return [range(part * size, (part + 1) * size) for part in range(self.parts)]

    def _batch(self, samples: NDArray[np.int64], *draw: str | int) -> Batch:
        """Return some samples, with the noise of a draw."""
        inputs = self._normalized(self.store.read(samples), samples, *draw)
        return Batch(inputs, *self._targets(samples))

    def _normalized(self, values: Float, samples: NDArray[np.int64], *draw: str | int) -> Float:
        """Return the channels of the task, normalized and with the noise of a draw."""
        columns = [self.store.channels.index(channel) for channel in self.channels]
        splits = self.store.coordinates["split"][samples]
        inputs: Float = values[:, :, columns]
        inputs -= self.means[splits, None]
        inputs /= self.deviations[splits, None]
        add_noise(inputs, self.noise, [SPLITS[split] for split in splits], samples, draw)
        np.copyto(inputs, 0, where=np.isnan(inputs))
        return inputs
