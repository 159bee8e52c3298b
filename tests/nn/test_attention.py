import copy
import math

import numpy as np
import pytest
import scipy.sparse
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from deepsphere.graphs.recipe import Recipe
from deepsphere.nn.attention import GraphAttention, GraphTransformer, NeighbourLists
from deepsphere.nn.building import build_graph_hierarchy
from deepsphere.nn.operator import SymmetricOperator
from deepsphere.samplings.healpix import Healpix

PIXELS = 9
TOLERANCE = {torch.float32: 2e-6, torch.float64: 1e-14}


@pytest.fixture(autouse=True)
def same_weights():
    """Start layers as always."""
    torch.manual_seed(0)


def draw(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


def edges_of(matrix):
    """Return the edges and self loops, boolean, shape (pixel, pixel)."""
    return torch.from_numpy(matrix.toarray() != 0) | torch.eye(matrix.shape[0], dtype=torch.bool)


def with_random_biases(module):
    """Return a module whose biases, which start as zeros, are no zeros."""
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if parameter.ndim == 1:
                parameter.add_(draw(*parameter.shape, seed=len(name)).to(parameter.dtype) / 2)
    return module


def dense_attention(layer, features, edges):
    """Return the layer's result by PyTorch's attention over all pixels with a mask."""
    query, key, value = (
        part.unflatten(-1, (layer.heads, -1)).transpose(1, 2)
        for part in layer.entering(features).chunk(3, dim=-1)
    )
    heard = functional.scaled_dot_product_attention(query, key, value, attn_mask=edges)
    return layer.leaving(heard.transpose(1, 2).flatten(-2))


@given(st.integers(1, 12), st.integers(0, 3), st.booleans())
@settings(derandomize=True, deadline=None, max_examples=20)
def test_lists_hold_each_pixel_and_its_neighbours_in_order(pixels, seed, diagonal):
    generator = np.random.default_rng(seed)
    weights = np.triu(generator.normal(size=(pixels, pixels)), 1)
    weights[generator.random((pixels, pixels)) < 0.7] = 0
    weights = weights + weights.T + diagonal * np.eye(pixels)
    lists = NeighbourLists(SymmetricOperator(scipy.sparse.csr_array(weights)))
    expected = [
        [other for other in range(pixels) if other == pixel or weights[pixel, other]]
        for pixel in range(pixels)
    ]
    found = [row[~absent].tolist() for row, absent in zip(lists.pixels, lists.absent, strict=True)]
    assert found == expected
    assert lists.pixels.shape == (pixels, max(map(len, expected)))
    own = torch.arange(pixels)[:, None].expand_as(lists.pixels)
    assert torch.equal(lists.pixels[lists.absent], own[lists.absent])


def test_an_entry_of_zero_is_no_edge():
    matrix = scipy.sparse.csr_array(
        (np.array([0.0, 1.0, 0.0, 1.0]), np.array([1, 2, 0, 0]), np.array([0, 2, 3, 4])), (3, 3)
    )
    lists = NeighbourLists(SymmetricOperator(matrix))
    assert lists.pixels.tolist() == [[0, 2], [1, 1], [0, 2]]
    assert lists.absent.tolist() == [[False, False], [False, True], [False, False]]


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("heads", [1, 2, 4])
def test_attention_is_pytorchs_with_all_but_the_neighbours_masked(rescaled_laplacian, heads, dtype):
    """The random graph has pixels of unequal degree, one of them without neighbours."""
    matrix = rescaled_laplacian(PIXELS)
    layer = GraphAttention(8, heads, NeighbourLists(SymmetricOperator(matrix)))
    layer = with_random_biases(layer).to(dtype)
    features = draw(3, PIXELS, 8, dtype=dtype).requires_grad_()
    results = []
    for result in (layer(features), dense_attention(layer, features, edges_of(matrix))):
        gradients = torch.autograd.grad(result.sin().sum(), (features, *layer.parameters()))
        results.append([result, *gradients])
    for found, expected in zip(*results, strict=True):
        scale = max(1, expected.abs().max().item())
        torch.testing.assert_close(found, expected, rtol=0, atol=10 * scale * TOLERANCE[dtype])


def test_attention_is_that_of_pytorchs_layer_with_the_same_weights(rescaled_laplacian):
    matrix = rescaled_laplacian(PIXELS)
    layer = GraphAttention(8, 2, NeighbourLists(SymmetricOperator(matrix)))
    layer = with_random_biases(layer).double()
    other = nn.MultiheadAttention(8, 2, batch_first=True, dtype=torch.float64)
    ours = layer.state_dict()
    other.load_state_dict(
        {
            "in_proj_weight": ours["entering.weight"],
            "in_proj_bias": ours["entering.bias"],
            "out_proj.weight": ours["leaving.weight"],
            "out_proj.bias": ours["leaving.bias"],
        }
    )
    features = draw(3, PIXELS, 8)
    # There, a mask says who is not attended to.
    expected, _ = other(features, features, features, attn_mask=~edges_of(matrix))
    torch.testing.assert_close(layer(features), expected, rtol=0, atol=1e-13)


def test_attention_starts_as_pytorchs(rescaled_laplacian):
    """A bound of sqrt(6 / (in + 3 in)) for what enters, and biases of zero (Glorot, Bengio)."""
    layer = GraphAttention(64, 2, NeighbourLists(SymmetricOperator(rescaled_laplacian(3))))
    bound = math.sqrt(6 / 256)
    assert 0.99 * bound < layer.entering.weight.abs().max() <= bound
    assert not layer.entering.bias.any()
    assert not layer.leaving.bias.any()


def test_a_transformer_is_pytorchs_with_all_but_the_neighbours_masked(rescaled_laplacian):
    matrix = rescaled_laplacian(PIXELS)
    network = GraphTransformer(8, 2, 3, SymmetricOperator(matrix))
    network = with_random_biases(network).double()
    layer = nn.TransformerEncoderLayer(
        8, 2, 32, 0.0, "gelu", batch_first=True, norm_first=True, dtype=torch.float64
    )
    norm = nn.LayerNorm(8, dtype=torch.float64)
    other = nn.TransformerEncoder(layer, 3, norm, enable_nested_tensor=False)
    names = {
        "attention.0.": "norm1.",
        "attention.1.entering.": "self_attn.in_proj_",
        "attention.1.leaving.": "self_attn.out_proj.",
        "feed_forward.0.": "norm2.",
        "feed_forward.1.": "linear1.",
        "feed_forward.4.": "linear2.",
        "normalization.": "norm.",
    }
    state = {}
    for name, tensor in network.state_dict().items():
        (ours,) = (start for start in names if start in name)
        state[name.replace(ours, names[ours])] = tensor
    other.load_state_dict(state, strict=True)
    features = draw(3, PIXELS, 8)
    expected = other(features, mask=~edges_of(matrix))
    torch.testing.assert_close(network(features), expected, rtol=0, atol=1e-12)


def test_a_pixel_sees_as_many_edges_away_as_there_are_layers():
    """Derivatives are zero, exactly, where no path is short enough, and nowhere else."""
    ring = scipy.sparse.diags_array([1.0, 1, 1, 1], offsets=[1, -1, 7, -7], shape=(8, 8)).tocsr()
    network = GraphTransformer(4, 2, 2, SymmetricOperator(ring)).double()
    jacobian = torch.autograd.functional.jacobian(network, draw(1, 8, 4))
    reached = jacobian[0, :, :, 0].abs().amax(dim=(1, 3)) > 0
    edges = edges_of(ring).double()
    assert torch.equal(reached, edges @ edges > 0)


def test_a_pixel_without_neighbours_hears_itself(rescaled_laplacian):
    """A softmax of one logit is 1: its result is its own value."""
    layer = GraphAttention(4, 2, NeighbourLists(SymmetricOperator(rescaled_laplacian(PIXELS))))
    features = draw(2, PIXELS, 4, dtype=torch.float32)
    alone = PIXELS // 2
    value = layer.entering(features).chunk(3, dim=-1)[2]
    torch.testing.assert_close(layer(features)[:, alone], layer.leaving(value)[:, alone])


def test_pixels_in_another_order_give_results_in_that_order(rescaled_laplacian):
    matrix = rescaled_laplacian(PIXELS)
    order = np.random.default_rng(1).permutation(PIXELS)
    network = GraphTransformer(8, 2, 2, SymmetricOperator(matrix)).double()
    reordered = scipy.sparse.csr_array(matrix[order][:, order])
    other = GraphTransformer(8, 2, 2, SymmetricOperator(reordered)).double()
    other.load_state_dict(network.state_dict())
    features = draw(2, PIXELS, 8)
    torch.testing.assert_close(
        other(features[:, order]), network(features)[:, order], rtol=0, atol=1e-13
    )


def quarter_turn(positions):
    """Return where each pixel is that a turn by 90° about z brings to each pixel's place."""
    turned = positions @ np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]])
    distances = np.linalg.norm(turned[:, None] - positions, axis=2)
    assert distances.min(axis=0).max() < 1e-12
    return distances.argmin(axis=0)


