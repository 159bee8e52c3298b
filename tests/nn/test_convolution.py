"""The convolution as a function of PyTorch: values, derivatives of any order, types, and errors.

What PyTorch's compilers and data parallel training make of it is in test_convolution_compiled.py
and test_convolution_parallel.py.
"""

import copy
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.checkpoint import checkpoint

from deepsphere.nn.chebyshev import ChebConv
from deepsphere.nn.convolution import chebyshev_convolution
from deepsphere.nn.kernels import compiled, convolution_operators, direct, plans, stock
from deepsphere.nn.operator import SymmetricOperator
from deepsphere.nn.reference import chebyshev_convolution_reference

# Largest error of a sum, relative to the largest one: some tens of roundings.
TOLERANCE = {torch.float32: 4e-6, torch.float64: 1e-14, torch.bfloat16: 4e-6}
# A sum that is rounded to bfloat16 once, to the nearest, is off by half a unit of its last digit.
ROUNDING = {torch.float32: 0, torch.float64: 0, torch.bfloat16: 2**-8}
# Products of bfloat16 have rounded factors, two of them: (1 + 2^-9)^2 - 1 of a product at most.
ROUNDING_OF_FACTORS = 2**-8 + 2**-18
SUMMED_IN = {
    torch.float32: torch.float32,
    torch.float64: torch.float64,
    torch.bfloat16: torch.float32,
}

PIXELS = 12
MASS = np.geomspace(0.1, 10, PIXELS)[np.random.default_rng(0).permutation(PIXELS)]
with_and_without_mass = pytest.mark.parametrize("mass", [None, MASS], ids=["even", "masses"])


@pytest.fixture(autouse=True)
def same_weights():
    """Start layers as always."""
    torch.manual_seed(0)


def compute_by(monkeypatch, module):
    """Have the convolution computed by a module; by ``direct`` if there is little to compute."""
    monkeypatch.setattr(convolution_operators, "installed", lambda package: module != "stock")
    if module != "direct":
        monkeypatch.setattr(direct, "_plan", lambda *given: None)


@pytest.fixture(params=["compiled", "stock", "direct"])
def kernels(request, monkeypatch):
    """Have the convolution computed in all ways there are on a CPU."""
    compute_by(monkeypatch, request.param)
    return request.param


@pytest.fixture(params=["compiled", "stock"])
def operators(request, monkeypatch):
    """Have the convolution computed by the operators, with numba and without."""
    compute_by(monkeypatch, request.param)
    return request.param


def draw(*shape, dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=torch.float64, generator=generator).to(dtype)


def draw_arguments(rescaled_laplacian, dtype, mass, channels, kernel_size):
    """Return features, a weight, an operator, and a gradient of the result."""
    return (
        draw(3, PIXELS, channels[0], dtype=dtype, seed=1),
        draw(kernel_size, *channels, dtype=dtype, seed=2),
        SymmetricOperator(rescaled_laplacian(PIXELS), SUMMED_IN[dtype], mass),
        draw(3, PIXELS, channels[1], dtype=dtype, seed=3),
    )


def in_float64(arguments):
    """Return the very same numbers, to compute with exactly."""
    return [value.double() if torch.is_tensor(value) else value for value in arguments]


def values_and_gradients(convolution, features, weight, laplacian, of_result):
    features = features.detach().requires_grad_()
    weight = weight.detach().requires_grad_()
    result = convolution(features, weight, laplacian)
    return result.detach(), *torch.autograd.grad(result, [features, weight], of_result)


