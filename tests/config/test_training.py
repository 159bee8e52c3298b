"""Settings of the training: which of them go together."""

import itertools
import re
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
import yaml
from pydantic import ValidationError

from deepsphere.config.training import Training
from deepsphere.training.optimizers import make_optimizer

SMALLEST = {"epochs": 5, "batch_size": 8, "learning_rate": 0.01}


def refusal(**others: Any) -> str | None:
    """Return the key and the message of the first error in settings, if there is one."""
    try:
        Training.model_validate(SMALLEST | others)
    except ValidationError as error:
        context = error.errors()[0].get("ctx", {})
        return f"{'.'.join(context['path'])}: {context['message']}"
    return None


def test_all_that_is_new_is_off_by_default() -> None:
    """A published preset, which says nothing of it, is trained as before."""
    found = Training.model_validate(SMALLEST).model_dump()
    off = {
        "accumulate": 1,
        "average": None,
        "clip": None,
        "devices": 1,
        "epsilon": None,
        "momentum": 0,
        "patience": None,
        "precision": "float32",
        "recompute": False,
        "schedule": "constant",
        "schedule_unit": "epoch",
        "select": "last",
        "tensorboard": False,
        "warmup": 0,
        "weight_decay": 0,
    }
    assert {key: found[key] for key in off} == off


OPTIMIZERS = get_args(Training.model_fields["optimizer"].annotation)
OPTIONS = {"epsilon": 0.1, "momentum": 0.5, "weight_decay": 0.1}


@pytest.mark.parametrize(("optimizer", "option"), list(itertools.product(OPTIMIZERS, OPTIONS)))
def test_an_option_is_allowed_where_the_optimizer_has_it(optimizer: str, option: str) -> None:
    given = {option: OPTIONS[option]}
    parameters = [torch.zeros(1, requires_grad=True)]
    message = refusal(optimizer=optimizer, **given)
    try:
        make_optimizer(optimizer, parameters, 0.01, **given)
    except ValueError:
        assert message is not None
        assert message.startswith(f"{option}: found {OPTIONS[option]}, which {optimizer} has not")
    else:
        assert message is None


@pytest.mark.parametrize(
    ("others", "message"),
    [
        ({"schedule": "step"}, "schedule: found 'step'; give its decay too"),
        ({"schedule": "exponential"}, "schedule: found 'exponential'; give its decay too"),
        ({"decay": 0.5}, "decay: goes with schedule: exponential or step; leave it out"),
        (
            {"schedule": "cosine", "decay_every": 2},
            "decay_every: goes with schedule: exponential or step; leave it out",
        ),
        ({"warmup": 5}, "warmup: found 5 of 5 epochs; let it end before them"),
        ({"patience": 3}, "patience: found 3; it goes with select: best"),
        ({"momentum": 0.5}, "momentum: found 0.5, which adam has not; leave it out, or take sgd"),
    ],
)
def test_settings_that_do_not_fit_together_are_refused(
    others: dict[str, Any], message: str
) -> None:
    assert refusal(**others) == message


@pytest.mark.parametrize(
    "others",
    [
        {"schedule": "step", "decay": 0.5, "decay_every": 3},
        {"schedule": "exponential", "schedule_unit": "step", "decay": 0.999},
        {"warmup": 4},
        {"schedule_unit": "step", "warmup": 500},
        {"patience": 3, "select": "best"},
        {"optimizer": "adam-tf", "epsilon": 0.1},
    ],
)
def test_settings_that_fit_together_are_taken(others: dict[str, Any]) -> None:
    assert refusal(**others) is None


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("accumulate", 0),
        ("average", 1),
        ("clip", 0),
        ("decay", 1.5),
        ("devices", 0),
        ("momentum", 1),
        ("patience", 0),
        ("precision", "float16"),
        ("warmup", -1),
        ("weight_decay", -0.1),
    ],
)
def test_numbers_out_of_their_range_are_refused(key: str, value: Any) -> None:
    with pytest.raises(ValidationError, match=key):
        Training.model_validate(SMALLEST | {key: value})


def test_the_example_of_the_manual_is_taken() -> None:
    text = (Path(__file__).parents[2] / "config/README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(training:\n.*?)```", text, re.DOTALL)
    assert Training.model_validate(yaml.safe_load(example)["training"]).accumulate == 4
