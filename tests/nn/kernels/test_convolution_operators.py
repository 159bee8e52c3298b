"""Operators are called where somebody watches; elsewhere their functions are, as that is faster."""

import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode

from deepsphere.nn.kernels import convolution_operators
from deepsphere.nn.operator import SymmetricOperator

PIXELS = 20


class Dispatched(TorchDispatchMode):
    """Remember the operators that are called."""

    def __init__(self):
        super().__init__()
        self.seen = set()

    def __torch_dispatch__(self, operator, types, arguments=(), settings=None):
        self.seen.add(str(operator))
        return operator(*arguments, **(settings or {}))


class Called(TorchFunctionMode):
    """Remember the functions of PyTorch that are called."""

    def __init__(self):
        super().__init__()
        self.seen = set()

    def __torch_function__(self, function, types, arguments=(), settings=None):
        self.seen.add(str(function))
        return function(*arguments, **(settings or {}))


class Profiled:
    """Remember what the profiler lists."""

    def __enter__(self):
        self.profiler = profile(activities=[ProfilerActivity.CPU]).__enter__()
        return self

    def __exit__(self, *error):
        self.profiler.__exit__(*error)
        names = {event.key for event in self.profiler.key_averages()}
        self.seen = {f"{name.replace('::', '.')}.default" for name in names}


@pytest.fixture
def given(rescaled_laplacian):
    """Return features, a weight, and the tensors of an operator."""
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(2, PIXELS, 3, generator=generator)
    weight = torch.randn(4, 3, 5, generator=generator)
    return features, weight, SymmetricOperator(rescaled_laplacian(PIXELS)).tensors


def value_and_gradients(features, weight, matrix, learned):
    """Return the convolution and, where that is wanted, the gradients of its squares' sum."""
    inputs = [one.clone().requires_grad_(learned) for one in (features, weight)]
    result = convolution_operators.convolve(*inputs, *matrix)
    return [result, *(torch.autograd.grad(result.square().sum(), inputs) if learned else ())]


@pytest.mark.parametrize("learned", [False, True])
@pytest.mark.parametrize("watcher", [Dispatched, Called, Profiled])
def test_whoever_watches_sees_the_operators(given, watcher, learned):
    alone = value_and_gradients(*given, learned)
    with watcher() as watching:
        watched = value_and_gradients(*given, learned)
    assert "deepsphere.convolve.default" in watching.seen
    # PyTorch's modes for functions do not see what the backward pass calls.
    if learned and watcher is not Called:
        assert "deepsphere.gradients.default" in watching.seen
    for one, other in zip(alone, watched, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("learned", [False, True])
def test_elsewhere_no_operator_is_called(given, monkeypatch, learned):
    def refuse(*arguments):
        raise AssertionError("an operator was called")

    for name in convolution_operators._OPERATORS:
        monkeypatch.setitem(convolution_operators._OPERATORS, name, refuse)
    features, weight, matrix = given
    value_and_gradients(features, weight, matrix, learned)
    convolution_operators.convolve(features, torch.nn.Parameter(weight), *matrix)


def test_whoever_watches_sees_what_is_computed_at_once(given):
    features, weight, matrix = given
    following = torch.ones(5), torch.zeros(5), True, None
    alone = convolution_operators.convolve_rectify(features, weight, *following, *matrix)
    with Dispatched() as watching:
        watched = convolution_operators.convolve_rectify(features, weight, *following, *matrix)
    assert "deepsphere.convolve_rectify.default" in watching.seen
    assert torch.equal(alone, watched)


def test_a_trace_holds_the_operator(given):
    features, weight, matrix = given
    with pytest.warns(DeprecationWarning, match="torch.jit.trace"):
        traced = torch.jit.trace(
            lambda one: convolution_operators.convolve(one, weight, *matrix), features
        )
    assert "deepsphere::convolve" in str(traced.graph)
    other = features.flip(0)
    assert torch.equal(traced(other), convolution_operators.convolve(other, weight, *matrix))


@pytest.mark.parametrize("learned", [False, True])
def test_what_pytorch_keeps_as_its_negative_is_resolved(given, learned):
    features, weight, matrix = given
    # The imaginary part of a conjugate: a view whose numbers are still to be negated.
    negative = torch.complex(torch.zeros_like(weight), weight).conj().imag
    assert negative.is_neg()
    of_features = torch.complex(torch.zeros_like(features), features).conj().imag
    gradient = torch.ones(2, PIXELS, 5)
    expected = convolution_operators.convolve(features, weight, *matrix)
    for one, other in ((features, negative), (of_features, weight)):
        found = convolution_operators.convolve(one, other.requires_grad_(learned), *matrix)
        torch.testing.assert_close(found, -expected, rtol=0, atol=1e-6)
    of_weight = convolution_operators.weight_gradient(features, gradient, 4, *matrix)
    turned = convolution_operators.weight_gradient(of_features, gradient, 4, *matrix)
    torch.testing.assert_close(turned, -of_weight, rtol=0, atol=1e-5)


def test_zeros_that_take_no_memory(given):
    """As PyTorch makes them where it differentiates forward."""
    features, weight, matrix = given
    zeros = torch._efficientzerotensor(weight.shape)
    assert not convolution_operators.convolve(features, zeros, *matrix).any()
