import numpy as np
import pytest
import torch
from torch import nn

from deepsphere.graphs.harmonics import real_harmonics
from deepsphere.graphs.recipe import Recipe
from deepsphere.nn.building import build_graph_hierarchy
from deepsphere.nn.chebyshev import ChebConv
from deepsphere.nn.equivariance import rotation_error, symmetry_error
from deepsphere.nn.pooling.nested import Pool
from deepsphere.samplings.gauss_legendre import GaussLegendre
from deepsphere.samplings.healpix import Healpix
from deepsphere.samplings.healpix_symmetries import healpix_symmetries
from deepsphere.samplings.icosahedral import Icosahedral

DOUBLE = {"dtype": torch.float64}
RECIPES = {"adjacent": Recipe(neighbours="adjacent", refinement=0), "default": Recipe()}


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


class MeanOverPixels(nn.Module):
    def __init__(self, areas):
        super().__init__()
        self.register_buffer("weights", torch.tensor(areas / areas.sum()))

    def forward(self, features):
        return torch.einsum("p,bpc->bc", self.weights, features)


def test_the_mean_over_pixels_is_invariant():
    model = MeanOverPixels(Healpix(4).areas).eval()
    for permutation in healpix_symmetries(4):
        error = symmetry_error(model, draw(3, 192, 2), permutation)
        assert error.shape == (3,)
        assert error.max() < 1e-13


def test_the_symmetry_error_is_relative_and_of_each_map():
    """A model that sees one pixel only: |x_q - x_p| / |x_p|."""
    permutation = healpix_symmetries(2)[1]
    features = draw(2, 48, 1)
    before, after = features[:, 5, 0], features[:, permutation[5], 0]
    error = symmetry_error(lambda features: features[:, 5], features, permutation)
    torch.testing.assert_close(error, (after - before).abs() / before.abs())
    features[0] = 0
    assert symmetry_error(lambda features: features[:, 5], features, permutation)[0] == 0


def test_a_map_is_compared_to_the_moved_map():
    """Rolling pixels by one does not commute; f(Px) - P f(x) is written out."""
    permutation = torch.from_numpy(healpix_symmetries(2)[6])
    features = draw(2, 48, 3)
    assert not symmetry_error(lambda given: given.square(), features, permutation.numpy()).any()
    rolled = features.roll(1, dims=1)
    change = features[:, permutation].roll(1, dims=1) - rolled[:, permutation]
    error = symmetry_error(lambda given: given.roll(1, dims=1), features, permutation.numpy())
    torch.testing.assert_close(error, change.norm(dim=(1, 2)) / rolled.norm(dim=(1, 2)))
    assert error.min() > 0.5


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES.keys())
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_convolutions_and_max_pooling_commute_with_the_symmetries(dtype, tolerance, recipe):
    hierarchy = build_graph_hierarchy(Healpix(8), 2, recipe, dtype=dtype)
    torch.manual_seed(0)
    first = ChebConv(2, 8, 5, hierarchy.operator(0)).to(dtype)
    classifier = nn.Sequential(
        first, nn.ReLU(), Pool("max"), ChebConv(8, 8, 5, hierarchy.operator(1)), nn.ReLU(), _Mean()
    )
    classifier.to(dtype).eval()
    features = draw(2, 768, 2).to(dtype)
    for permutation in healpix_symmetries(8):
        assert symmetry_error(first.eval(), features, permutation).max() < tolerance
        assert symmetry_error(classifier, features, permutation).max() < tolerance
    # The graph itself is what makes them commute: not every swap of pixels is a symmetry.
    swapped = np.random.default_rng(0).permutation(768)
    assert symmetry_error(first, features, swapped).min() > 0.1


class _Mean(nn.Module):
    def forward(self, features):
        return features.mean(dim=1)


def test_integrals_on_a_grid_of_exact_quadrature_are_invariant():
    sampling = GaussLegendre(12, 24)
    model = MeanOverPixels(sampling.areas).double().eval()
    error = rotation_error(model, sampling.positions, 5, channels=3, maps=4, rotations=6, **DOUBLE)
    assert error.shape == (6, 4)
    assert error.max() < 1e-10


