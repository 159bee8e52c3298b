import pytest
import torch

from deepsphere.nn.models.recurrent_unet import Model, RecurrentUNet
from deepsphere.nn.models.unet import UNet
from deepsphere.nn.wiring import WIRINGS

WIDTHS = ((4, 5), (6,), (6,))


def test_its_memory_has_as_many_parameters_as_its_docstring_says(
    hierarchy_on, count, without_weights
):
    """An LSTM of 12 pixels of 512 channels has four gates of weights and two biases."""
    model = Model(16, 3, hierarchy_on("published healpix"), kernel_size=5)
    assert count(model.memory) == 7_867_392
    numbers = 12 * 512
    assert 4 * (2 * numbers * numbers + 2 * numbers) == 302_039_040


@pytest.mark.parametrize("wiring", WIRINGS)
def test_it_works_on_every_sampling(hierarchy, draw, wiring):
    pixels = hierarchy.pixels(0)
    torch.manual_seed(0)
    model = RecurrentUNet(2, 3, hierarchy, widths=WIDTHS[: len(hierarchy)], wiring=wiring)
    result = model(draw(2, 4, pixels, 2))
    assert result.shape == (2, pixels, 3)
    result.square().sum().backward()
    assert all(parameter.grad.abs().max() > 0 for parameter in model.parameters())


@pytest.mark.parametrize("unpool", ["interpolate", "max"])
def test_it_is_a_unet_with_the_last_state_and_the_last_skips(hierarchy_on, draw, unpool):
    hierarchy = hierarchy_on("healpix")
    model = RecurrentUNet(2, 3, hierarchy, widths=WIDTHS, wiring="paper", unpool=unpool).eval()
    features = draw(2, 4, 192, 2)
    coarsest = [model.unet.encode(features[:, time]).coarsest for time in range(4)]
    states = model.memory(torch.stack(coarsest, dim=1))
    last = model.unet.encode(features[:, -1])._replace(coarsest=states[:, -1])
    expected = model.unet.decode(last)
    torch.testing.assert_close(model(features), expected, rtol=1e-5, atol=1e-5)
    # Not what the U-Net makes of the last map alone.
    assert (expected - model.unet(features[:, -1])).abs().max() > 1e-3
    assert isinstance(model.unet, UNet)


def test_its_state_comes_back(hierarchy_on, draw, assert_state_returns):
    hierarchy = hierarchy_on("healpix")
    assert_state_returns(lambda: RecurrentUNet(2, 3, hierarchy, widths=WIDTHS), draw(2, 3, 192, 2))


def test_it_learns_one_batch_by_heart(hierarchy_on, draw, overfit):
    """Which of the first and the last map was larger, in the mean of a coarse pixel."""
    torch.manual_seed(0)
    model = RecurrentUNet(1, 2, hierarchy_on("tiny"), widths=((16, 32), (32,)))
    features = draw(4, 3, 48, 1)
    difference = (features[:, 0] - features[:, 2]).unflatten(1, (-1, 4)).mean(dim=(2, 3))
    classes = (difference > 0).long().repeat_interleave(4, dim=1)
    before, after = overfit(model, features, classes)
    assert after < before / 10
