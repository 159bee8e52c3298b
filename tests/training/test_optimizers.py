import numpy as np
import pytest
import torch

from deepsphere.training.optimizers import TensorflowRMSprop, make_optimizer


def transcription(parameter, gradients, rate, decay, epsilon):
    """Return the parameter after each step of TensorFlow 1's RMSProp without momentum."""
    mean_square = np.ones_like(parameter)
    steps = []
    for gradient in gradients:
        mean_square = decay * mean_square + (1 - decay) * gradient**2
        parameter = parameter - rate * gradient / np.sqrt(mean_square + epsilon)
        steps.append(parameter)
    return steps


# With a large epsilon it shows whether it stands inside the root.
@pytest.mark.parametrize(
    "settings",
    [{}, {"lr": 0.1, "epsilon": 0.5}, {"lr": 0.01, "decay": 0.5}],
    ids=["as published", "large epsilon", "other decay"],
)
def test_every_step_is_that_of_the_formula(settings):
    generator = np.random.default_rng(0)
    start = generator.standard_normal((3, 4))
    gradients = generator.standard_normal((20, 3, 4)) * np.logspace(-6, 2, 20)[:, None, None]
    expected = transcription(
        start,
        gradients,
        settings.get("lr", 1e-3),
        settings.get("decay", 0.9),
        settings.get("epsilon", 1e-10),
    )
    parameter = torch.nn.Parameter(torch.from_numpy(start.copy()))
    optimizer = TensorflowRMSprop([parameter], **settings)
    for gradient, after in zip(gradients, expected, strict=True):
        parameter.grad = torch.from_numpy(gradient.copy())
        optimizer.step()
        np.testing.assert_allclose(parameter.detach().numpy(), after, rtol=0, atol=1e-15)
        np.testing.assert_array_equal(parameter.grad.numpy(), gradient)


def test_the_first_step_is_small_for_a_small_gradient():
    """The mean of squares starts at 1: g = 0.01 moves by rate · g / √0.90001, not by rate · √10."""
    parameter = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    parameter.grad = torch.full((1,), 0.01, dtype=torch.float64)
    TensorflowRMSprop([parameter], lr=1.0).step()
    assert parameter.item() == pytest.approx(-0.01 / np.sqrt(0.90001), rel=1e-9)


def test_it_finds_the_minimum_of_a_parabola():
    parameter = torch.nn.Parameter(torch.tensor([5.0, -3.0]))
    optimizer = TensorflowRMSprop([parameter], lr=0.02)
    for _ in range(1000):
        optimizer.zero_grad()
        (parameter - torch.tensor([1.0, 2.0])).square().sum().backward()
        optimizer.step()
    assert parameter.detach().numpy() == pytest.approx([1, 2], abs=0.05)


def test_parameters_without_a_gradient_stay():
    moved, still = torch.nn.Parameter(torch.ones(2)), torch.nn.Parameter(torch.ones(2))
    moved.grad = torch.ones(2)
    TensorflowRMSprop([moved, still]).step()
    assert still.tolist() == [1, 1]
    assert (moved < 1).all()


def test_a_closure_is_evaluated_with_gradients_and_its_loss_returned():
    parameter = torch.nn.Parameter(torch.ones(1))
    optimizer = TensorflowRMSprop([parameter])

    def closure():
        loss = (3 * parameter).sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 3
    assert parameter.item() < 1


def test_every_group_has_its_learning_rate():
    one, other = torch.nn.Parameter(torch.zeros(1)), torch.nn.Parameter(torch.zeros(1))
    optimizer = TensorflowRMSprop([{"params": [one]}, {"params": [other], "lr": 0.5}], lr=0.1)
    one.grad, other.grad = torch.ones(1), torch.ones(1)
    optimizer.step()
    assert other.item() == pytest.approx(5 * one.item())


@pytest.mark.parametrize("name", ["adam", "rmsprop-tf"])
def test_a_restored_state_goes_on_bit_for_bit(name):
    generator = torch.Generator().manual_seed(0)
    gradients = torch.randn(6, 5, generator=generator)

    def steps(parameter, optimizer, part):
        for gradient in part:
            parameter.grad = gradient.clone()
            optimizer.step()

    whole = torch.nn.Parameter(torch.ones(5))
    steps(whole, make_optimizer(name, [whole], 0.1), gradients)
    first = torch.nn.Parameter(torch.ones(5))
    before = make_optimizer(name, [first], 0.1)
    steps(first, before, gradients[:3])
    second = torch.nn.Parameter(first.detach().clone())
    after = make_optimizer(name, [second], 0.1)
    after.load_state_dict(before.state_dict())
    steps(second, after, gradients[3:])
    assert torch.equal(second, whole)


def test_names_of_the_configuration():
    parameters = [torch.nn.Parameter(torch.ones(1))]
    adam = make_optimizer("adam", parameters, 0.25)
    assert type(adam) is torch.optim.Adam
    assert adam.param_groups[0]["lr"] == 0.25
    assert adam.param_groups[0]["betas"] == (0.9, 0.999)
    assert adam.param_groups[0]["weight_decay"] == 0
    [group] = make_optimizer("rmsprop-tf", parameters, 0.25).param_groups
    assert (group["lr"], group["decay"], group["epsilon"]) == (0.25, 0.9, 1e-10)
    with pytest.raises(ValueError, match="expected 'adam' or 'rmsprop-tf', found 'sgd'"):
        make_optimizer("sgd", parameters, 0.25)