def test_a_rotation_that_maps_pixels_to_pixels_rotates_the_result():
    """HEALPix looks the same after a turn by 90° about z, and so does the graph of adjacency."""
    recipe = Recipe(neighbours="adjacent")
    hierarchy = build_graph_hierarchy(Healpix(4), recipe=recipe)
    network = GraphTransformer(8, 2, 2, hierarchy.operator(0)).double()
    turn = quarter_turn(hierarchy.positions[0])
    features = draw(1, 192, 8)
    result = network(features)
    torch.testing.assert_close(network(features[:, turn]), result[:, turn], rtol=0, atol=1e-13)
    other = np.roll(np.arange(192), 1)
    assert (network(features[:, other]) - result[:, other]).abs().max() > 0.1


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
def test_large_logits_stay_finite(rescaled_laplacian, dtype):
    """Exponentials of these logits would overflow both types; a softmax picks the largest."""
    matrix = rescaled_laplacian(PIXELS)
    layer = GraphAttention(8, 2, NeighbourLists(SymmetricOperator(matrix))).to(dtype)
    with torch.no_grad():
        layer.entering.weight[:16] *= 1e3
    features = draw(2, PIXELS, 8, dtype=dtype).requires_grad_()
    query, key, _ = layer.entering(features).chunk(3, dim=-1)
    assert (query @ key.transpose(1, 2)).amax() > 1e5
    result = layer(features)
    (gradient,) = torch.autograd.grad(result.sum(), features)
    assert gradient.isfinite().all()
    expected = dense_attention(layer, features, edges_of(matrix))
    torch.testing.assert_close(result, expected, rtol=0, atol=10 * TOLERANCE[dtype])


