import numpy as np
import pytest
import torch

from deepsphere.graphs.harmonics import real_harmonics
from deepsphere.nn.band_limited import NearestFunctions, harmonics_up_to, isotropic_coefficients
from deepsphere.samplings.fibonacci import Fibonacci
from deepsphere.samplings.gauss_legendre import GaussLegendre
from deepsphere.samplings.healpix import Healpix


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_harmonics_are_in_the_order_of_their_degrees():
    positions = Healpix(2).positions
    harmonics = harmonics_up_to(3, positions)
    assert harmonics.shape == (48, 16)
    for degree in range(4):
        expected = real_harmonics(degree, positions)
        np.testing.assert_array_equal(harmonics[:, degree**2 : (degree + 1) ** 2], expected)


def test_every_degree_has_an_equal_share_of_a_variance_of_1():
    """The variance at a point is the sum of the coefficients' own times the squared harmonics."""
    coefficients = isotropic_coefficients(4, 4000, 2, np.random.default_rng(0))
    assert coefficients.shape == (4000, 25, 2)
    squares = harmonics_up_to(4, Healpix(1).positions).square()
    for degree in range(5):
        own = slice(degree**2, (degree + 1) ** 2)
        variance = squares[:, own] @ coefficients[:, own].square().mean(dim=(0, 2))
        # Of 8000 draws: five standard deviations, or less where orders are averaged.
        torch.testing.assert_close(
            variance, torch.full((12,), 0.2).double(), atol=0, rtol=5 * (2 / 8000) ** 0.5
        )


@pytest.mark.parametrize("sampling", [Healpix(4), GaussLegendre(8, 16), Fibonacci(200)])
def test_functions_of_the_degrees_are_found_again(sampling):
    harmonics = harmonics_up_to(6, sampling.positions)
    coefficients = draw(3, 49, 2)
    nearest = NearestFunctions(harmonics, sampling.areas)
    torch.testing.assert_close(nearest.coefficients(harmonics @ coefficients), coefficients)


def test_other_values_are_projected_with_the_areas():
    """What is left is orthogonal to the harmonics: the normal equations of least squares."""
    sampling = GaussLegendre(8, 16)
    harmonics, values = harmonics_up_to(4, sampling.positions), draw(2, 128, 3)
    areas = torch.tensor(sampling.areas)
    coefficients = NearestFunctions(harmonics, sampling.areas).coefficients(values)
    left = areas[:, None] * (values - harmonics @ coefficients)
    torch.testing.assert_close(harmonics.mT @ left, torch.zeros(2, 25, 3).double())
    # Where quadrature is exact, harmonics are orthonormal, so that the norm is that on the sphere.
    function = harmonics @ coefficients
    on_the_sphere = torch.einsum("p,mpc->m", areas, function.square())
    torch.testing.assert_close(coefficients.square().sum(dim=(1, 2)), on_the_sphere)


@pytest.mark.parametrize(("part", "degree"), [(slice(None), 14), (slice(96), 4), (slice(10), 3)])
def test_pixels_that_do_not_hold_the_functions_are_refused(part, degree):
    """Too few on the sphere (192 for 225), half a sphere, and fewer than functions at all."""
    positions = Healpix(4).positions[part]
    with pytest.raises(ValueError, match=f"tell {(degree + 1) ** 2} harmonics apart, found"):
        NearestFunctions(harmonics_up_to(degree, positions), np.ones(len(positions)))
