"""The day of the year from one map: one value a map.

The target is (1 - cos(2πd/367)) / 2 for the d-th day of the year, d from 0: 0 in early January,
1 in early July, the same for a day in spring and its mirror image in autumn. Gaps of an input are
filled with the pixel's mean over the training maps.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from deepsphere.config.split import Split
from deepsphere.errors import DeepsphereError
from deepsphere.stores.statistics import statistics
from deepsphere.tasks.linear import ridge
from deepsphere.tasks.normalization import Layout
from deepsphere.tasks.regression import RegressionSamples
from deepsphere.tasks.samples import Batch, Float
from deepsphere.tasks.settings import TaskSettings

if TYPE_CHECKING:
    from deepsphere.stores.reader import Store

_PERIOD = 367
_PENALTIES = np.logspace(-2, 6, num=9)


class Task(TaskSettings):
    """Settings of the regression of the day of the year."""

    model_kinds: ClassVar[tuple[str, ...]] = ("global-regressor",)

    kind: Literal["day-of-year"] = Field(description="the kind of task")
    normalization: Literal["all", "train"] = Field(
        default="train",
        description="days whose mean and standard deviation normalize the input: all of them, "
        "as published, or the training days",
    )

    @property
    def looks_ahead(self) -> str | None:
        """Which setting uses knowledge of the test days, if one does."""
        return "normalization: all" if self.normalization == "all" else None

    def samples(self, store: "Store") -> "DaySamples":
        """Return the samples of this task on a store."""
        return DaySamples.of(self, store)

    def baselines(self, store: "Store") -> Iterator[tuple[str, str, int, Float]]:
        """Yield predictions that need no network, for the test samples.

        Yields
        ------
        name : str
        description : str
        parameters : int
            Number of fitted values.
        prediction : ndarray of float32, shape (test sample,)
        """
        samples = self.samples(store)
        train, test = samples.splits["train"], samples.splits["test"]
        fit = samples.batch(train)
        target = fit.target.astype(np.float64)
        constant = np.full(len(test), target.mean(), np.float32)
        yield "constant", "the mean of the training targets", 1, constant
        features = fit.inputs.reshape(len(train), -1).astype(np.float64)
        coefficients, intercept, penalty = ridge(features, target, _PENALTIES)
        new = samples.batch(test).inputs.reshape(len(test), -1).astype(np.float64)
        yield (
            "linear",
            "ridge regression on all stations, its penalty by generalized cross-validation on "
            f"the training days ({penalty:g})",
            len(coefficients) + 1,
            (new @ coefficients + intercept).astype(np.float32),
        )


@dataclass(frozen=True)
class DaySamples(RegressionSamples):
    """Maps and their days; see :class:`deepsphere.tasks.samples.Samples`."""

    layout: ClassVar[Layout] = "map"

    values: Float
    days: NDArray[np.datetime64]
    split: Split
    mean: NDArray[np.float32]
    deviation: NDArray[np.float32]
    fill: Float
    unit: str = "1"

    @classmethod
    def of(cls, task: Task, store: "Store") -> "DaySamples":
        """Return the samples of a task on a store."""
        columns = [store.channels.index(channel) for channel in task.channels]
        split = Split.model_validate(store.attrs["split_shares"])
        maps = len(store.times)
        parts = split.ranges(maps)
        train = parts["train"]
        if not (train and parts["test"]):
            raise DeepsphereError(
                f"day of year: {maps} maps are too few to train and to test on with the shares "
                f"{split.train:g} and {split.test:g}; take more days or larger shares"
            )
        of_train = statistics(store, np.asarray(train))
        scale = of_train if task.normalization == "train" else statistics(store, np.arange(maps))
        return cls(
            values=store.read(np.arange(maps))[:, :, columns],
            days=store.times,
            split=split,
            mean=scale.mean[columns].astype(np.float32),
            deviation=scale.deviation[columns].astype(np.float32),
            fill=of_train.pixel_mean[:, columns].astype(np.float32),
        )

    @property
    def input_channels(self) -> int:
        """Channels of a sample's input."""
        return int(self.values.shape[2])

    @property
    def splits(self) -> Mapping[str, NDArray[np.int64]]:
        """Numbers of the samples of each split."""
        parts = self.split.ranges(len(self.days))
        return {name: np.arange(part.start, part.stop) for name, part in parts.items()}

    def batch(self, samples: NDArray[np.int64]) -> Batch:
        """Return some samples by their numbers."""
        values = self.values[samples]
        values = np.where(np.isfinite(values), values, self.fill)
        target = day_target(self.days[samples]).astype(np.float32)
        return Batch(
            inputs=(values - self.mean) / self.deviation,
            target=target,
            known=np.ones(len(samples), np.bool_),
        )

    def to_unit(self, samples: NDArray[np.int64], values: NDArray[Any]) -> Float:
        """Return model outputs or targets; they have no unit, so these are the values."""
        return values.astype(np.float32)

    def times(self, samples: NDArray[np.int64]) -> NDArray[np.datetime64]:
        """Return the day of each sample."""
        return self.days[samples]


def day_target(days: NDArray[np.datetime64]) -> NDArray[np.float64]:
    """Return (1 - cos(2πd/367)) / 2 for the d-th day of its year, d from 0."""
    dates = days.astype("datetime64[D]")
    number = (dates - dates.astype("datetime64[Y]").astype("datetime64[D]")).astype(np.int64)
    target: NDArray[np.float64] = (1 - np.cos(2 * np.pi * number / _PERIOD)) / 2
    return target
