"""Settings of the training loop."""

from typing import Literal

from pydantic import Field

from deepsphere.config.base import StrictModel


class Training(StrictModel):
    """How a model is trained."""

    epochs: int = Field(ge=1, description="passes over the training samples")
    batch_size: int = Field(ge=1, description="samples a step")
    optimizer: Literal["adam", "rmsprop-tf"] = Field(
        default="adam",
        description="Adam, or RMSProp as TensorFlow 1 computes it (decay 0.9)",
    )
    learning_rate: float = Field(gt=0, description="step size at the start")
    schedule: Literal["constant", "cosine"] = Field(
        default="constant", description="learning rate over time: constant, or half a cosine to 0"
    )
    select: Literal["last", "best"] = Field(
        default="last",
        description="the model that is kept: the last, or the best on the validation samples",
    )
    monitor_every: int = Field(
        default=10, ge=1, description="epochs between two points of the learning curve"
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto", description="where to train; auto takes a GPU where there is one"
    )
