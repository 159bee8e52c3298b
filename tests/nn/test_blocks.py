import copy

import pytest
import torch

from deepsphere.nn.blocks import ChebBlock, cheb_blocks
from deepsphere.nn.operator import SymmetricOperator
from deepsphere.nn.pooling import pool as pool_pixels
from deepsphere.nn.reference import chebyshev_convolution_reference


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("pool", [None, "max", "mean"])
@pytest.mark.parametrize("training", [True, False])
def test_a_block_convolves_normalizes_adds_rectifies_and_pools(rescaled_laplacian, training, pool):
    laplacian = SymmetricOperator(rescaled_laplacian(12))
    block = ChebBlock(3, 4, 3, laplacian, pool).train(training)
    assert block.bias.tolist() == [0, 0, 0, 0]
    with torch.no_grad():
        block.bias.copy_(torch.tensor([0.5, -0.5, 10, -10]))
    features = draw(2, 12, 3)
    convolved = chebyshev_convolution_reference(features, block.convolution.weight, laplacian)
    if training:
        mean, variance = convolved.mean(dim=(0, 1)), convolved.var(dim=(0, 1), unbiased=False)
    else:
        mean, variance = torch.zeros(4), torch.ones(4)
    normalized = (convolved - mean) / (variance + 1e-5).sqrt()
    expected = (normalized + block.bias).clamp(min=0)
    if pool is not None:
        expected = pool_pixels(expected, pool)
    result = block(features)
    torch.testing.assert_close(result, expected, rtol=1e-4, atol=1e-5)
    assert (result[..., 2] > 0).all()
    assert not result[..., 3].any()
    assert {name for name, _ in block.named_parameters()} == {"convolution.weight", "bias"}


def test_a_block_with_and_without_pooling_has_the_same_state(rescaled_laplacian):
    laplacian = SymmetricOperator(rescaled_laplacian(8))
    plain, pooling = ChebBlock(3, 4, 3, laplacian), ChebBlock(3, 4, 3, laplacian, "max")
    pooling.load_state_dict(plain.state_dict(), strict=True)
    features = draw(2, 8, 3)
    assert torch.equal(pooling(features), pool_pixels(plain(features), "max"))
    assert "pool='max'" in repr(pooling)
    assert "pool" not in repr(plain)


def test_a_block_refuses_a_graph_that_it_cannot_pool(rescaled_laplacian):
    laplacian = SymmetricOperator(rescaled_laplacian(9))
    with pytest.raises(ValueError, match="whole groups of 4 pixels to pool, found 9"):
        ChebBlock(3, 4, 3, laplacian, pool="max")


def test_all_parameters_of_a_block_learn(rescaled_laplacian):
    laplacian = SymmetricOperator(rescaled_laplacian(8), dtype=torch.float64)
    block = ChebBlock(2, 3, 3, laplacian, "max").double()
    features = draw(2, 8, 2).double().requires_grad_()

    def compute(*given):
        names = [name for name, _ in block.named_parameters()]
        state = dict(zip(names, given[1:], strict=True))
        return torch.func.functional_call(copy.deepcopy(block), state, given[0])

    assert torch.autograd.gradcheck(compute, (features, *block.parameters()))


def test_blocks_are_stacked_in_the_order_of_their_widths(rescaled_laplacian):
    laplacian = SymmetricOperator(rescaled_laplacian(9))
    blocks = cheb_blocks(3, (4, 2, 6), 5, laplacian)
    shapes = [tuple(block.convolution.weight.shape) for block in blocks]
    assert shapes == [(5, 3, 4), (5, 4, 2), (5, 2, 6)]
    assert all(block.convolution.laplacian is laplacian for block in blocks)
    features = draw(2, 9, 3)
    blocks.eval()
    assert torch.equal(blocks(features), blocks[2](blocks[1](blocks[0](features))))
