"""What the configuration says of skies that are made up in place of real ones."""

from itertools import pairwise
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from deepsphere.config.base import StrictModel, wrong

_MOST_NSIDE = 8192
_NEAREST, _FARTHEST = 0.1, 3.0
_LEAST_DEPTH = 0.15
"""Least redshift of the farthest source: no lognormal field varies as matter in a thin shell."""


class Simulation(StrictModel):
    """Simulated maps of the convergence in place of a data set's."""

    nside: int = Field(default=256, ge=8, le=_MOST_NSIDE, description="nside, a power of two")
    maps: int = Field(
        default=30,
        ge=3,
        le=10_000,
        description="maps of each class, those of all splits together; 30 as published",
    )
    cosmologies: int = Field(
        default=2,
        ge=2,
        le=100,
        description="universes: the two published ones, and further ones evenly from Omega_m 0.2 "
        "to 0.4 and sigma_8 0.6 to 1.1, of which each third is only tested on and the others only "
        "trained on; more than two need the edition maps, and labels",
    )
    redshifts: tuple[Annotated[float, Field(gt=_NEAREST, le=_FARTHEST)], ...] = Field(
        default=(0.8,),
        min_length=1,
        description="redshifts of the sources, rising; of each, maps have a column",
    )
    seed: int = Field(default=0, ge=0, description="seed of the simulated skies")
    match_variance: bool = Field(
        default=False,
        description="true: give all universes one spectrum, and so one variance; only what is not "
        "Gaussian then tells them apart",
    )

    @field_validator("nside")
    @classmethod
    def _nside_is_a_power_of_two(cls, nside: int) -> int:
        if nside & (nside - 1):
            raise ValueError("give a power of two")
        return nside

    @model_validator(mode="after")
    def _sources_are_in_order(self) -> "Simulation":
        if any(before >= after for before, after in pairwise(self.redshifts)):
            raise wrong(["redshifts"], f"found {list(self.redshifts)}; give rising ones")
        if self.redshifts[-1] < _LEAST_DEPTH:
            raise wrong(
                ["redshifts"],
                f"found {list(self.redshifts)}; give one of {_LEAST_DEPTH} or more, as the matter "
                f"begins at {_NEAREST}",
            )
        if self.match_variance and len(self.redshifts) > 1:
            raise wrong(
                ["match_variance"],
                f"found true with {len(self.redshifts)} redshifts; spectra can be matched for one",
            )
        return self
