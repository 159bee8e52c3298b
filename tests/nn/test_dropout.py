import math

import pytest
import torch

from deepsphere.nn.dropout import FilterDropout
from deepsphere.nn.pooling.nested import pool

# PyTorch's own compiler still uses what it warns of.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script_method. is deprecated")


def draw(*shape, seed=0, dtype=torch.float32):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def drop(features, probability, seed=0):
    torch.manual_seed(seed)
    return FilterDropout(probability)(features)


@pytest.mark.parametrize("probability", [0.25, 0.5, 0.9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_a_channel_of_a_sample_is_dropped_whole_or_scaled_whole(probability, dtype):
    features = draw(40, 6, 5).to(dtype)
    result = drop(features, probability)
    dropped = (result == 0).all(dim=1)
    kept = (result == features * torch.tensor(1 / (1 - probability), dtype=dtype)).all(dim=1)
    assert result.dtype == dtype
    assert (dropped ^ kept).all()
    assert 0 < dropped.sum() < dropped.numel()
    # Neither whole samples nor whole channels of a batch go together.
    assert (dropped.any(dim=1) & ~dropped.all(dim=1)).any()
    assert not dropped.all(dim=0).any()


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.8])
def test_the_probability_is_that_of_a_channel_and_the_mean_stays(probability):
    """The number dropped of n is binomial, of variance n p (1 - p); the bound is five deviations.

    What is kept of ones sums to kept / (1 - p), whose mean is n.
    """
    count = 40_000
    result = drop(torch.ones(count // 10, 1, 10), probability)
    deviation = math.sqrt(count * probability * (1 - probability))
    assert abs((result == 0).sum() - count * probability) < 5 * deviation
    assert abs(result.sum(dtype=torch.float64) - count) < 5 * deviation / (1 - probability)


def test_features_stay_as_they_are_in_evaluation_and_without_a_probability():
    features = draw(2, 3, 4)
    assert FilterDropout(0.9).eval()(features) is features
    assert FilterDropout(0.0)(features) is features


def test_all_channels_are_dropped_at_probability_one():
    assert torch.equal(drop(draw(2, 3, 4), 1.0), torch.zeros(2, 3, 4))


@pytest.mark.parametrize("kind", ["max", "mean"])
def test_pooling_gives_the_same_before_and_after(kind):
    features = draw(3, 8, 6)
    torch.testing.assert_close(pool(drop(features, 0.5), kind), drop(pool(features, kind), 0.5))


def test_dropped_channels_have_no_gradient_and_others_that_of_their_scale():
    features = draw(4, 3, 5, dtype=torch.float64).requires_grad_()
    result = drop(features, 0.75)
    result.sum().backward()
    assert torch.equal(features.grad, 4 * (result != 0).double())
    assert torch.autograd.gradcheck(lambda values: drop(values, 0.75), features)


def test_random_numbers_are_pytorchs():
    features = draw(4, 3, 5)
    assert torch.equal(drop(features, 0.5, seed=3), drop(features, 0.5, seed=3))
    assert not torch.equal(drop(features, 0.5, seed=3), drop(features, 0.5, seed=4))


def test_the_layer_holds_no_state_and_is_compiled_whole():
    layer = FilterDropout(0.5)
    assert not layer.state_dict()
    assert repr(layer) == "FilterDropout(0.5)"
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    features = draw(20, 3, 5)
    result = compiled(features)
    assert ((result == 0).all(dim=1) ^ (result == 2 * features).all(dim=1)).all()


@pytest.mark.parametrize("probability", [-0.1, 1.1, math.nan])
def test_what_is_no_probability_is_refused(probability):
    with pytest.raises(ValueError, match=f"probability from 0 to 1, found {probability}"):
        FilterDropout(probability)


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match=r"\(batch, pixel, channel\), found \(3, 4\)"):
        FilterDropout(0.5)(torch.zeros(3, 4))