def sums_of_sizes(features, weight, laplacian, of_result):
    """Return what values and gradients are sums of, with all products taken as positive."""
    backward = []
    for order in range(len(weight)):
        one_term = torch.zeros(len(weight), *2 * [of_result.shape[2]], dtype=torch.float64)
        one_term[order].fill_diagonal_(1)
        zeros = torch.zeros_like(of_result)
        backward.append(
            values_and_gradients(
                chebyshev_convolution_reference, zeros, one_term, laplacian, of_result
            )[1].abs()
        )
    forward = []
    for order in range(len(weight)):
        one_term = torch.zeros(len(weight), *2 * [features.shape[2]], dtype=torch.float64)
        one_term[order].fill_diagonal_(1)
        forward.append(chebyshev_convolution_reference(features, one_term, laplacian).abs())
    return (
        sum(term @ one.abs() for term, one in zip(forward, weight, strict=True)),
        sum(term @ one.abs().T for term, one in zip(backward, weight, strict=True)),
        torch.stack([torch.einsum("bvi,bvo->io", features.abs(), term) for term in backward]),
    )


def assert_close(found, expected, dtype, slack=None):
    for one, other, more in zip(found, expected, slack or [0] * len(expected), strict=True):
        assert one.shape == other.shape
        assert one.dtype == dtype
        error = (one.double() - other).abs()
        allowed = ROUNDING[dtype] * other.abs() + TOLERANCE[dtype] * other.abs().max() + more
        assert (error <= allowed).all()


@with_and_without_mass
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("channels", [(2, 5), (5, 2), (1, 1), (40, 33)], ids=str)
@pytest.mark.parametrize("kernel_size", [1, 2, 5])
def test_values_and_gradients_are_those_of_the_reference(
    rescaled_laplacian, monkeypatch, kernels, dtype, mass, channels, kernel_size
):
    # What these round is bounded below.
    monkeypatch.setattr(plans, "fastest_pairs", lambda: None)
    arguments = draw_arguments(rescaled_laplacian, dtype, mass, channels, kernel_size)
    found = values_and_gradients(chebyshev_convolution, *arguments)
    assert all(tensor.is_contiguous() for tensor in found)
    exact = in_float64(arguments)
    expected = values_and_gradients(chebyshev_convolution_reference, *exact)
    assert_close(found, expected, dtype)


@with_and_without_mass
@pytest.mark.parametrize("channels", [(40, 33), (33, 40), (32, 32)], ids=str)
@pytest.mark.parametrize("kernel_size", [1, 2, 5])
def test_products_of_bfloat16_round_their_factors_and_nothing_else(
    rescaled_laplacian, monkeypatch, convolved_in_bfloat16, mass, channels, kernel_size
):
    compute_by(monkeypatch, "compiled")
    arguments = draw_arguments(rescaled_laplacian, torch.bfloat16, mass, channels, kernel_size)
    found = values_and_gradients(chebyshev_convolution, *arguments)
    exact = in_float64(arguments)
    expected = values_and_gradients(chebyshev_convolution_reference, *exact)
    slack = [ROUNDING_OF_FACTORS * sizes for sizes in sums_of_sizes(*exact)]
    assert_close(found, expected, torch.bfloat16, slack)


@settings(derandomize=True, max_examples=60, deadline=None)
@given(
    pixels=st.integers(1, 9),
    batch=st.integers(1, 4),
    entering=st.integers(1, 20),
    leaving=st.integers(1, 20),
    kernel_size=st.integers(1, 7),
    with_mass=st.booleans(),
    seed=st.integers(0, 99),
)
def test_any_shape_gives_what_the_reference_gives(
    rescaled_laplacian, pixels, batch, entering, leaving, kernel_size, with_mass, seed
):
    mass = MASS[:pixels] if with_mass else None
    arguments = (
        draw(batch, pixels, entering, seed=seed),
        draw(kernel_size, entering, leaving, seed=seed + 1),
        SymmetricOperator(rescaled_laplacian(pixels, seed), torch.float64, mass),
        draw(batch, pixels, leaving, seed=seed + 2),
    )
    found = values_and_gradients(chebyshev_convolution, *arguments)
    expected = values_and_gradients(chebyshev_convolution_reference, *arguments)
    assert_close(found, expected, torch.float64)


class Calls(TorchDispatchMode):
    """Remembers the names of the operators of ours that are called."""

    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func.namespace == "deepsphere":
            self.names.append(func.overloadpacket.__name__)
        return func(*args, **(kwargs or {}))


