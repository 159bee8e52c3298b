"""Settings of the models, as plain arguments. The models themselves are in ``deepsphere.nn``."""

from itertools import pairwise
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from deepsphere.config.base import StrictModel, wrong

KernelSize = Annotated[
    int, Field(ge=1, description="coefficients K of each Chebyshev filter; its order is K - 1")
]
Widths = Annotated[
    tuple[Annotated[int, Field(ge=1)], ...],
    Field(min_length=1, description="output channels of the hidden layers"),
]


class DenseRegressor(StrictModel):
    """One value a pixel: graph convolutions, the last one linear."""

    depth: ClassVar[int] = 1

    kind: Literal["dense-regressor"] = Field(description="the kind of model")
    kernel_size: KernelSize
    widths: Widths = (50, 100, 100)


class GlobalRegressor(StrictModel):
    """One value a map: graph convolutions, the mean over the pixels, a linear layer."""

    depth: ClassVar[int] = 1

    kind: Literal["global-regressor"] = Field(description="the kind of model")
    kernel_size: KernelSize
    widths: Widths = (50, 100, 100)


class Classifier(StrictModel):
    """One class a map: graph convolutions, pooled from level to level, and a head."""

    kind: Literal["classifier"] = Field(description="the kind of model")
    kernel_size: KernelSize = 4
    widths: Widths = (16, 32, 64, 128, 256)
    levels: tuple[Annotated[int, Field(ge=0)], ...] | None = Field(
        default=None,
        description="on which level of the graph each layer works, 0 the finest, and which one is "
        "left for the head; null pools once behind each layer",
    )
    pool: Literal["max", "mean", "stride"] = Field(
        default="max", description="what is made of the pixels that become one"
    )
    statistics: Literal["mean", "variance", "mean-variance", "max", "histogram"] | None = Field(
        default="mean",
        description="what the head makes of the pixels that are left; null gives them all to the "
        "dense layer",
    )
    fully_convolutional: bool = Field(
        default=False, description="true: a last convolution in place of the dense layer"
    )
    filter_dropout: float = Field(
        default=0.0, ge=0, lt=1, description="share of channels dropped behind each layer"
    )

    @model_validator(mode="after")
    def _settings_fit_together(self) -> "Classifier":
        levels, blocks = self.levels, len(self.widths)
        if levels is not None:
            rising = all(before <= after for before, after in pairwise(levels))
            if len(levels) != blocks + 1 or levels[0] != 0 or not rising:
                raise wrong(
                    ["levels"],
                    f"found {list(levels)}; {blocks} layers need {blocks + 1} levels, from 0 and "
                    "never back to a finer one",
                )
        if self.fully_convolutional and self.statistics not in ("mean", "max"):
            raise wrong(
                ["statistics"],
                f"found {self.statistics or 'null'}; a last convolution goes with mean or max",
            )
        return self

    @property
    def depth(self) -> int:
        """Levels of the graph that it works on."""
        return len(self.widths) + 1 if self.levels is None else self.levels[-1] + 1


class PlanarClassifier(StrictModel):
    """One class a patch of HEALPix, taken for a flat image: plain convolutions that halve it."""

    depth: ClassVar[int] = 1

    kind: Literal["planar-classifier"] = Field(description="the kind of model")
    kernel_size: int = Field(default=5, ge=1, description="side of each filter, in pixels")
    widths: Widths = (8, 16, 32, 32, 16)
    fully_convolutional: bool = Field(
        default=False, description="true: a last convolution in place of the dense layer"
    )


class _EncoderDecoder(StrictModel):
    """What the U-Nets share."""

    kernel_size: KernelSize = 4
    widths: Annotated[tuple[Widths, ...], Field(min_length=2)] = Field(
        default=((32, 64), (128,), (256,), (512,), (512,), (512,)),
        description="output channels of the encoder's layers on each level, finest first; the "
        "decoder's follow",
    )
    wiring: Literal["published", "latest", "paper", "jiang"] = Field(
        default="published",
        description="how encoder and decoder are joined: as in the published runs, in the last "
        "version of their code, in the text of the paper, or as Jiang et al. did",
    )
    pool: Literal["max", "mean", "stride"] = Field(
        default="max",
        description="what is made of the pixels that become one; as published, it is stride",
    )
    unpool: Literal["repeat", "interpolate", "max", "fill"] = Field(
        default="interpolate",
        description="what the pixels get that one becomes: its value, one between the coarse "
        "pixels, the value where the maximum was, or the value where the coarse pixel is and fill "
        "elsewhere, as published",
    )
    fill: float = Field(
        default=0.0, description="what unpool: fill sets the other pixels to; as published, it is 1"
    )

    @model_validator(mode="after")
    def _settings_go_together(self) -> Self:
        if self.unpool == "max" and self.pool != "max":
            raise wrong(
                ["unpool"], f"found 'max' with pool: {self.pool}; maxima are put back, so pool: max"
            )
        if self.unpool != "fill" and self.fill:
            raise wrong(["fill"], "goes with unpool: fill; leave it out")
        return self

    @property
    def depth(self) -> int:
        """Levels of the graph that it works on."""
        return len(self.widths)


class UNet(_EncoderDecoder):
    """Some numbers a pixel: an encoder that pools, a decoder that unpools, and skips between."""

    kind: Literal["unet"] = Field(description="the kind of model")


class RecurrentUNet(_EncoderDecoder):
    """The same of a window of states, with a memory on the coarsest level."""

    kind: Literal["recurrent-unet"] = Field(description="the kind of model")


Model = Annotated[
    DenseRegressor | GlobalRegressor | Classifier | PlanarClassifier | UNet | RecurrentUNet,
    Field(discriminator="kind"),
]
