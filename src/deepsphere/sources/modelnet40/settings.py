"""What the configuration says of ModelNet40: the source, and the stores made of it."""

from typing import Any, Literal

from pydantic import Field

from deepsphere.config.base import StrictModel
from deepsphere.sources.meshes.settings import Mirrors, Projection
from deepsphere.sources.meshes.simulation import Simulation


class Source(StrictModel):
    """The meshes of ModelNet40."""

    kind: Literal["modelnet40"] = Field(description="the kind of source")
    edition: Literal["original", "aligned"] = Field(
        default="original",
        description="as published, roughly upright; or turned by hand to one orientation a class "
        "(ORION, Sedaghat et al. 2017)",
    )
    mirrors: Mirrors = Field(
        default=(
            "https://modelnet.cs.princeton.edu",
            "https://lmb.informatik.uni-freiburg.de/resources/datasets/ORION",
        ),
        min_length=1,
        description="where the archive is, tried in order: https, s3, file: or a folder",
    )
    hashes: dict[str, str] = Field(
        default_factory=dict,
        description="SHA-256 by file name, in place of the one that is known of ModelNet40.zip",
    )
    validation: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="share of the training meshes to select models on; none in the publication",
    )
    seed: int = Field(default=0, ge=0, description="seed that draws these meshes")
    simulate: Simulation | None = Field(
        default=None, description="make meshes up instead of fetching them"
    )

    def reading(self) -> dict[str, Any]:
        """Return what the reader of the raw files needs to know of the source."""
        return self.model_dump(mode="json", include={"kind", "validation", "seed"})


class Store(Projection):
    """Spherical signals of the meshes of ModelNet40."""

    kind: Literal["modelnet40"] = Field(description="the kind of source that the store is made of")
