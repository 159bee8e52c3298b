"""The layer in all its bases and groups, against its readable form and closed forms."""

import copy
from math import comb

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import deepsphere.nn.chebyshev
from deepsphere.nn.bases import BASES, chebyshev_coefficients
from deepsphere.nn.chebyshev import ChebConv
from deepsphere.nn.convolution import chebyshev_convolution
from deepsphere.nn.operator import SymmetricOperator
from deepsphere.nn.reference import convolution_reference

PIXELS = 12
MASS = np.geomspace(0.2, 5, PIXELS)[np.random.default_rng(0).permutation(PIXELS)]
# Largest error allowed, relative to the largest value.
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-13}
# In, out and groups: one chunk of all groups, two chunks, uneven chunks, and depthwise.
GROUPS = [(3, 4, 1), (4, 6, 2), (12, 6, 6), (64, 4, 2), (80, 10, 5), (68, 68, 34), (70, 140, 70)]


def draw(*shape, dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=torch.float64, generator=generator).to(dtype)


def assert_close(found, expected, dtype):
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape
        assert one.dtype == dtype
        error = (one.double() - other).abs().max()
        assert error <= TOLERANCE[dtype] * other.abs().max()


def compare_with_the_reference(convolution, features, of_result, groups=1):
    """Compare the values and all gradients with those of the formula, in float64."""
    features = features.requires_grad_()
    inputs = [features, *convolution.parameters()]
    result = convolution(features)
    found = result, *torch.autograd.grad(result, inputs, of_result)
    doubles = [tensor.detach().double().requires_grad_() for tensor in inputs]
    laplacian = copy.deepcopy(convolution.laplacian).double()
    expected = convolution_reference(*doubles[:2], laplacian, convolution.basis, groups)
    if convolution.bias is not None:
        expected = expected + doubles[2]
    of_inputs = torch.autograd.grad(expected, doubles, of_result.double())
    assert_close(found, [expected, *of_inputs], features.dtype)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("mass", [None, MASS], ids=["even", "masses"])
