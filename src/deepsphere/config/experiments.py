"""Settings of an experiment: its tasks, and the variants that are the rows of its table."""

from typing import Any, Literal

from pydantic import Field, model_validator

from deepsphere.config.base import Name, StrictModel
from deepsphere.config.kinds import Task
from deepsphere.config.models import Model
from deepsphere.config.training import Training


class Published(StrictModel):
    """What somebody printed for a variant."""

    metrics: dict[str, float] = Field(description="metric and value as printed")
    source: str = Field(description="where it is printed")
    note: str | None = Field(default=None, description="what a reader must know to compare")


class Variant(StrictModel):
    """One row of the table: a task, a graph, a model and its training."""

    title: str = Field(description="the row's name in tables and figures")
    protocol: Literal["published", "sound"] = Field(
        description="published: as the paper's code did; sound: no knowledge of the test days"
    )
    task: Name = Field(description="name of a task of the experiment")
    graph: Name = Field(description="name of a graph")
    model: Model = Field(description="the model")
    training: Training = Field(description="how it is trained")
    published: Published | None = Field(default=None, description="the published result")


class Experiment(StrictModel):
    """Tasks on stores, and variants of models that are trained on them."""

    title: str = Field(description="the experiment's name in the report")
    seeds: tuple[int, ...] = Field(min_length=1, description="each variant is trained once a seed")
    tasks: dict[Name, Task] = Field(description="what is to be predicted from what")
    base: dict[str, Any] = Field(
        default_factory=dict, description="settings that all variants share unless they say other"
    )
    variants: dict[Name, Variant] = Field(min_length=1, description="the rows of the table")

    @model_validator(mode="before")
    @classmethod
    def _lay_variants_over_base(cls, value: Any) -> Any:
        if not isinstance(value, dict) or not isinstance(value.get("variants"), dict):
            return value
        base = value.get("base") or {}
        variants = {
            name: merge(base, variant) if isinstance(variant, dict) else variant
            for name, variant in value["variants"].items()
            if variant is not None
        }
        return {**value, "base": base, "variants": variants}

    @model_validator(mode="after")
    def _names_exist(self) -> "Experiment":
        if len(set(self.seeds)) != len(self.seeds) or min(self.seeds) < 0:
            raise ValueError(f"seeds: found {list(self.seeds)}; give different numbers from 0 up")
        for name, variant in self.variants.items():
            if variant.task not in self.tasks:
                raise ValueError(
                    f"variants.{name}.task: found {variant.task!r}; "
                    f"the tasks are {', '.join(self.tasks)}"
                )
        return self


def merge(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Return one mapping laid over another: mappings are merged, all else is replaced.

    A mapping with a ``kind`` other than the one below it replaces it whole, as the keys of
    different kinds do not mix.
    """
    result = dict(under)
    for key, value in over.items():
        below = result.get(key)
        if isinstance(below, dict) and isinstance(value, dict):
            same_kind = value.get("kind", below.get("kind")) == below.get("kind")
            result[key] = merge(below, value) if same_kind else value
        else:
            result[key] = value
    return result