@with_and_without_mass
@pytest.mark.parametrize("channels", [(2, 3), (3, 2)], ids=str)
def test_only_the_gradients_that_are_wanted_are_computed(
    rescaled_laplacian, operators, mass, channels
):
    laplacian = SymmetricOperator(rescaled_laplacian(PIXELS), torch.float64, mass)
    features, weight = draw(2, PIXELS, channels[0]), draw(4, *channels, seed=1)
    of_result = draw(2, PIXELS, channels[1], seed=2)
    _, of_features, of_weight = values_and_gradients(
        chebyshev_convolution_reference, features, weight, laplacian, of_result
    )
    wanted = {
        (True, True): ["convolve", "gradients"],
        (True, False): ["convolve", "convolve"],
        (False, True): ["convolve", "weight_gradient"],
    }
    for (by_features, by_weight), names in wanted.items():
        one = features.clone().requires_grad_(by_features)
        other = weight.clone().requires_grad_(by_weight)
        with Calls() as calls:
            chebyshev_convolution(one, other, laplacian).backward(of_result)
        assert calls.names == names
        for tensor, expected in ((one, of_features), (other, of_weight)):
            assert (tensor.grad is not None) == tensor.requires_grad
            if tensor.requires_grad:
                torch.testing.assert_close(tensor.grad, expected, rtol=0, atol=1e-12)


@with_and_without_mass
@pytest.mark.parametrize("channels", [(2, 3), (3, 2)], ids=str)
@pytest.mark.parametrize("kernel_size", [1, 2, 4])
def test_two_derivatives_are_those_of_finite_differences(
    rescaled_laplacian, monkeypatch, mass, channels, kernel_size
):
    compute_by(monkeypatch, "compiled")
    mass = None if mass is None else mass[:4]
    laplacian = SymmetricOperator(rescaled_laplacian(4), torch.float64, mass)
    features, weight = draw(2, 4, channels[0]), draw(kernel_size, *channels, seed=1)

    def convolve(features, weight):
        return chebyshev_convolution(features, weight, laplacian)

    for by_features, by_weight in ((True, True), (True, False), (False, True)):
        arguments = (features.requires_grad_(by_features), weight.requires_grad_(by_weight))
        assert torch.autograd.gradcheck(convolve, arguments)
        assert torch.autograd.gradgradcheck(convolve, arguments)


@with_and_without_mass
@pytest.mark.parametrize("channels", [(2, 3), (3, 2)], ids=str)
def test_three_derivatives_are_those_of_the_reference(rescaled_laplacian, kernels, mass, channels):
    """With functions between them that are not linear, so that every mixed derivative enters."""
    laplacian = SymmetricOperator(rescaled_laplacian(PIXELS), torch.float64, mass)

    def derivatives(convolution):
        variables = draw(2, PIXELS, channels[0], seed=1), draw(4, *channels, seed=2) / 4
        variables = [variable.requires_grad_() for variable in variables]
        number = convolution(*variables, laplacian).sin().sum()
        orders = []
        for _ in range(3):
            orders += torch.autograd.grad(number, variables, create_graph=True)
            number = sum(order.sin().sum() for order in orders)
        return [order.detach() for order in orders]

    found = derivatives(chebyshev_convolution)
    expected = derivatives(chebyshev_convolution_reference)
    assert len(found) == 6
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-9 * other.abs().max().item())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_a_penalty_on_the_gradient_can_be_learned_from(rescaled_laplacian, kernels, dtype):
    """The loss (|∂y/∂x| - 1)² of two layers, as in Wasserstein GANs."""
    laplacian = SymmetricOperator(rescaled_laplacian(PIXELS), dtype, MASS)
    features = draw(3, PIXELS, 2, dtype=dtype)
    weights = [draw(4, 2, 5, dtype=dtype, seed=1) / 4, draw(3, 5, 1, dtype=dtype, seed=2) / 4]

    def penalize(convolution, features, *weights):
        features = features.clone().requires_grad_()
        weights = [weight.clone().requires_grad_() for weight in weights]
        hidden = convolution(features, weights[0], laplacian).tanh()
        result = convolution(hidden, weights[1], laplacian).sum()
        (slope,) = torch.autograd.grad(result, features, create_graph=True)
        loss = (slope.norm(dim=(1, 2)) - 1).square().mean()
        return torch.autograd.grad(loss, weights)

    found = penalize(chebyshev_convolution, features, *weights)
    exact = [tensor.double() for tensor in (features, *weights)]
    expected = penalize(chebyshev_convolution_reference, *exact)
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == dtype
        assert (one - other).abs().max() <= 10 * TOLERANCE[dtype] * other.abs().max()