@pytest.mark.parametrize("sampling", [Healpix(4), GaussLegendre(12, 24), Icosahedral(2)])
def test_the_identity_and_pointwise_linear_models_have_no_error(sampling):
    """Least squares give back a function of these degrees on any pixels that hold them."""
    mixing = draw(2, 3)
    for model in (lambda given: given, lambda given: given @ mixing):
        error = rotation_error(
            model, sampling.positions, 5, areas=sampling.areas, channels=2, maps=2, **DOUBLE
        )
        assert error.max() < 1e-11


def test_a_model_that_marks_the_pole_errs_by_the_chord_between_poles():
    r"""f(x) = z for every x: R f(x) is the height over the turned pole, f(Rx) over the old one.

    They differ by √(2 - 2 cos θ) of their norm, with the angle θ between the poles; of uniform
    rotations cos θ is uniform in [-1, 1], so that the mean is ∫ √(2 - 2u) du / 2 = 4/3 and the mean
    square is 2. That z is all of degree 1 makes it exact.
    """
    positions = Healpix(2).positions
    height = torch.from_numpy(positions[:, 2:].copy())
    error = rotation_error(
        lambda given: height.expand(len(given), -1, -1),
        positions,
        1,
        maps=1,
        rotations=2000,
        **DOUBLE,
    )
    # The standard deviation is √(2 - 16/9) = 0.47, that of the mean 0.0105.
    assert error.mean() == pytest.approx(4 / 3, abs=0.03)
    assert error.square().mean() == pytest.approx(2, abs=0.1)
    assert 1.95 < error.max() <= 2 + 1e-12
    assert error.min() < 0.1


def test_the_vector_of_first_moments_turns_with_the_map():
    """f(x) = (<x, Y_1m>)_m is turned by R, so that |f(Rx) - f(x)| = |Rv - v|: 4/3 |v| on average.

    Rv is uniform on the sphere of radius |v|: the same mean as between poles.
    """
    sampling = GaussLegendre(6, 12)
    moments = torch.from_numpy(
        sampling.areas[:, np.newaxis] * real_harmonics(1, sampling.positions)
    )

    def model(given):
        return torch.einsum("pm,bpc->bm", moments, given)

    error = rotation_error(model, sampling.positions, 2, maps=4, rotations=200, **DOUBLE)
    assert error.mean() == pytest.approx(4 / 3, abs=0.1)
    assert error.max() <= 2 + 1e-9


def test_the_functions_have_mean_0_and_variance_1():
    seen = []

    def model(given):
        seen.append(given)
        return given.mean(dim=1)

    rotation_error(model, Healpix(2).positions, 6, channels=2, maps=500, rotations=1)
    original, rotated = seen
    assert original.shape == (500, 48, 2)
    assert original.dtype == torch.float32
    for features in seen:
        # 1000 draws at each of 48 points: five standard deviations of the largest.
        assert features.mean(dim=(0, 2)).abs().max() < 5 / 1000**0.5
        assert (features.square().mean(dim=(0, 2)) - 1).abs().max() < 5 * (2 / 1000) ** 0.5
    assert not torch.allclose(original, rotated)


def test_rotated_functions_are_the_same_functions():
    """Their power in each degree is kept; seen on pixels whose quadrature is exact."""
    sampling = GaussLegendre(12, 24)

    def power(given):
        areas = torch.tensor(sampling.areas)
        of_degrees = [
            torch.einsum("p,pm,bpc->bm", areas, torch.from_numpy(values), given).square().sum(dim=1)
            for values in (real_harmonics(degree, sampling.positions) for degree in range(6))
        ]
        return torch.stack(of_degrees, dim=1)

    assert rotation_error(power, sampling.positions, 5, **DOUBLE).max() < 1e-11


