"""Weights of deepsphere-pytorch give the same functions here.

Their layers are written down once more, from the formulas of the theory and with the names that
their ``state_dict`` uses: a dense Laplacian, Chebyshev polynomials by recurrence, the features of a
pixel in the order (channel, order) times the weights as they lie in memory, a bias, and PyTorch's
own batch normalization.
"""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from torch import nn
from torch.nn import functional

from deepsphere.errors import DeepsphereError
from deepsphere.nn.blocks import ChebBlock
from deepsphere.nn.chebyshev import ChebConv
from deepsphere.nn.conversion import from_deepsphere_pytorch
from deepsphere.nn.hierarchy import CoarseningMap, GraphHierarchy
from deepsphere.nn.models.unet import UNet
from deepsphere.nn.operator import SymmetricOperator

PIXELS = 9
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-12}
WIDTHS = ((2, 3), (4,), (5,), (6,), (7,), (7,))
"""Of the encoder's levels, finest first. Theirs needs as many channels on the last two."""


class TheirChebConv(nn.Module):
    def __init__(self, entering, leaving, kernel_size):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(kernel_size, entering, leaving) / 3)
        self.bias = nn.Parameter(torch.randn(leaving))

    def forward(self, laplacian, features):
        orders = [features, laplacian @ features]
        while len(orders) < len(self.weight):
            orders.append(2 * laplacian @ orders[-1] - orders[-2])
        rows = torch.stack(orders, dim=-1).flatten(-2)
        return rows @ self.weight.reshape(-1, self.weight.shape[-1]) + self.bias


class TheirSphericalChebConv(nn.Module):
    def __init__(self, entering, leaving, laplacian, kernel_size):
        super().__init__()
        self.register_buffer("laplacian", laplacian)
        self.chebconv = TheirChebConv(entering, leaving, kernel_size)

    def forward(self, features):
        return self.chebconv(self.laplacian, features)


class TheirSphericalChebBN(nn.Module):
    def __init__(self, entering, leaving, laplacian, kernel_size):
        super().__init__()
        self.spherical_cheb = TheirSphericalChebConv(entering, leaving, laplacian, kernel_size)
        self.batchnorm = nn.BatchNorm1d(leaving)

    def forward(self, features):
        return functional.relu(self.batchnorm(self.spherical_cheb(features).mT).mT)


class Sequence(nn.Module):
    """Modules of given names, one after the other."""

    def __init__(self, **parts):
        super().__init__()
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, features):
        for part in self.children():
            features = part(features)
        return features


