"""What somebody printed, for variants and baselines to be compared with."""

from pydantic import Field

from deepsphere.config.base import StrictModel


class Published(StrictModel):
    """What somebody printed for a variant, or for a baseline of a task."""

    metrics: dict[str, float] = Field(description="metric and value as printed")
    source: str = Field(description="where it is printed")
    note: str | None = Field(default=None, description="what a reader must know to compare")
