import copy

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from deepsphere.nn import convolution
from deepsphere.nn.blocks import ChebBlock, ResidualBlock, cheb_blocks
from deepsphere.nn.chebyshev import ChebConv
from deepsphere.nn.normalization import ChannelNormalization
from deepsphere.nn.operator import SymmetricOperator
from deepsphere.nn.pooling.nested import pool as pool_pixels
from deepsphere.nn.reference import chebyshev_convolution_reference

# PyTorch's own compiler still uses what it warns of.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script_method. is deprecated")

ACTIVATIONS = {
    "relu": lambda x: x.clamp(min=0),
    "elu": lambda x: torch.where(x > 0, x, x.exp() - 1),
    "gelu": lambda x: x * (1 + torch.erf(x / 2**0.5)) / 2,
    "silu": lambda x: x / (1 + (-x).exp()),
    "tanh": lambda x: (x.exp() - (-x).exp()) / (x.exp() + (-x).exp()),
    None: lambda x: x,
}


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def normalize(features, normalization, training=True):
    """Normalize as PyTorch does; running averages are those of a layer that saw no data yet."""
    if normalization == "batch":
        layer = torch.nn.BatchNorm1d(features.shape[2], affine=False).to(features.dtype)
        return layer.train(training)(features.transpose(1, 2)).transpose(1, 2)
    if normalization == "layer":
        return torch.nn.functional.layer_norm(features, features.shape[2:])
    return features


def randomize(module):
    """Give biases and scales other numbers than zeros and ones."""
    with torch.no_grad():
        for seed, parameter in enumerate(module.parameters()):
            parameter.copy_(draw(*parameter.shape, seed=seed) / 2)
    return module


def value_and_gradients(module, features):
    features = features.clone().requires_grad_()
    result = module(features)
    number = result.float().sin().sum()
    return result.detach(), *torch.autograd.grad(number, [features, *module.parameters()])


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


def make_inferring(laplacian, *sizes, **settings):
    """Return a block in evaluation, with statistics of any kind."""
    block = randomize(ChebBlock(*sizes, laplacian, **settings)).eval()
    held = block.normalization.statistics
    held.running_mean.copy_(draw(sizes[1], seed=8))
    held.running_var.copy_(draw(sizes[1], seed=9).abs() + 0.1)
    return block


def count_calls(monkeypatch):
    """Return the list that grows when a block is computed at once."""
    calls = []

    def convolve_rectify(*arguments):
        calls.append(None)
        return original(*arguments)

    original = convolution.convolve_rectify
    monkeypatch.setattr(convolution, "convolve_rectify", convolve_rectify)
    return calls


LARGE = 768


@pytest.mark.parametrize("pool", [None, "max", "mean"])
@pytest.mark.parametrize("activation", ["relu", None])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize("basis", ["chebyshev", "monomial"])
def test_what_is_inferred_at_once_is_what_the_steps_give(
    monkeypatch, rescaled_laplacian, pool, activation, dtype, basis
):
    exact = torch.float64 if dtype == torch.float64 else torch.float32
    laplacian = SymmetricOperator(rescaled_laplacian(LARGE), exact)
    block = make_inferring(laplacian, 12, 40, 3, pool=pool, activation=activation, basis=basis).to(
        dtype
    )
    features = draw(32, LARGE, 12).to(dtype)
    expected = block(features.clone().requires_grad_()).detach()
    calls = count_calls(monkeypatch)
    with torch.no_grad():
        found = block(features)
    assert calls
    assert found.dtype == dtype
    tolerance = {torch.float32: 2e-6, torch.float64: 1e-14, torch.bfloat16: 2**-6}[dtype]
    error = (found - expected).abs().max() / expected.abs().max()
    assert error < tolerance


def test_missing_pixels_are_zeros_where_a_block_is_inferred_at_once(rescaled_laplacian):
    known = draw(LARGE).numpy() > 0
    laplacian = SymmetricOperator(rescaled_laplacian(LARGE))
    block = make_inferring(laplacian, 12, 40, 3, known=known)
    features = draw(32, LARGE, 12)
    features[:, ~known] = torch.nan
    expected = block(features.clone().requires_grad_()).detach()
    with torch.no_grad():
        torch.testing.assert_close(block(features), expected, rtol=1e-4, atol=1e-4)


