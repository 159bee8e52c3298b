import copy

import pytest
import torch

from deepsphere.nn.hierarchy import CoarseningMap, compose


@pytest.fixture(scope="session")
def coarsening():
    """Return a function that gives the map from a sampling to the coarser one some levels up."""

    def make(sampling, levels=1):
        maps = []
        for _ in range(levels):
            step = sampling.coarser()
            maps.append(CoarseningMap(step.matrix, step.children))
            sampling = step.coarse
        return compose(maps)

    return make


@pytest.fixture
def assert_survives():
    """Return a function that asserts what holds for a layer whatever one does to it.

    It is given features of float32 with a batch of at least 2, and whatever else the layer takes.
    """

    def check(layer, features, *others):
        expected = values_and_gradient(layer, features, *others)

        torch._dynamo.reset()
        compiled = torch.compile(layer, backend="aot_eager", fullgraph=True)
        assert_equal(values_and_gradient(compiled, features, *others), expected)
        few = features[1:], *(other[1:] for other in others)
        assert_equal(values_and_gradient(compiled, *few), values_and_gradient(layer, *few))

        assert_equal(values_and_gradient(copy.deepcopy(layer), features, *others), expected)
        state = layer.state_dict()
        assert set(state) == {name for name, _ in layer.named_parameters()}
        layer.load_state_dict(state, strict=True)
        assert all(buffer.layout == torch.strided for buffer in layer.buffers())

        batch = torch.export.Dim("batch", min=1)
        given = features, *others
        program = torch.export.export(layer, given, dynamic_shapes=tuple({0: batch} for _ in given))
        assert_equal(values(program.module()(*few)), values(layer(*few)))

        half = copy.deepcopy(layer).bfloat16()
        rounded = features.bfloat16()
        found, *rest = values(half(rounded, *others))
        assert found.dtype == torch.bfloat16
        for parameter, of_half in zip(layer.parameters(), half.parameters(), strict=True):
            parameter.data = of_half.data.float()
        expected, *expected_rest = values(layer(rounded.float(), *others))
        torch.testing.assert_close(found.float(), expected, rtol=2**-7, atol=2**-7)
        assert_equal(rest, expected_rest)
        with torch.autocast("cpu", torch.bfloat16):
            found, *_ = values(layer(rounded, *others))
        torch.testing.assert_close(found.float(), expected, rtol=2**-6, atol=2**-6)

    return check


def values(result):
    return result if isinstance(result, tuple) else (result,)


def values_and_gradient(function, features, *others):
    features = features.clone().requires_grad_()
    result = values(function(features, *others))
    (gradient,) = torch.autograd.grad(result[0].sin().sum(), features)
    return *result, gradient


def assert_equal(found, expected):
    assert len(found) == len(expected)
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))
