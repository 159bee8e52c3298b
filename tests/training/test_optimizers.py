import io

import numpy as np
import pytest
import torch

from deepsphere.training.optimizers import TensorflowAdam, TensorflowRMSprop, make_optimizer

NAMES = ["adam", "adamw", "adam-tf", "sgd", "rmsprop-tf"]


def rmsprop(parameter, gradients, rate, decay, epsilon):
    """Return the parameter after each step of TensorFlow 1's RMSProp without momentum."""
    mean_square = np.ones_like(parameter)
    steps = []
    for gradient in gradients:
        mean_square = decay * mean_square + (1 - decay) * gradient**2
        parameter = parameter - rate * gradient / np.sqrt(mean_square + epsilon)
        steps.append(parameter)
    return steps


def adam(parameter, gradients, rate, betas, epsilon):
    """Return the parameter after each step of TensorFlow 1's Adam."""
    mean, mean_square, steps = 0.0, 0.0, []
    for number, gradient in enumerate(gradients, 1):
        mean = betas[0] * mean + (1 - betas[0]) * gradient
        mean_square = betas[1] * mean_square + (1 - betas[1]) * gradient**2
        corrected = rate * np.sqrt(1 - betas[1] ** number) / (1 - betas[0] ** number)
        parameter = parameter - corrected * mean / (np.sqrt(mean_square) + epsilon)
        steps.append(parameter)
    return steps


# With a large epsilon it shows whether it stands inside the root.
@pytest.mark.parametrize(
    "settings",
    [{}, {"lr": 0.1, "epsilon": 0.5}, {"lr": 0.01, "decay": 0.5}],
    ids=["as published", "large epsilon", "other decay"],
)
def test_every_step_of_rmsprop_is_that_of_the_formula(settings):
    generator = np.random.default_rng(0)
    start = generator.standard_normal((3, 4))
    gradients = generator.standard_normal((20, 3, 4)) * np.logspace(-6, 2, 20)[:, None, None]
    expected = rmsprop(
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


@pytest.mark.parametrize(
    "settings",
    [{}, {"lr": 0.02, "epsilon": 0.1}, {"lr": 0.01, "betas": (0.5, 0.9)}],
    ids=["defaults", "as published", "other betas"],
)
def test_every_step_of_adam_is_that_of_the_formula(settings):
    generator = np.random.default_rng(0)
    start = generator.standard_normal((3, 4))
    gradients = generator.standard_normal((20, 3, 4)) * np.logspace(-6, 2, 20)[:, None, None]
    rate, betas = settings.get("lr", 1e-3), settings.get("betas", (0.9, 0.999))
    expected = adam(start, gradients, rate, betas, settings.get("epsilon", 1e-8))
    parameter = torch.nn.Parameter(torch.from_numpy(start.copy()))
    optimizer = TensorflowAdam([parameter], **settings)
    for gradient, after in zip(gradients, expected, strict=True):
        parameter.grad = torch.from_numpy(gradient.copy())
        optimizer.step()
        np.testing.assert_allclose(parameter.detach().numpy(), after, rtol=0, atol=1e-14)
        np.testing.assert_array_equal(parameter.grad.numpy(), gradient)


def test_with_a_large_epsilon_adam_warms_up():
    """Steps of a constant gradient g = 0.01 at ε = 0.1, as shares of PyTorch's.

    The means are g (1 - β₁ᵗ) and g² (1 - β₂ᵗ). PyTorch corrects both, and moves by g / (g + ε).
    TensorFlow moves by √c g / (√c g + ε) with c = 1 - β₂ᵗ. Their ratio is √c (g + ε) / (√c g + ε):
    0.035 at the first step, and near 1 after thousands.
    """
    ours, theirs = (torch.nn.Parameter(torch.zeros(1, dtype=torch.float64)) for _ in range(2))
    pair = [
        (ours, make_optimizer("adam-tf", [ours], 1.0, epsilon=0.1)),
        (theirs, make_optimizer("adam", [theirs], 1.0, epsilon=0.1)),
    ]
    ratios = []
    for _ in range(3000):
        moves = []
        for parameter, optimizer in pair:
            parameter.data.zero_()
            parameter.grad = torch.full_like(parameter, 0.01)
            optimizer.step()
            moves.append(parameter.item())
        ratios.append(moves[0] / moves[1])
    step = np.array([1, 10, 100, 1000, 3000])
    root = np.sqrt(1 - 0.999**step)
    np.testing.assert_allclose(np.array(ratios)[step - 1], root * 0.11 / (root * 0.01 + 0.1), 1e-9)
    np.testing.assert_allclose(np.array(ratios)[step - 1], [0.035, 0.11, 0.33, 0.81, 0.98], 0.02)


def test_with_a_small_epsilon_adam_is_that_of_pytorch():
    generator = torch.Generator().manual_seed(0)
    gradients = torch.randn(50, 7, generator=generator, dtype=torch.float64)
    ours, theirs = (torch.nn.Parameter(torch.ones(7, dtype=torch.float64)) for _ in range(2))
    for parameter, name in ((ours, "adam-tf"), (theirs, "adam")):
        optimizer = make_optimizer(name, [parameter], 0.1, epsilon=1e-15)
        for gradient in gradients:
            parameter.grad = gradient.clone()
            optimizer.step()
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-10)


