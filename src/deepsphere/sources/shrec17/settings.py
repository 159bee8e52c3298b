"""What the configuration says of SHREC'17: the source, and the stores made of it."""

from typing import Any, Literal

from pydantic import Field

from deepsphere.config.base import StrictModel
from deepsphere.sources.meshes.settings import Mirrors, Projection
from deepsphere.sources.meshes.simulation import Simulation


class Source(StrictModel):
    """The meshes of SHREC'17, track 3, and their table of labels and splits."""

    kind: Literal["shrec17"] = Field(description="the kind of source")
    edition: Literal["perturbed", "rebuilt"] = Field(
        default="perturbed",
        description="the organisers' meshes, each turned once; or the same meshes of ShapeNetCore, "
        "turned by rotations of our own",
    )
    mirrors: Mirrors = Field(
        default=("http://3dvision.princeton.edu/ms/shrec17-data",),
        min_length=1,
        description="where the files are, tried in order: https, s3, file: or a folder; the "
        "organisers' server has been silent since 2019",
    )
    files: tuple[str, ...] = Field(
        default=(),
        description="archives and folders of ShapeNetCore below a mirror, for the rebuilt edition; "
        "without any, all that the first mirror has that is a folder",
    )
    hashes: dict[str, str] = Field(
        default_factory=dict,
        description="SHA-256 by file name, in place of the one that is known of all.csv.gz",
    )
    seed: int = Field(
        default=0, ge=0, description="seed of the rotations that the rebuilt edition is turned by"
    )
    simulate: Simulation | None = Field(
        default=None, description="make meshes up instead of fetching them"
    )

    def reading(self) -> dict[str, Any]:
        """Return what the reader of the raw files needs to know of the source."""
        return self.model_dump(mode="json", include={"kind", "edition", "seed"})


class Store(Projection):
    """Spherical signals of the meshes of SHREC'17."""

    kind: Literal["shrec17"] = Field(description="the kind of source that the store is made of")
