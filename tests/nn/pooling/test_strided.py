import math

import numpy as np
import pytest
import torch
from scipy.spatial import KDTree
from torch.nn import functional

from deepsphere.nn.pooling.reduction import Pooling
from deepsphere.nn.pooling.strided import StridedConv, TransposedStridedConv
from deepsphere.samplings.cubed import Cubed
from deepsphere.samplings.equiangular import Equiangular
from deepsphere.samplings.healpix import Healpix
from deepsphere.samplings.icosahedral import Icosahedral

# PyTorch's own compiler still uses what it warns of.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script_method. is deprecated")

LAYERS = [StridedConv, TransposedStridedConv]
ABOUT_Z = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
"""By 90°."""
ABOUT_X = np.diag([1.0, -1, -1])
"""By 180°."""


@pytest.fixture(autouse=True)
def same_weights():
    """Start layers as always."""
    torch.manual_seed(0)


def draw(*shape, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype)


def with_bias(layer):
    """Return the layer in float64 with another bias than 0."""
    layer.double()
    if layer.bias is not None:
        layer.bias.data = draw(*layer.bias.shape)
    return layer


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("levels", [1, 2])
def test_on_nested_pixels_it_is_a_convolution_of_pytorch(coarsening, levels, bias):
    layer = with_bias(StridedConv(coarsening(Healpix(4), levels), 3, 5, bias))
    features = draw(2, 192, 3)
    expected = functional.conv1d(
        features.transpose(1, 2), layer.weight.permute(2, 1, 0), layer.bias, stride=4**levels
    )
    torch.testing.assert_close(layer(features), expected.transpose(1, 2))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("levels", [1, 2])
def test_on_nested_pixels_the_transposed_one_is_one_of_pytorch(coarsening, levels, bias):
    layer = with_bias(TransposedStridedConv(coarsening(Healpix(4), levels), 3, 5, bias))
    features = draw(2, layer.coarse, 3)
    expected = functional.conv_transpose1d(
        features.transpose(1, 2), layer.weight.permute(1, 2, 0), layer.bias, stride=4**levels
    )
    torch.testing.assert_close(layer(features), expected.transpose(1, 2))


def test_on_a_grid_it_is_a_convolution_of_an_image(coarsening):
    """The children of a coarse pixel are a block, row by row."""
    layer = with_bias(StridedConv(coarsening(Equiangular(8, 16)), 3, 5))
    features = draw(2, 128, 3)
    image = features.transpose(1, 2).view(2, 3, 8, 16)
    kernel = layer.weight.permute(2, 1, 0).reshape(5, 3, 2, 2)
    expected = functional.conv2d(image, kernel, layer.bias, stride=2)
    torch.testing.assert_close(layer(features), expected.flatten(2).transpose(1, 2))


def test_on_a_grid_the_transposed_one_is_one_of_an_image(coarsening):
    layer = with_bias(TransposedStridedConv(coarsening(Equiangular(8, 16)), 3, 5))
    features = draw(2, 32, 3)
    image = features.transpose(1, 2).view(2, 3, 4, 8)
    kernel = layer.weight.permute(1, 2, 0).reshape(3, 5, 2, 2)
    expected = functional.conv_transpose2d(image, kernel, layer.bias, stride=2)
    torch.testing.assert_close(layer(features), expected.flatten(2).transpose(1, 2))


@pytest.mark.parametrize("sampling", [Healpix(2), Equiangular(4, 8), Cubed(2)], ids=str)
def test_one_is_the_transpose_of_the_other(coarsening, sampling):
    """The inner product of y with the convolved x is that of the transposed y with x."""
    step = coarsening(sampling)
    convolution = StridedConv(step, 3, 5, bias=False).double()
    transposed = TransposedStridedConv(step, 5, 3, bias=False).double()
    transposed.weight.data = convolution.weight.data.transpose(1, 2)
    fine, coarse = draw(2, step.fine, 3), draw(2, step.coarse, 5, seed=1)
    one, other = (coarse * convolution(fine)).sum(), (transposed(coarse) * fine).sum()
    torch.testing.assert_close(one, other)