@pytest.mark.parametrize("kernel_size", [1, 2, 3, 6])
@pytest.mark.parametrize("channels", [(2, 4), (5, 3)], ids=str)
@pytest.mark.parametrize("basis", BASES)
def test_values_and_gradients_in_every_basis_are_those_of_the_reference(
    rescaled_laplacian, basis, channels, kernel_size, mass, dtype
):
    laplacian = SymmetricOperator(rescaled_laplacian(PIXELS), dtype, mass)
    torch.manual_seed(0)
    convolution = ChebConv(*channels, kernel_size, laplacian, basis=basis, bias=True).to(dtype)
    torch.nn.init.normal_(convolution.bias)
    features = draw(3, PIXELS, channels[0], dtype=dtype)
    compare_with_the_reference(convolution, features, draw(3, PIXELS, channels[1], dtype=dtype))


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("bias", [False, True], ids=["plain", "bias"])
@pytest.mark.parametrize("basis", BASES)
@pytest.mark.parametrize("sizes", GROUPS, ids=str)
def test_values_and_gradients_with_groups_are_those_of_the_reference(
    rescaled_laplacian, sizes, basis, bias, dtype
):
    entering, leaving, groups = sizes
    laplacian = SymmetricOperator(rescaled_laplacian(PIXELS), dtype)
    torch.manual_seed(0)
    settings = {"basis": basis, "bias": bias, "groups": groups}
    convolution = ChebConv(entering, leaving, 3, laplacian, **settings).to(dtype)
    assert convolution.weight.shape == (3, entering // groups, leaving)
    features = draw(2, PIXELS, entering, dtype=dtype)
    of_result = draw(2, PIXELS, leaving, dtype=dtype, seed=1)
    compare_with_the_reference(convolution, features, of_result, groups)


@pytest.mark.parametrize("sizes", [(2, 3, 1), (2, 2, 2), (36, 36, 36)], ids=str)
@pytest.mark.parametrize("basis", BASES)
def test_second_derivatives_are_those_of_the_reference(rescaled_laplacian, basis, sizes):
    entering, leaving, groups = sizes
    laplacian = SymmetricOperator(rescaled_laplacian(PIXELS), torch.float64, MASS)
    torch.manual_seed(0)
    convolution = ChebConv(entering, leaving, 3, laplacian, basis=basis, groups=groups).double()
    features, weight = draw(2, PIXELS, entering).requires_grad_(), convolution.weight
    results = (
        convolution(features),
        convolution_reference(features, weight, laplacian, basis, groups),
    )
    seconds = []
    for result in results:
        firsts = torch.autograd.grad(result.pow(3).sum(), [features, weight], create_graph=True)
        loss = sum(first.square().sum() for first in firsts)
        seconds.append(torch.autograd.grad(loss, [features, weight]))
    assert_close(*seconds, torch.float64)


@settings(derandomize=True, max_examples=60, deadline=None)
@given(
    basis=st.sampled_from(BASES),
    batch=st.integers(1, 3),
    entering=st.integers(1, 40),
    leaving=st.integers(1, 4),
    groups=st.integers(1, 9),
    kernel_size=st.integers(1, 5),
    seed=st.integers(0, 99),
)
def test_any_sizes_give_what_the_reference_gives(
    rescaled_laplacian, basis, batch, entering, leaving, groups, kernel_size, seed
):
    laplacian = SymmetricOperator(rescaled_laplacian(7, seed), torch.float64)
    torch.manual_seed(seed)
    sizes = (groups * entering, groups * leaving, kernel_size)
    convolution = ChebConv(*sizes, laplacian, basis=basis, groups=groups).double()
    features = draw(batch, 7, groups * entering, seed=seed)
    of_result = draw(batch, 7, groups * leaving, seed=seed + 1)
    compare_with_the_reference(convolution, features, of_result, groups)


@pytest.mark.parametrize("kernel_size", [1, 2, 4])
@pytest.mark.parametrize("basis", BASES)
def test_an_eigenvector_is_multiplied_by_the_response_at_its_eigenvalue(
    rescaled_laplacian, basis, kernel_size
):
    matrix = rescaled_laplacian(PIXELS)
    eigenvalues, vectors = np.linalg.eigh(matrix.toarray())
    laplacian = SymmetricOperator(matrix, torch.float64)
    convolution = ChebConv(1, 1, kernel_size, laplacian, basis=basis).double()
    weights = convolution.weight.detach().flatten().numpy()
    degree = kernel_size - 1
    for point, vector in zip(eigenvalues.clip(-1, 1), vectors.T, strict=True):
        values = {
            "chebyshev": [np.cos(index * np.arccos(point)) for index in range(kernel_size)],
            "monomial": [point**index for index in range(kernel_size)],
            "bernstein": [
                comb(degree, index)
                * ((1 + point) / 2) ** index
                * ((1 - point) / 2) ** (degree - index)
                for index in range(kernel_size)
            ],
        }[basis]
        result = convolution(torch.from_numpy(vector)[None, :, None]).detach().numpy().ravel()
        np.testing.assert_allclose(result, weights @ values * vector, rtol=0, atol=1e-13)


def test_equal_bernstein_coefficients_multiply_by_themselves(rescaled_laplacian):
    """The functions sum to one."""
    laplacian = SymmetricOperator(rescaled_laplacian(PIXELS), torch.float64)
    convolution = ChebConv(3, 2, 5, laplacian, basis="bernstein").double()
    with torch.no_grad():
        convolution.weight.copy_(draw(3, 2).expand(5, 3, 2))
    features = draw(2, PIXELS, 3, seed=1)
    torch.testing.assert_close(convolution(features), features @ draw(3, 2), rtol=0, atol=1e-13)


@pytest.fixture
def calls(monkeypatch):
    """Return a list that fills with the arguments of every call of the convolution."""
    found = []

    def remember(*arguments):
        found.append(arguments)
        return chebyshev_convolution(*arguments)

    monkeypatch.setattr(deepsphere.nn.chebyshev, "chebyshev_convolution", remember)
    return found


def test_without_groups_the_convolution_is_called_with_the_very_arguments(
    rescaled_laplacian, calls
):
    laplacian = SymmetricOperator(rescaled_laplacian(PIXELS))
    convolution = ChebConv(64, 2, 3, laplacian)
    features = draw(1, PIXELS, 64, dtype=torch.float32)
    result = convolution(features)
    ((given_features, given_weight, given_laplacian),) = calls
    assert given_features is features
    assert given_weight is convolution.weight
    assert given_laplacian is laplacian
    assert torch.equal(result, chebyshev_convolution(features, convolution.weight, laplacian))


@pytest.mark.parametrize(
    ("sizes", "chunks"),
    [
        ((70, 140, 70), [(35, 70), (35, 70)]),
        ((96, 96, 96), [(32, 32)] * 3),
        ((80, 10, 5), [(32, 4), (48, 6)]),
        ((64, 4, 2), [(32, 2), (32, 2)]),
        ((400, 8, 2), [(200, 4), (200, 4)]),
        ((62, 4, 2), [(62, 4)]),
        ((12, 6, 6), [(12, 6)]),
        ((2, 2, 2), [(2, 2)]),
    ],
    ids=str,
)
def test_groups_share_calls_of_at_least_32_channels(rescaled_laplacian, calls, sizes, chunks):
    """Where there are so many, and where a group is not wide enough alone."""
    entering, leaving, groups = sizes
    laplacian = SymmetricOperator(rescaled_laplacian(PIXELS))
    convolution = ChebConv(entering, leaving, 2, laplacian, groups=groups)
    convolution(draw(1, PIXELS, entering, dtype=torch.float32))
    assert [(part.shape[2], weight.shape[2]) for part, weight, _ in calls] == chunks


@pytest.mark.parametrize("basis", ["monomial", "bernstein"])
def test_the_change_of_basis_keeps_its_digits_wherever_the_layer_goes(rescaled_laplacian, basis):
    laplacian = SymmetricOperator(rescaled_laplacian(PIXELS))
    convolution = ChebConv(2, 3, 16, laplacian, basis=basis)
    exact = torch.from_numpy(chebyshev_coefficients(basis, 16))
    assert not torch.equal(exact.bfloat16().double(), exact)
    expected = {
        torch.float32: torch.float32,
        torch.bfloat16: torch.float32,
        torch.float64: torch.float64,
    }
    for dtype in (torch.float32, torch.bfloat16, torch.float64, torch.float32, torch.float64):
        convolution = copy.deepcopy(convolution).to(dtype)
        assert convolution.weight.dtype == dtype
        assert convolution.change_of_basis.dtype == expected[dtype]
        assert torch.equal(convolution.change_of_basis, exact.to(expected[dtype]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_weights_are_changed_in_single_precision_even_under_autocast(
    rescaled_laplacian, monkeypatch, dtype
):
    """The convolution gets the exact coefficients, rounded once to the type of the weights."""
    found = []

    def remember(features, weight, laplacian):
        found.append(weight)
        return features

    monkeypatch.setattr(deepsphere.nn.chebyshev, "chebyshev_convolution", remember)
    laplacian = SymmetricOperator(rescaled_laplacian(PIXELS))
    convolution = ChebConv(8, 8, 6, laplacian, basis="bernstein").to(dtype)
    functions = torch.from_numpy(chebyshev_coefficients("bernstein", 6))
    weight = convolution.weight.detach().double()
    expected = torch.einsum("jk,jio->kio", functions, weight)
    for mixed in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
            convolution(torch.zeros(1, PIXELS, 8, dtype=dtype))
        assert found[-1].dtype == dtype
        size = expected.abs().max()
        assert (found[-1].double() - expected).abs().max() <= torch.finfo(dtype).eps * size


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("basis", BASES)
def test_under_autocast_the_result_with_a_bias_has_the_type_of_autocast(
    rescaled_laplacian, basis, groups
):
    """And what is learned keeps its own; values are good to some roundings to 8 bits."""
    laplacian = SymmetricOperator(rescaled_laplacian(PIXELS))
    torch.manual_seed(0)
    convolution = ChebConv(4, 6, 3, laplacian, basis=basis, bias=True, groups=groups)
    torch.nn.init.normal_(convolution.bias)
    features = draw(2, PIXELS, 4, dtype=torch.float32)
    expected = convolution(features)
    with torch.autocast("cpu", torch.bfloat16):
        result = convolution(features)
    assert result.dtype == torch.bfloat16
    assert (result - expected).abs().max() < 0.03 * expected.abs().max()
    result.float().sum().backward()
    assert convolution.weight.grad.dtype == convolution.bias.grad.dtype == torch.float32


@pytest.mark.parametrize("basis", BASES)
@pytest.mark.parametrize("groups", [1, 2])
def test_the_state_holds_weight_and_bias_in_the_layers_own_basis(rescaled_laplacian, basis, groups):
    laplacian = SymmetricOperator(rescaled_laplacian(PIXELS))
    settings = {"basis": basis, "groups": groups, "bias": True}
    one, other = (ChebConv(4, 6, 5, laplacian, **settings) for _ in range(2))
    assert set(one.state_dict()) == {"weight", "bias"}
    assert ("change_of_basis" in dict(one.named_buffers())) == (basis != "chebyshev")
    features = draw(2, PIXELS, 4, dtype=torch.float32)
    assert not torch.equal(one(features), other(features))
    other.load_state_dict(one.state_dict(), strict=True)
    assert torch.equal(one(features), other(features))
    assert torch.equal(copy.deepcopy(one)(features), one(features))


def test_repr_tells_the_sizes_and_what_is_not_the_default(rescaled_laplacian):
    laplacian = SymmetricOperator(rescaled_laplacian(PIXELS))
    assert ChebConv(4, 6, 5, laplacian).extra_repr() == "4, 6, kernel_size=5"
    settings = {"basis": "bernstein", "initialization": "modern", "bias": True, "groups": 2}
    assert ChebConv(4, 6, 5, laplacian, **settings).extra_repr() == (
        "4, 6, kernel_size=5, basis='bernstein', initialization='modern', bias=True, groups=2"
    )


@pytest.mark.parametrize("sizes", [(0, 1, 1, 1), (1, 0, 1, 1), (1, 1, 0, 1), (1, 1, 1, 0)], ids=str)
def test_sizes_below_one_are_refused(rescaled_laplacian, sizes):
    laplacian = SymmetricOperator(rescaled_laplacian(3))
    with pytest.raises(ValueError) as caught:
        ChebConv(*sizes[:3], laplacian, groups=sizes[3])
    assert str(caught.value) == (
        "expected at least 1 each, found in_channels={}, out_channels={}, kernel_size={}, "
        "groups={}".format(*sizes)
    )


@pytest.mark.parametrize("sizes", [(4, 6, 3), (6, 4, 3), (2, 2, 4)], ids=str)
def test_groups_that_do_not_divide_the_channels_are_refused(rescaled_laplacian, sizes):
    entering, leaving, groups = sizes
    with pytest.raises(ValueError) as caught:
        ChebConv(entering, leaving, 2, SymmetricOperator(rescaled_laplacian(3)), groups=groups)
    assert str(caught.value) == (
        "expected groups that divide the channels, "
        f"found in_channels={entering}, out_channels={leaving}, groups={groups}"
    )


def test_an_unknown_basis_is_refused(rescaled_laplacian):
    with pytest.raises(ValueError, match="monomial, bernstein, found 'legendre'"):
        ChebConv(3, 4, 5, SymmetricOperator(rescaled_laplacian(3)), basis="legendre")


@pytest.mark.parametrize("groups", [1, 2, 64])
@pytest.mark.parametrize("shape", [(2, 12, 65), (2, 12, 63), (2, 11, 64), (12, 64)], ids=str)
def test_features_of_another_shape_are_refused_with_groups_too(rescaled_laplacian, shape, groups):
    """Also one channel too many, which slices would pass over in silence."""
    convolution = ChebConv(64, 64, 2, SymmetricOperator(rescaled_laplacian(PIXELS)), groups=groups)
    with pytest.raises(ValueError) as caught:
        convolution(torch.zeros(shape))
    message = f"expected features of shape (batch, 12, 64), found {shape}"
    assert str(caught.value) == message
