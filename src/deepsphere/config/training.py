"""Settings of the training loop."""

from typing import Literal

from pydantic import Field, model_validator

from deepsphere.config.base import StrictModel, wrong

_OPTIONS = {
    "adam": ("epsilon", "weight_decay"),
    "adamw": ("epsilon", "weight_decay"),
    "adam-tf": ("epsilon",),
    "sgd": ("momentum", "weight_decay"),
    "rmsprop-tf": ("epsilon",),
}
"""The options that each optimizer has."""


class Training(StrictModel):
    """How a model is trained."""

    epochs: int = Field(ge=1, description="passes over the training samples")
    batch_size: int = Field(ge=1, description="samples a batch, those of all devices together")
    accumulate: int = Field(
        default=1, ge=1, description="batches a step, which has the gradients of one large batch"
    )
    optimizer: Literal["adam", "adamw", "adam-tf", "sgd", "rmsprop-tf"] = Field(
        default="adam",
        description="Adam, AdamW and SGD as PyTorch computes them, or Adam and RMSProp (decay 0.9) "
        "as TensorFlow 1 does",
    )
    epsilon: float | None = Field(
        default=None,
        gt=0,
        description="what keeps the optimizer from dividing by 0; by default 1e-8, and 1e-10 for "
        "rmsprop-tf; not for sgd",
    )
    momentum: float = Field(default=0, ge=0, lt=1, description="of sgd")
    weight_decay: float = Field(
        default=0, ge=0, description="pull of the weights towards 0; of adam, adamw and sgd"
    )
    learning_rate: float = Field(gt=0, description="step size at the start, or after the warm-up")
    schedule: Literal["constant", "cosine", "exponential", "step"] = Field(
        default="constant",
        description="learning rate over time: constant, half a cosine to 0, or falling by the "
        "factor decay, steadily (exponential) or at once (step)",
    )
    schedule_unit: Literal["epoch", "step"] = Field(
        default="epoch",
        description="when the learning rate changes, and what decay_every and warmup count",
    )
    decay: float | None = Field(
        default=None, gt=0, le=1, description="factor of the schedules exponential and step"
    )
    decay_every: int = Field(
        default=1, ge=1, description="units of the schedule in which the rate falls by decay"
    )
    warmup: int = Field(
        default=0,
        ge=0,
        description="units of the schedule over which the rate rises at the start, step by step",
    )
    clip: float | None = Field(
        default=None, gt=0, description="largest norm of the gradient; longer ones are shortened"
    )
    average: float | None = Field(
        default=None,
        ge=0,
        lt=1,
        description="share that a step keeps of the moving average of the weights, which is then "
        "what is scored and kept; without it, the weights themselves are",
    )
    precision: Literal["float32", "bf16"] = Field(
        default="float32",
        description="of the network's operations; weights and losses are float32 always",
    )
    recompute: bool = Field(
        default=False,
        description="compute each block again for its gradient, instead of keeping what it made "
        "(gradient checkpointing): the same numbers in less memory and more time",
    )
    devices: int = Field(
        default=1, ge=1, description="processes of a machine, each with a device of its own"
    )
    nodes: int = Field(
        default=1,
        ge=1,
        description="machines to train on, started by torchrun; the workflow does so under Slurm",
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto", description="where to train; auto takes a GPU where there is one"
    )
    select: Literal["last", "best"] = Field(
        default="last",
        description="the model that is kept: the last, or the best on the validation samples",
    )
    patience: int | None = Field(
        default=None,
        ge=1,
        description="points of the learning curve without a better model, after which training "
        "ends early; goes with select: best",
    )
    monitor_every: int = Field(
        default=10, ge=1, description="epochs between two points of the learning curve"
    )
    tensorboard: bool = Field(
        default=False, description="write the learning curve for TensorBoard as well"
    )

    @model_validator(mode="after")
    def _settings_fit_together(self) -> "Training":
        for option, default in (("epsilon", None), ("momentum", 0), ("weight_decay", 0)):
            value = getattr(self, option)
            if value != default and option not in _OPTIONS[self.optimizer]:
                takers = [name for name, options in _OPTIONS.items() if option in options]
                raise wrong(
                    [option],
                    f"found {value:g}, which {self.optimizer} has not; "
                    f"leave it out, or take {' or '.join(takers)}",
                )
        falls = self.schedule in ("exponential", "step")
        if falls and self.decay is None:
            raise wrong(["schedule"], f"found {self.schedule!r}; give its decay too")
        if not falls and (self.decay is not None or self.decay_every != 1):
            key = "decay_every" if self.decay is None else "decay"
            raise wrong([key], "goes with schedule: exponential or step; leave it out")
        if self.schedule_unit == "epoch" and self.warmup >= self.epochs:
            raise wrong(
                ["warmup"], f"found {self.warmup} of {self.epochs} epochs; let it end before them"
            )
        if self.patience is not None and self.select != "best":
            raise wrong(["patience"], f"found {self.patience}; it goes with select: best")
        return self
