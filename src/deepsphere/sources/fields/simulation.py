"""What the configuration says of atmospheres that are made up in place of real ones."""

from pydantic import Field, field_validator, model_validator

from deepsphere.config.base import StrictModel, wrong

_MOST_PER_AXIS = 10_000


class Simulation(StrictModel):
    """Simulated states of the atmosphere in place of a data set's."""

    samples: int = Field(
        ge=3, description="number of states, those of all runs and all splits together"
    )
    runs: int = Field(default=1, ge=1, le=100, description="runs of the model that they are from")
    seed: int = Field(default=0, ge=0, description="seed of the simulated weather")

    @model_validator(mode="after")
    def _runs_have_samples(self) -> "Simulation":
        if self.runs > self.samples:
            raise wrong(["runs"], f"found {self.runs}, more than the {self.samples} samples")
        return self


class GridSimulation(Simulation):
    """Simulated states on rows of latitude and columns of longitude."""

    grid: tuple[int, int] = Field(
        default=(768, 1152), description="rows and columns of the grid; those of the data sets"
    )

    @field_validator("grid")
    @classmethod
    def _grid_has_a_size(cls, grid: tuple[int, int]) -> tuple[int, int]:
        if not all(8 <= count <= _MOST_PER_AXIS for count in grid):
            raise ValueError(f"give 8 to {_MOST_PER_AXIS:,} rows and columns")
        return grid
