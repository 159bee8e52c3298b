"""The first weights against their formulas, and what they make of noise and of constants."""

from math import comb, pi, sqrt

import numpy as np
import pytest
import scipy.sparse
import scipy.special
import scipy.stats
import torch

from deepsphere.graphs.build import build_graph
from deepsphere.graphs.recipe import Recipe
from deepsphere.graphs.rescaling import RESCALINGS
from deepsphere.graphs.spectrum import largest_eigenvalue
from deepsphere.nn.bases import BASES
from deepsphere.nn.chebyshev import ChebConv
from deepsphere.nn.initialization import (
    INITIALIZATIONS,
    initialize,
    published_deviation,
    smooth_gain,
    white_gain,
)
from deepsphere.nn.operator import SymmetricOperator
from deepsphere.samplings.healpix import Healpix
from deepsphere.samplings.icosahedral import Icosahedral


def operator(sampling, rescaling="symmetric", **recipe):
    graph = build_graph(sampling, Recipe(**recipe))
    laplacian = graph.laplacian()
    matrix = RESCALINGS[rescaling].apply(laplacian, largest_eigenvalue(laplacian))
    return SymmetricOperator(matrix, torch.float64, graph.mass), matrix


@pytest.fixture(scope="module")
def healpix():
    """Return an operator on 768 pixels, more than are treated exactly, and its eigenvalues."""
    laplacian, matrix = operator(Healpix(8), neighbours=20)
    return laplacian, np.linalg.eigvalsh(matrix.toarray())


def squares(basis, kernel_size, points):
    """Return the sum over a basis of the squares of its functions, at points in [-1, 1]."""
    points = np.clip(points, -1, 1)
    degree = kernel_size - 1
    values = {
        "chebyshev": lambda index: np.cos(index * np.arccos(points)),
        "monomial": lambda index: points**index,
        "bernstein": lambda index: (
            comb(degree, index)
            * ((1 + points) / 2) ** index
            * ((1 - points) / 2) ** (degree - index)
        ),
    }[basis]
    return sum(values(index) ** 2 for index in range(kernel_size))


def ring(pixels):
    """Return -(S + S')/2, with S the step around a ring: its eigenvalues are -cos(2πj/n)."""
    step = np.arange(pixels)
    ends = np.concatenate([step, step]), np.concatenate([(step + 1) % pixels, step - 1])
    matrix = scipy.sparse.coo_array((np.full(2 * pixels, -0.5), (ends[0], ends[1] % pixels)))
    return SymmetricOperator(scipy.sparse.csr_array(matrix), torch.float64)


def ring_gain(basis, kernel_size):
    """Return the gain on a ring of more than 2 K pixels, averages over θ of squares of x = cos θ.

    cos²kθ has the average 1/2 but for k = 0. cos^(2k) θ has C(2k, k)/4^k. Bernstein polynomials are
    C(P, j) cos^(2j)(θ/2) sin^(2P-2j)(θ/2), whose squares average to Beta functions.
    """
    degree = kernel_size - 1
    if basis == "chebyshev":
        return 1 + degree / 2
    if basis == "monomial":
        return sum(comb(2 * power, power) / 4**power for power in range(kernel_size))
    return sum(
        comb(degree, index) ** 2
        * scipy.special.beta(2 * index + 0.5, 2 * (degree - index) + 0.5)
        / pi
        for index in range(kernel_size)
    )


@pytest.mark.parametrize("kernel_size", [1, 2, 5, 9])
@pytest.mark.parametrize("basis", BASES)
def test_the_white_gain_on_a_small_ring_is_the_closed_form(basis, kernel_size):
    expected = ring_gain(basis, kernel_size)
    assert white_gain(ring(40), basis, kernel_size) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("basis", BASES)
def test_the_white_gain_is_estimated_to_half_a_percent(basis):
    """Root mean square error over rings of many sizes, each with signals of its own."""
    sizes = np.arange(400, 3000, 200)
    errors = np.array([white_gain(ring(size), basis, 4) for size in sizes]) / ring_gain(basis, 4)
    assert 0 < np.sqrt(np.mean((errors - 1) ** 2)) < 0.005


@pytest.mark.parametrize("kernel_size", [1, 2, 3, 6])
@pytest.mark.parametrize("basis", BASES)
def test_the_white_gain_is_the_average_over_the_spectrum(
    rescaled_laplacian, healpix, basis, kernel_size
):
    matrix = rescaled_laplacian(30)
    expected = squares(basis, kernel_size, np.linalg.eigvalsh(matrix.toarray())).mean()
    laplacian = SymmetricOperator(matrix, torch.float64)
    assert white_gain(laplacian, basis, kernel_size) == pytest.approx(expected, rel=1e-12)
    laplacian, eigenvalues = healpix
    expected = squares(basis, kernel_size, eigenvalues).mean()
    assert white_gain(laplacian, basis, kernel_size) == pytest.approx(expected, rel=0.012)