class Function(nn.Module):
    """A function without weights, as a module."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, features):
        return self.function(features)


class TheirConcat(nn.Module):
    def __init__(self, entering, leaving, laplacian, unpool, kernel_size):
        super().__init__()
        self.spherical_cheb_bn_pool = Sequence(
            pooling=unpool,
            spherical_cheb_bn=TheirSphericalChebBN(entering, leaving, laplacian, kernel_size),
        )
        both = entering + leaving
        self.spherical_cheb_bn = TheirSphericalChebBN(both, leaving, laplacian, kernel_size)

    def forward(self, features, skip):
        features = torch.cat((self.spherical_cheb_bn_pool(features), skip), dim=2)
        return self.spherical_cheb_bn(features)


class TheirUNet(nn.Module):
    """Their U-Net with other widths, and without the softmax. Levels count from the coarsest."""

    def __init__(self, entering, classes, laplacians, pool, unpool, size=3):
        super().__init__()
        (middle, *_), *_ = WIDTHS
        widths = [level[-1] for level in reversed(WIDTHS)]
        pool, unpool = Function(pool), Function(unpool)
        self.encoder = nn.Module()
        self.encoder.enc_l5 = Sequence(
            spherical_cheb_bn_1=TheirSphericalChebBN(entering, middle, laplacians[5], size),
            spherical_cheb_bn_2=TheirSphericalChebBN(middle, widths[5], laplacians[5], size),
        )
        for level in (4, 3, 2, 1):
            block = TheirSphericalChebBN(widths[level + 1], widths[level], laplacians[level], size)
            part = Sequence(pooling=pool, spherical_cheb_bn=block)
            self.encoder.add_module(f"enc_l{level}", part)
        last = TheirSphericalChebConv(widths[1], widths[0], laplacians[0], size)
        self.encoder.enc_l0 = Sequence(pooling=pool, spherical_cheb=last)
        self.decoder = nn.Module()
        for level in (1, 2, 3, 4):
            part = TheirConcat(widths[level], widths[level + 1], laplacians[level], unpool, size)
            self.decoder.add_module(f"dec_l{level}", part)
        block = TheirSphericalChebBN(widths[5], middle, laplacians[5], size)
        self.decoder.dec_l5 = Sequence(
            spherical_cheb_bn_pool=Sequence(pooling=unpool, spherical_cheb_bn=block),
            spherical_cheb=TheirSphericalChebConv(middle, classes, laplacians[5], size),
        )

    def forward(self, features):
        skips = []
        for part in self.encoder.children():
            features = part(features)
            skips.append(features)
        *parts, last = self.decoder.children()
        for part, skip in zip(parts, skips[-2:0:-1], strict=True):
            features = part(features, skip)
        return last(features)


def mean(features):
    """Pool as on HEALPix, but for two children a pixel."""
    return features.unflatten(1, (-1, 2)).mean(dim=2)


def repeat(features):
    return features.repeat_interleave(2, dim=1)


def first(features):
    """Pool as on the icosahedron: the vertices of the coarser level come first."""
    return features[:, : features.shape[1] // 2]


def pad_with_ones(features):
    return functional.pad(features, (0, 0, 0, features.shape[1]), value=1.0)


def learned(module, dtype, seed=0):
    """Return a network in evaluation with all that training changes away from its start."""
    torch.manual_seed(seed)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm1d):
            nn.init.normal_(part.weight)
            nn.init.normal_(part.bias)
            nn.init.normal_(part.running_mean)
            nn.init.uniform_(part.running_var, 0.2, 2)
            part.num_batches_tracked.fill_(17)
            with torch.no_grad():
                part.weight[0] = 0
    return module.to(dtype).eval()


def dense(matrix, dtype):
    return torch.as_tensor(matrix.toarray()).to(dtype)


def draw(*shape, dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=torch.float64, generator=generator).to(dtype)


def assert_same(ours, theirs, features):
    tolerance = TOLERANCE[features.dtype]
    with torch.no_grad():
        expected = theirs(features)
        assert expected.std() > 0.1
        torch.testing.assert_close(ours(features), expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("kernel_size", [2, 3, 5])
@pytest.mark.parametrize("wrapped", [False, True])
def test_a_convolution(rescaled_laplacian, dtype, kernel_size, wrapped):
    matrix = rescaled_laplacian(PIXELS)
    torch.manual_seed(0)
    if wrapped:
        theirs = TheirSphericalChebConv(3, 4, dense(matrix, dtype), kernel_size).to(dtype)
        apply = theirs
        state = {name: value for name, value in theirs.state_dict().items() if "lap" not in name}
        assert list(state) == ["chebconv.weight", "chebconv.bias"]
    else:
        theirs = TheirChebConv(3, 4, kernel_size).to(dtype)
        apply = lambda features: theirs(dense(matrix, dtype), features)  # noqa: E731
        state = theirs.state_dict()
    ours = ChebConv(3, 4, kernel_size, SymmetricOperator(matrix, dtype), bias=True).to(dtype)
    ours.load_state_dict(from_deepsphere_pytorch(state))
    assert_same(ours, apply, draw(2, PIXELS, 3, dtype=dtype))


def test_the_layout_of_their_memory():
    """Input channel i and order k are in row i K + k: 2 of 3 orders of 2 channels are moved."""
    theirs = torch.arange(6.0).reshape(3, 2, 1)
    found = from_deepsphere_pytorch({"weight": theirs})["weight"]
    assert found.tolist() == [[[0.0], [3.0]], [[1.0], [4.0]], [[2.0], [5.0]]]


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_a_block_in_evaluation(rescaled_laplacian, dtype):
    matrix = rescaled_laplacian(PIXELS)
    theirs = learned(TheirSphericalChebBN(3, 8, dense(matrix, dtype), 4), dtype)
    scales = theirs.batchnorm.weight
    assert (scales < 0).any() and (scales == 0).any() and (scales > 0).any()
    ours = ChebBlock(3, 8, 4, SymmetricOperator(matrix, dtype)).to(dtype).eval()
    ours.load_state_dict(from_deepsphere_pytorch(theirs.state_dict()))
    assert_same(ours, theirs, draw(2, PIXELS, 3, dtype=dtype))
    assert ours.normalization.statistics.num_batches_tracked == 17


def test_a_block_in_training_forgets_the_size_of_the_scales(rescaled_laplacian):
    """With scales of 1 and -1 nothing is forgotten; others give those with their signs.

    The convolution's bias makes no difference, as the mean takes it away. The variance is far
    enough from epsilon to leave no more than a part in 10⁴ of it.
    """
    matrix = rescaled_laplacian(PIXELS)
    theirs = learned(TheirSphericalChebBN(3, 4, dense(matrix, torch.float64), 4), torch.float64)
    ours = ChebBlock(3, 4, 4, SymmetricOperator(matrix, torch.float64)).double()
    features = draw(5, PIXELS, 3)
    signs = torch.tensor([1.0, -1.0, 1.0, -1.0])
    with torch.no_grad():
        for sizes in (torch.ones(4), torch.tensor([0.5, 2.0, 3.0, 1.0])):
            theirs.batchnorm.weight.copy_(signs * sizes)
            ours.load_state_dict(from_deepsphere_pytorch(theirs.state_dict()))
            theirs.batchnorm.weight.copy_(signs)
            found = ours.train()(features)
            torch.testing.assert_close(found, theirs.train()(features), rtol=1e-4, atol=1e-4)


def test_a_network_of_their_layers_keeps_its_paths(rescaled_laplacian):
    matrix = rescaled_laplacian(PIXELS)
    laplacian = dense(matrix, torch.float32)
    theirs = learned(
        Sequence(
            one=Sequence(
                pooling=Function(lambda features: features),
                spherical_cheb_bn=TheirSphericalChebBN(2, 5, laplacian, 3),
            ),
            two=TheirSphericalChebBN(5, 4, laplacian, 2),
            three=TheirSphericalChebConv(4, 3, laplacian, 3),
            norm=nn.BatchNorm1d(PIXELS),
            head=nn.Linear(3, 2),
        ),
        torch.float32,
    )
    operator = SymmetricOperator(matrix)
    ours = Sequence(
        one=Sequence(spherical_cheb_bn=ChebBlock(2, 5, 3, operator)),
        two=ChebBlock(5, 4, 2, operator),
        three=ChebConv(4, 3, 3, operator, bias=True),
        norm=nn.BatchNorm1d(PIXELS),
        head=nn.Linear(3, 2),
    ).eval()
    state = {f"module.{name}": value for name, value in theirs.state_dict().items()}
    assert "module.two.spherical_cheb.laplacian" in state
    ours.load_state_dict(from_deepsphere_pytorch(state))
    assert_same(ours, theirs, draw(2, PIXELS, 2, dtype=torch.float32))


def halving(pixels, nested):
    """Return the map to half of the pixels: to pairs, or to the first half of them."""
    coarse = np.arange(pixels // 2)
    children = np.stack([2 * coarse, 2 * coarse + 1], 1)
    weights = [0.5, 0.5]
    if not nested:
        children, weights = np.stack([coarse, coarse + pixels // 2], 1), [0.75, 0.25]
    matrix = np.zeros((pixels // 2, pixels))
    np.put_along_axis(matrix, children, np.array([weights]), axis=1)
    return CoarseningMap(csr_array(matrix), children)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize(
    ("pool", "unpool", "settings"),
    [
        (mean, repeat, {"pool": "mean", "unpool": "repeat"}),
        (first, pad_with_ones, {"pool": "stride", "unpool": "fill", "fill": 1.0}),
    ],
    ids=["healpix", "icosahedron"],
)
def test_their_unet(rescaled_laplacian, dtype, pool, unpool, settings):
    matrices = [rescaled_laplacian(96 // 2**level, seed=level) for level in range(6)]
    hierarchy = GraphHierarchy(
        operators=tuple(SymmetricOperator(matrix, dtype) for matrix in matrices),
        maps=tuple(halving(96 // 2**level, pool is mean) for level in range(5)),
        positions=tuple(np.zeros((matrix.shape[0], 3)) for matrix in matrices),
        areas=tuple(np.ones(matrix.shape[0]) for matrix in matrices),
        known=(None,) * 6,
    )
    coarsest_first = [dense(matrix, dtype) for matrix in reversed(matrices)]
    theirs = learned(TheirUNet(2, 3, coarsest_first, pool, unpool), dtype)
    ours = UNet(2, 3, hierarchy, widths=WIDTHS, wiring="paper", kernel_size=3, **settings)
    ours.to(dtype).eval().load_state_dict(from_deepsphere_pytorch(theirs.state_dict()))
    assert_same(ours, theirs, draw(2, 96, 2, dtype=dtype))


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("batchnorm.running_var", None, "found no deep.batchnorm.running_var, which a Spherical"),
        ("batchnorm.weight", None, "found no deep.batchnorm.weight, which a SphericalChebBN has"),
        ("spherical_cheb.chebconv.bias", None, "found no deep.spherical_cheb.chebconv.bias, whi"),
        (
            "batchnorm.weight",
            torch.ones(5),
            r"has the shape \(5,\) where its convolution needs \(4",
        ),
        ("batchnorm.num_batches_tracked", torch.ones(1), r"has the shape \(1,\) where its conv"),
    ],
)
def test_a_state_that_is_not_whole(name, change, message):
    block = TheirSphericalChebBN(3, 4, torch.eye(PIXELS), 2)
    state = {f"deep.{name}": value for name, value in block.state_dict().items()}
    del state[f"deep.{name}"]
    if change is not None:
        state[f"deep.{name}"] = change
    with pytest.raises(DeepsphereError, match=f"^deepsphere-pytorch: .*{message}"):
        from_deepsphere_pytorch(state)


def test_what_is_none_of_theirs_comes_back_as_it_is():
    state = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)).state_dict()
    assert from_deepsphere_pytorch(state) == state
    assert from_deepsphere_pytorch({}) == {}
