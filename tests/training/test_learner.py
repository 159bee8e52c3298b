"""One step of a model that learns."""

import copy

import numpy as np
import pytest
import torch

from deepsphere.errors import DeepsphereError
from deepsphere.training.devices import open_fabric
from deepsphere.training.learner import NotFinite, make_learner
from deepsphere.training.loader import Loader
from deepsphere.training.objectives import Regression


@pytest.fixture
def learner(make_settings, small):
    """Return a function that makes a learner of a model without normalization."""

    def make(build=lambda: small(normalization=False), **others):
        settings = make_settings(optimizer="sgd", **others)
        return make_learner(open_fabric(settings), build, Regression(), settings, 0)

    return make


def batches_of(samples, size):
    """Return the training samples in batches that know different numbers of targets."""
    batches = list(Loader(samples, samples.splits["train"], size, seed=0).epoch(0))
    counts = [int(batch.known.sum()) / len(batch.known) for batch in batches]
    assert size >= 68 or len(set(counts)) > 1
    return batches


@pytest.mark.parametrize("size", [9, 17, 30])
def test_accumulated_batches_have_the_gradients_of_one(learner, make_samples, size):
    samples = make_samples()
    whole, parts = learner(), learner()
    expected = whole.step(batches_of(samples, 1000), 0.1)
    found = parts.step(batches_of(samples, size), 0.1)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=0)
    for ours, theirs in zip(parts.model.parameters(), whole.model.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-7)


def test_a_first_batch_that_knows_nothing_adds_nothing(learner, make_samples):
    batches = batches_of(make_samples(), 30)
    unknown = copy.copy(batches[0])
    object.__setattr__(unknown, "known", torch.zeros_like(unknown.known))
    found, expected = learner(), learner()
    torch.testing.assert_close(
        found.step([unknown, *batches], 0.1), expected.step(batches, 0.1), rtol=1e-6, atol=0
    )
    for ours, theirs in zip(found.model.parameters(), expected.model.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-7)
    before = [parameter.detach().clone() for parameter in found.model.parameters()]
    assert found.step([unknown, unknown], 0.1).tolist() == [0, 0]
    for ours, theirs in zip(found.model.parameters(), before, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


@pytest.mark.parametrize("clip", [1e-3, 1e3])
def test_a_gradient_is_shortened_to_the_norm_that_is_allowed(learner, make_samples, clip):
    """SGD moves by the gradient times the rate, so the move has at most its norm times the rate."""
    moved = {}
    for limit in (None, clip):
        made = learner(clip=limit)
        before = [parameter.detach().clone() for parameter in made.model.parameters()]
        made.step(batches_of(make_samples(), 1000), 0.5)
        moves = [
            (now - then).detach() for now, then in zip(made.model.parameters(), before, strict=True)
        ]
        moved[limit] = torch.cat([move.flatten() for move in moves])
    length = float(moved[None].norm())
    assert 1e-3 < length / 0.5 < 1e3
    expected = moved[None] * min(1, clip * 0.5 / length)
    torch.testing.assert_close(moved[clip], expected, rtol=1e-3, atol=1e-7)


def test_the_options_of_the_settings_reach_the_optimizer(make_settings, small):
    options = {
        "adam": {"epsilon": 0.1, "weight_decay": 0.2},
        "adamw": {"epsilon": 0.1, "weight_decay": 0.2},
        "adam-tf": {"epsilon": 0.1},
        "sgd": {"momentum": 0.3, "weight_decay": 0.2},
        "rmsprop-tf": {"epsilon": 0.1},
    }
    for name, others in options.items():
        settings = make_settings(optimizer=name, **others)
        made = make_learner(open_fabric(settings), small, Regression(), settings, 0)
        (group,) = made.optimizer.param_groups
        for option, value in others.items():
            assert group["eps" if option == "epsilon" and "eps" in group else option] == value


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("accumulate", [1, 3])
def test_data_that_are_not_finite_change_nothing(learner, make_samples, value, accumulate):
    made = learner(average=0.5)
    batches = batches_of(make_samples(), 30)[-accumulate:]
    # The tangent of infinity is 1, so that the loss is finite; its gradient is not.
    batches[-1].inputs[0, 0, 0] = value
    before = copy.deepcopy(made.state())
    with pytest.raises(NotFinite):
        made.step(batches, 0.1)
    for name, tensor in made.model.state_dict().items():
        assert torch.equal(tensor, before["model"][name])
        assert torch.equal(made.average.state_dict()[name], before["average"][name])


def test_a_target_that_is_not_finite_changes_nothing(learner, make_samples):
    made = learner()
    (batch,) = batches_of(make_samples(), 1000)
    batch.target[batch.known] = torch.inf
    before = copy.deepcopy(made.state()["model"])
    with pytest.raises(NotFinite):
        made.step([batch], 0.1)
    for name, tensor in made.model.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_a_state_is_gone_back_to(learner, make_samples, small):
    batches = batches_of(make_samples(), 30)
    made = learner(average=0.5, momentum=0.9, build=small)
    made.step(batches[:1], 0.1)
    state = copy.deepcopy(made.state())
    made.step(batches[1:2], 0.1)
    expected = copy.deepcopy(made.state())
    other = learner(average=0.5, momentum=0.9, build=small)
    other.load(state)
    other.step(batches[1:2], 0.1)
    found = other.state()
    for part in ("model", "average"):
        for name, tensor in expected[part].items():
            assert torch.equal(found[part][name], tensor)
    torch.testing.assert_close(found["optimizer"], expected["optimizer"], rtol=0, atol=0)


def test_the_average_is_scored_and_the_weights_are_trained(learner, make_samples):
    made = learner(average=0.75)
    before = copy.deepcopy(made.model.state_dict())
    made.step(batches_of(make_samples(), 1000), 0.1)
    after = copy.deepcopy(made.model.state_dict())
    with made.as_scored() as model:
        for name, value in model.state_dict().items():
            expected = 0.75 * before[name] + 0.25 * after[name]
            torch.testing.assert_close(value, expected, rtol=1e-6, atol=1e-7)
    for name, value in made.model.state_dict().items():
        assert torch.equal(value, after[name])


def test_blocks_that_are_computed_again_learn_the_same(learner, make_samples, small):
    batches = batches_of(make_samples(), 30)[:2]
    states = []
    for recompute in (False, True):
        made = learner(build=small, recompute=recompute)
        assert {block.recomputed for block in made.model.body} == {recompute}
        made.step(batches, 0.1)
        states.append(made.model.state_dict())
    for name, value in states[0].items():
        assert torch.equal(states[1][name], value), name


def test_a_model_without_blocks_cannot_be_computed_again(learner):
    with pytest.raises(DeepsphereError, match=r"training.recompute: found true; the model Small h"):
        learner(recompute=True)
