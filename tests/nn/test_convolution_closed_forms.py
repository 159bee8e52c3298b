"""The fast convolution against its readable form, and both against closed forms."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsphere.graphs.build import build_graph
from deepsphere.graphs.rescaling import RESCALINGS
from deepsphere.graphs.spectrum import largest_eigenvalue
from deepsphere.nn.chebyshev import ChebConv
from deepsphere.nn.convolution import chebyshev_convolution
from deepsphere.nn.operator import SymmetricOperator
from deepsphere.nn.reference import chebyshev_convolution_reference
from deepsphere.samplings.icosahedral import Icosahedral

# Largest error allowed, relative to the largest value: some tens of roundings.
TOLERANCE = {torch.float32: 4e-6, torch.float64: 1e-14}
PIXELS = 12
# Fewer inputs than outputs, as many, more (Clenshaw's recurrence), and down to one.
CHANNELS = [(2, 5), (3, 3), (5, 2), (4, 1), (1, 1)]


def draw(*shape, dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=torch.float64, generator=generator).to(dtype)


def values_and_gradients(convolution, features, weight, laplacian, of_result):
    features = features.detach().requires_grad_()
    weight = weight.detach().requires_grad_()
    result = convolution(features, weight, laplacian)
    return result, *torch.autograd.grad(result, [features, weight], of_result)


def assert_close(found, expected, dtype):
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape
        assert one.dtype == dtype
        error = (one.double() - other).abs().max()
        assert error <= TOLERANCE[dtype] * other.abs().max()


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("channels", CHANNELS, ids=str)
@pytest.mark.parametrize("kernel_size", range(1, 7))
@pytest.mark.parametrize("batch", [1, 3])
def test_values_and_gradients_are_those_of_the_reference(
    rescaled_laplacian, dtype, channels, kernel_size, batch
):
    laplacian = SymmetricOperator(rescaled_laplacian(PIXELS), dtype)
    features = draw(batch, PIXELS, channels[0], dtype=dtype, seed=1)
    weight = draw(kernel_size, *channels, dtype=dtype, seed=2)
    of_result = draw(batch, PIXELS, channels[1], dtype=dtype, seed=3)
    found = values_and_gradients(chebyshev_convolution, features, weight, laplacian, of_result)
    # The reference computes in float64 from the very same numbers.
    arguments = (features.double(), weight.double(), laplacian, of_result.double())
    expected = values_and_gradients(chebyshev_convolution_reference, *arguments)
    assert_close(found, expected, dtype)


@settings(derandomize=True, max_examples=60, deadline=None)
@given(
    pixels=st.integers(1, 9),
    batch=st.integers(1, 4),
    entering=st.integers(1, 5),
    leaving=st.integers(1, 5),
    kernel_size=st.integers(1, 6),
    seed=st.integers(0, 99),
)
def test_any_shape_gives_what_the_reference_gives(
    rescaled_laplacian, pixels, batch, entering, leaving, kernel_size, seed
):
    laplacian = SymmetricOperator(rescaled_laplacian(pixels, seed), torch.float64)
    arguments = (
        draw(batch, pixels, entering, seed=seed),
        draw(kernel_size, entering, leaving, seed=seed + 1),
        laplacian,
        draw(batch, pixels, leaving, seed=seed + 2),
    )
    found = values_and_gradients(chebyshev_convolution, *arguments)
    expected = values_and_gradients(chebyshev_convolution_reference, *arguments)
    assert_close(found, expected, torch.float64)


LAYOUTS = {
    "pixels outermost": lambda: draw(PIXELS, 3, 4).transpose(0, 1),
    "channels outermost": lambda: draw(4, 3, PIXELS).permute(1, 2, 0),
    "some channels": lambda: draw(3, PIXELS, 9)[..., 1:5],
    "some channels, pixels outermost": lambda: draw(PIXELS, 3, 9)[..., 1:5].transpose(0, 1),
    "every other sample": lambda: draw(6, PIXELS, 4)[::2],
    "repeated samples": lambda: draw(1, PIXELS, 4).expand(3, -1, -1),
    "repeated channels": lambda: draw(3, PIXELS, 1).expand(-1, -1, 4),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("leaving", [2, 4])
def test_the_layout_in_memory_does_not_matter(rescaled_laplacian, layout, leaving):
    laplacian = SymmetricOperator(rescaled_laplacian(PIXELS), torch.float64)
    features, weight = LAYOUTS[layout](), draw(4, 4, leaving, seed=1)
    of_result = LAYOUTS[layout]()[..., :leaving]
    found = values_and_gradients(chebyshev_convolution, features, weight, laplacian, of_result)
    expected = values_and_gradients(
        chebyshev_convolution_reference,
        features.contiguous(),
        weight,
        laplacian,
        of_result.contiguous(),
    )
    assert_close(found, expected, torch.float64)


@pytest.mark.parametrize("convolution", [chebyshev_convolution, chebyshev_convolution_reference])
@pytest.mark.parametrize("leaving", [1, 3])
@pytest.mark.parametrize("kernel_size", range(1, 7))
def test_an_eigenvector_is_multiplied_by_the_polynomials(
    rescaled_laplacian, convolution, leaving, kernel_size
):
    """With L v = λ v, T_k(L) v = cos(k arccos λ) v; two channels hold v and -3 v."""
    matrix = rescaled_laplacian(PIXELS)
    eigenvalues, vectors = np.linalg.eigh(matrix.toarray())
    polynomials = np.cos(np.outer(np.arange(kernel_size), np.arccos(eigenvalues.clip(-1, 1))))
    features = torch.from_numpy(vectors.T[..., None] * [1, -3])
    weight = draw(kernel_size, 2, leaving)
    result = convolution(features, weight, SymmetricOperator(matrix, torch.float64))
    mixed = np.einsum("ko,ke->eo", weight[:, 0] - 3 * weight[:, 1], polynomials)
    expected = vectors.T[..., None] * mixed[:, None]
    # arccos magnifies the rounding of the eigenvalues at ±1.
    np.testing.assert_allclose(result.numpy(), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("leaving", [1, 3])
def test_gradients_on_an_eigenvector(rescaled_laplacian, leaving):
    """For the loss Σ v·y: ∂W_k = T_k(λ) v·x, and ∂x = Σ_k T_k(λ) W_k summed over outputs, times v.

    With x the same unit vector v in both channels, v·x is 1.
    """
    matrix = rescaled_laplacian(PIXELS)
    eigenvalues, vectors = np.linalg.eigh(matrix.toarray())
    vector = torch.from_numpy(vectors[:, 4])
    polynomials = torch.from_numpy(np.cos(np.arange(5) * np.arccos(eigenvalues[4])))
    features = vector[None, :, None].repeat(1, 1, 2)
    weight = draw(5, 2, leaving)
    _, of_features, of_weight = values_and_gradients(
        chebyshev_convolution,
        features,
        weight,
        SymmetricOperator(matrix, torch.float64),
        vector[None, :, None].repeat(1, 1, leaving),
    )
    expected = polynomials[:, None, None].expand(5, 2, leaving)
    torch.testing.assert_close(of_weight, expected, rtol=0, atol=1e-13)
    factors = (polynomials[:, None, None] * weight).sum(dim=(0, 2))
    torch.testing.assert_close(of_features[0], vector[:, None] * factors, rtol=0, atol=1e-13)


@pytest.mark.parametrize("channels", [(2, 3), (3, 2)], ids=str)
@pytest.mark.parametrize("kernel_size", [1, 2, 4])
def test_gradients_are_those_of_finite_differences(rescaled_laplacian, channels, kernel_size):
    laplacian = SymmetricOperator(rescaled_laplacian(5), torch.float64)
    features = draw(2, 5, channels[0]).requires_grad_()
    weight = draw(kernel_size, *channels, seed=1).requires_grad_()

    def convolve(features, weight):
        return chebyshev_convolution(features, weight, laplacian)

    assert torch.autograd.gradcheck(convolve, (features, weight))
    assert torch.autograd.gradcheck(convolve, (features.detach(), weight))
    assert torch.autograd.gradcheck(convolve, (features, weight.detach()))


@pytest.mark.parametrize("channels", [(2, 3), (3, 2)], ids=str)
def test_only_the_gradients_that_are_wanted_are_computed(rescaled_laplacian, channels):
    laplacian = SymmetricOperator(rescaled_laplacian(PIXELS), torch.float64)
    features, weight = draw(2, PIXELS, channels[0]), draw(4, *channels, seed=1)
    of_result = draw(2, PIXELS, channels[1], seed=2)
    arguments = (features, weight, laplacian, of_result)
    _, of_features, of_weight = values_and_gradients(chebyshev_convolution, *arguments)
    learned = weight.clone().requires_grad_()
    chebyshev_convolution(features, learned, laplacian).backward(of_result)
    torch.testing.assert_close(learned.grad, of_weight, rtol=0, atol=1e-13)
    traced = features.clone().requires_grad_()
    chebyshev_convolution(traced, weight, laplacian).backward(of_result)
    torch.testing.assert_close(traced.grad, of_features, rtol=0, atol=1e-13)


@pytest.mark.parametrize("shape", [(2, 12, 4), (2, 11, 3), (12, 3), (1, 2, 12, 3)], ids=str)
def test_features_of_another_shape_are_refused(rescaled_laplacian, shape):
    convolution = ChebConv(3, 4, 2, SymmetricOperator(rescaled_laplacian(PIXELS)))
    with pytest.raises(ValueError) as caught:
        convolution(torch.zeros(shape))
    message = f"expected features of shape (batch, 12, 3), found {shape}"
    assert str(caught.value) == message


def test_a_bias_starts_at_zero_is_added_and_is_learned(rescaled_laplacian):
    laplacian = SymmetricOperator(rescaled_laplacian(PIXELS))
    convolution = ChebConv(3, 2, 3, laplacian, bias=True)
    features = draw(5, PIXELS, 3, dtype=torch.float32)
    without = chebyshev_convolution(features, convolution.weight, laplacian)
    assert torch.equal(convolution(features), without)
    with torch.no_grad():
        convolution.bias.copy_(torch.tensor([1.0, -2.0]))
    result = convolution(features)
    torch.testing.assert_close(result - without, convolution.bias.expand(5, PIXELS, 2))
    result.sum().backward()
    assert convolution.bias.grad.tolist() == [5 * PIXELS, 5 * PIXELS]


def test_the_state_holds_what_was_learned_and_nothing_else(rescaled_laplacian):
    laplacian = SymmetricOperator(rescaled_laplacian(PIXELS))
    one = ChebConv(3, 4, 5, laplacian, bias=True)
    other = ChebConv(3, 4, 5, SymmetricOperator(rescaled_laplacian(PIXELS)), bias=True)
    assert set(one.state_dict()) == {"weight", "bias"}
    features = draw(2, PIXELS, 3, dtype=torch.float32)
    assert not torch.equal(one(features), other(features))
    other.load_state_dict(one.state_dict(), strict=True)
    assert torch.equal(one(features), other(features))


def test_a_deep_copy_shares_the_operator_inside_and_nothing_outside(rescaled_laplacian):
    laplacian = SymmetricOperator(rescaled_laplacian(PIXELS))
    layers = torch.nn.Sequential(ChebConv(3, 4, 3, laplacian), ChebConv(4, 3, 3, laplacian))
    copied = copy.deepcopy(layers)
    features = draw(2, PIXELS, 3, dtype=torch.float32)
    before = layers(features)
    assert torch.equal(copied(features), before)
    assert copied[0].laplacian is copied[1].laplacian
    assert copied[0].laplacian is not laplacian
    with torch.no_grad():
        for tensor in (*copied.parameters(), copied[0].laplacian.values):
            tensor.zero_()
    assert torch.equal(layers(features), before)
    assert not copied(features).any()


def test_a_layer_moves_to_another_type_as_a_whole(rescaled_laplacian):
    convolution = ChebConv(3, 2, 4, SymmetricOperator(rescaled_laplacian(PIXELS))).double()
    features = draw(2, PIXELS, 3)
    result = convolution(features)
    arguments = (features, convolution.weight, convolution.laplacian)
    expected = chebyshev_convolution_reference(*arguments)
    assert_close([result], [expected], torch.float64)


# Where pixels differ in size, filters of the operator M^(-1/2) S M^(1/2) on functions, of which S
# is symmetric.
MASS = np.geomspace(0.1, 10, PIXELS)[np.random.default_rng(0).permutation(PIXELS)]


def by_polynomials(features, weight, matrix, mass):
    """Return Σ_k M^(-1/2) T_k(S) M^(1/2) x W_k, with the T_k from the eigenvalues of S."""
    eigenvalues, vectors = np.linalg.eigh(matrix.toarray())
    roots = np.sqrt(mass)
    result = 0
    for order, coefficients in enumerate(weight.numpy()):
        polynomial = np.cos(order * np.arccos(eigenvalues.clip(-1, 1)))
        filtered = (vectors * polynomial) @ vectors.T * roots / roots[:, None]
        result = result + filtered @ features.numpy() @ coefficients
    return result


@pytest.mark.parametrize("convolution", [chebyshev_convolution, chebyshev_convolution_reference])
@pytest.mark.parametrize("channels", [(2, 3), (3, 2)], ids=str)
@pytest.mark.parametrize("kernel_size", range(1, 6))
def test_with_a_mass_the_polynomials_are_those_of_the_operator_on_functions(
    rescaled_laplacian, convolution, channels, kernel_size
):
    matrix = rescaled_laplacian(PIXELS)
    laplacian = SymmetricOperator(matrix, torch.float64, MASS)
    features, weight = draw(3, PIXELS, channels[0]), draw(kernel_size, *channels, seed=1)
    expected = by_polynomials(features, weight, matrix, MASS)
    result = convolution(features, weight, laplacian)
    np.testing.assert_allclose(result.numpy(), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("channels", CHANNELS, ids=str)
@pytest.mark.parametrize("kernel_size", [1, 2, 5])
def test_with_a_mass_values_and_gradients_are_those_of_the_reference(
    rescaled_laplacian, dtype, channels, kernel_size
):
    laplacian = SymmetricOperator(rescaled_laplacian(PIXELS), dtype, MASS)
    features = draw(3, PIXELS, channels[0], dtype=dtype, seed=1)
    weight = draw(kernel_size, *channels, dtype=dtype, seed=2)
    of_result = draw(3, PIXELS, channels[1], dtype=dtype, seed=3)
    found = values_and_gradients(chebyshev_convolution, features, weight, laplacian, of_result)
    double = copy.deepcopy(laplacian).double()
    arguments = (features.double(), weight.double(), double, of_result.double())
    expected = values_and_gradients(chebyshev_convolution_reference, *arguments)
    assert_close(found, expected, dtype)


@pytest.mark.parametrize("channels", [(2, 3), (3, 2)], ids=str)
def test_with_a_mass_gradients_are_those_of_finite_differences(rescaled_laplacian, channels):
    laplacian = SymmetricOperator(rescaled_laplacian(5), torch.float64, MASS[:5])
    features = draw(2, 5, channels[0]).requires_grad_()
    weight = draw(4, *channels, seed=1).requires_grad_()

    def convolve(features, weight):
        return chebyshev_convolution(features, weight, laplacian)

    assert torch.autograd.gradcheck(convolve, (features, weight))
    assert torch.autograd.gradcheck(convolve, (features.detach(), weight))
    assert torch.autograd.gradcheck(convolve, (features, weight.detach()))


@pytest.mark.parametrize("kernel_size", [2, 3, 6])
def test_a_constant_stays_a_constant_on_pixels_of_unequal_areas(kernel_size):
    """Constants are in the kernel of M⁻¹(D - W), which goes to -1, where T_k is (-1)^k.

    Without the mass they would not be: S has the square root of the mass in its kernel.
    """
    graph = build_graph(Icosahedral(1))
    assert np.ptp(graph.mass) > 0.05
    matrix = graph.laplacian()
    operator = RESCALINGS["symmetric"].apply(matrix, largest_eigenvalue(matrix))
    weight = draw(kernel_size, 3, 2)
    constants = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    features = constants.expand(1, len(graph), 3)
    laplacian = SymmetricOperator(operator, torch.float64, graph.mass)
    result = chebyshev_convolution(features, weight, laplacian)
    signs = (-1.0) ** torch.arange(kernel_size, dtype=torch.float64)
    expected = torch.einsum("k,i,kio->o", signs, constants, weight).expand_as(result)
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-11)
    without = chebyshev_convolution(features, weight, SymmetricOperator(operator, torch.float64))
    assert (without.amax(dim=1) - without.amin(dim=1)).min() > 1e-3


@pytest.mark.parametrize("channels", [(2, 3), (3, 2)], ids=str)
def test_no_mass_gives_the_bits_that_a_mass_of_ones_gives(rescaled_laplacian, channels):
    matrix = rescaled_laplacian(PIXELS)
    features = draw(3, PIXELS, channels[0], dtype=torch.float32)
    weight = draw(4, *channels, dtype=torch.float32, seed=1)
    of_result = draw(3, PIXELS, channels[1], dtype=torch.float32, seed=2)
    none, ones = SymmetricOperator(matrix), SymmetricOperator(matrix, mass=np.ones(PIXELS))
    assert none.root_mass is None
    found = [
        values_and_gradients(chebyshev_convolution, features, weight, laplacian, of_result)
        for laplacian in (none, ones)
    ]
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))


def test_a_layer_with_a_mass_learns_no_more_copies_and_moves_as_a_whole(rescaled_laplacian):
    convolution = ChebConv(3, 2, 4, SymmetricOperator(rescaled_laplacian(PIXELS), mass=MASS))
    assert set(convolution.state_dict()) == {"weight"}
    features = draw(2, PIXELS, 3)
    copied = copy.deepcopy(convolution)
    assert torch.equal(copied(features.float()), convolution(features.float()))
    convolution = convolution.double()
    arguments = (features, convolution.weight, convolution.laplacian)
    expected = chebyshev_convolution_reference(*arguments)
    assert_close([convolution(features)], [expected], torch.float64)
