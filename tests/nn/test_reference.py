"""The readable convolution against eigenvectors, in every basis, and its second derivatives."""

from math import comb

import numpy as np
import pytest
import torch

from deepsphere.nn.bases import BASES
from deepsphere.nn.operator import SymmetricOperator
from deepsphere.nn.reference import chebyshev_convolution_reference, convolution_reference

PIXELS = 10
MASS = np.geomspace(0.2, 5, PIXELS)[np.random.default_rng(0).permutation(PIXELS)]


def draw(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=torch.float64, generator=generator)


def values_at(basis, kernel_size, points):
    """Return the values of all functions of a basis, shape (function, point)."""
    degree, index = kernel_size - 1, np.arange(kernel_size)[:, None]
    if basis == "chebyshev":
        return np.cos(index * np.arccos(points))
    if basis == "monomial":
        return points**index
    binomials = np.array([comb(degree, number) for number in range(kernel_size)])[:, None]
    return binomials * ((1 + points) / 2) ** index * ((1 - points) / 2) ** (degree - index)


@pytest.mark.parametrize("groups", [1, 3])
@pytest.mark.parametrize("mass", [None, MASS], ids=["even", "masses"])
@pytest.mark.parametrize("kernel_size", [1, 2, 3, 6])
@pytest.mark.parametrize("basis", BASES)
def test_it_filters_by_the_functions_of_the_eigenvalues(
    rescaled_laplacian, basis, kernel_size, mass, groups
):
    """y_o = Σ_ki M^(-1/2) V φ_k(λ) V' M^(1/2) x_i w_kio, over the i of o's group."""
    matrix = rescaled_laplacian(PIXELS)
    eigenvalues, vectors = np.linalg.eigh(matrix.toarray())
    roots = np.ones(PIXELS) if mass is None else np.sqrt(mass)
    features, weight = draw(2, PIXELS, 6), draw(kernel_size, 6 // groups, 3, seed=1)
    expected = np.zeros((2, PIXELS, 3))
    for order, values in enumerate(values_at(basis, kernel_size, eigenvalues.clip(-1, 1))):
        filtered = (vectors * values) @ vectors.T * roots / roots[:, None]
        for leaving in range(3):
            group = leaving * groups // 3
            for entering in range(6 // groups):
                channel = features[..., group * (6 // groups) + entering].numpy()
                expected[..., leaving] += (
                    channel @ filtered.T * weight[order, entering, leaving].item()
                )
    laplacian = SymmetricOperator(matrix, torch.float64, mass)
    found = convolution_reference(features, weight, laplacian, basis, groups)
    np.testing.assert_allclose(found.numpy(), expected, rtol=0, atol=1e-12)


def test_the_chebyshev_form_is_that_of_the_chebyshev_basis(rescaled_laplacian):
    laplacian = SymmetricOperator(rescaled_laplacian(PIXELS), torch.float64)
    features, weight = draw(2, PIXELS, 3), draw(4, 3, 5, seed=1)
    found = chebyshev_convolution_reference(features, weight, laplacian)
    assert torch.equal(found, convolution_reference(features, weight, laplacian, "chebyshev"))
    others = [convolution_reference(features, weight, laplacian, basis) for basis in BASES[1:]]
    assert not any(torch.allclose(found, other) for other in others)


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("basis", BASES)
def test_first_and_second_derivatives_are_those_of_finite_differences(
    rescaled_laplacian, basis, groups
):
    laplacian = SymmetricOperator(rescaled_laplacian(4), torch.float64, MASS[:4])
    features = draw(1, 4, 2).requires_grad_()
    weight = draw(3, 2 // groups, 2, seed=1).requires_grad_()

    def convolve(features, weight):
        return convolution_reference(features, weight, laplacian, basis, groups)

    assert torch.autograd.gradcheck(convolve, (features, weight))
    assert torch.autograd.gradgradcheck(convolve, (features, weight))


def test_it_computes_in_the_type_of_the_features(rescaled_laplacian):
    """The operator and its masses are turned into that type before anything is computed."""
    matrix = rescaled_laplacian(PIXELS)
    features, weight = draw(2, PIXELS, 3), draw(4, 3, 2, seed=1)
    single = SymmetricOperator(matrix, torch.float32, MASS)
    found = convolution_reference(features, weight, single)
    expected = convolution_reference(features, weight, single.double())
    assert found.dtype == torch.float64
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-13)
    double = SymmetricOperator(matrix, torch.float64, MASS)
    found = convolution_reference(features.float(), weight.float(), double)
    assert found.dtype == torch.float32