def test_it_respects_only_rotations_that_keep_the_order_of_children(coarsening):
    """By 90° about z faces move as they are; by 180° about x they also turn. Pooling keeps both."""
    step = coarsening(Healpix(4))
    features = draw(1, 192, 3)

    def changes(layer, rotation):
        fine, coarse = (turned(Healpix(nside), rotation) for nside in (4, 2))
        return not torch.allclose(layer(features[:, fine]), layer(features)[:, coarse])

    layer = StridedConv(step, 3, 2).double()
    assert not changes(layer, ABOUT_Z)
    assert changes(layer, ABOUT_X)
    for kind in ("max", "mean"):
        assert not changes(Pooling(step, kind), ABOUT_Z)
        assert not changes(Pooling(step, kind), ABOUT_X)


def turned(sampling, rotation):
    """Return the pixel that each pixel is rotated to."""
    distances, pixels = KDTree(sampling.positions).query(sampling.positions @ rotation.T)
    assert distances.max() < 1e-9
    return pixels


@pytest.mark.parametrize("layer", LAYERS)
def test_weights_start_from_glorots_uniform_distribution_and_the_bias_from_0(coarsening, layer):
    layer = layer(coarsening(Healpix(2)), 40, 60)
    bound = math.sqrt(6 / (4 * 40 + 4 * 60))
    assert layer.weight.shape == (4, 40, 60)
    assert 0.99 * bound < layer.weight.abs().max() <= bound
    # Of a uniform distribution; the estimate from 9600 numbers is good to half a percent.
    assert abs(layer.weight.std().item() / (bound / math.sqrt(3)) - 1) < 0.02
    assert layer.bias.tolist() == [0] * 60


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("sampling", [Healpix(2), Equiangular(4, 8)], ids=str)
def test_gradients_are_right(coarsening, layer, sampling):
    layer = with_bias(layer(coarsening(sampling), 2, 1))
    pixels = layer.fine if isinstance(layer, StridedConv) else layer.coarse

    def compute(features, weight, bias):
        return torch.func.functional_call(layer, {"weight": weight, "bias": bias}, features**2)

    given = draw(1, pixels, 2).requires_grad_(), layer.weight, layer.bias
    assert torch.autograd.gradcheck(compute, given)


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("sampling", [Healpix(2), Equiangular(4, 8)], ids=str)
def test_it_survives_what_is_done_to_layers(coarsening, assert_survives, layer, sampling):
    step = coarsening(sampling)
    pixels = step.fine if layer is StridedConv else step.coarse
    assert_survives(layer(step, 3, 2), draw(3, pixels, 3, dtype=torch.bfloat16).float())


@pytest.mark.parametrize("layer", LAYERS)
def test_what_does_not_fit_is_refused(coarsening, layer):
    with pytest.raises(ValueError, match=r"expected a map with children .* use Pooling"):
        layer(coarsening(Icosahedral(1)), 2, 3)
    step = coarsening(Healpix(2))
    with pytest.raises(ValueError, match="found in_channels=0, out_channels=3"):
        layer(step, 0, 3)
    pixels = 48 if layer is StridedConv else 12
    with pytest.raises(ValueError, match=rf"\(batch, {pixels}, 3\), found \(2, 5, 3\)"):
        layer(step, 3, 3)(torch.zeros(2, 5, 3))
    # One channel would be taken for all.
    with pytest.raises(ValueError, match=rf", 3\), found \(2, {pixels}, 1\)"):
        layer(step, 3, 3)(torch.zeros(2, pixels, 1))


@pytest.mark.parametrize("layer", LAYERS)
def test_its_text_says_its_sizes(coarsening, layer):
    assert "2, 3, children=4, bias=False" in repr(layer(coarsening(Healpix(2)), 2, 3, bias=False))