@pytest.mark.parametrize("of_result", ["expanded", "transposed"])
@pytest.mark.parametrize("leaving", [2, 4])
def test_views_can_be_differentiated(rescaled_laplacian, kernels, leaving, of_result):
    """Of the memory that is given only some channels are features, and they are far apart."""
    laplacian = SymmetricOperator(rescaled_laplacian(PIXELS), torch.float64)
    weight = draw(3, 4, leaving, seed=1)

    def differentiate(convolution, prepare):
        memory = draw(9, PIXELS, 3).requires_grad_()
        weights = weight.transpose(1, 2).contiguous().requires_grad_()
        features = memory.permute(2, 1, 0)[..., 1:5]
        result = convolution(prepare(features), prepare(weights.transpose(1, 2)), laplacian)
        # The gradients of a sum are one number in memory, repeated.
        number = result.sum() if of_result == "expanded" else (result.mT @ result.mT.mT).sum()
        return torch.autograd.grad(number, (memory, weights))

    found = differentiate(chebyshev_convolution, lambda tensor: tensor)
    expected = differentiate(chebyshev_convolution_reference, torch.Tensor.contiguous)
    assert not expected[0][[0, 5, 6, 7, 8]].any()
    assert_close(found, expected, torch.float64)


@pytest.mark.parametrize("channels", [(2, 3), (3, 2)], ids=str)
def test_an_empty_batch_gives_an_empty_result_and_teaches_nothing(
    rescaled_laplacian, kernels, channels
):
    laplacian = SymmetricOperator(rescaled_laplacian(PIXELS), mass=MASS)
    features = torch.zeros(0, PIXELS, channels[0], requires_grad=True)
    weight = draw(4, *channels, dtype=torch.float32).requires_grad_()
    result = chebyshev_convolution(features, weight, laplacian)
    assert result.shape == (0, PIXELS, channels[1])
    result.sum().backward()
    assert features.grad.shape == features.shape
    assert torch.equal(weight.grad, torch.zeros_like(weight))


def test_shapes_are_known_without_numbers(rescaled_laplacian, kernels):
    laplacian = SymmetricOperator(rescaled_laplacian(PIXELS), mass=MASS)
    network = torch.nn.Sequential(ChebConv(3, 5, 4, laplacian), ChebConv(5, 2, 4, laplacian))
    result = network.to("meta")(torch.empty(7, PIXELS, 3, device="meta", dtype=torch.float32))
    assert result.shape == (7, PIXELS, 2)
    result.sum().backward()
    assert network[0].weight.grad.shape == (4, 3, 5)


def test_nothing_but_the_input_and_the_weight_is_kept(rescaled_laplacian, operators):
    laplacian = SymmetricOperator(rescaled_laplacian(PIXELS), torch.float64, MASS)
    features = draw(3, PIXELS, 5).requires_grad_()
    weight = draw(4, 5, 2).requires_grad_()
    of_result = draw(3, PIXELS, 2)
    given = (features, weight, of_result, *laplacian.buffers())
    before = [tensor.detach().clone() for tensor in given]
    kept = []

    def remember(tensor):
        kept.append(tensor.data_ptr())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(remember, lambda tensor: tensor):
        result = chebyshev_convolution(features, weight, laplacian)
    assert sorted(kept) == sorted([features.data_ptr(), weight.data_ptr()])
    result.backward(of_result)
    assert all(torch.equal(one, other) for one, other in zip(given, before, strict=True))


