"""What the configuration says of skies that are made up in place of real ones."""

from pydantic import Field, field_validator

from deepsphere.config.base import StrictModel

_MOST_NSIDE = 8192


class Simulation(StrictModel):
    """Simulated maps of the convergence in place of a data set's."""

    nside: int = Field(default=256, ge=8, le=_MOST_NSIDE, description="nside, a power of two")
    maps: int = Field(
        default=30,
        ge=3,
        le=10_000,
        description="maps of each class, those of all splits together; 30 as published",
    )
    seed: int = Field(default=0, ge=0, description="seed of the simulated skies")
    match_variance: bool = Field(
        default=False,
        description="true: give both classes one spectrum, and so one variance; only what is not "
        "Gaussian then tells them apart",
    )

    @field_validator("nside")
    @classmethod
    def _nside_is_a_power_of_two(cls, nside: int) -> int:
        if nside & (nside - 1):
            raise ValueError("give a power of two")
        return nside
