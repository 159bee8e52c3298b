"""What the configuration says of the level-5 archive: the source, and the stores made of it."""

from typing import Literal

from pydantic import Field

from deepsphere.sources.fields.settings import FieldSource, FieldStore, Mirrors, SamplingName
from deepsphere.sources.fields.simulation import Simulation


class Source(FieldSource):
    """The states of the level-5 archive."""

    kind: Literal["climate"] = Field(description="the kind of source")
    mirrors: Mirrors = Field(
        default=("http://island.me.berkeley.edu/ugscnn/data",),
        min_length=1,
        description="where the archive or its files are, tried in order: a folder, file:, https or "
        "s3; the authors' server has been silent since 2022",
    )
    simulate: Simulation | None = Field(
        default=None, description="make states up instead of fetching them"
    )


class Store(FieldStore):
    """States of the level-5 archive with heuristic labels."""

    kind: Literal["climate"] = Field(description="the kind of source that the store is made of")
    sampling: SamplingName = Field(
        default="ugscnn:5:upward",
        description="ugscnn:5:upward or ugscnn:5, the order of the archive, which is checked and "
        "kept as it is; or any other sampling, whose pixels get the nearest values",
    )