def test_the_operator_but_not_the_input_may_be_written_to_before_the_backward_pass(
    rescaled_laplacian, operators
):
    laplacian = SymmetricOperator(rescaled_laplacian(PIXELS), torch.float64, MASS)
    features, weight = draw(2, PIXELS, 3), draw(4, 3, 2).requires_grad_()
    result = chebyshev_convolution(features, weight, laplacian)
    (expected,) = torch.autograd.grad(result, weight, draw(2, PIXELS, 2), retain_graph=True)
    for buffer in laplacian.buffers():
        buffer.copy_(buffer.clone())
    (found,) = torch.autograd.grad(result, weight, draw(2, PIXELS, 2), retain_graph=True)
    assert torch.equal(found, expected)
    features.zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        result.backward(draw(2, PIXELS, 2))


def test_a_checkpointed_network_learns_the_same(rescaled_laplacian, kernels):
    laplacian = SymmetricOperator(rescaled_laplacian(PIXELS))
    network = torch.nn.Sequential(ChebConv(3, 4, 3, laplacian), ChebConv(4, 2, 3, laplacian))
    features = draw(2, PIXELS, 3, dtype=torch.float32).requires_grad_()
    variables = [features, *network.parameters()]
    expected = torch.autograd.grad(network(features).square().sum(), variables)
    again = checkpoint(network, features, use_reentrant=False).square().sum()
    found = torch.autograd.grad(again, variables)
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_nothing_is_recorded_where_nothing_shall_be(rescaled_laplacian, operators, mode):
    laplacian = SymmetricOperator(rescaled_laplacian(PIXELS), torch.float64, MASS)
    features, weight = draw(2, PIXELS, 3).requires_grad_(), draw(4, 3, 2).requires_grad_()
    expected = chebyshev_convolution(features, weight, laplacian)
    with mode(), Calls() as calls:
        result = chebyshev_convolution(features, weight, laplacian)
    assert calls.names == ["convolve"]
    assert not result.requires_grad
    assert result.is_inference() == (mode is torch.inference_mode)
    assert torch.equal(result, expected)


def test_an_operator_made_in_inference_mode_can_be_trained_with(rescaled_laplacian, kernels):
    with torch.inference_mode():
        made = SymmetricOperator(rescaled_laplacian(PIXELS), torch.float64, MASS)
    assert made.values.is_inference()
    usual = SymmetricOperator(rescaled_laplacian(PIXELS), torch.float64, MASS)
    arguments = [
        (draw(2, PIXELS, 3), draw(4, 3, 2, seed=1), laplacian, draw(2, PIXELS, 2, seed=2))
        for laplacian in (made, usual)
    ]
    found, expected = (values_and_gradients(chebyshev_convolution, *each) for each in arguments)
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))


