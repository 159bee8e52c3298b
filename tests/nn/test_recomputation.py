"""Blocks that are computed again for the gradient: the same numbers, with less kept."""

import copy

import numpy as np
import pytest
import torch
from torch.nn.parallel import DistributedDataParallel

from deepsphere.graphs.recipe import Recipe
from deepsphere.nn.blocks import ChebBlock, ResidualBlock, recompute_blocks
from deepsphere.nn.building import build_graph_hierarchy
from deepsphere.nn.models.classifier import Classifier
from deepsphere.nn.models.unet import UNet
from deepsphere.nn.operator import SymmetricOperator
from deepsphere.nn.recomputation import recomputed
from deepsphere.samplings.healpix import Healpix
from deepsphere.samplings.masked import Masked

RECIPE = Recipe(6, refinement=0)


@pytest.fixture(scope="module")
def hierarchies():
    """Return levels of a full sphere, and of a part of which some pixels are padding."""
    return {
        "full": build_graph_hierarchy(Healpix(4), 3, RECIPE),
        "padded": build_graph_hierarchy(Masked(Healpix(8), np.arange(5, 90)), 3, RECIPE),
    }


MODELS = {
    "classifier": lambda levels: Classifier(
        2, 3, levels, kernel_size=3, widths=(4, 5, 5), levels=(0, 0, 1, 2), filter_dropout=0.5
    ),
    "fully convolutional": lambda levels: Classifier(
        2, 3, levels, kernel_size=3, widths=(4, 5), fully_convolutional=True
    ),
    # What an activation of its own needs is computed after the averages have changed.
    "smooth": lambda levels: torch.nn.Sequential(
        ChebBlock(2, 4, 3, levels.operator(0), activation="elu", known=levels.known[0]),
        ResidualBlock(4, 4, 3, levels.operator(0), activation="silu"),
    ),
    "unet": lambda levels: UNet(2, 3, levels, kernel_size=3, widths=((4, 5), (6,), (7,))),
}


def trained(model, pixels, steps=2):
    """Return the gradients of each step, and the state after them."""
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    gradients = []
    for step in range(steps):
        torch.manual_seed(step)
        features = torch.randn(3, pixels, 2, requires_grad=True)
        optimizer.zero_grad()
        model(features).sin().sum().backward()
        gradients.append([features.grad, *(each.grad.clone() for each in model.parameters())])
        # What is random afterwards must not depend on whether something was computed again.
        gradients[-1].append(torch.rand(2))
        optimizer.step()
    return gradients, model.state_dict()


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("part", ["full", "padded"])
def test_gradients_averages_and_random_numbers_are_the_same_bit_for_bit(hierarchies, name, part):
    torch.manual_seed(0)
    levels = hierarchies[part]
    plain = MODELS[name](levels)
    again = copy.deepcopy(plain)
    assert recompute_blocks(again) == sum(isinstance(one, ChebBlock) for one in plain.modules()) > 1
    assert again.state_dict().keys() == plain.state_dict().keys()
    expected, expected_state = trained(plain, levels.pixels(0))
    found, state = trained(again, levels.pixels(0))
    for ours, theirs in zip(found, expected, strict=True):
        for one, other in zip(ours, theirs, strict=True):
            assert torch.equal(one, other)
            assert one.abs().max() > 0
    for key, value in expected_state.items():
        assert torch.equal(state[key], value), key
    counted = [value for key, value in state.items() if key.endswith("num_batches_tracked")]
    assert {int(value) for value in counted} == {2}


def test_it_is_computed_again_only_where_it_must_be(rescaled_laplacian):
    block = ChebBlock(2, 3, 3, SymmetricOperator(rescaled_laplacian(12)))
    calls = []
    block.convolution.register_forward_hook(lambda *_: calls.append(1))
    features = torch.randn(2, 12, 2)

    def count(backward=True):
        calls.clear()
        result = block(features)
        if backward:
            result.sum().backward()
        return len(calls)

    assert count() == 1
    assert recompute_blocks(block) == 1
    assert count() == 2
    with torch.no_grad():
        assert count(backward=False) == 1
    block.eval()
    assert count() == 1


