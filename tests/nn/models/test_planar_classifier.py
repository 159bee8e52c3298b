"""The 2-D networks on patches of HEALPix: their sizes, and how they see a patch as an image."""

import copy

import healpy
import numpy as np
import pytest
import scipy.signal
import torch

from deepsphere.errors import DeepsphereError
from deepsphere.nn.hierarchy import GraphHierarchy
from deepsphere.nn.models.planar_classifier import (
    Model,
    PlanarClassifier,
    SameConvolution,
    Unfolding,
)

BIG = (16, 32, 64, 64, 64)


@pytest.fixture
def patch():
    """Return a function that gives the hierarchy of so many pixels, without a graph: it plays no
    part.
    """

    def make(pixels, parts=1, known=None):
        return GraphHierarchy(
            operators=(None,),
            maps=(),
            positions=(np.broadcast_to(0.0, (pixels, 3)),),
            areas=(np.broadcast_to(1.0, pixels),),
            known=(known,),
            parts=parts,
        )

    return make


@pytest.fixture
def random(patch):
    """Return a function that makes a small model, all of whose parameters are random."""

    def make(pixels=64, parts=1, dtype=torch.float64, **settings):
        torch.manual_seed(0)
        model = PlanarClassifier(2, 3, patch(pixels, parts), widths=(4, 5), **settings).to(dtype)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
        return model

    return make


