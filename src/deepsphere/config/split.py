"""How the samples of a store, in order of time, are divided."""

import math

from pydantic import Field, model_validator

from deepsphere.config.base import StrictModel

_SPLITS = ("train", "validation", "test")


class Split(StrictModel):
    """Shares of the samples, in order of time: first the training part, last the test part."""

    train: float = Field(gt=0, lt=1, description="share of the samples to train on, the first")
    validation: float = Field(
        default=0, ge=0, lt=1, description="share to select models on; 0 selects nothing"
    )
    test: float = Field(gt=0, lt=1, description="share to report results on, the last")

    @model_validator(mode="after")
    def _shares_sum_to_one(self) -> "Split":
        total = self.train + self.validation + self.test
        if not math.isclose(total, 1, abs_tol=1e-9):
            raise ValueError(f"the shares train, validation and test sum to {total:g}, not to 1")
        return self

    def ranges(self, samples: int) -> dict[str, range]:
        """Return the indices of each part of ``samples`` samples in order of time.

        The borders are ``int(share * samples)``, as in the published code, so that
        0.7 of 1,821 windows are 1,274 to train on and 547 to test on.
        """
        shares = (self.train, self.train + self.validation)
        first, second = (int(share * samples + 1e-9) for share in shares)
        borders = (0, first, second, samples)
        return {name: range(borders[part], borders[part + 1]) for part, name in enumerate(_SPLITS)}