@pytest.mark.parametrize("kernel_size", [1, 2, 5])
@pytest.mark.parametrize("rescaling", RESCALINGS)
@pytest.mark.parametrize("basis", BASES)
@pytest.mark.parametrize("sampling", [Healpix(4), Icosahedral(1)], ids=str)
def test_the_smooth_gain_is_that_of_the_end_of_the_spectrum(
    sampling, basis, rescaling, kernel_size
):
    """Constants are in the kernel of the Laplacian, with masses too, which goes to -offset."""
    laplacian, _ = operator(sampling, rescaling)
    expected = squares(basis, kernel_size, -RESCALINGS[rescaling].offset)
    found = smooth_gain(laplacian, basis, kernel_size)
    assert found == pytest.approx(expected, rel=1e-10)
    if RESCALINGS[rescaling].offset == 1:
        assert found == pytest.approx(1 if basis == "bernstein" else kernel_size, rel=1e-10)


@pytest.mark.parametrize("gain", [white_gain, smooth_gain])
def test_a_gain_is_the_same_every_time_and_takes_no_random_numbers(healpix, gain):
    laplacian, _ = healpix
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002, the global state is what must be left alone
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    found = gain(laplacian, "chebyshev", 4)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002
    assert gain(laplacian, "chebyshev", 4) == found


def second_moment_behind(laplacian, features, **settings):
    """Return the mean square behind a convolution of 16 channels into 512, with fixed weights."""
    torch.manual_seed(0)
    convolution = ChebConv(16, 512, laplacian=laplacian, **settings).double()
    with torch.no_grad():
        return convolution(features).square().mean(dim=(0, 2))


# With 16 × 512 filters the mean square of some hundred pixels is good to about 2 %.
SIZE = 0.07