def test_a_block_goes_step_by_step_where_someone_looks_at_the_steps(
    monkeypatch, rescaled_laplacian
):
    block = make_inferring(SymmetricOperator(rescaled_laplacian(LARGE)), 12, 40, 3)
    features, calls, seen = draw(32, LARGE, 12), count_calls(monkeypatch), []

    def look(module, inputs, output=None):
        seen.append(module)

    with torch.no_grad():
        for module in (block.convolution, block.normalization):
            for register in (module.register_forward_hook, module.register_forward_pre_hook):
                handle = register(look)
                block(features)
                handle.remove()
                assert seen.pop() is module
        handle = torch.nn.modules.module.register_module_forward_hook(look)
        block(features)
        handle.remove()
        assert block.convolution in seen
        assert not calls
        block(features)
    assert calls


def test_a_block_goes_step_by_step_where_it_is_differentiated(monkeypatch, rescaled_laplacian):
    block = make_inferring(SymmetricOperator(rescaled_laplacian(LARGE)), 12, 40, 3)
    features, calls = draw(32, LARGE, 12), count_calls(monkeypatch)
    block(features).sum().backward()
    assert all(parameter.grad is not None for parameter in block.parameters())
    block.requires_grad_(False)
    entering = features.clone().requires_grad_()
    block(entering).sum().backward()
    assert entering.grad is not None
    torch.func.jvp(block, (features,), (features,))
    assert not calls
    block(features)
    assert calls


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", ["bias", "mean"])
def test_what_does_not_fit_is_refused_at_once_too(rescaled_laplacian, dtype, name):
    block = make_inferring(SymmetricOperator(rescaled_laplacian(LARGE)), 12, 40, 3).to(dtype)
    if name == "bias":
        block.bias = torch.nn.Parameter(torch.zeros(1, dtype=dtype))
    else:
        block.normalization = ChannelNormalization(1).to(dtype).eval()
    with (
        torch.no_grad(),
        pytest.raises(ValueError, match=rf"a {name} of shape \(40,\), found \(1,"),
    ):
        block(draw(32, LARGE, 12).to(dtype))


def test_pixels_without_data_are_cleared_once(rescaled_laplacian):
    known = draw(LARGE).numpy() > 0
    laplacian = SymmetricOperator(rescaled_laplacian(LARGE))
    block, calls = make_inferring(laplacian, 12, 40, 3, known=known), []
    block.convolution.padding.register_forward_hook(lambda *_: calls.append(None))
    features = draw(32, LARGE, 12)
    block(features)
    assert len(calls) == 1
    with torch.no_grad():
        block(features)
    assert len(calls) == 2


