"""The class of every pixel of a state: where the extreme events are.

It works on any store with a channel of labels (:mod:`deepsphere.tasks.segmentation_samples`). A
model sees one state, or several that follow one another and end with the one whose pixels it tells
apart.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from deepsphere.config.base import wrong
from deepsphere.errors import DeepsphereError
from deepsphere.stores.statistics import statistics
from deepsphere.tasks.class_weights import PUBLISHED, balanced_weights
from deepsphere.tasks.segmentation_samples import (
    Array,
    SegmentationSamples,
    areas_of,
    label_channel,
)
from deepsphere.tasks.settings import TaskSettings
from deepsphere.tasks.state_windows import Numbers, windows_of

if TYPE_CHECKING:
    from deepsphere.stores.reader import Store
    from deepsphere.tasks.segmentation_baselines import Baseline

_RECURRENT = "recurrent-unet"


class Task(TaskSettings):
    """Settings of a segmentation."""

    model_kinds: ClassVar[tuple[str, ...]] = ("unet", _RECURRENT)

    kind: Literal["segmentation"] = Field(description="the kind of task")
    window: int = Field(
        default=1,
        ge=1,
        description="number of consecutive states that the model sees, the last of which it tells "
        "apart: a unet has their channels side by side, a recurrent-unet one after the other",
    )
    predecessors: int | None = Field(
        default=None,
        ge=0,
        description="number of states that must come right before one for it to count; null takes "
        "those of the window. More are for comparisons with longer windows on the same states",
    )
    normalization: Literal["train", "published"] = Field(
        default="train",
        description="mean and standard deviation of each channel that normalize the input: of the "
        "training states, or as published, which are over all states",
    )
    class_weights: Literal["none", "balanced", "published"] = Field(
        default="none",
        description="weights of the classes in the loss: none, from their frequencies in the "
        "training states so that each class weighs as much, or those of the published ones",
    )
    areas: bool = Field(
        default=False,
        description="weigh pixels by their areas, in the loss and in the scores; otherwise they "
        "count alike, as published, which is the same on HEALPix",
    )

    @model_validator(mode="after")
    def _windows_are_whole(self) -> "Task":
        if self.predecessors is not None and self.predecessors < self.window - 1:
            raise wrong(
                ["predecessors"],
                f"found {self.predecessors}; a window of {self.window} states has "
                f"{self.window - 1}: give as many or more, or null",
            )
        return self

    @property
    def accepted_models(self) -> tuple[str, ...]:
        """The kinds of model that it takes: without a window, nothing recurs."""
        return self.model_kinds if self.window > 1 else ("unet",)

    @property
    def looks_ahead(self) -> str | None:
        """Which setting uses knowledge of the test samples, if one does."""
        for name in ("normalization", "class_weights"):
            if getattr(self, name) == "published":
                return f"{name}: published"
        return None

    @property
    def shows_samples(self) -> bool:
        """Whether the report shows samples of the store: a state with its events."""
        return True

    def samples(self, store: "Store") -> SegmentationSamples:
        """Return the samples of this task on a store.

        Raises
        ------
        DeepsphereError
            If the store lacks labels, runs and steps, a sampling or published statistics that the
            settings ask for, or nothing is left to train on or to test on.
        """
        label_channel(store)
        predecessors = self.window - 1 if self.predecessors is None else self.predecessors
        windows = windows_of(store, predecessors + 1)
        complete = np.all(windows >= 0, axis=1)
        splits = {name: numbers[complete[numbers]] for name, numbers in store.split.items()}
        for name in ("train", "test"):
            if not len(splits[name]):
                before = f" that follow on {predecessors} others" if predecessors else ""
                raise DeepsphereError(f"segmentation: {store.folder} has no {name} states{before}")
        mean, deviation = self._scales(store, splits["train"])
        samples = SegmentationSamples(
            store=store,
            channels=self.channels,
            classes=tuple(map(str, store.attrs["class_names"])),
            windows=windows[:, predecessors + 1 - self.window :],
            splits=splits,
            mean=mean.astype(np.float32),
            deviation=deviation.astype(np.float32),
            areas=areas_of(store) if self.areas else None,
        )
        return replace(samples, class_weights=self._class_weights(samples))

    def baselines(self, store: "Store") -> "Iterator[Baseline]":
        """Yield segmentations that need no network; see
        :func:`deepsphere.tasks.segmentation_baselines.segmentation_baselines`.
        """
        from deepsphere.tasks.segmentation_baselines import segmentation_baselines

        return segmentation_baselines(self.samples(store))

    def _scales(self, store: "Store", train: Numbers) -> tuple[Array, Array]:
        """Return mean and deviation of the task's channels, both of shape (channel,)."""
        if self.normalization == "train":
            columns = [store.channels.index(channel) for channel in self.channels]
            found = statistics(store, train)
            return found.mean[columns], found.deviation[columns]
        published = store.attrs.get("published_statistics", {})
        missing = [channel for channel in self.channels if channel not in published]
        if missing:
            raise DeepsphereError(
                f"segmentation: {store.folder} has no published statistics of {missing[0]}; "
                "set normalization to train"
            )
        mean, deviation = (
            np.array([published[channel][name] for channel in self.channels])
            for name in ("mean", "deviation")
        )
        return mean, deviation

    def _class_weights(self, samples: SegmentationSamples) -> Array | None:
        if self.class_weights == "none":
            return None
        if self.class_weights == "balanced":
            return balanced_weights(samples)
        if len(samples.classes) != len(PUBLISHED):
            raise DeepsphereError(
                f"segmentation: {samples.store.folder} has the classes "
                f"{', '.join(samples.classes)}; published class_weights are of {len(PUBLISHED)}: "
                "set them to balanced"
            )
        return np.array(PUBLISHED)
