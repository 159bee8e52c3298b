import io

import pytest
import torch
from torch import nn

from deepsphere.training.averaging import WeightAverage


def build(dtype=torch.float32):
    """Return a model with weights, running statistics, a counter and a buffer of no checkpoint."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1)).to(dtype)
    model.register_buffer("index", torch.arange(5), persistent=False)
    return model


def states(model, number, seed=1):
    """Train the model, and return a copy of its state after each step."""
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    for _ in range(number):
        inputs = torch.randn(8, 3, generator=generator).to(model[0].weight)
        optimizer.zero_grad()
        model(inputs).square().mean().backward()
        optimizer.step()
        yield {name: value.clone() for name, value in model.state_dict().items()}


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float32, 2e-6), (torch.float64, 1e-14)], ids=str
)
@pytest.mark.parametrize("decay", [0.0, 0.5, 0.99])
def test_it_is_the_closed_form_after_n_updates(decay, dtype, tolerance):
    model = build(dtype)
    first = {name: value.clone() for name, value in model.state_dict().items()}
    average = WeightAverage(model, decay)
    seen = []
    for state in states(model, 12):
        average.update(model)
        seen.append(state)
    found = average.state_dict()
    assert set(found) == set(first)
    assert "index" not in found
    for name, start in first.items():
        if name == "1.num_batches_tracked":
            assert found[name] == 12
            continue
        expected = decay ** len(seen) * start.double()
        for number, state in enumerate(seen, 1):
            expected += (1 - decay) * decay ** (len(seen) - number) * state[name].double()
        assert found[name].dtype == dtype
        torch.testing.assert_close(found[name].double(), expected, rtol=0, atol=tolerance)
        # Running statistics are averaged too, not copied.
        assert torch.equal(found[name], seen[-1][name]) == (decay == 0)


def test_the_model_and_its_average_share_nothing():
    model = build()
    average = WeightAverage(model, 0.9)
    before = {name: value.clone() for name, value in average.state_dict().items()}
    list(states(model, 3))
    assert all(torch.equal(value, before[name]) for name, value in average.state_dict().items())
    trained = {name: value.clone() for name, value in model.state_dict().items()}
    average.update(model)
    assert all(torch.equal(value, trained[name]) for name, value in model.state_dict().items())
    assert not any(value.requires_grad for value in average.state_dict().values())


def test_a_restored_average_goes_on_bit_for_bit():
    whole = build()
    average = WeightAverage(whole, 0.9)
    kept = None
    for number, _ in enumerate(states(whole, 8), 1):
        average.update(whole)
        if number == 4:
            kept = io.BytesIO()
            torch.save(average.state_dict(), kept)
    kept.seek(0)
    again = build()
    restored = WeightAverage(again, 0.9)
    for number, _ in enumerate(states(again, 8), 1):
        if number == 4:
            restored.load_state_dict(torch.load(kept, weights_only=True))
        elif number > 4:
            restored.update(again)
    expected = average.state_dict()
    for name, value in restored.state_dict().items():
        assert torch.equal(value, expected[name]), name


def test_restoring_copies():
    model = build()
    average, other = WeightAverage(model, 0.9), WeightAverage(model, 0.9)
    other.load_state_dict(average.state_dict())
    list(states(model, 1))
    other.update(model)
    assert not torch.equal(other.state_dict()["0.weight"], average.state_dict()["0.weight"])


def test_the_average_is_applied_for_the_time_of_a_block():
    model = build().eval()
    average = WeightAverage(model, 0.9)
    inputs = torch.ones(2, 3)
    at_first = model(inputs)
    list(states(model.train(), 5))
    model.eval()
    own = {name: value.clone() for name, value in model.state_dict().items()}
    weight = model[0].weight
    with average.applied(model), torch.inference_mode():
        assert torch.equal(model(inputs), at_first)
    assert not torch.equal(model(inputs), at_first)
    with pytest.raises(KeyError), average.applied(model):
        raise KeyError
    assert all(torch.equal(value, own[name]) for name, value in model.state_dict().items())
    # The optimizer's parameters are still those of the model.
    assert model[0].weight is weight
    model(inputs).sum().backward()


def test_its_state_is_one_that_the_model_takes():
    model = build()
    average = WeightAverage(model, 0.5)
    for _ in states(model, 3):
        average.update(model)
    other = build()
    other.load_state_dict(average.state_dict())
    assert torch.equal(other[1].running_var, average.state_dict()["1.running_var"])


@pytest.mark.parametrize("decay", [-0.1, 1.0])
def test_a_decay_out_of_range_is_refused(decay):
    with pytest.raises(ValueError, match=f"less than 1, found {decay}"):
        WeightAverage(build(), decay)


def test_the_average_of_another_model_is_refused():
    average = WeightAverage(build(), 0.9)
    before = average.state_dict()["0.bias"].clone()
    other = average.state_dict() | {"0.bias": torch.ones(1), "more": torch.ones(1)}
    with pytest.raises(ValueError, match=r"found others in \['0.bias', 'more'\]"):
        average.load_state_dict(other)
    other = average.state_dict()
    del other["0.weight"]
    with pytest.raises(ValueError, match=r"found others in \['0.weight'\]"):
        average.load_state_dict(other)
    assert torch.equal(average.state_dict()["0.bias"], before)
