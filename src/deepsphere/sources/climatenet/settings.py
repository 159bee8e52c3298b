"""What the configuration says of ClimateNet: the source, and the stores made of it."""

from typing import ClassVar, Literal

from pydantic import Field

from deepsphere.sources.fields.settings import FieldSource, GridStore, Mirrors
from deepsphere.sources.fields.simulation import GridSimulation


class Source(FieldSource):
    """The NetCDF files of ClimateNet."""

    kind: Literal["climatenet"] = Field(description="the kind of source")
    mirrors: Mirrors = Field(
        default=("https://portal.nersc.gov/project/ClimateNet/climatenet_new",),
        min_length=1,
        description="where the folders train and test are, tried in order: a folder, file:, https "
        "or s3",
    )
    simulate: GridSimulation | None = Field(
        default=None, description="make states up instead of fetching them"
    )


class Store(GridStore):
    """States of ClimateNet with experts' labels, on one sampling."""

    kind: Literal["climatenet"] = Field(description="the kind of source that the store is made of")

    # The test states are from later years than all others.
    published_leaks: ClassVar[bool] = False