@pytest.mark.parametrize("requires_grad", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@with_and_without_mass
def test_operators_keep_pytorchs_rules(rescaled_laplacian, dtype, mass, requires_grad):
    laplacian = SymmetricOperator(rescaled_laplacian(PIXELS), dtype, mass)
    features = draw(2, PIXELS, 3, dtype=dtype).requires_grad_(requires_grad)
    weight = draw(4, 3, 2, dtype=dtype, seed=1).requires_grad_(requires_grad)
    of_result = draw(2, PIXELS, 2, dtype=dtype, seed=2).requires_grad_(requires_grad)
    for name, arguments in (
        ("convolve", (features, weight)),
        ("weight_gradient", (features, of_result, 4)),
        ("gradients", (features, of_result, weight)),
    ):
        operator = getattr(torch.ops.deepsphere, name).default
        torch.library.opcheck(operator, (*arguments, *laplacian.tensors))


@with_and_without_mass
@pytest.mark.filterwarnings("ignore:There is a performance drop")
def test_it_can_be_mapped_over_weights_and_over_features(rescaled_laplacian, kernels, mass):
    laplacian = SymmetricOperator(rescaled_laplacian(PIXELS), torch.float64, mass)
    features, weights = draw(5, 2, PIXELS, 3), draw(5, 4, 3, 2, seed=1)
    for dimensions in ((0, 0), (0, None), (None, 0)):
        arguments = [
            given if dimension == 0 else given[0]
            for given, dimension in zip((features, weights), dimensions, strict=True)
        ]
        results = []
        for convolution in (chebyshev_convolution, chebyshev_convolution_reference):

            def convolve(features, weight, convolution=convolution):
                return convolution(features, weight, laplacian)

            results.append(torch.vmap(convolve, in_dims=dimensions)(*arguments))
        assert_close(results[:1], results[1:], torch.float64)


@pytest.mark.filterwarnings("ignore:There is a performance drop")
def test_networks_on_different_graphs_can_be_mapped_over_as_one(rescaled_laplacian, kernels):
    """All operators have as many pixels and entries, which is what it takes to stack them."""
    matrix = rescaled_laplacian(PIXELS)
    networks = [
        ChebConv(3, 2, 4, SymmetricOperator(matrix * scale, mass=MASS)) for scale in (1, 0.5, 0.2)
    ]
    features = draw(2, PIXELS, 3, dtype=torch.float32)
    parameters, buffers = torch.func.stack_module_state(networks)

    def convolve(parameters, buffers):
        return torch.func.functional_call(networks[0], (parameters, buffers), features)

    found = torch.vmap(convolve)(parameters, buffers)
    expected = torch.stack([network(features) for network in networks])
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)
    assert not torch.allclose(expected[0], expected[1])


@pytest.mark.filterwarnings("ignore:There is a performance drop")
def test_many_gradients_can_be_computed_in_one_pass(rescaled_laplacian, kernels):
    laplacian = SymmetricOperator(rescaled_laplacian(PIXELS), torch.float64, MASS)
    variables = [draw(2, PIXELS, 3).requires_grad_(), draw(4, 3, 2, seed=1).requires_grad_()]
    result = chebyshev_convolution(*variables, laplacian)
    directions = draw(3, 2, PIXELS, 2, seed=2)
    found = torch.autograd.grad(
        result, variables, directions, is_grads_batched=True, retain_graph=True
    )
    expected = [
        torch.autograd.grad(result, variables, each, retain_graph=True) for each in directions
    ]
    for one, others in zip(found, zip(*expected, strict=True), strict=True):
        torch.testing.assert_close(one, torch.stack(others), rtol=0, atol=1e-12)


@with_and_without_mass
def test_autocast_computes_as_if_all_were_bfloat16(rescaled_laplacian, kernels, mass):
    laplacian = SymmetricOperator(rescaled_laplacian(PIXELS), mass=mass)
    features = draw(2, PIXELS, 3, dtype=torch.float32)
    weight = draw(4, 3, 2, dtype=torch.float32, seed=1)
    of_result = draw(2, PIXELS, 2, dtype=torch.bfloat16, seed=2)

    def mixed(*arguments):
        with torch.autocast("cpu", torch.bfloat16):
            return chebyshev_convolution(*arguments)

    def explicit(features, weight, laplacian):
        return chebyshev_convolution(features.bfloat16(), weight.bfloat16(), laplacian)

    found, expected = (
        values_and_gradients(convolution, features, weight, laplacian, of_result)
        for convolution in (mixed, explicit)
    )
    assert [tensor.dtype for tensor in found] == [torch.bfloat16, torch.float32, torch.float32]
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))
    assert not torch.equal(found[0], chebyshev_convolution(features, weight, laplacian))