def test_what_is_kept_is_the_input(rescaled_laplacian):
    """Of a block of many channels with few before it, which are all that need to be kept."""
    block = ChebBlock(1, 32, 3, SymmetricOperator(rescaled_laplacian(12)))
    features = torch.randn(50, 12, 1)

    def kept():
        sizes = {}

        def pack(tensor):
            sizes[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            result = block(features)
        del result
        return sum(sizes.values())

    large = 50 * 12 * 32 * 4
    assert kept() >= large
    recompute_blocks(block)
    assert kept() < large / 4


def test_a_gradient_can_be_asked_for_twice(rescaled_laplacian):
    layer = ResidualBlock(2, 3, 3, SymmetricOperator(rescaled_laplacian(12)))
    assert recompute_blocks(layer) == 2
    result = layer(torch.randn(2, 12, 2)).square().sum()
    averages = [buffer.clone() for buffer in layer.buffers()]
    first = torch.autograd.grad(result, list(layer.parameters()), retain_graph=True)
    second = torch.autograd.grad(result, list(layer.parameters()))
    for one, other in zip(first, second, strict=True):
        assert torch.equal(one, other)
    for now, before in zip(layer.buffers(), averages, strict=True):
        assert torch.equal(now, before)


def test_buffers_are_restored_after_an_error():
    averages = torch.nn.BatchNorm1d(3, affine=False)
    fail = []

    def function(features):
        result = averages(features)
        if fail:
            raise KeyError("in vain")
        return result.sin()

    features = torch.randn(5, 3, requires_grad=True)
    result = recomputed(function, features, averages).sum()
    before = {name: value.clone() for name, value in averages.state_dict().items()}
    fail.append(True)
    with pytest.raises(KeyError, match="in vain"):
        result.backward()
    for name, value in averages.state_dict().items():
        assert torch.equal(value, before[name])


def test_random_numbers_are_drawn_once():
    features = torch.ones(1000, requires_grad=True)
    torch.manual_seed(0)
    result = recomputed(torch.nn.Dropout(0.5), features.exp(), None)
    following = torch.rand(3)
    kept = result.detach() > 0
    result.sum().backward()
    assert torch.equal(features.grad > 0, kept)
    torch.manual_seed(0)
    torch.nn.Dropout(0.5)(features)
    assert torch.equal(torch.rand(3), following)


@pytest.mark.parametrize("known", [None, np.arange(12) > 2], ids=["all", "some"])
def test_half_precision_is_the_same_in_autocast(rescaled_laplacian, known):
    found = []
    for again in (False, True):
        torch.manual_seed(0)
        block = ChebBlock(2, 3, 3, SymmetricOperator(rescaled_laplacian(12)), known=known)
        if again:
            recompute_blocks(block)
        with torch.autocast("cpu", torch.bfloat16):
            loss = block(torch.randn(4, 12, 2)).float().square().sum()
        loss.backward()
        found.append([parameter.grad for parameter in block.parameters()])
    for one, other in zip(*found, strict=True):
        assert torch.equal(one, other)


def test_devices_that_train_together_agree(rescaled_laplacian, tmp_path):
    """A group of one process, so that the wrapper's hooks and the recomputation meet."""
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{tmp_path / 'group'}", rank=0, world_size=1
    )
    try:
        found = []
        for again in (False, True):
            torch.manual_seed(0)
            block = ChebBlock(2, 3, 3, SymmetricOperator(rescaled_laplacian(12)))
            if again:
                recompute_blocks(block)
            wrapped = DistributedDataParallel(block)
            wrapped(torch.randn(4, 12, 2)).square().sum().backward()
            found.append([parameter.grad for parameter in block.parameters()])
    finally:
        torch.distributed.destroy_process_group()
    for one, other in zip(*found, strict=True):
        assert torch.equal(one, other)
