"""Settings of the models, as plain arguments. The models themselves are in ``deepsphere.nn``."""

from typing import Annotated, Literal

from pydantic import Field

from deepsphere.config.base import StrictModel

KernelSize = Annotated[
    int, Field(ge=1, description="coefficients K of each Chebyshev filter; its order is K - 1")
]
Widths = Annotated[
    tuple[Annotated[int, Field(ge=1)], ...],
    Field(min_length=1, description="output channels of the hidden layers"),
]


class DenseRegressor(StrictModel):
    """One value a pixel: graph convolutions, the last one linear."""

    kind: Literal["dense-regressor"] = Field(description="the kind of model")
    kernel_size: KernelSize
    widths: Widths = (50, 100, 100)


class GlobalRegressor(StrictModel):
    """One value a map: graph convolutions, the mean over the pixels, a linear layer."""

    kind: Literal["global-regressor"] = Field(description="the kind of model")
    kernel_size: KernelSize
    widths: Widths = (50, 100, 100)


Model = Annotated[DenseRegressor | GlobalRegressor, Field(discriminator="kind")]