def test_a_network_learns_in_float32_under_autocast(rescaled_laplacian, kernels):
    """From the gradients that a copy of bfloat16 computes."""
    laplacian = SymmetricOperator(rescaled_laplacian(PIXELS))
    network = torch.nn.Sequential(
        ChebConv(3, 4, 3, laplacian, bias=True), torch.nn.ReLU(), ChebConv(4, 2, 3, laplacian)
    )
    reduced = copy.deepcopy(network).bfloat16()
    features = draw(2, PIXELS, 3, dtype=torch.float32)
    types = []
    for layer in network:
        layer.register_forward_hook(lambda layer, given, result: types.append(result.dtype))
    with torch.autocast("cpu", torch.bfloat16):
        loss = network(features).float().square().sum()
    assert types == [torch.bfloat16] * 3
    loss.backward()
    reduced(features.bfloat16()).float().square().sum().backward()
    for one, other in zip(network.parameters(), reduced.parameters(), strict=True):
        assert one.grad.dtype == torch.float32
        assert one.grad.any()
        assert torch.equal(one.grad, other.grad.float())


def test_autocast_leaves_float64_alone(rescaled_laplacian, kernels):
    """As it does with PyTorch's own functions."""
    laplacian = SymmetricOperator(rescaled_laplacian(PIXELS), torch.float64)
    features, weight = draw(2, PIXELS, 3), draw(4, 3, 2)
    expected = chebyshev_convolution(features, weight, laplacian)
    with torch.autocast("cpu", torch.bfloat16):
        assert (features @ weight[0]).dtype == torch.float64
        result = chebyshev_convolution(features, weight, laplacian)
    assert torch.equal(result, expected)


def test_autocast_can_be_switched_off_inside(rescaled_laplacian, kernels):
    laplacian = SymmetricOperator(rescaled_laplacian(PIXELS))
    features = draw(2, PIXELS, 3, dtype=torch.float32)
    weight = draw(4, 3, 2, dtype=torch.float32)
    expected = chebyshev_convolution(features, weight, laplacian)
    with torch.autocast("cpu", torch.bfloat16), torch.autocast("cpu", enabled=False):
        result = chebyshev_convolution(features, weight, laplacian)
    assert result.dtype == torch.float32
    assert torch.equal(result, expected)


@pytest.mark.parametrize("shape", [(2, 12, 4), (2, 11, 3), (12, 3), (1, 2, 12, 3)], ids=str)
def test_features_of_another_shape_are_refused(rescaled_laplacian, shape):
    laplacian = SymmetricOperator(rescaled_laplacian(PIXELS))
    with pytest.raises(ValueError) as caught:
        chebyshev_convolution(torch.zeros(shape), torch.zeros(2, 3, 4), laplacian)
    message = f"expected features of shape (batch, 12, 3), found {shape}"
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "shape", [(), (3,), (3, 4), (1, 2, 3, 4), (0, 3, 4), (2, 0, 4), (2, 3, 0)], ids=str
)
def test_a_weight_of_another_or_no_size_is_refused(rescaled_laplacian, shape):
    laplacian = SymmetricOperator(rescaled_laplacian(PIXELS))
    with pytest.raises(ValueError) as caught:
        chebyshev_convolution(torch.zeros(2, PIXELS, 3), torch.zeros(shape), laplacian)
    assert str(caught.value) == (
        "expected a weight of shape (kernel_size, in_channels, out_channels), each at least 1, "
        f"found {shape}"
    )


@pytest.mark.parametrize(
    ("of_features", "of_weight"),
    [
        (torch.float16, torch.float16),
        (torch.float32, torch.float64),
        (torch.float64, torch.float32),
        (torch.bfloat16, torch.float32),
        (torch.float32, torch.bfloat16),
        (torch.int64, torch.int64),
        (torch.complex64, torch.complex64),
    ],
    ids=str,
)
def test_other_types_and_a_mixture_of_types_are_refused(rescaled_laplacian, of_features, of_weight):
    laplacian = SymmetricOperator(rescaled_laplacian(PIXELS))
    features = torch.zeros(2, PIXELS, 3, dtype=of_features)
    with pytest.raises(ValueError) as caught:
        chebyshev_convolution(features, torch.zeros(2, 3, 4, dtype=of_weight), laplacian)
    assert str(caught.value) == (
        "expected features and weight of one type, float32, bfloat16 or float64, "
        f"found {of_features} and {of_weight}"
    )


