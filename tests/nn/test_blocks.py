import pytest
import torch
from torch import nn

from deepsphere.nn.blocks import ChannelNormalization, ChebBlock, cheb_blocks
from deepsphere.nn.operator import SymmetricOperator
from deepsphere.nn.reference import chebyshev_convolution_reference


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_normalization_is_batch_normalization_of_the_permuted_features():
    """``torch.nn.BatchNorm1d`` on (batch, channel, pixel) is the oracle, over three steps."""
    ours = ChannelNormalization(4).double()
    oracle = nn.BatchNorm1d(4, eps=1e-5, momentum=0.1, affine=False).double()
    scale = torch.tensor([1.0, 10, 0.1, 3])
    for step in range(3):
        features = scale * draw(5, 7, 4, seed=step).double() + scale.flip(0)
        expected = oracle(features.transpose(1, 2)).transpose(1, 2)
        torch.testing.assert_close(ours(features), expected)
    torch.testing.assert_close(ours.statistics.running_mean, oracle.running_mean)
    torch.testing.assert_close(ours.statistics.running_var, oracle.running_var)
    ours.eval()
    oracle.eval()
    features = draw(1, 7, 4, seed=9).double()
    expected = oracle(features.transpose(1, 2)).transpose(1, 2)
    torch.testing.assert_close(ours(features), expected)


def test_normalized_channels_have_mean_0_and_the_variance_that_epsilon_leaves():
    features = torch.tensor([1e-3, 1.0, 100.0]) * draw(6, 8, 3).double() + 5
    normalized = ChannelNormalization(3).double()(features)
    variance = features.var(dim=(0, 1), unbiased=False)
    torch.testing.assert_close(
        normalized.mean(dim=(0, 1)), torch.zeros(3).double(), atol=1e-7, rtol=0
    )
    expected = variance / (variance + 1e-5)
    torch.testing.assert_close(normalized.var(dim=(0, 1), unbiased=False), expected)


def test_running_averages_keep_nine_tenths_and_are_left_alone_in_evaluation():
    normalization = ChannelNormalization(1)
    normalization(torch.tensor([[[1.0], [3.0]]]))
    assert normalization.statistics.running_mean.item() == pytest.approx(0.1 * 2)
    assert normalization.statistics.running_var.item() == pytest.approx(0.9 + 0.1 * 2)
    normalization.eval()
    normalized = normalization(torch.tensor([[[1.0]]]))
    assert normalized.item() == pytest.approx((1 - 0.2) / (1.1 + 1e-5) ** 0.5)
    assert normalization.statistics.running_mean.item() == pytest.approx(0.2)


def test_normalization_learns_nothing():
    assert not list(ChannelNormalization(3).parameters())


def test_normalization_takes_any_layout_in_memory():
    normalization = ChannelNormalization(2)
    for features in (
        draw(5, 3, 2).transpose(0, 1),
        draw(5, 3, 6)[..., 1:3].transpose(0, 1),
        draw(1, 5, 1).expand(3, 5, 2),
    ):
        copied = features.clone(memory_format=torch.contiguous_format)
        torch.testing.assert_close(normalization(features), normalization(copied))


@pytest.mark.parametrize("training", [True, False])
def test_a_block_convolves_normalizes_adds_and_rectifies(rescaled_laplacian, training):
    laplacian = SymmetricOperator(rescaled_laplacian(9))
    block = ChebBlock(3, 4, 3, laplacian).train(training)
    assert block.bias.tolist() == [0, 0, 0, 0]
    with torch.no_grad():
        block.bias.copy_(torch.tensor([0.5, -0.5, 10, -10]))
    features = draw(2, 9, 3)
    convolved = chebyshev_convolution_reference(features, block.convolution.weight, laplacian)
    if training:
        mean, variance = convolved.mean(dim=(0, 1)), convolved.var(dim=(0, 1), unbiased=False)
    else:
        mean, variance = torch.zeros(4), torch.ones(4)
    normalized = (convolved - mean) / (variance + 1e-5).sqrt()
    expected = (normalized + block.bias).clamp(min=0)
    result = block(features)
    torch.testing.assert_close(result, expected, rtol=1e-4, atol=1e-5)
    assert (result[..., 2] > 0).all()
    assert not result[..., 3].any()
    assert {name for name, _ in block.named_parameters()} == {"convolution.weight", "bias"}


def test_blocks_are_stacked_in_the_order_of_their_widths(rescaled_laplacian):
    laplacian = SymmetricOperator(rescaled_laplacian(9))
    blocks = cheb_blocks(3, (4, 2, 6), 5, laplacian)
    shapes = [tuple(block.convolution.weight.shape) for block in blocks]
    assert shapes == [(5, 3, 4), (5, 4, 2), (5, 2, 6)]
    assert all(block.convolution.laplacian is laplacian for block in blocks)
    features = draw(2, 9, 3)
    blocks.eval()
    assert torch.equal(blocks(features), blocks[2](blocks[1](blocks[0](features))))
