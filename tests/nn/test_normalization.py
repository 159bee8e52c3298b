import copy

import numpy as np
import pytest
import torch
from torch import nn

from deepsphere.nn import normalization
from deepsphere.nn.normalization import (
    ChannelNormalization,
    normalize_rectify,
    normalize_rectify_reference,
)

FUNCTIONS = [normalize_rectify, normalize_rectify_reference]
POOLS = [None, "max", "mean"]
TOLERANCES = {torch.float64: 1e-11, torch.float32: 1e-5, torch.bfloat16: 2e-2}


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("has_bias", [True, False])
@pytest.mark.parametrize("of_batch", [True, False])
def test_the_compiled_form_has_the_values_and_gradients_of_the_reference(
    dtype, pool, has_bias, of_batch
):
    fixed = None if of_batch else (draw(5, seed=3).float(), draw(5, seed=4).float() ** 2)
    gradient = draw(3, 12 if pool is None else 3, 5, seed=5).to(dtype)
    found = []
    for function, kind in zip(FUNCTIONS, (dtype, torch.float64), strict=True):
        # Both start from what the type can hold.
        features = draw(3, 12, 5).to(dtype).to(kind).requires_grad_()
        bias = draw(5, seed=2).float().requires_grad_()
        result, *statistics = function(features, bias if has_bias else None, pool, statistics=fixed)
        assert result.dtype == kind
        assert not any(value.requires_grad for value in statistics)
        result.backward(gradient.to(kind))
        of_bias = [bias.grad] if has_bias else []
        found.append([result.detach(), *statistics, features.grad, *of_bias])
    tolerance = TOLERANCES[dtype]
    for ours, expected in zip(*found, strict=True):
        expected = expected.double()
        torch.testing.assert_close(ours.double(), expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("rectify", [True, False])
@pytest.mark.parametrize("of_batch", [True, False])
def test_gradients_are_those_of_finite_differences(function, pool, rectify, of_batch):
    fixed = None if of_batch else (draw(3, seed=1), draw(3, seed=2) ** 2)

    def compute(features, bias):
        return function(features, bias, pool, rectify=rectify, statistics=fixed)[0]

    features, bias = draw(2, 8, 3).requires_grad_(), draw(3, seed=3).requires_grad_()
    assert torch.autograd.gradcheck(compute, (features, bias))


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("of_batch", [True, False])
def test_second_derivatives_are_those_of_finite_differences(function, pool, of_batch):
    fixed = None if of_batch else (draw(3, seed=1), draw(3, seed=2) ** 2)

    def compute(*learned):
        return function(*learned, pool=pool, statistics=fixed)[0]

    features, bias = draw(2, 8, 3).requires_grad_(), draw(3, seed=3).requires_grad_()
    assert torch.autograd.gradgradcheck(compute, (features, bias))
    assert torch.autograd.gradgradcheck(compute, (features,))


def test_third_derivatives_are_those_of_the_reference():
    found = []
    for function in FUNCTIONS:
        features = draw(2, 8, 3).requires_grad_()
        value = function(features, pool="max")[0].pow(3).sum()
        for _ in range(3):
            (gradient,) = torch.autograd.grad(value, features, create_graph=True)
            value = gradient.square().sum()
        found.append(gradient)
    torch.testing.assert_close(*found)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_statistics_stay_accurate_over_many_rows_far_from_zero(function):
    features = (draw(8, 200_000, 2) + torch.tensor([1000.0, -1000])).float()
    with torch.no_grad():
        result, mean, variance = function(features, rectify=False)
    rows = features.view(-1, 2).double().numpy()
    np.testing.assert_allclose(mean, rows.mean(axis=0), rtol=2e-8)
    np.testing.assert_allclose(variance, rows.var(axis=0), rtol=1e-6)
    expected = (features.double() - mean) / (variance + 1e-5).sqrt()
    torch.testing.assert_close(result.double(), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("pool", POOLS)
def test_not_a_number_spoils_its_channel_in_training_and_its_pixel_in_evaluation(function, pool):
    features = draw(2, 8, 3)
    features[1, 5, 1] = torch.nan
    result, mean, _ = function(features, pool=pool)
    assert torch.equal(result.isnan(), (torch.arange(3) == 1).expand(result.shape))
    assert mean.isnan().tolist() == [False, True, False]
    result, _, _ = function(features, pool=pool, statistics=(torch.zeros(3), torch.ones(3)))
    expected = torch.zeros(result.shape, dtype=torch.bool)
    expected[1, 5 if pool is None else 1, 1] = True
    assert torch.equal(result.isnan(), expected)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_features_in_any_layout_in_memory_are_taken(function):
    for features in (
        draw(8, 3, 2).transpose(0, 1),
        draw(3, 8, 6)[..., 1:3],
        draw(3, 8, 1).expand(3, 8, 2),
    ):
        copied = features.clone(memory_format=torch.contiguous_format)
        found, expected = (function(given, pool="max") for given in (features, copied))
        torch.testing.assert_close(found, expected)


def test_without_the_loops_or_their_types_the_reference_does_it(monkeypatch):
    features = draw(2, 8, 3)
    expected = normalize_rectify(features, pool="max")
    assert "deepsphere" in normalize_rectify(features.clone().requires_grad_())[0].grad_fn.name()
    half, *_ = normalize_rectify(features.half(), pool="max")
    assert half.dtype == torch.float16
    torch.testing.assert_close(half.double(), expected[0], rtol=2e-3, atol=2e-3)
    monkeypatch.setattr(normalization, "_HAS_LOOPS", False)
    found = normalize_rectify(features.requires_grad_(), pool="max")
    torch.testing.assert_close(found, expected)
    assert "deepsphere" not in found[0].grad_fn.name()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_what_does_not_fit_is_refused(function):
    features = torch.zeros(2, 6, 3)
    with pytest.raises(ValueError, match=r"found \(6, 3\)"):
        function(features[0])
    with pytest.raises(ValueError, match=r"bias of shape \(3,\), found \(6,\)"):
        function(features, torch.zeros(6))
    with pytest.raises(ValueError, match=r"variance of shape \(3,\), found \(1,\)"):
        function(features, statistics=(torch.zeros(3), torch.ones(1)))
    with pytest.raises(ValueError, match="whole groups of 4 pixels to pool, found 6"):
        function(features, pool="max")
    with pytest.raises(ValueError, match="found 'median'"):
        function(features, pool="median")
    with pytest.raises(ValueError, match=r"rows to take statistics of, found \(0, 6, 3\)"):
        function(features[:0])


@pytest.mark.parametrize("function", FUNCTIONS)
def test_an_empty_batch_is_normalized_with_given_statistics(function):
    given = torch.zeros(3), torch.ones(3)
    assert function(torch.zeros(0, 8, 3), pool="mean", statistics=given)[0].shape == (0, 2, 3)


@pytest.mark.parametrize("momentum", [0.1, None])
def test_the_layer_is_batch_normalization_of_the_transposed_features(momentum):
    """``torch.nn.BatchNorm1d`` on (batch, channel, pixel) is the oracle, over three steps."""
    ours = ChannelNormalization(4).double()
    oracle = nn.BatchNorm1d(4, eps=1e-5, momentum=momentum, affine=False).double()
    ours.statistics.momentum = momentum
    scale = torch.tensor([1.0, 10, 0.1, 3])
    for step in range(3):
        features = scale * draw(5, 7, 4, seed=step) + scale.flip(0)
        expected = oracle(features.transpose(1, 2)).transpose(1, 2)
        torch.testing.assert_close(ours(features), expected)
    assert ours.statistics.num_batches_tracked == 3
    for name, average in oracle.named_buffers():
        torch.testing.assert_close(ours.statistics.get_buffer(name), average)
    ours.eval()
    oracle.eval()
    features = draw(1, 7, 4, seed=9)
    expected = oracle(features.transpose(1, 2)).transpose(1, 2)
    torch.testing.assert_close(ours(features), expected)


def test_normalized_channels_have_mean_0_and_the_variance_that_epsilon_leaves():
    features = torch.tensor([1e-3, 1.0, 100.0]) * draw(6, 8, 3) + 5
    normalized = ChannelNormalization(3).double()(features)
    variance = features.var(dim=(0, 1), unbiased=False)
    torch.testing.assert_close(
        normalized.mean(dim=(0, 1)), torch.zeros(3).double(), atol=1e-7, rtol=0
    )
    expected = variance / (variance + 1e-5)
    torch.testing.assert_close(normalized.var(dim=(0, 1), unbiased=False), expected)


def test_running_averages_keep_nine_tenths_and_are_left_alone_in_evaluation():
    layer = ChannelNormalization(1)
    layer(torch.tensor([[[1.0], [3.0]]]))
    assert layer.statistics.running_mean.item() == pytest.approx(0.1 * 2)
    assert layer.statistics.running_var.item() == pytest.approx(0.9 + 0.1 * 2)
    layer.eval()
    normalized = layer(torch.tensor([[[1.0]]]))
    assert normalized.item() == pytest.approx((1 - 0.2) / (1.1 + 1e-5) ** 0.5)
    assert layer.statistics.running_mean.item() == pytest.approx(0.2)


def test_the_layer_does_what_follows_at_once():
    features, bias = draw(2, 8, 3), draw(3, seed=1)
    layer = ChannelNormalization(3).double()
    together = copy.deepcopy(layer)(features, bias, "max", rectify=True)
    children = (layer(features) + bias).relu().view(2, 2, 4, 3)
    torch.testing.assert_close(together, children.amax(dim=2))


def test_the_layer_learns_nothing_and_loads_the_state_of_batch_normalization():
    state = {
        "statistics.running_mean": torch.tensor([1.0, 2]),
        "statistics.running_var": torch.tensor([4.0, 9]),
        "statistics.num_batches_tracked": torch.tensor(7),
    }
    layer = ChannelNormalization(2).eval()
    layer.load_state_dict(state, strict=True)
    assert not list(layer.parameters())
    assert layer.state_dict().keys() == state.keys()
    torch.testing.assert_close(layer(torch.tensor([[[5.0, 5]]])), torch.tensor([[[2.0, 1]]]))


def test_one_row_is_no_batch_to_train_on():
    layer = ChannelNormalization(3)
    with pytest.raises(ValueError, match="more than one row to train on, found 1"):
        layer(torch.zeros(1, 1, 3))
    assert not layer.statistics.num_batches_tracked


@pytest.mark.parametrize("training", [True, False])
def test_the_layer_is_compiled_whole(training):
    features, bias = draw(2, 8, 3).float().requires_grad_(), draw(3).float().requires_grad_()
    layer = ChannelNormalization(3).train(training)
    twin = copy.deepcopy(layer)
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    found = []
    for function in (compiled, twin):
        result = function(features, bias, "max", True)
        found.append([result, *torch.autograd.grad(result.square().sum(), (features, bias))])
    torch.testing.assert_close(*found)
    torch.testing.assert_close(layer.state_dict(), twin.state_dict())


def test_the_layer_is_exported_for_any_batch():
    layer = ChannelNormalization(3).eval()
    layer.statistics.running_mean.copy_(torch.tensor([1.0, 2, 3]))
    given = {"bias": draw(3).float(), "pool": "max", "rectify": True}
    batch = torch.export.Dim("batch")
    program = torch.export.export(
        layer,
        (draw(2, 8, 3).float(),),
        given,
        dynamic_shapes={"features": {0: batch}, "bias": None, "pool": None, "rectify": None},
    )
    features = draw(5, 8, 3, seed=1).float()
    assert torch.equal(program.module()(features, **given), layer(features, **given))


@pytest.mark.parametrize("pool", [None, "max"])
def test_statistics_of_known_pixels_are_those_of_a_map_without_the_others(pool):
    """Values, gradients and running averages, as if the first 8 of 12 pixels were all."""
    known = np.arange(12) < 8
    layer, oracle = ChannelNormalization(3, known).double(), ChannelNormalization(3).double()
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randn(4, 12, 3, generator=generator, dtype=torch.float64)
    features, part = drawn.clone().requires_grad_(), drawn[:, :8].clone().requires_grad_()
    bias = torch.tensor([0.1, -0.2, 0.3], dtype=torch.float64)
    result, expected = layer(features, bias, pool, True), oracle(part, bias, pool, True)
    found = result[:, : expected.shape[1]]
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    found.square().sum().backward()
    expected.square().sum().backward()
    torch.testing.assert_close(features.grad[:, :8], part.grad, rtol=0, atol=1e-12)
    assert not features.grad[:, 8:].any()
    for name, average in oracle.statistics.named_buffers():
        torch.testing.assert_close(layer.statistics.get_buffer(name), average, atol=1e-12, rtol=0)
    assert layer.state_dict().keys() == oracle.state_dict().keys()
    layer.eval()
    oracle.eval()
    found = layer(drawn, bias, pool)[:, : expected.shape[1]]
    torch.testing.assert_close(found, oracle(drawn[:, :8], bias, pool), rtol=0, atol=1e-12)


def test_a_single_known_row_is_too_little_to_train_on():
    layer = ChannelNormalization(3, np.arange(5) < 1)
    with pytest.raises(ValueError, match="more than one row to train on, found 1"):
        layer(torch.randn(1, 5, 3))