@pytest.mark.parametrize("place", [0, 1, 2])
def test_tensors_on_different_devices_are_refused(rescaled_laplacian, place):
    operator = SymmetricOperator(rescaled_laplacian(PIXELS))
    given = [torch.zeros(1, PIXELS, 3), torch.zeros(2, 3, 4), operator]
    given[place] = given[place].to("meta")
    found = ["cpu", "cpu", "cpu"]
    found[place] = "meta"
    with pytest.raises(
        ValueError, match="on one device, found them on {}, {} and {};".format(*found)
    ):
        chebyshev_convolution(*given)


def test_autocast_to_float16_is_refused(rescaled_laplacian):
    laplacian = SymmetricOperator(rescaled_laplacian(PIXELS))
    with torch.autocast("cpu", torch.float16), pytest.raises(ValueError) as caught:
        chebyshev_convolution(torch.zeros(2, PIXELS, 3), torch.zeros(2, 3, 4), laplacian)
    assert str(caught.value) == (
        "expected features and weight of one type, float32, bfloat16 or float64, "
        "found torch.float16 and torch.float16"
    )


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
def test_a_laplacian_of_another_precision_is_refused(rescaled_laplacian, dtype):
    (other,) = {torch.float32, torch.float64} - {SUMMED_IN[dtype]}
    laplacian = SymmetricOperator(rescaled_laplacian(PIXELS), other)
    features, weight = (torch.zeros(2, size, 3, dtype=dtype) for size in (PIXELS, 3))
    with pytest.raises(ValueError) as caught:
        chebyshev_convolution(features, weight, laplacian)
    assert str(caught.value) == (
        f"expected a Laplacian of {SUMMED_IN[dtype]} for features of {dtype}, "
        f"found one of {other}; convert one of them"
    )


@pytest.mark.parametrize("function", ["convolve", "weight_gradient", "gradients"])
def test_it_is_computed_in_stock_pytorch_where_numba_is_missing(
    rescaled_laplacian, operators, monkeypatch, function
):
    """Each of three operators calls the function of its name, of one of two modules."""
    called = []
    for module in (compiled, stock):
        original = getattr(module, function)

        def record(*arguments, module=module, original=original):
            called.append(module)
            return original(*arguments)

        monkeypatch.setattr(module, function, record)
    laplacian = SymmetricOperator(rescaled_laplacian(PIXELS))
    features = draw(2, PIXELS, 3, dtype=torch.float32)
    weight = draw(4, 3, 2, dtype=torch.float32).requires_grad_()
    chebyshev_convolution(features, weight, laplacian).sum().backward()
    features.requires_grad_()
    chebyshev_convolution(features, weight, laplacian).sum().backward()
    assert set(called) == {compiled if operators == "compiled" else stock}


def test_without_numba_it_works_from_the_first_import_on(rescaled_laplacian, tmp_path):
    """Another process, which finds neither numba nor llvmlite, gives the same result."""
    laplacian = SymmetricOperator(rescaled_laplacian(PIXELS), torch.float64, MASS)
    convolution = ChebConv(3, 2, 4, laplacian).double()
    features = draw(2, PIXELS, 3)
    torch.save((convolution, features), tmp_path / "given.pt")
    script = """
        import sys

        sys.modules["numba"] = sys.modules["llvmlite"] = None
        import torch

        import deepsphere.nn.convolution
        from deepsphere.nn.chebyshev import ChebConv

        convolution, features = torch.load("given.pt", weights_only=False)
        assert isinstance(convolution, ChebConv)
        result = convolution(features.requires_grad_())
        result.square().sum().backward()
        assert not any(name.startswith(("numba.", "llvmlite.")) for name in sys.modules)
        torch.save((result.detach(), features.grad, convolution.weight.grad), "found.pt")
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], cwd=tmp_path, check=True)
    result = convolution(features.requires_grad_())
    result.square().sum().backward()
    expected = (result.detach(), features.grad, convolution.weight.grad)
    assert_close(torch.load(tmp_path / "found.pt"), expected, torch.float64)