def test_not_a_number_reaches_the_neighbours_and_no_others(rescaled_laplacian):
    matrix = rescaled_laplacian(PIXELS)
    layer = GraphAttention(4, 2, NeighbourLists(SymmetricOperator(matrix)))
    features = draw(1, PIXELS, 4, dtype=torch.float32)
    features[0, 2] = torch.nan
    assert torch.equal(layer(features)[0].isnan().all(dim=1), edges_of(matrix)[2])
    assert torch.equal(layer(features)[0].isnan().any(dim=1), edges_of(matrix)[2])


def test_attention_can_be_differentiated_twice(rescaled_laplacian):
    lists = NeighbourLists(SymmetricOperator(rescaled_laplacian(3)))
    layer = with_random_biases(GraphAttention(2, 2, lists)).double()
    names = [name for name, _ in layer.named_parameters()]

    def attend(features, *parameters):
        state = dict(zip(names, parameters, strict=True))
        return torch.func.functional_call(layer, state, features)

    arguments = (draw(1, 3, 2).requires_grad_(), *layer.parameters())
    assert torch.autograd.gradcheck(attend, arguments)
    assert torch.autograd.gradgradcheck(layer, arguments[:1])


def test_with_all_that_is_added_dropped_features_are_only_normalized(rescaled_laplacian):
    network = GraphTransformer(8, 2, 2, SymmetricOperator(rescaled_laplacian(PIXELS)), dropout=1.0)
    features = draw(2, PIXELS, 8, dtype=torch.float32)
    assert torch.equal(network(features), functional.layer_norm(features, (8,)))
    network.eval()
    assert not torch.allclose(network(features), functional.layer_norm(features, (8,)))


