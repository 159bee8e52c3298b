"""What is done to data before a model sees them, and to what it says: kept with the model.

Samples (:mod:`deepsphere.tasks.samples`) normalize what they read from their store. A
:class:`Normalization` does the same, number by number, to data that lie in no store: maps of the
same channels on the same pixels. :func:`find_normalization` takes it from samples.
"""

import io
import zipfile
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.tasks.samples import Float

Layout = Literal["window", "map"]
"""What the channels of a model's input are: maps of one channel in order of time, or all channels
of one map. What a model says about windows is in their unit."""

_ARRAYS = ("mean", "deviation", "fill")
_OF_TARGETS = ("target_mean", "target_deviation")
"""Arrays that only some have."""


@runtime_checkable
class StandardizedSamples(Protocol):
    """Samples whose inputs are standardized a channel at a time.

    Attributes
    ----------
    layout : {"window", "map"}
        See :data:`Layout`.
    mean, deviation : ndarray of float32, shape (channel,)
        Taken away, and then divided by.
    fill : ndarray of float32, shape (pixel, channel)
        What stands for a value that nothing is known of, in the unit of the data.
    """

    layout: ClassVar[Layout]
    mean: Float
    deviation: Float
    fill: Float


@runtime_checkable
class StandardizedTargets(Protocol):
    """Samples whose targets, several numbers of a map, are standardized one at a time.

    Attributes
    ----------
    target_mean, target_deviation : ndarray of float64, shape (target,)
        Taken away, and then divided by.
    """

    target_mean: NDArray[np.float64]
    target_deviation: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Normalization:
    """What leads from data in their own unit to a model's input, and back from its output.

    Attributes
    ----------
    channels : tuple of str
        Names of the channels.
    layout : {"window", "map"}
        See :data:`Layout`. The channels of windows share the model, and each has its statistics.
    mean, deviation, fill
        See :class:`StandardizedSamples`.
    target_mean, target_deviation : ndarray of float64, shape (target,), or None
        See :class:`StandardizedTargets`; of maps alone.

    Raises
    ------
    ValueError
        If the shapes do not fit the channels, or one another, or windows have targets.
    """

    channels: tuple[str, ...]
    layout: Layout
    mean: Float = field(repr=False)
    deviation: Float = field(repr=False)
    fill: Float = field(repr=False)
    target_mean: NDArray[np.float64] | None = field(default=None, repr=False)
    target_deviation: NDArray[np.float64] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        count = len(self.channels)
        shapes = self.mean.shape, self.deviation.shape, self.fill.shape[1:]
        if self.fill.ndim != 2 or set(shapes) != {(count,)}:
            raise ValueError(
                f"expected mean, deviation and fill of {count} channels, found shapes "
                f"{self.mean.shape}, {self.deviation.shape}, {self.fill.shape}"
            )
        of_targets = [
            None if values is None else values.shape
            for values in (self.target_mean, self.target_deviation)
        ]
        if of_targets[0] != of_targets[1] or (of_targets[0] and self.layout == "window"):
            raise ValueError(
                "expected a mean and a deviation of each target of a map, found those of a "
                f"{self.layout}, of shapes {of_targets[0]}, {of_targets[1]}"
            )

    def inputs(self, values: NDArray[np.floating], channel: str | None = None) -> Float:
        """Return a model's input.

        Parameters
        ----------
        values : ndarray of float, shape (sample, pixel, input channel)
            In the unit of the data; NaN where nothing is known. Gaps of windows are filled with the
            last value before, other gaps with ``fill``. Maps may have an axis of times before that
            of the pixels.
        channel : str, optional
            Which one windows are of; needed if there are several.

        Returns
        -------
        ndarray of float32, of the same shape
            Without gaps.

        Raises
        ------
        ValueError
            If the values have another shape.
        DeepsphereError
            If the channel is missing or unknown.
        """
        pixels, columns = len(self.fill), self._columns(channel)
        axes = (3, 4) if self.layout == "map" else (3,)
        if values.ndim not in axes or values.shape[-2] != pixels or not values.shape[-1]:
            raise ValueError(
                f"expected values of shape (sample, {pixels}, channel), found {values.shape}"
            )
        if self.layout == "map" and values.shape[-1] != len(self.channels):
            raise ValueError(f"expected {len(self.channels)} channels, found {values.shape[-1]}")
        filled = values.astype(np.float32)
        steps = [filled] if self.layout == "map" else np.split(filled, filled.shape[2], axis=2)
        before = self.fill[:, columns]
        for now in steps:
            np.copyto(now, before, where=~np.isfinite(now))
            before = now
        return (filled - self.mean[columns]) / self.deviation[columns]

    def outputs(self, values: NDArray[np.floating], channel: str | None = None) -> Float:
        """Return what a model said, in the unit of the data.

        Parameters
        ----------
        values : ndarray of float, shape (sample, ...)
        channel : str, optional
            As for the inputs.

        Returns
        -------
        ndarray of float32, of the same shape
            For maps without statistics of their targets, these are the values.

        Raises
        ------
        DeepsphereError
            If the channel is missing or unknown.
        """
        columns = self._columns(channel)
        if self.target_mean is not None and self.target_deviation is not None:
            return (values * self.target_deviation + self.target_mean).astype(np.float32)
        if self.layout == "map":
            return values.astype(np.float32)
        return (values * self.deviation[columns] + self.mean[columns]).astype(np.float32)

    def to_bytes(self) -> bytes:
        """Return the arrays as an ``.npz`` file, the same bytes for the same arrays."""
        stream = io.BytesIO()
        arrays = {name: getattr(self, name) for name in (*_ARRAYS, *_OF_TARGETS)}
        arrays = {name: array for name, array in arrays.items() if array is not None}
        np.savez(stream, allow_pickle=False, **arrays)
        return stream.getvalue()

    @classmethod
    def from_bytes(
        cls, content: bytes, channels: tuple[str, ...], layout: Layout
    ) -> "Normalization":
        """Return what :meth:`to_bytes` wrote.

        Raises
        ------
        ValueError
            If the content is something else.
        """
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as file:
                arrays = {name: file[name] for name in _ARRAYS}
                arrays |= {name: file[name] for name in _OF_TARGETS if name in file}
        except (KeyError, OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
            raise ValueError(f"expected an archive of {_ARRAYS}, found {error}") from None
        return cls(channels, layout, **arrays)

    def _columns(self, channel: str | None) -> slice:
        """Return the statistics that count: those of a window's channel, or all."""
        if self.layout == "map":
            if channel is not None:
                raise DeepsphereError(
                    f"the model sees the channels {', '.join(self.channels)} together; "
                    f"found {channel!r}, name none"
                )
            return slice(None)
        if channel is None and len(self.channels) == 1:
            return slice(None)
        if channel not in self.channels:
            raise DeepsphereError(
                f"the model sees windows of one channel; found {channel!r}, "
                f"name one of {', '.join(self.channels)}"
            )
        number = self.channels.index(channel)
        return slice(number, number + 1)


def find_normalization(channels: tuple[str, ...], samples: object) -> Normalization | None:
    """Return what samples do to their channels, or None if it is nothing.

    Parameters
    ----------
    channels : tuple of str
        Of the task.
    samples : Samples
    """
    if not isinstance(samples, StandardizedSamples):
        return None
    found = Normalization(channels, samples.layout, samples.mean, samples.deviation, samples.fill)
    if not isinstance(samples, StandardizedTargets):
        return found
    return replace(
        found, target_mean=samples.target_mean, target_deviation=samples.target_deviation
    )
