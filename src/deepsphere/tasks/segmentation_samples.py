"""States, and the class of each of their pixels, read from a store batch by batch.

The store may be larger than memory. Its ``data`` hold the classes as one more channel, and of its
attributes count:

==========================  ======================================================================
``label_channel``           name of that channel: numbers of classes, NaN where nothing is known
``class_names``             names of the classes; the first one is the background
``published_statistics``    optional: ``mean`` and ``deviation`` by the names of channels
``sampling``                optional: name of the sampling, which tells areas
==========================  ======================================================================

The coordinates ``run`` and ``step`` tell which states follow one another
(:mod:`deepsphere.tasks.state_windows`); ``split`` divides them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.registry import load
from deepsphere.tasks.normalization import Layout
from deepsphere.tasks.samples import Batch, Float
from deepsphere.tasks.segmentation_metrics import shown_metrics
from deepsphere.tasks.segmentation_tally import CURVES, ERROR, SegmentationTally
from deepsphere.tasks.state_windows import Numbers

if TYPE_CHECKING:
    from deepsphere.stores.reader import Store

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SegmentationSamples:
    """States and the classes of their pixels; see :class:`deepsphere.tasks.samples.Samples`.

    A sample has the number of its last state in the store.

    Attributes
    ----------
    store : Store
    channels : tuple of str
        Of the store.
    classes : tuple of str
        Names of the classes.
    windows : ndarray of int64, shape (sample, time)
        The states that the model sees of each sample of the store, the last one its own.
    splits : mapping of str to ndarray of int64
        Numbers of the samples that count.
    mean, deviation : ndarray of float32, shape (channel,)
        By which the inputs are normalized.
    class_weights : ndarray of float64, shape (class,), or None
        By which the losses of the classes are multiplied.
    areas : ndarray of float64, shape (pixel,), or None
        What pixels count in losses and scores, 1 in the mean; all alike, if None.
    """

    error: ClassVar[str] = ERROR
    curves: ClassVar[tuple[str, ...]] = CURVES
    layout: ClassVar[Layout] = "map"
    unit: ClassVar[str] = "1"

    store: "Store"
    channels: tuple[str, ...]
    classes: tuple[str, ...]
    windows: Numbers = field(repr=False)
    splits: Mapping[str, Numbers] = field(repr=False)
    mean: Float = field(repr=False)
    deviation: Float = field(repr=False)
    class_weights: Array | None = None
    areas: Array | None = field(default=None, repr=False)

    @property
    def objective(self) -> Mapping[str, Any]:
        """What training is after."""
        return {
            "kind": "segmentation",
            "class_weights": self.class_weights,
            "areas": self.areas,
        }

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the scores that tables show."""
        return shown_metrics(self.classes)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of what a model says: the classes."""
        return self.classes

    @property
    def input_channels(self) -> int:
        """Channels of a state."""
        return len(self.channels)

    @property
    def input_times(self) -> int:
        """States that the model sees."""
        return int(self.windows.shape[1])

    @property
    def fill(self) -> Float:
        """What stands for a value that nothing is known of, shape (pixel, channel)."""
        return np.tile(self.mean, (self.store.shape[1], 1))

    def batch(self, samples: Numbers) -> Batch:
        """Return some samples by their numbers."""
        windows = self.windows[samples]
        values = self.store.read(windows.ravel())
        values = values.reshape(*windows.shape, *values.shape[1:])
        columns = [self.store.channels.index(channel) for channel in self.channels]
        inputs = values[..., columns]
        inputs -= self.mean
        inputs /= self.deviation
        np.copyto(inputs, 0, where=np.isnan(inputs))
        target, known = self._classes_of(values[:, -1], samples)
        return Batch(inputs if self.input_times > 1 else inputs[:, 0], target, known)

    def to_unit(self, samples: Numbers, values: NDArray[Any]) -> NDArray[Any]:
        """Return probabilities or classes as they are."""
        return values

    def truth(self, samples: Numbers) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return the classes, and where they are known, both of shape (sample, pixel)."""
        return self._classes_of(self.store.read(samples), samples)

    def tally(self, scratch: Path | None = None) -> SegmentationTally:
        """Return an empty tally; without a folder, average precisions are those of bins."""
        weights = np.ones(len(self.classes)) if self.class_weights is None else self.class_weights
        return SegmentationTally(self.classes, weights, self.areas, scratch)

    def name(self, number: int) -> str:
        """Return the time of a state and its run, as far as the store knows them."""
        coordinates = self.store.coordinates
        if "time" not in coordinates:
            return str(number)
        time = np.datetime_as_string(coordinates["time"][number], unit="h")
        return f"{time}, run {coordinates['run'][number]}" if "run" in coordinates else str(time)

    def _classes_of(
        self, values: Float, samples: Numbers
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return the classes in values of shape (sample, pixel, channel), and where they are
        known.
        """
        labels = values[..., self.store.channels.index(label_channel(self.store))]
        known = ~np.isnan(labels)
        target = np.where(known, labels, 0)
        wrong = (target < 0) | (target >= len(self.classes)) | (target != np.rint(target))
        if wrong.any():
            number = samples[wrong.any(axis=1)][0]
            raise DeepsphereError(
                f"segmentation: sample {number} ({self.name(number)}) has the label "
                f"{target[wrong][0]:g}; they are from 0 to {len(self.classes) - 1}, or NaN"
            )
        return target.astype(np.int64), known


def label_channel(store: "Store") -> str:
    """Return the name of the channel that holds the classes.

    Raises
    ------
    DeepsphereError
        If the store has none, or no names of the classes.
    """
    name = store.attrs.get("label_channel")
    if name not in store.channels or len(store.attrs.get("class_names", ())) < 2:
        raise DeepsphereError(
            f"segmentation: {store.folder} has no channel with one class a pixel; take a store "
            "whose source has labels, and set its labels to nearest if it can also have fractions"
        )
    return str(name)


def areas_of(store: "Store") -> Array:
    """Return the areas of the pixels of a store, 1 in the mean, shape (pixel,).

    Raises
    ------
    DeepsphereError
        If it does not name its sampling.
    """
    if "sampling" not in store.attrs:
        raise DeepsphereError(
            f"segmentation: {store.folder} names no sampling, so its pixels have no areas; "
            "set areas to false"
        )
    kind, _, parameters = store.attrs["sampling"].partition(":")
    areas = load("samplings", kind).parse(parameters).areas
    relative: Array = areas / areas.mean()
    return relative