@pytest.mark.parametrize("kernel_size", [1, 2, 4, 7])
@pytest.mark.parametrize("basis", BASES)
@pytest.mark.parametrize("groups", [1, 4])
def test_modern_weights_give_white_noise_the_variance_two(healpix, basis, kernel_size, groups):
    laplacian, _ = healpix
    noise = torch.randn(1, 768, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    settings = {"kernel_size": kernel_size, "basis": basis, "groups": groups}
    found = second_moment_behind(laplacian, noise, **settings, initialization="modern")
    assert found.mean().item() == pytest.approx(2, rel=SIZE)


@pytest.mark.parametrize("basis", BASES)
def test_with_masses_modern_weights_give_the_noise_of_the_sphere_the_variance_two(basis):
    laplacian, _ = operator(Icosahedral(3))
    mass = laplacian.root_mass.square()
    assert mass.max() > 1.2 * mass.min()
    noise = torch.randn(1, 642, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    noise = noise / mass.sqrt()[:, None]
    settings = {"kernel_size": 5, "basis": basis, "initialization": "modern"}
    found = (second_moment_behind(laplacian, noise, **settings) * mass).mean()
    assert found.item() == pytest.approx(2, rel=SIZE)


@pytest.mark.parametrize("kernel_size", [1, 2, 4, 7])
@pytest.mark.parametrize("basis", BASES)
@pytest.mark.parametrize("groups", [1, 4])
def test_smooth_weights_give_constants_the_second_moment_two(healpix, basis, kernel_size, groups):
    laplacian, _ = healpix
    signs = torch.tensor([1.0, -1.0], dtype=torch.float64).repeat(8).expand(1, 768, 16)
    settings = {"kernel_size": kernel_size, "basis": basis, "groups": groups}
    found = second_moment_behind(laplacian, signs, **settings, initialization="smooth")
    assert found.mean().item() == pytest.approx(2, rel=2 * SIZE)


def sizes_with_depth(laplacian, basis, initialization):
    """Return the mean square behind each of ten convolutions and rectifiers, from white noise."""
    torch.manual_seed(0)
    layers = [
        ChebConv(96, 96, 5, laplacian, basis=basis, initialization=initialization)
        for _ in range(10)
    ]
    features = torch.randn(1, laplacian.pixels, 96)
    sizes = []
    with torch.no_grad():
        for layer in layers:
            features = layer(features).relu()
            sizes.append(features.square().mean().item())
    return sizes


@pytest.mark.parametrize("basis", BASES)
def test_in_depth_the_size_settles_with_smooth_weights_and_grows_with_modern_ones(basis):
    laplacian = operator(Healpix(4), neighbours=8)[0].float()
    sizes = sizes_with_depth(laplacian, basis, "smooth")
    assert 1 / 3 < sizes[9] / sizes[4] < 3
    assert 1 / 16 < min(sizes) < max(sizes) < 4
    # The very same weights but for a factor, which a rectifier lets through.
    ratio = smooth_gain(laplacian, basis, 5) / white_gain(laplacian, basis, 5)
    assert 1.7 < ratio < 3
    expected = [size * ratio ** (depth + 1) for depth, size in enumerate(sizes)]
    assert sizes_with_depth(laplacian, basis, "modern") == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(
    ("basis", "kernel_size", "entering", "expected"),
    [
        ("chebyshev", 5, 50, sqrt(2 / (50 * 5.5))),
        ("chebyshev", 1, 100, sqrt(2 / 150)),
        ("monomial", 5, 50, 0.1),
        ("monomial", 3, 7, 0.1),
        ("bernstein", 5, 50, sqrt(6 / 450)),
        ("bernstein", 2, 100, sqrt(6 / 500)),
    ],
)
def test_weights_start_as_published(rescaled_laplacian, basis, kernel_size, entering, expected):
    """A normal distribution of the published deviation, cut at twice it; offsets are zero."""
    torch.manual_seed(0)
    assert published_deviation(basis, kernel_size, entering, 400) == pytest.approx(expected)
    laplacian = SymmetricOperator(rescaled_laplacian(3))
    convolution = ChebConv(entering, 400, kernel_size, laplacian, basis=basis, bias=True)
    scaled = convolution.weight.detach().numpy().ravel() / expected
    distribution = scipy.stats.truncnorm(-2, 2)
    assert 1.98 < np.abs(scaled).max() <= 2 + 1e-6
    assert scaled.std() == pytest.approx(distribution.std(), rel=0.015)
    assert distribution.std() == pytest.approx(0.88, abs=0.001)
    assert scipy.stats.kstest(scaled[:5000], distribution.cdf).pvalue > 0.01
    assert not convolution.bias.any()


@pytest.mark.parametrize("kernel_size", [1, 4])
@pytest.mark.parametrize("initialization", ["deepsphere-pytorch", "modern", "smooth"])
def test_other_weights_start_normal_and_uncut(healpix, initialization, kernel_size):
    laplacian, _ = healpix
    gain, offset = {
        "deepsphere-pytorch": (kernel_size, 0.01),
        "modern": (white_gain(laplacian, "chebyshev", kernel_size), 0),
        "smooth": (smooth_gain(laplacian, "chebyshev", kernel_size), 0),
    }[initialization]
    weight, bias = torch.empty(kernel_size, 50, 400), torch.empty(400)
    torch.manual_seed(0)
    initialize(weight, bias, laplacian, "chebyshev", initialization)
    scaled = weight.numpy().ravel() / sqrt(2 / (50 * gain))
    assert scaled.std() == pytest.approx(1, rel=0.015)
    assert np.abs(scaled).max() > 3.5
    assert scipy.stats.kstest(scaled[:5000], scipy.stats.norm.cdf).pvalue > 0.01
    assert bias.tolist() == pytest.approx([offset] * 400)


@pytest.mark.parametrize("initialization", INITIALIZATIONS)
@pytest.mark.parametrize("basis", ["chebyshev", "monomial"])
def test_with_groups_the_inputs_that_count_are_those_of_a_group(
    rescaled_laplacian, basis, initialization
):
    laplacian = SymmetricOperator(rescaled_laplacian(3))
    settings = {"basis": basis, "initialization": initialization}
    torch.manual_seed(0)
    grouped = ChebConv(12, 20, 3, laplacian, groups=4, **settings)
    torch.manual_seed(0)
    narrow = ChebConv(3, 20, 3, laplacian, **settings)
    assert torch.equal(grouped.weight, narrow.weight)


def test_resetting_draws_anew(rescaled_laplacian):
    laplacian = SymmetricOperator(rescaled_laplacian(3))
    torch.manual_seed(0)
    convolution = ChebConv(3, 4, 5, laplacian, initialization="deepsphere-pytorch", bias=True)
    first = convolution.weight.detach().clone()
    with torch.no_grad():
        convolution.bias.zero_()
    convolution.reset_parameters()
    assert not torch.equal(convolution.weight, first)
    assert convolution.bias.tolist() == pytest.approx([0.01] * 4)
    torch.manual_seed(0)
    convolution.reset_parameters()
    assert torch.equal(convolution.weight, first)


@pytest.mark.parametrize("initialization", ["Modern", "kaiming", ""])
def test_an_unknown_initialization_is_refused(rescaled_laplacian, initialization):
    laplacian = SymmetricOperator(rescaled_laplacian(3))
    with pytest.raises(ValueError) as caught:
        ChebConv(3, 4, 5, laplacian, initialization=initialization)
    names = "published, deepsphere-pytorch, modern, smooth"
    message = f"expected an initialization among {names}, found {initialization!r}"
    assert str(caught.value) == message
