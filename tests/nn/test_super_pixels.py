import copy

import numpy as np
import pytest
import scipy.sparse
import torch
from torch.nn import functional

from deepsphere.errors import DeepsphereError
from deepsphere.nn.hierarchy import CoarseningMap, compose
from deepsphere.nn.super_pixels import SuperPixelTransformer
from deepsphere.samplings.equiangular import Equiangular
from deepsphere.samplings.healpix import Healpix


@pytest.fixture(autouse=True)
def same_weights():
    """Start layers as always."""
    torch.manual_seed(0)


def draw(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


def healpix_map(nside, levels=1):
    """Return the map over several levels of HEALPix, and the positions of its super-pixels."""
    maps, sampling = [], Healpix(nside)
    for _ in range(levels):
        coarsening = sampling.coarser()
        maps.append(CoarseningMap(coarsening.matrix, coarsening.children))
        sampling = coarsening.coarse
    return compose(maps), sampling.positions


def as_formulas(network, features, children, heads):
    """Return what the network should, with its weights, written as in the papers."""
    patches = features[:, children]
    patches = torch.einsum("bpni,nio->bpo", patches, network.embedding.weight)
    state = patches + network.embedding.bias
    state = network.positional(state)
    channels = state.shape[2]

    def normalized(values, layer):
        centred = values - values.mean(dim=-1, keepdim=True)
        deviation = (centred.square().mean(dim=-1, keepdim=True) + 1e-5).sqrt()
        return centred / deviation * layer.weight + layer.bias

    for layer in network.layers:
        attention = layer.self_attn
        entering = normalized(state, layer.norm1) @ attention.in_proj_weight.T
        query, key, value = (entering + attention.in_proj_bias).split(channels, dim=2)
        heard = []
        for head in range(heads):
            own = slice(head * channels // heads, (head + 1) * channels // heads)
            logits = query[..., own] @ key[..., own].transpose(1, 2)
            weights = (logits / (channels // heads) ** 0.5).softmax(dim=-1)
            heard.append(weights @ value[..., own])
        state = state + attention.out_proj(torch.cat(heard, dim=2))
        hidden = functional.gelu(layer.linear1(normalized(state, layer.norm2)))
        assert hidden.shape[2] == 4 * channels
        state = state + layer.linear2(hidden)
    return normalized(state, network.normalization)


@pytest.mark.parametrize("positional", ["none", "learned", "coordinates"])
@pytest.mark.parametrize("training", [True, False])
def test_it_is_a_vision_transformer(positional, training):
    """In evaluation without gradients, PyTorch takes another way to compute the layers."""
    coarsening, positions = healpix_map(4, levels=2)
    network = SuperPixelTransformer(coarsening, 3, 8, 2, 2, positional, positions=positions)
    network.double().train(training)
    features = draw(2, 192, 3)
    children = np.arange(192).reshape(12, 16)
    with torch.set_grad_enabled(training):
        result = network(features)
    assert result.shape == (2, 12, 8)
    expected = as_formulas(network, features, children, heads=2)
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-12)


def test_super_pixels_may_be_of_one_level_and_of_any_sampling():
    """Those of an equiangular grid are blocks of its rows and columns."""
    coarsening = Equiangular(8, 16).coarser()
    assert not CoarseningMap(coarsening.matrix, coarsening.children).nested
    given = CoarseningMap(coarsening.matrix, coarsening.children)
    network = SuperPixelTransformer(given, 3, 8, 2, 1).double()
    features = draw(2, 128, 3)
    expected = as_formulas(network, features, coarsening.children, heads=2)
    torch.testing.assert_close(network(features), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("positional", ["none", "learned", "coordinates"])
def test_only_positions_tell_super_pixels_apart(positional):
    """Without them, super-pixels in another order give results in that order."""
    coarsening, positions = healpix_map(2)
    network = SuperPixelTransformer(coarsening, 3, 8, 2, 2, positional, positions=positions)
    network.double()
    order = np.random.default_rng(0).permutation(12)
    features = draw(2, 48, 3)
    moved = features[:, coarsening.children[order].ravel()]
    difference = (network(moved) - network(features)[:, order]).abs().max()
    assert difference < 1e-12 if positional == "none" else difference > 1e-3


def test_every_super_pixel_sees_all_pixels():
    coarsening, _ = healpix_map(2)
    network = SuperPixelTransformer(coarsening, 1, 4, 2, 1).double()
    features = draw(1, 48, 1)
    others = features + torch.eye(48, dtype=torch.float64)[:, :, None]
    assert ((network(others) - network(features)).abs().amax(dim=2) > 1e-9).all()


def test_all_parameters_learn():
    coarsening, positions = healpix_map(2)
    for positional in ("learned", "coordinates"):
        network = SuperPixelTransformer(coarsening, 3, 8, 2, 2, positional, positions=positions)
        network(draw(2, 48, 3, dtype=torch.float32)).sin().sum().backward()
        assert all(parameter.grad.any() for parameter in network.parameters())


def test_derivatives_are_those_of_finite_differences():
    matrix = scipy.sparse.csr_array([[0.5, 0, 0, 0.5], [0, 0.5, 0.5, 0]])
    coarsening = CoarseningMap(matrix, np.array([[0, 3], [2, 1]]))
    network = SuperPixelTransformer(coarsening, 1, 2, 1, 1).double()
    assert torch.autograd.gradcheck(network, draw(1, 4, 1).requires_grad_())


def test_with_all_that_is_added_dropped_super_pixels_are_only_embedded():
    coarsening, _ = healpix_map(2)
    network = SuperPixelTransformer(coarsening, 3, 8, 2, 2, dropout=1.0)
    features = draw(2, 48, 3, dtype=torch.float32)
    embedded = network.positional(network.embedding(features))
    expected = functional.layer_norm(embedded, (8,))
    assert torch.equal(network(features), expected)
    assert not torch.allclose(network.eval()(features), expected)


def test_layers_start_differently_and_the_state_is_what_was_learned():
    coarsening, positions = healpix_map(2)
    network = SuperPixelTransformer(coarsening, 3, 8, 2, 2, "coordinates", positions=positions)
    first, second = network.layers
    assert not torch.equal(first.self_attn.in_proj_weight, second.self_attn.in_proj_weight)
    assert set(network.state_dict()) == {name for name, _ in network.named_parameters()}
    other = SuperPixelTransformer(coarsening, 3, 8, 2, 2, "coordinates", positions=positions)
    other.load_state_dict(network.state_dict(), strict=True)
    features = draw(2, 48, 3, dtype=torch.float32)
    assert torch.equal(other(features), network(features))
    assert torch.equal(copy.deepcopy(network)(features), network(features))


def test_a_compiled_network_is_one_graph():
    coarsening, _ = healpix_map(2)
    network = SuperPixelTransformer(coarsening, 3, 8, 2, 1)
    features = draw(2, 48, 3, dtype=torch.float32)
    fast = torch.compile(network, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(fast(features), network(features), rtol=1e-5, atol=1e-5)


def test_an_exported_network_gives_the_same():
    coarsening, _ = healpix_map(2)
    network = SuperPixelTransformer(coarsening, 3, 8, 2, 1).eval()
    sizes = {0: torch.export.Dim("batch", min=1)}
    features = draw(2, 48, 3, dtype=torch.float32)
    program = torch.export.export(network, (features,), dynamic_shapes=(sizes,))
    more = draw(5, 48, 3, dtype=torch.float32)
    torch.testing.assert_close(program.module()(more), network(more), rtol=1e-5, atol=1e-5)


def test_mixed_precision_is_close():
    """bfloat16 has 8 bits: numbers of order 1 are off by some of their 2^-9."""
    coarsening, _ = healpix_map(2)
    network = SuperPixelTransformer(coarsening, 3, 8, 2, 2)
    features = draw(2, 48, 3, dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        result = network(features)
    torch.testing.assert_close(result.float(), network(features), rtol=0, atol=16 * 2**-9)


def test_what_does_not_fit_is_refused():
    coarsening, positions = healpix_map(2)
    with pytest.raises(ValueError, match="divide the channels, found channels=8, heads=3"):
        SuperPixelTransformer(coarsening, 3, 8, 3, 1)
    with pytest.raises(ValueError, match="map with children"):
        SuperPixelTransformer(CoarseningMap(coarsening.matrix), 3, 8, 2, 1)
    with pytest.raises(ValueError, match="positions of 12 pixels for coordinates, found none"):
        SuperPixelTransformer(coarsening, 3, 8, 2, 1, "coordinates")
    with pytest.raises(DeepsphereError, match="unit vectors"):
        SuperPixelTransformer(coarsening, 3, 8, 2, 1, "coordinates", positions=2 * positions)
    with pytest.raises(ValueError, match="found"):
        SuperPixelTransformer(coarsening, 3, 8, 2, 1)(torch.zeros(2, 47, 3))
