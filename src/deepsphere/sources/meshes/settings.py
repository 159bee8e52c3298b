"""What the configuration says of meshes: the user's own, and the stores made of any meshes.

:class:`Projection` is what the stores of all kinds of mesh source share, and :class:`Source` is
what the user says of files of their own.
"""

import math
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, field_validator, model_validator

from deepsphere.config.base import Name, StrictModel, wrong
from deepsphere.config.graphs import SAMPLINGS
from deepsphere.errors import DeepsphereError
from deepsphere.registry import load
from deepsphere.regridding.mesh_channels import CHANNELS
from deepsphere.sources.meshes.layouts import Layout
from deepsphere.sources.meshes.simulation import Simulation

_MOST_COPIES = 256
"""As many as their numbers, which a store holds in one byte, can tell apart."""


def _hold_no_password(mirrors: tuple[str, ...]) -> tuple[str, ...]:
    for mirror in mirrors:
        if "@" in urlsplit(mirror).netloc:
            raise ValueError(
                "a mirror must not hold a user or password, which logs would show; "
                "put them into ~/.netrc"
            )
    return mirrors


Mirrors = Annotated[tuple[str, ...], AfterValidator(_hold_no_password)]
"""Places that files are fetched from, tried in order."""


class Shares(StrictModel):
    """Shares of the meshes of each class, drawn at random."""

    train: float = Field(default=0.7, ge=0, le=1, description="share to train on")
    validation: float = Field(default=0.1, ge=0, le=1, description="share to select models on")
    test: float = Field(default=0.2, ge=0, le=1, description="share to report results on")

    @model_validator(mode="after")
    def _shares_sum_to_one(self) -> "Shares":
        total = self.train + self.validation + self.test
        if not math.isclose(total, 1, abs_tol=1e-9):
            raise ValueError(f"the shares train, validation and test sum to {total:g}, not to 1")
        return self


class Source(StrictModel):
    """Meshes with labels: the user's own files."""

    kind: Literal["meshes"] = Field(description="the kind of source")
    mirrors: Mirrors = Field(
        default=(),
        description="where the files are, tried in order: a folder, file:, https or s3",
    )
    files: tuple[str, ...] = Field(
        default=(),
        description="archives (zip, tar), meshes and folders of them below a mirror; without any, "
        "all that the first mirror has that is a folder",
    )
    hashes: dict[str, str] = Field(
        default_factory=dict, description="SHA-256 by file name; checked, the others recorded"
    )
    labels: str | None = Field(
        default=None,
        description="table below a mirror (.csv, .csv.gz), or inside an archive "
        "(meshes.zip/labels.csv), with the columns id or file, label and, if you like, sublabel "
        "and split; without one the folders tell",
    )
    layout: Layout | None = Field(
        default=None, description="what the folders of the meshes say; null finds it out"
    )
    up: Literal["z", "y"] = Field(
        default="z",
        description="axis of the files that points upwards; y in ShapeNetCore and most of computer "
        "graphics",
    )
    split: Shares = Field(
        default_factory=Shares, description="how meshes are divided where nothing else says it"
    )
    seed: int = Field(default=0, ge=0, description="seed of that division")
    simulate: Simulation | None = Field(
        default=None, description="make meshes up instead of fetching them"
    )

    @model_validator(mode="after")
    def _files_come_from_somewhere(self) -> "Source":
        if not self.mirrors and not self.simulate:
            raise wrong(["mirrors"], "missing; give the folder that holds the meshes")
        return self

    def reading(self) -> dict[str, Any]:
        """Return what the reader of the raw files needs to know of the source."""
        names = {"kind", "labels", "layout", "up", "split", "seed"}
        return self.model_dump(mode="json", include=names)


class Copies(StrictModel):
    """Copies of every mesh, each moved at random on its own."""

    rotation: Literal["none", "z", "so3"] = Field(
        default="none", description="none, about the vertical axis, or any"
    )
    translation: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="largest shift, in radii of the sphere; 0.1 in the literature",
    )
    count: int = Field(default=1, ge=1, le=_MOST_COPIES, description="copies of each mesh")

    @model_validator(mode="after")
    def _copies_differ(self) -> "Copies":
        if self.count > 1 and self.rotation == "none" and self.translation == 0:
            raise wrong(["count"], f"found {self.count}, but copies that do not move are all equal")
        return self


class Projection(StrictModel):
    """Spherical signals of meshes: what rays from the sphere to its centre meet.

    Attributes
    ----------
    DECIDES_NOTHING : tuple of str
        Settings that the signals of a mesh do not depend on: they say which meshes break, and how
        many may. What an earlier run has left can be used when they change.
    """

    DECIDES_NOTHING: ClassVar[tuple[str, ...]] = ("quarantine", "time_limit", "memory_limit")

    source: Name = Field(description="name of the source")
    sampling: str = Field(
        description="where the rays start: a sampling by its name, such as healpix:32 or "
        "equiangular:128x128"
    )
    copies: dict[Name, Copies] = Field(
        min_length=1, max_length=_MOST_COPIES, description="sets of copies, by name"
    )
    channels: tuple[str, ...] = Field(
        default=CHANNELS,
        min_length=1,
        description="distance, cosine and sine of the ray that meets the mesh, and of its convex "
        "hull",
    )
    no_hit_distance: float = Field(
        default=1.0, ge=0, le=2, description="distance where a ray meets nothing"
    )
    absolute_cosine: bool = Field(
        default=False, description="true: cosines without sign, as meshes may be inside out"
    )
    precision: Literal["float32", "float16"] = Field(
        default="float32", description="of the samples on disk; float16 takes half the space"
    )
    time_limit: float = Field(
        default=60.0, gt=0, description="processor seconds that one mesh may take"
    )
    memory_limit: int = Field(
        default=4000, ge=1000, description="megabytes that one mesh may take, with the libraries"
    )
    quarantine: float = Field(
        default=0.05, ge=0, le=1, description="largest share of broken meshes to go on with"
    )
    seed: int = Field(default=0, ge=0, description="seed of the motions")

    @field_validator("sampling")
    @classmethod
    def _sampling_exists(cls, name: str) -> str:
        kind, _, parameters = name.partition(":")
        if kind not in SAMPLINGS:
            raise ValueError(f"the kinds are {', '.join(SAMPLINGS)}")
        try:
            load("samplings", kind).parse(parameters)
        except DeepsphereError as error:
            raise ValueError(str(error)) from None
        return name

    @field_validator("channels")
    @classmethod
    def _channels_are_known(cls, channels: tuple[str, ...]) -> tuple[str, ...]:
        for channel in channels:
            if channel not in CHANNELS:
                raise ValueError(f"there is no channel {channel!r}; known: {', '.join(CHANNELS)}")
        if len(set(channels)) != len(channels):
            raise ValueError("give each channel once")
        return channels

    @property
    def looks_ahead(self) -> str | None:
        """Which setting uses knowledge of the test samples: none does."""
        return None


class Store(Projection):
    """Spherical signals of the user's own meshes."""

    kind: Literal["meshes"] = Field(description="the kind of source that the store is made of")
