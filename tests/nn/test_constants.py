import copy
from typing import ClassVar

import numpy as np
import pytest
import torch

from deepsphere.nn.constants import KeepsConstants, constant_dtype


class Scaled(KeepsConstants):
    constants: ClassVar[tuple[str, ...]] = ("scale", "absent")

    def __init__(self):
        super().__init__()
        scale = torch.tensor(np.linspace(0, 1, 7)).to(constant_dtype())
        self.register_buffer("scale", scale, persistent=False)
        self.register_buffer("absent", None, persistent=False)
        self.register_buffer("other", torch.ones(2), persistent=False)
        self.weight = torch.nn.Parameter(torch.ones(2))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_constants_stay_single_precision_and_all_else_is_converted(dtype):
    module = Scaled()
    before = module.scale.clone()
    module.to(dtype)
    assert module.scale.dtype == torch.float32
    assert torch.equal(module.scale, before)
    assert module.weight.dtype == module.other.dtype == dtype
    assert module.absent is None


def test_constants_are_moved_and_made_double_with_the_module():
    module = Scaled()
    assert copy.deepcopy(module).double().scale.dtype == torch.float64
    assert copy.deepcopy(module).to("meta", torch.bfloat16).scale.is_meta
    # Rounded once, to single.
    double = Scaled().double()
    double.scale *= 1 + 1e-12
    assert torch.equal(double.bfloat16().scale, Scaled().scale)


@pytest.mark.parametrize(
    ("default", "expected"),
    [
        (torch.float64, torch.float64),
        (torch.float32, torch.float32),
        (torch.bfloat16, torch.float32),
    ],
)
def test_constants_are_made_in_the_default_type_if_that_has_the_digits(default, expected):
    before = torch.get_default_dtype()
    torch.set_default_dtype(default)
    try:
        assert constant_dtype() == expected
    finally:
        torch.set_default_dtype(before)