def test_the_first_step_of_rmsprop_is_small_for_a_small_gradient():
    """The mean of squares starts at 1: g = 0.01 moves by rate · g / √0.90001, not by rate · √10."""
    parameter = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    parameter.grad = torch.full((1,), 0.01, dtype=torch.float64)
    TensorflowRMSprop([parameter], lr=1.0).step()
    assert parameter.item() == pytest.approx(-0.01 / np.sqrt(0.90001), rel=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_it_finds_the_minimum_of_a_parabola(name):
    parameter = torch.nn.Parameter(torch.tensor([5.0, -3.0]))
    optimizer = make_optimizer(name, [parameter], 0.02)
    for _ in range(1000):
        optimizer.zero_grad()
        (parameter - torch.tensor([1.0, 2.0])).square().sum().backward()
        optimizer.step()
    assert parameter.detach().numpy() == pytest.approx([1, 2], abs=0.05)


@pytest.mark.parametrize("make", [TensorflowRMSprop, TensorflowAdam])
def test_parameters_without_a_gradient_stay(make):
    moved, still = torch.nn.Parameter(torch.ones(2)), torch.nn.Parameter(torch.ones(2))
    moved.grad = torch.ones(2)
    make([moved, still]).step()
    assert still.tolist() == [1, 1]
    assert (moved < 1).all()


@pytest.mark.parametrize("make", [TensorflowRMSprop, TensorflowAdam])
def test_a_closure_is_evaluated_with_gradients_and_its_loss_returned(make):
    parameter = torch.nn.Parameter(torch.ones(1))
    optimizer = make([parameter])

    def closure():
        loss = (3 * parameter).sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 3
    assert parameter.item() < 1


@pytest.mark.parametrize("make", [TensorflowRMSprop, TensorflowAdam])
def test_every_group_has_its_learning_rate(make):
    one, other = torch.nn.Parameter(torch.zeros(1)), torch.nn.Parameter(torch.zeros(1))
    optimizer = make([{"params": [one]}, {"params": [other], "lr": 0.5}], lr=0.1)
    one.grad, other.grad = torch.ones(1), torch.ones(1)
    optimizer.step()
    assert other.item() == pytest.approx(5 * one.item())


@pytest.mark.parametrize("name", NAMES)
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
    stream = io.BytesIO()
    torch.save(before.state_dict(), stream)
    stream.seek(0)
    after.load_state_dict(torch.load(stream, weights_only=True))
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
    with pytest.raises(ValueError, match=r"expected an optimizer of 'adam', .*, found 'lion'"):
        make_optimizer("lion", parameters, 0.25)


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("adam", {}, {"eps": 1e-8, "weight_decay": 0}),
        ("adam", {"epsilon": 0.1, "weight_decay": 0.2}, {"eps": 0.1, "weight_decay": 0.2}),
        ("adamw", {}, {"eps": 1e-8, "weight_decay": 0}),
        ("adamw", {"weight_decay": 0.3}, {"weight_decay": 0.3}),
        ("adam-tf", {}, {"betas": (0.9, 0.999), "epsilon": 1e-8}),
        ("adam-tf", {"epsilon": 0.1}, {"epsilon": 0.1}),
        ("sgd", {}, {"momentum": 0, "weight_decay": 0, "nesterov": False}),
        ("sgd", {"momentum": 0.9, "weight_decay": 0.2}, {"momentum": 0.9, "weight_decay": 0.2}),
        ("rmsprop-tf", {"epsilon": 0.5}, {"epsilon": 0.5}),
    ],
)
def test_options_reach_their_optimizer(name, options, expected):
    [group] = make_optimizer(name, [torch.ones(1)], 0.25, **options).param_groups
    assert group["lr"] == 0.25
    assert {option: group[option] for option in expected} == expected


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("adam", {"momentum": 0.9}),
        ("adam-tf", {"weight_decay": 0.1}),
        ("sgd", {"epsilon": 0.1}),
        ("rmsprop-tf", {"momentum": 0.9}),
    ],
)
def test_options_that_an_optimizer_lacks_are_refused(name, options):
    [(option, value)] = options.items()
    with pytest.raises(ValueError, match=f"'{name}': expected no {option}, found {value}"):
        make_optimizer(name, [torch.ones(1)], 0.25, **options)
