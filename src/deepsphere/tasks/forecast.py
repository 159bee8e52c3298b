"""The next map from the last ones: one value a pixel.

A sample is a window of ``window`` maps of one channel; its target is the map that follows. The
channels share one model: sample ``c + channels * w`` is channel ``c`` of window ``w``, so a day's
channels lie side by side, as in the published experiment (TMIN and TMAX of a day).

Gaps of an input are filled with the last value seen in the window, else with the pixel's mean over
the training maps; gaps of a target are masked.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from deepsphere.config.split import Split
from deepsphere.errors import DeepsphereError
from deepsphere.stores.statistics import Statistics, statistics
from deepsphere.tasks.linear import apply, least_squares
from deepsphere.tasks.normalization import Layout
from deepsphere.tasks.regression import RegressionSamples
from deepsphere.tasks.samples import Batch, Float
from deepsphere.tasks.settings import TaskSettings

if TYPE_CHECKING:
    from deepsphere.stores.reader import Store

_DAYS_A_YEAR = 365.2425


class Task(TaskSettings):
    """Settings of a forecast; each of its channels makes samples of its own."""

    model_kinds: ClassVar[tuple[str, ...]] = ("dense-regressor",)

    kind: Literal["forecast"] = Field(description="the kind of task")
    window: int = Field(ge=1, description="number of maps that the forecast is made from")
    normalization: Literal["none", "train"] = Field(
        default="train",
        description="none: the model sees and says the data's own units, as published; "
        "train: mean 0 and standard deviation 1 over the training maps, a channel at a time",
    )

    def samples(self, store: "Store") -> "ForecastSamples":
        """Return the samples of this task on a store."""
        return ForecastSamples.of(self, store)

    def baselines(self, store: "Store") -> Iterator[tuple[str, str, int, Float]]:
        """Yield forecasts that need no network, for the test samples.

        Yields
        ------
        name : str
        description : str
        parameters : int
            Number of fitted values.
        prediction : ndarray of float32, shape (test sample, pixel)
            In the unit of the data.
        """
        samples = self.samples(store)
        test, train = samples.splits["test"], samples.splits["train"]
        yield (
            "persistence",
            "the value of the day before",
            0,
            samples.windows(test)[..., -1],
        )
        yield _climatology(samples, train, test)
        yield _linear(samples, train, test)


@dataclass(frozen=True)
class ForecastSamples(RegressionSamples):
    """Windows of maps and the maps that follow; see :class:`deepsphere.tasks.samples.Samples`."""

    layout: ClassVar[Layout] = "window"

    values: Float
    days: NDArray[np.datetime64]
    split: Split
    window: int
    mean: NDArray[np.float32]
    deviation: NDArray[np.float32]
    fill: Float
    unit: str

    @classmethod
    def of(cls, task: Task, store: "Store") -> "ForecastSamples":
        """Return the samples of a task on a store."""
        columns = [store.channels.index(channel) for channel in task.channels]
        split = Split.model_validate(store.attrs["split_shares"])
        maps = len(store.times)
        parts = split.ranges(max(maps - task.window, 0))
        if not (parts["train"] and parts["test"]):
            raise DeepsphereError(
                f"forecast: a store of {maps} maps has too few windows of {task.window} maps to "
                "train and to test on; shorten the window or take more days"
            )
        units = [store.attrs["units"][column] for column in columns]
        if len(set(units)) > 1:
            raise DeepsphereError(
                f"forecast: the channels {', '.join(task.channels)} have the units "
                f"{', '.join(units)}, whose errors do not add up; give each unit a task"
            )
        seen = range(parts["train"].stop + task.window)
        found: Statistics = statistics(store, np.asarray(seen))
        keep = task.normalization == "train"
        mean = found.mean[columns] if keep else np.zeros(len(columns))
        deviation = found.deviation[columns] if keep else np.ones(len(columns))
        return cls(
            values=store.read(np.arange(maps))[:, :, columns],
            days=store.times,
            split=split,
            window=task.window,
            mean=mean.astype(np.float32),
            deviation=deviation.astype(np.float32),
            fill=found.pixel_mean[:, columns].astype(np.float32),
            unit=units[0],
        )

    @property
    def input_channels(self) -> int:
        """Channels of a sample's input: the maps of its window."""
        return self.window

    @property
    def channels(self) -> int:
        """Number of channels of the store that make samples."""
        return int(self.values.shape[2])

    @property
    def splits(self) -> Mapping[str, NDArray[np.int64]]:
        """Numbers of the samples of each split."""
        windows = self.split.ranges(len(self.days) - self.window)
        return {
            name: np.arange(part.start * self.channels, part.stop * self.channels)
            for name, part in windows.items()
        }

    def batch(self, samples: NDArray[np.int64]) -> Batch:
        """Return some samples by their numbers."""
        channel = samples % self.channels
        mean = self.mean[channel, None, None]
        deviation = self.deviation[channel, None, None]
        target = (self.observed(samples) - mean[..., 0]) / deviation[..., 0]
        known = np.isfinite(target)
        return Batch(
            inputs=(self.windows(samples) - mean) / deviation,
            target=np.where(known, target, np.float32(0)),
            known=known,
        )

    def windows(self, samples: NDArray[np.int64]) -> Float:
        """Return the inputs in the data's unit, gaps filled, shape (sample, pixel, window)."""
        channel, first = samples % self.channels, samples // self.channels
        maps = first[:, None] + np.arange(self.window)
        values = self.values[maps, :, channel[:, None]].transpose(0, 2, 1)
        if np.isfinite(values).all():
            return values
        filled = np.concatenate([self.fill.T[channel][..., None], values], axis=2)
        steps = np.where(np.isfinite(filled), np.arange(self.window + 1), 0)
        last_seen = np.maximum.accumulate(steps, axis=2)
        return np.take_along_axis(filled, last_seen, axis=2)[..., 1:]

    def observed(self, samples: NDArray[np.int64]) -> Float:
        """Return the targets in the data's unit, NaN where unknown, shape (sample, pixel)."""
        channel, first = samples % self.channels, samples // self.channels
        return self.values[first + self.window, :, channel]

    def to_unit(self, samples: NDArray[np.int64], values: NDArray[Any]) -> Float:
        """Return predictions or targets of some samples in the unit of the data."""
        channel = samples % self.channels
        scaled = values * self.deviation[channel, None] + self.mean[channel, None]
        return scaled.astype(np.float32)

    def times(self, samples: NDArray[np.int64]) -> NDArray[np.datetime64]:
        """Return the day that each sample's target belongs to."""
        return self.days[samples // self.channels + self.window]


def _climatology(
    samples: ForecastSamples, train: NDArray[np.int64], test: NDArray[np.int64]
) -> tuple[str, str, int, Float]:
    pixels = samples.values.shape[1]

    def annual_waves(numbers: NDArray[np.int64]) -> NDArray[np.float64]:
        days = samples.times(numbers).astype("datetime64[D]").astype(np.float64)
        phase = 2 * np.pi * days / _DAYS_A_YEAR
        waves = [function(order * phase) for order in (1, 2) for function in (np.cos, np.sin)]
        return np.broadcast_to(np.stack(waves, axis=-1), (pixels, len(numbers), len(waves)))

    return (
        "climatology",
        "mean and two annual harmonics of each station, fitted to the training days",
        5 * samples.channels * pixels,
        _fit_and_predict(samples, train, test, annual_waves),
    )


def _linear(
    samples: ForecastSamples, train: NDArray[np.int64], test: NDArray[np.int64]
) -> tuple[str, str, int, Float]:
    def last_days(numbers: NDArray[np.int64]) -> NDArray[np.float64]:
        return samples.windows(numbers).transpose(1, 0, 2).astype(np.float64)

    return (
        "linear",
        f"a linear model of each station on its own last {samples.window} days",
        (samples.window + 1) * samples.channels * samples.values.shape[1],
        _fit_and_predict(samples, train, test, last_days),
    )


def _fit_and_predict(
    samples: ForecastSamples,
    train: NDArray[np.int64],
    test: NDArray[np.int64],
    features: Callable[[NDArray[np.int64]], NDArray[np.float64]],
) -> Float:
    """Fit a linear model a pixel and channel; ``features`` are (pixel, sample, feature)."""
    prediction = np.empty((len(test), samples.values.shape[1]), np.float32)
    for channel in range(samples.channels):
        fit = train[train % samples.channels == channel]
        new = test % samples.channels == channel
        target = samples.observed(fit).T.astype(np.float64)
        coefficients = least_squares(features(fit), target, np.isfinite(target))
        prediction[new] = apply(coefficients, features(test[new])).T
    return prediction
