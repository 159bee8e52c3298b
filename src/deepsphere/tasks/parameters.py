"""Numbers of a map: the parameters of the universe that it shows, or others that a store knows.

It works on any store whose samples have a ``split`` and the coordinates that are asked for; maps of
several channels, such as those of sources at several distances, are seen together. What is made of
a store is in :mod:`deepsphere.tasks.parameter_samples`. Take the classification where there are a
few universes only: numbers that two of them differ in are two names.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, field_validator

from deepsphere.tasks.samples import Float
from deepsphere.tasks.settings import TaskSettings

if TYPE_CHECKING:
    from deepsphere.stores.reader import Store
    from deepsphere.tasks.parameter_samples import ParameterSamples


class Task(TaskSettings):
    """Settings of a regression of numbers of a map."""

    model_kinds: ClassVar[tuple[str, ...]] = ("classifier", "planar-classifier")

    kind: Literal["parameters"] = Field(description="the kind of task")
    targets: tuple[str, ...] = Field(
        min_length=1, description="coordinates of the store that the model is to find, in order"
    )
    noise: float = Field(
        default=0.0,
        ge=0,
        description="standard deviation of the white noise that is added to the normalized input "
        "of every pixel and channel, drawn anew in each epoch",
    )
    parts: int = Field(
        default=1,
        ge=1,
        description="runs of consecutive pixels that each map is cut into, one answer each; as "
        "many as those of the graph",
    )

    @field_validator("targets")
    @classmethod
    def _targets_differ(cls, targets: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(targets)) != len(targets):
            raise ValueError("name each target once")
        return targets

    def samples(self, store: "Store") -> "ParameterSamples":
        """Return the samples of this task on a store."""
        from deepsphere.tasks.parameter_samples import open_parameter_samples

        return open_parameter_samples(
            store, self.channels, self.targets, noise=self.noise, parts=self.parts
        )

    def baselines(self, store: "Store") -> Iterator[tuple[str, str, int, Float]]:
        """Yield regressions that need no network, for the test samples.

        Yields
        ------
        name : str
        description : str
        parameters : int
            Number of fitted values.
        prediction : ndarray of float32, shape (test sample, target) or (test sample, part, target)
            In the units of the targets.
        """
        from deepsphere.tasks.parameter_baselines import parameter_baselines

        return parameter_baselines(self.samples(store))
