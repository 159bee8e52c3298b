"""What the configuration says of GHCN-Daily: the source, and the stores made of it."""

from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from deepsphere.config.base import Name, StrictModel
from deepsphere.config.split import Split
from deepsphere.errors import DeepsphereError
from deepsphere.sources.ghcn.elements import find_elements


class Simulation(StrictModel):
    """Simulated records in place of NOAA's."""

    stations: int = Field(ge=20, description="number of stations")
    seed: int = Field(default=0, ge=0, description="seed of the simulated weather")


class Source(StrictModel):
    """The records of some years, as NOAA ships them."""

    kind: Literal["ghcn"] = Field(description="the kind of source")
    records: Literal[
        "by-year", "stations", "parquet", "ghcnd_all.tar.gz", "ghcnd_gsn.tar.gz", "ghcnd_hcn.tar.gz"
    ] = Field(
        default="by-year",
        description="which of NOAA's editions to read: yearly CSV files, one .dly file a station, "
        "the parquet tree by year and element, or an archive of .dly files",
    )
    years: tuple[int, int] = Field(description="first and last year, both included")
    mirrors: tuple[str, ...] = Field(
        default=("https://www.ncei.noaa.gov/pub/data/ghcn/daily", "s3://noaa-ghcn-pds"),
        min_length=1,
        description="where the files are, tried in order: https, s3, file: or a folder",
    )
    hashes: dict[str, str] = Field(
        default_factory=dict,
        description="SHA-256 by file name; checked. NOAA publishes none: the others are recorded",
    )
    simulate: Simulation | None = Field(
        default=None, description="make the records up instead of fetching them"
    )

    @field_validator("years")
    @classmethod
    def _years_in_order(cls, years: tuple[int, int]) -> tuple[int, int]:
        if not 1750 <= years[0] <= years[1] <= 9999:
            raise ValueError("give the first and the last year, from 1750 to 9999")
        return years

    @field_validator("mirrors")
    @classmethod
    def _mirrors_hold_no_password(cls, mirrors: tuple[str, ...]) -> tuple[str, ...]:
        for mirror in mirrors:
            if "@" in urlsplit(mirror).netloc:
                raise ValueError(
                    "a mirror must not hold a user or password, which logs would show; "
                    "put them into ~/.netrc"
                )
        return mirrors

    def reading(self) -> dict[str, Any]:
        """Return what the reader of the raw files needs to know of the source."""
        return {"kind": self.kind, "records": self.records, "years": list(self.years)}


class Selection(StrictModel):
    """Which stations a store keeps."""

    share: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="smallest share of days with a value, in each element; 1 allows no gap",
    )
    period: Literal["all", "train"] = Field(
        default="train",
        description="days that count: all of them, as published, or the training days only, "
        "which uses no knowledge of the future",
    )


class Store(StrictModel):
    """Daily maps of some elements at the selected stations."""

    kind: Literal["ghcn"] = Field(description="the kind of source that the store is made of")
    source: Name = Field(description="name of the source")
    elements: tuple[str, ...] = Field(
        min_length=1, description="GHCN elements, one channel each, such as TMIN"
    )
    stations: Selection = Field(
        default_factory=Selection, description="which stations the store keeps"
    )
    split: Split = Field(description="how the days are divided")

    @field_validator("elements")
    @classmethod
    def _elements_are_known(cls, elements: tuple[str, ...]) -> tuple[str, ...]:
        try:
            find_elements(elements)
        except DeepsphereError as error:
            raise ValueError(str(error)) from None
        return elements

    @property
    def looks_ahead(self) -> str | None:
        """Which setting uses knowledge of the test days, if one does."""
        return "stations.period: all" if self.stations.period == "all" else None

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels of a map."""
        return self.elements
