import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsphere.training.schedules import learning_rate

SCHEDULES = ["constant", "cosine", "exponential", "step"]


def rates(schedule, steps=60, **options):
    return [learning_rate(schedule, 0.2, step, steps, **options) for step in range(steps)]


def pytorch(make, steps=60):
    """Return the rates of one of PyTorch's schedulers, which change them step by step."""
    optimizer = torch.optim.SGD([torch.ones(1)], lr=0.2)
    scheduler = make(optimizer)
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


@pytest.mark.parametrize(
    ("schedule", "options", "make"),
    [
        ("constant", {}, lambda o: torch.optim.lr_scheduler.ConstantLR(o, 1)),
        ("cosine", {}, lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 60)),
        (
            "exponential",
            {"decay": 0.999},
            lambda o: torch.optim.lr_scheduler.ExponentialLR(o, 0.999),
        ),
        (
            "step",
            {"decay": 0.4, "every": 20},
            lambda o: torch.optim.lr_scheduler.StepLR(o, 20, 0.4),
        ),
    ],
    ids=SCHEDULES,
)
def test_schedules_are_those_of_pytorch(schedule, options, make):
    assert rates(schedule, **options) == pytest.approx(pytorch(make), rel=1e-9)


def test_the_published_decay_ends_where_published():
    """3,840 steps from 2e-4 at 0.999 a step: 2e-4 · 0.999³⁸⁴⁰ = 4.3e-6."""
    last = learning_rate("exponential", 2e-4, 3840, 3840, decay=0.999)
    assert last == pytest.approx(4.3e-6, rel=0.01)


def test_the_exponential_and_the_step_schedule_agree_at_every_fall():
    smooth, stairs = (rates(s, decay=0.5, every=10) for s in ("exponential", "step"))
    assert smooth[::10] == pytest.approx(stairs[::10])
    assert smooth[5] == pytest.approx(0.2 * math.sqrt(0.5))
    assert stairs[5] == stairs[9] == 0.2


@pytest.mark.parametrize("warmup", [0, 1, 7])
def test_the_cosine_ends_at_zero(warmup):
    whole = [learning_rate("cosine", 0.2, step, 60, warmup_steps=warmup) for step in range(61)]
    assert whole[warmup] == 0.2
    assert whole[60] == 0
    middle = learning_rate("cosine", 0.2, warmup + 20, warmup + 40, warmup_steps=warmup)
    assert middle == pytest.approx(0.1)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_warm_up_is_linear_and_shifts_the_schedule(schedule):
    options = {"decay": 0.5, "every": 10}
    warmed = rates(schedule, warmup_steps=4, **options)
    assert warmed[:4] == pytest.approx([0.05, 0.1, 0.15, 0.2])
    assert warmed[4:] == rates(schedule, steps=56, **options)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(
    st.sampled_from(SCHEDULES),
    st.integers(1, 200).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n - 1))),
    st.floats(0.01, 1),
    st.integers(1, 50),
)
def test_a_rate_rises_to_the_base_and_never_rises_again(schedule, lengths, decay, every):
    steps, warmup = lengths
    found = rates(schedule, steps, warmup_steps=warmup, decay=decay, every=every)
    assert all(0 <= rate <= 0.2 for rate in found)
    assert found[warmup] == 0.2
    assert all(a < b for a, b in itertools.pairwise(found[:warmup]))
    assert all(a >= b for a, b in itertools.pairwise(found[warmup:]))


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (("cosine", 0.1, 11, 10), {}, "expected a step of 0 to 10, found 11"),
        (("cosine", 0.1, -1, 10), {}, "expected a step of 0 to 10, found -1"),
        (("cosine", 0.1, 0, 10), {"warmup_steps": 10}, "fewer than 10 warm-up steps, found 10"),
        (("cosine", 0.1, 0, 10), {"warmup_steps": -1}, "fewer than 10 warm-up steps, found -1"),
        (("linear", 0.1, 0, 10), {}, "expected 'constant', .*, found 'linear'"),
        (("step", 0.1, 0, 10), {}, "0 < decay <= 1 .* found None and 1"),
        (("exponential", 0.1, 0, 10), {"decay": 1.5}, "found 1.5 and 1"),
        (("exponential", 0.1, 0, 10), {"decay": 0.0}, "found 0.0 and 1"),
        (("step", 0.1, 0, 10), {"decay": 0.5, "every": 0}, "found 0.5 and 0"),
    ],
)
def test_what_is_out_of_range_is_refused(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        learning_rate(*arguments, **options)
