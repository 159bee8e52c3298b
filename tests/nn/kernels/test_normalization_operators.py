import pytest
import torch

from deepsphere.nn.kernels import normalization_operators as operators


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def example(pool, with_bias, of_batch):
    features = draw(2, 8, 3).requires_grad_()
    mean, variance = operators.channel_statistics(features.detach())
    bias = draw(3, seed=1).requires_grad_() if with_bias else None
    return features, mean, variance, bias, True, pool, 1e-5, of_batch


@pytest.mark.parametrize("with_bias", [True, False])
@pytest.mark.parametrize("pool", [None, "max", "mean"])
def test_operators_keep_pytorchs_rules(pool, with_bias):
    arguments = example(pool, with_bias, of_batch=True)
    torch.library.opcheck(operators.channel_statistics, (arguments[0].detach(),))
    torch.library.opcheck(operators.normalize_rectify, arguments)
    gradient = draw(2, 8 if pool is None else 2, 3, seed=2)
    detached = [value.detach() if isinstance(value, torch.Tensor) else value for value in arguments]
    torch.library.opcheck(operators.normalize_rectify_gradients, (gradient, *detached))


def test_nothing_is_kept_for_the_gradient_but_the_features_and_a_few_numbers_a_channel():
    features, *others = example("max", True, True)
    kept = []

    def remember(tensor):
        kept.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(remember, lambda tensor: tensor):
        operators.normalize_rectify(features, *others)
    (large,) = [tensor for tensor in kept if tensor.numel() > features.shape[2]]
    assert large.data_ptr() == features.data_ptr()