def test_weights_of_the_attention_are_dropped_in_training_only(rescaled_laplacian):
    """With the chance p a weight is 0, else divided by 1 - p: so the mean stays what it is."""
    lists = NeighbourLists(SymmetricOperator(rescaled_laplacian(PIXELS)))
    layer = GraphAttention(4, 2, lists, dropout=0.25).double()
    features = draw(1, PIXELS, 4)
    expected = layer.eval()(features)
    assert torch.equal(layer(features), expected)
    trials = torch.cat([layer.train()(features.expand(1000, -1, -1)) for _ in range(4)])
    errors = (trials.mean(dim=0) - expected[0]) / (trials.std(dim=0) / math.sqrt(len(trials)))
    # 36 standard normal numbers are all below 4.5 in 99.98 % of all cases.
    assert errors.abs().max() < 4.5
    assert trials.std(dim=0).min() > 0


def test_layers_start_differently_and_share_the_lists(rescaled_laplacian):
    network = GraphTransformer(8, 2, 2, SymmetricOperator(rescaled_laplacian(PIXELS)))
    first, second = (layer.attention[1] for layer in network.layers)
    assert not torch.equal(first.entering.weight, second.entering.weight)
    assert first.neighbours is second.neighbours
    copied = copy.deepcopy(network)
    assert copied.layers[0].attention[1].neighbours is copied.layers[1].attention[1].neighbours
    assert [buffer.dtype for buffer in network.buffers()] == [torch.int64, torch.bool]
    assert all(buffer.is_contiguous() for buffer in network.buffers())
    assert set(network.state_dict()) == {name for name, _ in network.named_parameters()}
    assert f"pixels={PIXELS}, most=" in repr(network)
    assert "heads=2" in repr(network)


def test_a_compiled_transformer_is_one_graph(rescaled_laplacian):
    network = GraphTransformer(8, 2, 1, SymmetricOperator(rescaled_laplacian(PIXELS)))
    fast = torch.compile(network, backend="aot_eager", fullgraph=True)
    features = draw(2, PIXELS, 8, dtype=torch.float32).requires_grad_()
    results = []
    for function in (fast, network):
        result = function(features)
        results.append((result, *torch.autograd.grad(result.sin().sum(), features)))
    torch.testing.assert_close(*results, rtol=1e-5, atol=1e-5)


def test_an_exported_transformer_gives_the_same(rescaled_laplacian):
    network = GraphTransformer(8, 2, 1, SymmetricOperator(rescaled_laplacian(PIXELS))).eval()
    features = draw(2, PIXELS, 8, dtype=torch.float32)
    sizes = {0: torch.export.Dim("batch", min=1)}
    program = torch.export.export(network, (features,), dynamic_shapes=(sizes,))
    more = draw(5, PIXELS, 8, dtype=torch.float32)
    torch.testing.assert_close(program.module()(more), network(more))


def test_mixed_precision_is_close(rescaled_laplacian):
    """bfloat16 has 8 bits: numbers of order 1 are off by some of their 2^-9."""
    network = GraphTransformer(8, 2, 2, SymmetricOperator(rescaled_laplacian(PIXELS)))
    features = draw(2, PIXELS, 8, dtype=torch.float32).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        result = network(features)
    torch.testing.assert_close(result.float(), network(features), rtol=0, atol=16 * 2**-9)
    assert torch.autograd.grad(result.sum(), features)[0].isfinite().all()


@pytest.mark.parametrize(("channels", "heads"), [(8, 3), (8, 0), (0, 1)])
def test_heads_must_divide_the_channels(rescaled_laplacian, channels, heads):
    laplacian = SymmetricOperator(rescaled_laplacian(3))
    with pytest.raises(ValueError, match=f"divide the channels, found channels={channels}, heads"):
        GraphTransformer(channels, heads, 1, laplacian)


@pytest.mark.parametrize("shape", [(PIXELS, 8), (2, PIXELS + 1, 8), (2, PIXELS, 4)])
def test_features_of_another_shape_are_refused(rescaled_laplacian, shape):
    layer = GraphAttention(8, 2, NeighbourLists(SymmetricOperator(rescaled_laplacian(PIXELS))))
    with pytest.raises(ValueError, match=rf"expected features of shape \(batch, {PIXELS}, 8\)"):
        layer(torch.zeros(shape))


def test_lists_are_where_the_operator_is_whatever_the_default_device(rescaled_laplacian):
    operator = SymmetricOperator(rescaled_laplacian(PIXELS))
    expected = NeighbourLists(operator)
    with torch.device("meta"):
        lists = NeighbourLists(operator)
    assert torch.equal(lists.pixels, expected.pixels)
    assert torch.equal(lists.absent, expected.absent)