def test_a_block_is_traced_and_faked_in_evaluation(rescaled_laplacian):
    block = make_inferring(SymmetricOperator(rescaled_laplacian(LARGE)), 12, 40, 3, pool="max")

    class Tracer(torch.fx.Tracer):
        def is_leaf_module(self, module, name):
            return isinstance(module, ChebConv | ChannelNormalization)

    assert len(Tracer().trace(block).nodes) > 3
    features = draw(32, LARGE, 12)
    with torch.no_grad(), FakeTensorMode(allow_non_fake_inputs=True):
        assert block(features).shape == (32, LARGE // 4, 40)


def test_a_block_with_and_without_pooling_has_the_same_state(rescaled_laplacian):
    laplacian = SymmetricOperator(rescaled_laplacian(8))
    plain, pooling = ChebBlock(3, 4, 3, laplacian), ChebBlock(3, 4, 3, laplacian, "max")
    pooling.load_state_dict(plain.state_dict(), strict=True)
    features = draw(2, 8, 3)
    assert torch.equal(pooling(features), pool_pixels(plain(features), "max"))
    assert "pool='max'" in repr(pooling)
    assert "pool" not in repr(plain)


def test_what_is_published_is_pooled_on_the_way(rescaled_laplacian, monkeypatch):
    """Then nothing calls what pools features that are there."""
    pytest.importorskip("numba")

    def refuse(*arguments):
        raise AssertionError("features were written before they were pooled")

    monkeypatch.setattr("deepsphere.nn.pooling.nested.pool", refuse)
    laplacian = SymmetricOperator(rescaled_laplacian(8))
    features = draw(2, 8, 3)
    for activation in ("relu", None):
        block = ChebBlock(3, 4, 3, laplacian, "max", activation=activation)
        assert block(features).shape == (2, 2, 4)
    with pytest.raises(AssertionError, match="written before"):
        ChebBlock(3, 4, 3, laplacian, "max", activation="elu")(features)


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


@pytest.mark.parametrize("pool", [None, "max", "mean"])
@pytest.mark.parametrize("normalization", ["batch", "layer", None])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_block_is_what_its_settings_say(rescaled_laplacian, activation, normalization, pool):
    laplacian = SymmetricOperator(rescaled_laplacian(12))
    block = ChebBlock(3, 5, 3, laplacian, pool, activation=activation, normalization=normalization)
    randomize(block)
    features = draw(2, 12, 3, seed=9)
    for training in (True, False):
        # Batch statistics move the running averages, so each mode has a block of its own.
        result = copy.deepcopy(block).train(training)(features)
        expected = chebyshev_convolution_reference(features, block.convolution.weight, laplacian)
        expected = normalize(expected, normalization, training) + block.bias
        expected = ACTIVATIONS[activation](expected)
        if pool is not None:
            expected = pool_pixels(expected, pool)
        torch.testing.assert_close(result, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("normalization", ["batch", "layer", None])
@pytest.mark.parametrize("activation", ["gelu", None])
def test_all_parameters_of_other_blocks_learn(rescaled_laplacian, activation, normalization):
    laplacian = SymmetricOperator(rescaled_laplacian(8), dtype=torch.float64)
    settings = {"activation": activation, "normalization": normalization}
    block = ChebBlock(2, 3, 3, laplacian, "mean", **settings).double()
    check_gradients(block, draw(2, 8, 2).double())


def check_gradients(block, features):
    names = [name for name, _ in block.named_parameters()]

    def compute(*given):
        state = dict(zip(names, given[1:], strict=True))
        return torch.func.functional_call(copy.deepcopy(block), state, given[0])

    assert torch.autograd.gradcheck(compute, (features.requires_grad_(), *block.parameters()))


@pytest.mark.parametrize("basis", ["monomial", "bernstein"])
def test_blocks_convolve_in_their_basis(rescaled_laplacian, basis):
    laplacian = SymmetricOperator(rescaled_laplacian(9))
    block, residual = (
        kind(4, 4, 3, laplacian, basis=basis, normalization=None, activation=None)
        for kind in (ChebBlock, ResidualBlock)
    )
    assert block.convolution.basis == basis
    features = draw(2, 9, 4)
    assert torch.equal(block(features), block.convolution(features))
    first, second = residual.first.convolution, residual.second.convolution
    torch.testing.assert_close(residual(features), second(first(features)) + features)
    assert first.basis == second.basis == basis


def test_layer_normalization_knows_no_other_pixels_and_no_batch(rescaled_laplacian):
    """Only a filter of several taps could; with one tap, each pixel stands for itself."""
    laplacian = SymmetricOperator(rescaled_laplacian(9))
    block = ChebBlock(3, 5, 1, laplacian, activation=None, normalization="layer")
    assert {name for name, _ in block.named_parameters()} == {"convolution.weight", "bias"}
    features = draw(4, 9, 3)
    result = block(features)
    changed = features.clone()
    changed[0, 0] += 1
    same = torch.ones(4, 9, dtype=torch.bool)
    same[0, 0] = False
    torch.testing.assert_close(block(changed)[same], result[same])
    assert not torch.allclose(block(changed)[0, 0], result[0, 0])
    torch.testing.assert_close(result.mean(dim=2), torch.zeros(4, 9), atol=1e-6, rtol=0)
    torch.testing.assert_close(block.eval()(features), result)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"activation": "swish"}, "an activation among relu, .* or None, found 'swish'"),
        ({"normalization": "group"}, "a normalization among batch, layer or None, found 'group'"),
        ({"basis": "legendre"}, "legendre"),
    ],
)
@pytest.mark.parametrize("kind", [ChebBlock, ResidualBlock])
def test_unknown_names_are_refused(rescaled_laplacian, kind, settings, message):
    laplacian = SymmetricOperator(rescaled_laplacian(4))
    with pytest.raises(ValueError, match=message):
        kind(3, 4, 3, laplacian, **settings)