def test_convolutions_are_nearly_equivariant_and_a_dense_layer_is_not():
    sampling = Healpix(8)
    hierarchy = build_graph_hierarchy(sampling, 1)
    torch.manual_seed(0)
    convolution = ChebConv(1, 4, 4, hierarchy.operator(0)).eval()
    given = sampling.positions, 8
    of_convolution = rotation_error(convolution, *given, areas=sampling.areas)
    assert 1e-5 < of_convolution.mean() < 0.05
    dense = nn.Linear(768, 10).eval()
    assert rotation_error(lambda features: dense(features[..., 0]), *given).mean() > 0.5


def test_the_draw_follows_from_the_seed():
    given = (lambda features: features[:, 7]), Healpix(2).positions, 3
    once, again, other = (rotation_error(*given, maps=2, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(once, again)
    assert not torch.allclose(once, other)


def test_what_cannot_be_measured_is_refused():
    positions, permutation = Healpix(2).positions, healpix_symmetries(2)[1]
    model = nn.Linear(1, 1)
    with pytest.raises(ValueError, match="found one in training"):
        symmetry_error(model, draw(1, 48, 1), permutation)
    with pytest.raises(ValueError, match="found one in training"):
        rotation_error(model, positions, 2)
    model.eval()
    with pytest.raises(ValueError, match=r"found shapes \(1, 12, 1\) and \(48,\)"):
        symmetry_error(model, draw(1, 12, 1), permutation)
    with pytest.raises(ValueError, match=r"of 48 pixels .* found shape \(1, 12, 1\)"):
        symmetry_error(lambda features: features[:, :12], draw(1, 48, 1), permutation)
    with pytest.raises(ValueError, match="degree from 0"):
        rotation_error(model, positions, -1)
    with pytest.raises(ValueError, match="rotations=0"):
        rotation_error(model, positions, 2, rotations=0)
    with pytest.raises(ValueError, match="areas of 48 pixels"):
        rotation_error(model, positions, 2, areas=np.ones(12))
    for part, degree in ((positions, 6), (Healpix(4).positions[:96], 4)):
        with pytest.raises(ValueError, match="lower the degree"):
            rotation_error(model, part, degree)


@pytest.mark.parametrize("times", [None, 3])
def test_one_value_a_pixel_is_a_map_of_one_channel(times):
    """Of a map, and of the last of several; one number a map may be without an axis, too."""
    permutation = healpix_symmetries(2)[6]
    features = draw(2, 48, 3) if times is None else draw(2, times, 48, 3)

    def last(given):
        return given if times is None else given[:, -1]

    def rolled(given):
        return last(given)[..., 0].roll(1, dims=1)

    found = symmetry_error(rolled, features, permutation)
    expected = symmetry_error(lambda given: rolled(given)[..., None], features, permutation)
    assert torch.equal(found, expected)
    assert found.min() > 0.5
    assert symmetry_error(lambda given: last(given)[..., 0], features, permutation).max() == 0
    error = symmetry_error(lambda given: last(given)[:, 5, 0], features, permutation)
    before, after = last(features)[:, 5, 0], last(features)[:, permutation[5], 0]
    torch.testing.assert_close(error, (after - before).abs() / before.abs())


def test_maps_of_several_times_are_rotated_alike():
    """Of pixelwise linear models on all times, the error is none; and the times differ."""
    sampling = Healpix(4)
    seen = []

    def model(given):
        seen.append(given)
        return given

    settings = {"channels": 2, "times": 3, "maps": 2, "rotations": 2, "dtype": torch.float64}
    assert rotation_error(model, sampling.positions, 5, **settings).max() < 1e-11
    assert all(given.shape == (2, 3, 192, 2) for given in seen)
    assert (seen[0][:, 0] - seen[0][:, 1]).abs().max() > 0.1
    mean = rotation_error(lambda given: given.mean(dim=1), sampling.positions, 5, **settings)
    assert mean.max() < 1e-11
    with pytest.raises(ValueError, match="times=0"):
        rotation_error(model, sampling.positions, 2, times=0)
