"""What the configuration says of labelled atmospheres, in all kinds of source that have them."""

from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, field_validator, model_validator

from deepsphere.config.base import Name, StrictModel, wrong
from deepsphere.config.graphs import SAMPLINGS
from deepsphere.config.split import Split
from deepsphere.errors import DeepsphereError
from deepsphere.registry import load
from deepsphere.sources.fields.channels import FRACTIONS, LABEL, NAMES, WINDS


def _hold_no_password(mirrors: tuple[str, ...]) -> tuple[str, ...]:
    for mirror in mirrors:
        if "@" in urlsplit(mirror).netloc:
            raise ValueError(
                "a mirror must not hold a user or password, which logs would show; "
                "put them into ~/.netrc"
            )
    return mirrors


def _sampling_exists(name: str) -> str:
    kind, _, parameters = name.partition(":")
    if kind not in SAMPLINGS:
        raise ValueError(f"the kinds are {', '.join(SAMPLINGS)}")
    try:
        load("samplings", kind).parse(parameters)
    except DeepsphereError as error:
        raise ValueError(str(error)) from None
    return name


Mirrors = Annotated[tuple[str, ...], AfterValidator(_hold_no_password)]
"""Places that files are fetched from, tried in order."""

SamplingName = Annotated[str, AfterValidator(_sampling_exists)]
"""Name of a sampling, such as ``healpix:64``."""


class FieldSource(StrictModel):
    """Files of a data set: its publisher's, or those that the user has."""

    mirrors: Mirrors = Field(
        default=(),
        description="where the files are, tried in order: a folder, file:, https or s3",
    )
    files: tuple[str, ...] = Field(
        default=(),
        description="files, archives (zip, tar) and folders of them below a mirror; without any, "
        "all that the first mirror has that is a folder, or else what the publisher has",
    )
    hashes: dict[str, str] = Field(
        default_factory=dict, description="SHA-256 by file name; checked, the others recorded"
    )

    def reading(self) -> dict[str, Any]:
        """Return what the reader of the raw files needs to know of the source."""
        return self.model_dump(mode="json", include={"kind"})


class Division(StrictModel):
    """How the states are divided into those to train on, to select on and to test on."""

    kind: Literal["published", "leak-free", "random"] = Field(
        default="published",
        description="as published; in order of time, all runs cut at the same moments; or one by "
        "one at random, which leaks: the weather of a test state is that of training states hours "
        "away",
    )
    shares: Split = Field(
        default=Split(train=0.7, validation=0.1, test=0.2),
        description="shares of a leak-free or random division",
    )
    gap: float = Field(
        default=5.0,
        ge=0,
        description="days that a leak-free division leaves out before each cut, as long as weather "
        "remembers",
    )
    seed: int = Field(default=0, ge=0, description="seed of a random division")

    @property
    def validation(self) -> float:
        """Share to select models on."""
        return self.shares.validation


class FieldStore(StrictModel):
    """States of the atmosphere with their labels on one sampling."""

    published_leaks: ClassVar[bool] = True
    """Whether the published division has test states next to training states."""

    source: Name = Field(description="name of the source")
    channels: tuple[str, ...] = Field(
        default=NAMES, min_length=1, description="variables to keep, one channel each"
    )
    split: Division = Field(default=Division(), description="how the states are divided")
    quarantine: float = Field(
        default=0.05, ge=0, lt=1, description="largest share of broken files to go on with"
    )

    @field_validator("channels")
    @classmethod
    def _channels_are_known(cls, channels: tuple[str, ...]) -> tuple[str, ...]:
        for channel in channels:
            if channel not in NAMES:
                raise ValueError(f"there is no channel {channel!r}; known: {', '.join(NAMES)}")
        if len(set(channels)) != len(channels):
            raise ValueError("give each channel once")
        return channels

    @property
    def looks_ahead(self) -> str | None:
        """Which setting uses knowledge of the test samples, if one does."""
        leaks = {"published": self.published_leaks, "leak-free": False, "random": True}
        return f"split.kind: {self.split.kind}" if leaks[self.split.kind] else None

    @property
    def label_channels(self) -> tuple[str, ...]:
        """Names of the channels that follow the fields and say what there is."""
        return (LABEL,)


class GridStore(FieldStore):
    """States of the atmosphere that are brought from rows and columns to a sampling."""

    sampling: SamplingName = Field(
        description="where the pixels are: a sampling by its name, such as healpix:64"
    )
    method: Literal["conservative", "bilinear", "nearest"] = Field(
        default="conservative",
        description="how fields get there: as means over pixels, which keep integrals; as values "
        "at their centres, where pixels are small; or as the nearest values",
    )
    labels: Literal["nearest", "fractions"] = Field(
        default="nearest",
        description="one class a pixel, in the channel label, or the share of each, in a channel "
        "each",
    )
    vector_winds: bool = Field(
        default=False,
        description="regrid winds as vectors, which is right next to the poles too, at several "
        "times the cost, and not component by component",
    )

    @model_validator(mode="after")
    def _winds_are_pairs(self) -> "GridStore":
        for pair in WINDS:
            missing = [name for name in pair if name not in self.channels]
            if self.vector_winds and len(missing) == 1:
                raise wrong(["vector_winds"], f"needs both of {', '.join(pair)}; add {missing[0]}")
        return self

    @property
    def label_channels(self) -> tuple[str, ...]:
        """Names of the channels that follow the fields and say what there is."""
        return (LABEL,) if self.labels == "nearest" else FRACTIONS