@pytest.mark.parametrize("order", [1, 2, 4])
@pytest.mark.parametrize("widths", [(8, 16, 32, 32, 16), BIG])
def test_the_number_of_parameters_is_that_of_the_formula(count, patch, order, widths):
    """Filters of 5 x 5 from F to F' channels and F' biases; then 5 x 5 filters to 2 classes, or
    two weights for each of the (32 / order)² pixels that five halvings leave of (1024 / order)².
    """
    blocks = sum(
        25 * entering * leaving + leaving
        for entering, leaving in zip((1, *widths[:-1]), widths, strict=True)
    )
    pixels = (1024 // order) ** 2
    hierarchy = patch(pixels)
    dense = Model(1, 2, hierarchy, widths=widths)
    convolutional = Model(1, 2, hierarchy, widths=widths, fully_convolutional=True)
    assert count(dense) == blocks + 2 * widths[-1] * (32 // order) ** 2
    assert count(convolutional) == blocks + 25 * widths[-1] * 2
    if order == 1 and widths != BIG:
        assert (count(dense), count(convolutional)) == (87_472, 55_504)


def test_odd_bits_are_the_row_and_even_ones_the_column():
    """Against healpy, whose x and y are the even and the odd bits of the number in a base pixel."""
    side = 8
    x, y, face = healpy.pix2xyf(side, np.arange(side**2), nest=True)
    assert not face.any()
    expected = np.empty((side, side))
    expected[y, x] = np.arange(side**2)
    image = Unfolding(side)(torch.arange(side**2.0).reshape(1, -1, 1))
    assert image.shape == (1, 1, side, side)
    np.testing.assert_array_equal(image[0, 0], expected)


@pytest.mark.parametrize("side", [1, 2, 7, 8])
@pytest.mark.parametrize(("kernel_size", "stride"), [(5, 2), (3, 2), (4, 2), (1, 2), (5, 1)])
def test_zeros_are_added_as_tensorflow_does(draw, side, kernel_size, stride):
    """The whole correlation has kernel_size - 1 more rows; SAME keeps every stride-th one from
    kernel_size - 1 - (zeros before), which are half of all missing ones, rounded down.
    """
    layer = SameConvolution(1, 1, kernel_size, stride).double()
    image = draw(1, 1, side, side, dtype=torch.float64)
    found = layer(image).detach().numpy()[0, 0]
    kernel = layer.convolution.weight.detach().numpy()[0, 0]
    whole = scipy.signal.correlate2d(image[0, 0].numpy(), kernel, mode="full")
    left = -(-side // stride)
    before = max((left - 1) * stride + kernel_size - side, 0) // 2
    kept = kernel_size - 1 - before + stride * np.arange(left)
    np.testing.assert_allclose(found, whole[np.ix_(kept, kept)], atol=1e-12)


def test_the_asymmetry_of_the_published_padding():
    """Of an even side, filters of side 5 and stride 2 begin 1 pixel before the image."""
    layer = SameConvolution(1, 1, 5, 2)
    with torch.no_grad():
        layer.convolution.weight.zero_()
        layer.convolution.weight[0, 0, 1, 1] = 1
    image = torch.arange(16.0).reshape(1, 1, 4, 4)
    assert layer(image)[0, 0].tolist() == [[0, 2], [8, 10]]


def test_filters_start_from_a_uniform_distribution():
    """Its bound is √(6 / (fan in + fan out)), of 25 weights a pair of channels."""
    torch.manual_seed(0)
    weight = SameConvolution(8, 16, 5, 2).convolution.weight.detach()
    bound = (6 / (25 * (8 + 16))) ** 0.5
    assert 0.98 * bound < weight.abs().max() <= bound
    assert weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.03)


@pytest.mark.parametrize("fully_convolutional", [False, True])
def test_the_published_formula(random, draw, fully_convolutional):
    """With scipy's correlations, and the running statistics of the normalization."""
    model = random(16, fully_convolutional=fully_convolutional)
    model(draw(6, 16, 2, seed=1, dtype=torch.float64))
    model.eval()
    features = draw(1, 16, 2, dtype=torch.float64)
    found = model(features).detach().numpy()[0]
    places = Unfolding(4).places.numpy()
    images = features[0].numpy()[places].T.reshape(2, 4, 4)
    for block in model.blocks:
        held = block.normalization.statistics
        mean, variance = held.running_mean.numpy(), held.running_var.numpy()
        # Filters of side 5 begin a pixel before an even image: from the fourth row of all on.
        images = _correlated(images, block.convolution)[:, 3::2, 3::2][
            :, : images.shape[1] // 2, : images.shape[2] // 2
        ]
        images = (images - mean[:, None, None]) / np.sqrt(variance[:, None, None] + 1e-5)
        images = np.maximum(images + block.bias.detach().numpy()[:, None, None], 0)
    if fully_convolutional:
        side = images.shape[1]
        kept = slice(2, 2 + side)
        expected = _correlated(images, model.convolution)[:, kept, kept].mean(axis=(1, 2))
    else:
        expected = model.dense.weight.detach().numpy() @ images.reshape(-1)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert np.ptp(expected) > 1e-3


def _correlated(images, layer):
    kernels = layer.convolution.weight.detach().numpy()
    return np.array(
        [
            sum(
                scipy.signal.correlate2d(image, kernel, mode="full")
                for image, kernel in zip(images, of_output, strict=True)
            )
            for of_output in kernels
        ]
    )


def test_parts_are_images_of_one_batch(random, draw):
    whole, alone = random(12 * 16, parts=12), random(16)
    features = draw(3, 12 * 16, 2, dtype=torch.float64)
    logits, descriptors = whole(features, descriptors=True)
    expected = alone(features.reshape(36, 16, 2))
    assert logits.shape == (3, 12, 3)
    assert descriptors.shape == (3, 12, 5)
    torch.testing.assert_close(logits.reshape(36, 3), expected, rtol=0, atol=1e-12)


def test_descriptors_are_what_enters_the_dense_layer(random, draw):
    features = draw(2, 64, 2, dtype=torch.float64)
    model = random().eval()
    logits, described = model(features, descriptors=True)
    assert described.shape == (2, 5 * 4)
    torch.testing.assert_close(model.dense(described), logits)
    logits, described = random(fully_convolutional=True).eval()(features, descriptors=True)
    assert logits is described


@pytest.mark.parametrize(
    ("pixels", "parts", "message"),
    [
        (768, 1, r"whole sphere of 768 pixels .* give its graph parts: 12"),
        (96, 2, r"whole sphere of 48 pixels"),
        (80, 1, r"80 pixels a patch are no square of a power of two"),
        (36, 1, r"36 pixels a patch are no square"),
        (32, 1, r"32 pixels a patch are no square"),
    ],
)
def test_what_is_no_square_is_refused(patch, pixels, parts, message):
    with pytest.raises(DeepsphereError, match=f"^planar-classifier: .*{message}"):
        PlanarClassifier(1, 2, patch(pixels, parts))


def test_padding_is_refused(patch):
    known = np.arange(16) < 12
    with pytest.raises(DeepsphereError, match=r"^planar-classifier: 4 pixels of the graph are pad"):
        PlanarClassifier(1, 2, patch(16, known=known))


def test_a_network_without_layers_is_refused(patch):
    with pytest.raises(DeepsphereError, match="at least one width"):
        PlanarClassifier(1, 2, patch(16), widths=())


def test_a_patch_of_another_size_is_refused(random, draw):
    with pytest.raises(
        ValueError, match=r"expected features of shape \(batch, 64, channel\), found \(2, 16"
    ):
        random(dtype=torch.float32)(draw(2, 16, 2))


def test_a_batch_is_learned_by_heart(patch, draw, overfit):
    torch.manual_seed(0)
    model = PlanarClassifier(1, 2, patch(64), widths=(4, 4))
    target = torch.arange(8) % 2
    first, last = overfit(model, draw(8, 64, 1), target, steps=30)
    assert last < 0.05 * first


def test_it_is_compiled_in_one_piece(random, draw):
    model, features = random(4 * 64, parts=4), draw(3, 4 * 64, 2, dtype=torch.float64)
    oracle = copy.deepcopy(model)
    torch._dynamo.reset()
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
    for one in (compiled, oracle):
        one(features).square().sum().backward()
    for found, expected in zip(model.parameters(), oracle.parameters(), strict=True):
        torch.testing.assert_close(found.grad, expected.grad, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("settings", [{"fully_convolutional": True}, {"parts": 4}])
def test_it_is_exported_for_any_batch(random, draw, assert_exportable, settings):
    pixels = 64 * settings.get("parts", 1)
    assert_exportable(random(pixels, **settings), draw(3, pixels, 2, dtype=torch.float64))


def test_its_state_returns(patch, draw, assert_state_returns):
    features = draw(3, 64, 2)
    assert_state_returns(lambda: PlanarClassifier(2, 3, patch(64), widths=(4, 5)), features)


def test_a_device_may_have_no_sample(random):
    model = random().eval()
    logits = model(torch.zeros(0, 64, 2, dtype=torch.float64))
    assert logits.shape == (0, 3)
    logits.sum().backward()
