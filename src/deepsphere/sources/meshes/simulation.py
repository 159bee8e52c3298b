"""What the configuration says of meshes that are made up in place of real ones."""

from pydantic import Field

from deepsphere.config.base import StrictModel

LARGEST_CLASSES = 16
"""How many kinds of shapes the simulator knows."""


class Simulation(StrictModel):
    """Simulated meshes in place of a data set's."""

    objects: int = Field(
        ge=4, description="number of meshes of each class, those of all splits together"
    )
    classes: int = Field(
        default=10, ge=2, le=LARGEST_CLASSES, description="number of classes of shapes"
    )
    seed: int = Field(default=0, ge=0, description="seed of the simulated shapes")
    broken: int = Field(
        default=0,
        ge=0,
        le=3,
        description="meshes more that no reader can use, to show the quarantine: one that is "
        "empty, one of NaN, one cut off, in this order",
    )
