"""What the configuration says of DeepCAM's files: the source, and the stores made of it."""

from typing import Literal

from pydantic import Field, model_validator

from deepsphere.config.base import wrong
from deepsphere.sources.fields.settings import FieldSource, GridStore
from deepsphere.sources.fields.simulation import GridSimulation


class Source(FieldSource):
    """HDF5 files of states with heuristic labels."""

    kind: Literal["deepcam"] = Field(description="the kind of source")
    simulate: GridSimulation | None = Field(
        default=None, description="make states up instead of fetching them"
    )

    @model_validator(mode="after")
    def _files_come_from_somewhere(self) -> "Source":
        if not self.mirrors and not self.simulate:
            raise wrong(
                ["mirrors"],
                "missing; the set has terabytes and is given out through Globus: give the folder "
                "that holds what you have of it",
            )
        return self


class Store(GridStore):
    """States of DeepCAM with heuristic labels, on one sampling."""

    kind: Literal["deepcam"] = Field(description="the kind of source that the store is made of")