def test_settings_are_shown(rescaled_laplacian):
    laplacian = SymmetricOperator(rescaled_laplacian(4))
    assert "activation" not in repr(ResidualBlock(3, 3, 2, laplacian)).split("(first)")[0]
    block = ResidualBlock(3, 3, 2, laplacian, activation="elu", alpha=0.5, activate_sum=False)
    shown = repr(block).split("(first)")
    assert "activation='elu', alpha=0.5, activate_sum=False" in shown[0]
    assert "activation='elu'" in shown[1].split("(second)")[0]
    assert "activation=None" in shown[1].split("(second)")[1]


@pytest.mark.parametrize("out_channels", [3, 5])
@pytest.mark.parametrize("activate_sum", [True, False])
@pytest.mark.parametrize("normalization", ["batch", "layer", None])
@pytest.mark.parametrize("activation", ["relu", "tanh", None])
def test_a_residual_block_adds_its_input_to_two_convolutions(
    rescaled_laplacian, activation, normalization, activate_sum, out_channels
):
    laplacian = SymmetricOperator(rescaled_laplacian(9))
    block = ResidualBlock(
        3,
        out_channels,
        3,
        laplacian,
        activation=activation,
        normalization=normalization,
        alpha=0.7,
        activate_sum=activate_sum,
    )
    randomize(block)
    weights = block.first.convolution.weight, block.second.convolution.weight
    activate = ACTIVATIONS[activation]
    features = draw(2, 9, 3, seed=20)
    branch = chebyshev_convolution_reference(features, weights[0], laplacian)
    branch = activate(normalize(branch, normalization) + block.first.bias)
    branch = chebyshev_convolution_reference(branch, weights[1], laplacian)
    branch = normalize(branch, normalization) + block.second.bias
    if normalization is not None:
        branch = branch * block.scale
    entering = features if out_channels == 3 else features @ block.projection.weight[0]
    expected = (
        activate(branch + 0.7 * entering) if activate_sum else activate(branch) + 0.7 * entering
    )
    torch.testing.assert_close(block(features), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("normalization", ["batch", "layer", None])
def test_a_residual_block_without_filters_is_the_scaled_identity(rescaled_laplacian, normalization):
    """The published layer forgets alpha where there is no activation."""
    laplacian = SymmetricOperator(rescaled_laplacian(9))
    features = draw(2, 9, 4)
    settings = {"normalization": normalization, "alpha": -0.5}
    for activation in (None, "relu"):
        block = ResidualBlock(4, 4, 3, laplacian, activation=activation, **settings)
        torch.nn.init.zeros_(block.second.convolution.weight)
        assert torch.equal(block(features), ACTIVATIONS[activation](-0.5 * features))


def test_parameters_of_a_residual_block(rescaled_laplacian):
    """K F_in F_out weights and F_out biases a convolution, F_out scales, F_in F_out to project."""
    laplacian = SymmetricOperator(rescaled_laplacian(9))

    def count(*sizes, **settings):
        block = ResidualBlock(*sizes, 3, laplacian, **settings)
        return sum(parameter.numel() for parameter in block.parameters())

    assert count(4, 4) == count(4, 4, normalization="layer") == 2 * (3 * 4 * 4 + 4) + 4
    assert count(4, 4, normalization=None) == 2 * (3 * 4 * 4 + 4)
    assert count(2, 4) == (3 * 2 * 4 + 4) + (3 * 4 * 4 + 4) + 4 + 2 * 4


@pytest.mark.parametrize("activate_sum", [True, False])
@pytest.mark.parametrize("normalization", ["batch", "layer", None])
def test_all_parameters_of_a_residual_block_learn(rescaled_laplacian, normalization, activate_sum):
    laplacian = SymmetricOperator(rescaled_laplacian(8), dtype=torch.float64)
    settings = {"normalization": normalization, "activate_sum": activate_sum, "activation": "silu"}
    block = ResidualBlock(2, 3, 2, laplacian, **settings).double()
    check_gradients(block, draw(2, 8, 2).double())


BLOCKS = [
    lambda laplacian: ChebBlock(3, 4, 3, laplacian, "max"),
    lambda laplacian: ChebBlock(3, 4, 3, laplacian, "max", activation="elu"),
    lambda laplacian: ChebBlock(3, 4, 3, laplacian, "mean", normalization="layer"),
    lambda laplacian: ResidualBlock(3, 4, 3, laplacian),
    lambda laplacian: ResidualBlock(3, 3, 3, laplacian, normalization=None, activate_sum=False),
]


@pytest.mark.parametrize("make", BLOCKS)
def test_blocks_are_compiled_whole(rescaled_laplacian, make):
    laplacian = SymmetricOperator(rescaled_laplacian(8))
    block = randomize(make(laplacian))
    twin = copy.deepcopy(block)
    compiled = torch.compile(block, fullgraph=True, backend="aot_eager")
    features = draw(2, 8, 3)
    found = value_and_gradients(compiled, features)
    torch.testing.assert_close(found, value_and_gradients(twin, features))
    torch.testing.assert_close(block.state_dict(), twin.state_dict())


@pytest.mark.parametrize("activation", ["relu", "gelu"])
@pytest.mark.parametrize("kind", [ChebBlock, ResidualBlock])
def test_blocks_are_exported_for_any_batch(rescaled_laplacian, kind, activation):
    laplacian = SymmetricOperator(rescaled_laplacian(8))
    block = randomize(kind(3, 3, 3, laplacian, activation=activation)).eval()
    shapes = ({0: torch.export.Dim("batch")},)
    program = torch.export.export(block, (draw(2, 8, 3),), dynamic_shapes=shapes)
    more = draw(5, 8, 3, seed=1)
    torch.testing.assert_close(program.module()(more), block(more))


@pytest.mark.parametrize("make", BLOCKS)
def test_the_state_of_a_block_is_all_that_it_learned(rescaled_laplacian, make):
    laplacian = SymmetricOperator(rescaled_laplacian(8))
    block, other = randomize(make(laplacian)), make(laplacian)
    block(draw(4, 8, 3, seed=1))
    other.load_state_dict(block.state_dict(), strict=True)
    features = draw(2, 8, 3)
    assert torch.equal(other.eval()(features), block.eval()(features))
    assert not any("laplacian" in name for name in block.state_dict())


@pytest.mark.parametrize("make", BLOCKS)
def test_blocks_learn_in_mixed_precision(rescaled_laplacian, make):
    laplacian = SymmetricOperator(rescaled_laplacian(8))
    block = randomize(make(laplacian))
    twin = copy.deepcopy(block)
    features = draw(2, 8, 3)
    with torch.autocast("cpu", torch.bfloat16):
        found = value_and_gradients(block, features)
    expected = value_and_gradients(twin, features)
    # A sum with an input of float32 is of float32.
    assert found[0].dtype == (torch.float32 if make is BLOCKS[-1] else torch.bfloat16)
    for ours, theirs in zip(found, expected, strict=True):
        difference = (ours.float() - theirs).norm() / theirs.norm()
        assert 0 < difference < 0.05
    assert all(parameter.dtype == torch.float32 for parameter in block.parameters())


def test_blocks_are_stacked_in_the_order_of_their_widths(rescaled_laplacian):
    laplacian = SymmetricOperator(rescaled_laplacian(9))
    blocks = cheb_blocks(3, (4, 2, 6), 5, laplacian)
    shapes = [tuple(block.convolution.weight.shape) for block in blocks]
    assert shapes == [(5, 3, 4), (5, 4, 2), (5, 2, 6)]
    assert all(block.convolution.laplacian is laplacian for block in blocks)
    features = draw(2, 9, 3)
    blocks.eval()
    assert torch.equal(blocks(features), blocks[2](blocks[1](blocks[0](features))))
