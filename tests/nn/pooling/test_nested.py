import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from deepsphere.nn.pooling.nested import Pool, pool, pooled_pixels


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@given(st.integers(0, 3), st.integers(1, 6), st.integers(1, 4), st.sampled_from([4, 16, 3]))
@settings(derandomize=True, deadline=None, max_examples=20)
def test_pooling_is_pytorchs_on_the_transposed_features(batch, parents, channels, children):
    features = draw(batch, children * parents, channels)
    columns = features.transpose(1, 2)
    expected = functional.max_pool1d(columns, children).transpose(1, 2)
    assert torch.equal(pool(features, "max", children), expected)
    expected = functional.avg_pool1d(columns, children).transpose(1, 2)
    torch.testing.assert_close(pool(features, "mean", children), expected)


def test_the_children_of_pixel_p_are_4_p_to_4_p_plus_3():
    features = torch.tensor([0.0, 1, 2, 5, -8, -4, -4, -4]).view(1, 8, 1)
    assert pool(features, "max").flatten().tolist() == [5, -4]
    assert pool(features, "mean").flatten().tolist() == [2, -5]


def test_of_equal_children_the_first_receives_the_gradient():
    features = torch.tensor([1.0, 2, 2, 0, 3, 3, 3, 3]).view(1, 8, 1).requires_grad_()
    pool(features, "max").sum().backward()
    assert features.grad.flatten().tolist() == [0, 1, 0, 0, 1, 0, 0, 0]


@pytest.mark.parametrize("kind", ["max", "mean"])
def test_pooling_can_be_differentiated_twice(kind):
    features = draw(2, 8, 3).requires_grad_()
    assert torch.autograd.gradcheck(lambda values: pool(values**2, kind), features)
    assert torch.autograd.gradgradcheck(lambda values: pool(values**2, kind), features)


@pytest.mark.parametrize("kind", ["max", "mean"])
def test_not_a_number_stays_so(kind):
    features = torch.zeros(1, 8, 1)
    features[0, 2] = torch.nan
    assert pool(features, kind).isnan().flatten().tolist() == [True, False]


def test_the_layer_is_the_function():
    features = draw(2, 8, 3)
    assert torch.equal(Pool("max")(features), pool(features, "max"))
    assert repr(Pool("mean")) == "Pool('mean', 4)"
    assert torch.equal(Pool("mean", 2)(features), pool(features, "mean", 2))
    assert not Pool("mean").state_dict()


@pytest.mark.parametrize("pixels", [0, 1, 3, 6])
def test_only_whole_groups_are_pooled(pixels):
    with pytest.raises(ValueError, match=f"whole groups of 4 pixels to pool, found {pixels}"):
        pool(torch.zeros(2, pixels, 3), "max")
    assert pooled_pixels(pixels, None) == pixels


def test_other_kinds_are_refused():
    with pytest.raises(ValueError, match="found 'median'"):
        pool(torch.zeros(2, 4, 3), "median")
    with pytest.raises(ValueError, match="found 'median'"):
        Pool("median")
