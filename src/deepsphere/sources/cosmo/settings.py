"""What the configuration says of cosmological maps: the source, and the stores made of it."""

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from deepsphere.config.base import Name, StrictModel, wrong
from deepsphere.errors import DeepsphereError
from deepsphere.samplings.healpix import Healpix
from deepsphere.sources.cosmo.simulation import Simulation
from deepsphere.sources.fields.settings import Mirrors


class Source(StrictModel):
    """Full-sky maps of the published data set, or the user's own maps."""

    kind: Literal["cosmo"] = Field(description="the kind of source")
    edition: Literal["zenodo", "maps"] = Field(
        default="zenodo",
        description="the published record, which its authors give on request; or maps of the user",
    )
    mirrors: Mirrors = Field(
        default=(),
        description="where the files are, tried in order: a folder, file:, https or s3; without "
        "any, the published record",
    )
    files: tuple[str, ...] = Field(
        default=(),
        description="maps: HEALPix maps (.fits, .fits.gz, .npy), archives (zip, tar) and folders "
        "of them below a mirror; without any, all that the first mirror has that is a folder",
    )
    hashes: dict[str, str] = Field(
        default_factory=dict,
        description="SHA-256 by file name, checked; in place of the published ones",
    )
    labels: str | None = Field(
        default=None,
        description="maps: table below a mirror (.csv, .csv.gz) with the column file and, as there "
        "are, label, seed, split and parameters (any other columns of numbers); without one the "
        "names of the files tell, which must be as published",
    )
    mask: str | None = Field(
        default=None,
        description="maps: map below a mirror that is positive where the sky was seen",
    )
    ordering: Literal["ring", "nested"] | None = Field(
        default=None,
        description="maps: order of the pixels; null takes that of the FITS header, and ring if "
        "none is stated",
    )
    simulate: Simulation | None = Field(
        default=None, description="make maps up instead of fetching them"
    )

    @model_validator(mode="after")
    def _settings_fit_the_edition(self) -> "Source":
        if self.edition == "zenodo":
            for name in ("files", "labels", "mask", "ordering"):
                if getattr(self, name):
                    raise wrong([name], "is for the edition maps; leave it out")
        elif not (self.mirrors or self.simulate):
            raise wrong(["mirrors"], "missing; give the folder that holds the maps")
        return self

    def reading(self) -> dict[str, Any]:
        """Return what the reader of the raw files needs to know of the source."""
        return self.model_dump(
            mode="json", include={"kind", "edition", "labels", "mask", "ordering"}
        )


class Division(StrictModel):
    """How the samples are divided into those to train on, to select on and to test on.

    What the raw files say comes first: the publisher's folders ``training`` and ``testing``, or the
    column ``split`` of a table.
    """

    kind: Literal["published", "seed-grouped"] = Field(
        default="published",
        description="validation samples drawn as published, patch by patch, so that patches of one "
        "sky, and of that of the same seed in the other class, are trained and selected on; or "
        "seed by seed, with all maps and patches of a seed on one side",
    )
    validation: float = Field(
        default=0.2, ge=0, lt=1, description="share to select models on, of those to train on"
    )
    test: float = Field(
        default=1 / 3,
        gt=0,
        lt=1,
        description="share of the seeds to test on, where the raw files do not say it",
    )
    seed: int = Field(default=0, ge=0, lt=2**32, description="seed of the draws; 0 in publications")


class Store(StrictModel):
    """Patches of smoothed maps, or whole ones, without noise."""

    kind: Literal["cosmo"] = Field(description="the kind of source that the store is made of")
    source: Name = Field(description="name of the source")
    nside: int = Field(default=1024, description="nside that the maps are averaged to")
    order: int = Field(
        default=1,
        ge=0,
        description="a map becomes 12 order^2 patches: 1, 2 or 4 in publications; with 0 it stays "
        "whole",
    )
    reference: int = Field(
        default=0,
        ge=0,
        description="number of the patch whose positions, and graph, stand for those of all; 0 in "
        "publications",
    )
    smoothing: float = Field(
        default=3.0,
        ge=0,
        le=600,
        description="standard deviation (sigma, not FWHM) of the Gaussian that maps are smoothed "
        "by, in arcminutes",
    )
    channels: tuple[str, ...] = Field(
        default=("convergence",), min_length=1, description="names of the columns, in order"
    )
    columns: tuple[int | str, ...] = Field(
        default=(),
        description="which columns of the files these are, by number from 0 or by name; without "
        "any, the first ones",
    )
    unit: str = Field(default="1", description="unit of the maps")
    split: Division = Field(default=Division(), description="how the samples are divided")
    screening: bool = Field(
        default=True,
        description="set maps aside whose variance or large scales are unlike those of the others",
    )
    quarantine: float = Field(
        default=0.05, ge=0, lt=1, description="largest share of broken maps to go on with"
    )

    @field_validator("channels")
    @classmethod
    def _channels_differ(cls, channels: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(channels)) != len(channels) or not all(channels):
            raise ValueError("give each channel a name of its own")
        return channels

    @model_validator(mode="after")
    def _patches_exist(self) -> "Store":
        try:
            healpix = Healpix(self.nside)
        except DeepsphereError as error:
            raise wrong(["nside"], str(error)) from None
        if self.reference and self.reference >= self.patches:
            raise wrong(
                ["reference"], f"found {self.reference}; the patches go to {self.patches - 1}"
            )
        if self.order:
            try:
                healpix.patch(self.reference, self.patches)
            except DeepsphereError as error:
                raise wrong(["order"], str(error)) from None
        if self.columns and len(self.columns) != len(self.channels):
            raise wrong(
                ["columns"],
                f"found {len(self.columns)} for {len(self.channels)} channels; give one each",
            )
        if any(isinstance(column, int) and column < 0 for column in self.columns):
            raise wrong(["columns"], "numbers of columns go from 0")
        return self

    @property
    def patches(self) -> int:
        """Number of samples that a map becomes."""
        return 12 * self.order**2 or 1

    @property
    def sampling(self) -> str:
        """Name of the sampling of the reference patch, or of the whole sphere."""
        name = f"healpix:{self.nside}"
        return f"{name}:{self.reference}/{self.patches}" if self.order else name

    @property
    def chosen_columns(self) -> tuple[int | str, ...]:
        """Which column of the files each channel is, by number or name."""
        return self.columns or tuple(range(len(self.channels)))

    @property
    def looks_ahead(self) -> str | None:
        """Which setting uses knowledge of the test samples: none does.

        The published division selects models on skies that they were trained on, which flatters
        the validation scores and not those of the test.
        """
        return None
