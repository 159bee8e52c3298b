"""Settings of an experiment: its tasks, and the variants that are the rows of its table."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from deepsphere.config.base import Name, StrictModel, wrong
from deepsphere.config.kinds import Task
from deepsphere.config.models import Model, PlanarClassifier
from deepsphere.config.published import Published
from deepsphere.config.training import Training


class Variant(StrictModel):
    """One row of the table: a task, a graph, a model and its training."""

    title: str = Field(description="the row's name in tables and figures")
    protocol: Literal["published", "sound"] = Field(
        description="published: as the paper's code did; sound: no knowledge of the test samples"
    )
    task: Name = Field(description="name of a task of the experiment")
    graph: Name = Field(description="name of a graph")
    model: Model = Field(description="the model")
    training: Training = Field(description="how it is trained")
    published: Published | None = Field(default=None, description="the published result")

    @model_validator(mode="after")
    def _training_fits_the_model(self) -> "Variant":
        if self.training.recompute and isinstance(self.model, PlanarClassifier):
            raise wrong(
                ["training", "recompute"],
                f"found true; only graph convolutions are computed again, and {self.model.kind!r} "
                "has none: leave it out",
            )
        return self


class Experiment(StrictModel):
    """Tasks on stores, and variants of models that are trained on them."""

    title: str = Field(description="the experiment's name in the report")
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        min_length=1,
        description="each variant is trained once a seed",
        json_schema_extra={"uniqueItems": True},
    )
    tasks: dict[Name, Task] = Field(description="what is to be predicted from what")
    base: dict[str, Any] = Field(
        default_factory=dict, description="settings that all variants share unless they say other"
    )
    variants: dict[Name, Variant] = Field(min_length=1, description="the rows of the table")

    @model_validator(mode="before")
    @classmethod
    def _lay_variants_over_base(cls, value: Any) -> Any:
        return lay_variants_over_base(value)

    @field_validator("seeds")
    @classmethod
    def _seeds_are_different(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(seeds)) != len(seeds):
            raise ValueError("give different numbers")
        return seeds


def lay_variants_over_base(experiment: Any) -> Any:
    """Return the plain settings of an experiment with every variant laid over ``base``.

    A variant that is ``null`` is left out, so that an overlay can remove it. What has not the form
    of an experiment is returned as it is, for the check to refuse.
    """
    if not isinstance(experiment, dict):
        return experiment
    base, variants = experiment.get("base") or {}, experiment.get("variants")
    if not isinstance(base, dict) or not isinstance(variants, dict):
        return experiment
    laid = {
        name: merge(base, variant) if isinstance(variant, dict) else variant
        for name, variant in variants.items()
        if variant is not None
    }
    return {**experiment, "base": base, "variants": laid}


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
