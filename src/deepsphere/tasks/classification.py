"""The class of a map, or of an object of which a store holds maps: one class a sample.

It works on any store whose samples have a ``label`` and a ``split``: maps of a user's own as well
as spherical signals of meshes, of which there may be several copies an object, moved differently,
and skies, of which parts may be answered for one by one, through noise.
What is made of a store is in :mod:`deepsphere.tasks.class_samples`, the scores are in
:mod:`deepsphere.tasks.class_scores`.
"""

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, model_validator

from deepsphere.config.base import Name, wrong
from deepsphere.tasks.class_normalization import S2CNN
from deepsphere.tasks.ranking import Ranking
from deepsphere.tasks.samples import Float
from deepsphere.tasks.settings import TaskSettings

if TYPE_CHECKING:
    from deepsphere.stores.reader import Store
    from deepsphere.tasks.class_samples import ClassSamples


class Task(TaskSettings):
    """Settings of a classification."""

    model_kinds: ClassVar[tuple[str, ...]] = ("classifier", "planar-classifier")

    kind: Literal["classification"] = Field(description="the kind of task")
    train_copies: tuple[Name, ...] = Field(
        default=(),
        description="sets of copies of the store to train and to select on; all, if none is named",
    )
    test_copies: tuple[Name, ...] = Field(
        default=(),
        description="sets of copies of the store to test on; all, if none is named",
    )
    normalization: Literal["train", "own-split", "s2cnn"] = Field(
        default="train",
        description="mean and standard deviation of each channel that normalize the input: of the "
        "training samples, of the samples of the same split, as published, or the constants of "
        "Cohen et al.",
    )
    votes: bool = Field(
        default=False,
        description="answer once an object, by the mean of the probabilities over its copies; "
        "otherwise, every copy is a sample",
    )
    triplet: float = Field(
        default=0.0, ge=0, description="weight of the triplet loss, beside the cross entropy"
    )
    retrieval: bool = Field(
        default=False, description="score the retrieval of objects of the same class as well"
    )
    ranking: Ranking = Field(
        default="score",
        description="how what is retrieved is ranked: objects of the same predicted class, the "
        "surest first, as published; or the nearest first by descriptors, and then all others, "
        "which lifts recall and lowers precision; or the nearest first, with what of other classes "
        "is within thresholds that are found on the validation samples",
    )

    noise: float = Field(
        default=0.0,
        ge=0,
        description="standard deviation of white noise that is added to the normalized input of "
        "each pixel and channel: another one in each epoch of a training, always the same in "
        "validation and test",
    )
    parts: int = Field(
        default=1,
        ge=1,
        description="parts of a map that are answered for one by one, such as the 12 patches of a "
        "whole sky in nested order, whose graph has as many parts",
    )
    map_baselines: tuple[Literal["histogram", "spectrum", "apodised-spectrum"], ...] = Field(
        default=(),
        description="further baselines: linear support-vector machines on histograms, on spectra "
        "that are cut off at the borders of patches, as published, and on apodised ones",
    )
    baseline_draws: int = Field(
        default=10,
        ge=1,
        description="draws of the noise in which these baselines are shown each training sample",
    )

    @model_validator(mode="after")
    def _settings_fit_together(self) -> "Task":
        if self.parts > 1 and (self.retrieval or self.triplet):
            raise wrong(
                ["parts"], f"found {self.parts}; only whole maps go with retrieval and triplet"
            )
        if self.ranking != "score" and not self.retrieval:
            raise wrong(["ranking"], f"found {self.ranking!r}; it goes with retrieval: true")
        missing = [channel for channel in self.channels if channel not in S2CNN]
        if self.normalization == "s2cnn" and missing:
            raise wrong(
                ["normalization"],
                f"found 's2cnn', which knows nothing of {missing[0]!r}; take train, or only the "
                f"channels {', '.join(S2CNN)}",
            )
        return self

    @property
    def looks_ahead(self) -> str | None:
        """Which setting uses knowledge of the test samples, if one does."""
        return "normalization: own-split" if self.normalization == "own-split" else None

    @property
    def shows_samples(self) -> bool:
        """Whether the report shows samples of the store: maps of its classes, and those that are
        found alike.
        """
        return True

    def training_settings(self) -> dict[str, Any]:
        """Return the settings that training depends on: what only the test and the baselines need
        is left out.
        """
        scored_later = ("retrieval", "ranking", "map_baselines", "baseline_draws")
        found = super().training_settings()
        return {name: value for name, value in found.items() if name not in scored_later}

    def check_store(self, channels: Collection[str], copies: Collection[str]) -> None:
        """Raise ValueError if the store lacks a channel or a set of copies."""
        super().check_store(channels, copies)
        for key in ("train_copies", "test_copies"):
            missing = [name for name in getattr(self, key) if name not in copies]
            if missing:
                has = ", ".join(copies) or "none; leave this out"
                raise ValueError(f"{key}: found {missing[0]!r}; its store has {has}")

    def samples(self, store: "Store") -> "ClassSamples":
        """Return the samples of this task on a store."""
        from deepsphere.tasks.class_samples import open_class_samples

        return open_class_samples(
            store,
            self.channels,
            train_copies=self.train_copies,
            test_copies=self.test_copies,
            normalization=self.normalization,
            votes=self.votes,
            triplet=self.triplet,
            ranking=self.ranking if self.retrieval else None,
            noise=self.noise,
            parts=self.parts,
        )

    def baselines(self, store: "Store") -> Iterator[tuple[str, str, int, Float]]:
        """Yield classifications that need no network, for the test samples.

        Yields
        ------
        name : str
        description : str
        parameters : int
            Number of fitted values.
        prediction : ndarray of float32, shape (test sample, class) or (test sample, part, class)
            Probabilities.
        """
        from deepsphere.tasks.class_baselines import class_baselines
        from deepsphere.tasks.map_baselines import map_baselines

        samples = self.samples(store)
        yield from class_baselines(samples)
        yield from map_baselines(samples, self.map_baselines, self.baseline_draws)
