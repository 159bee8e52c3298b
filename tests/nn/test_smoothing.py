import copy
import math

import healpy
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsphere.errors import DeepsphereError
from deepsphere.nn import smoothing
from deepsphere.nn.smoothing import GaussianSmoothing, fwhm_to_sigma
from deepsphere.samplings.equiangular import Equiangular
from deepsphere.samplings.fibonacci import Fibonacci
from deepsphere.samplings.healpix import Healpix
from deepsphere.samplings.masked import Masked

POSITIONS = Fibonacci(60).positions
ARCMINUTE = math.pi / 180 / 60


def draw(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


def angles(positions):
    """Return the angles between all pixels, accurate for small and large ones."""
    sines = np.linalg.norm(np.cross(positions[:, None], positions), axis=2)
    return np.arctan2(sines, positions @ positions.T)


def mean_matrix(positions, areas, known, sigma, support):
    """Return the weights of the means, from their definition; rows of unknown pixels are zero."""
    theta = angles(positions)
    weights = areas * known * np.exp(-(theta**2) / (2 * sigma**2)) * (theta <= support * sigma)
    sums = weights.sum(axis=1)
    return torch.from_numpy(weights * known[:, None] / np.where(known, sums, 1)[:, None])


@given(
    st.integers(1, 60),
    st.floats(0.05, 2),
    st.floats(0.5, 5),
    st.booleans(),
    st.booleans(),
    st.integers(0, 5),
)
@settings(derandomize=True, deadline=None, max_examples=25)
def test_pixels_become_means_of_the_known_pixels_around(
    pixels, sigma, support, uneven, partial, seed
):
    generator = np.random.default_rng(seed)
    positions = generator.normal(size=(pixels, 3))
    positions /= np.linalg.norm(positions, axis=1, keepdims=True)
    areas = generator.uniform(0.1, 10, pixels) if uneven else np.ones(pixels)
    known = generator.random(pixels) < 0.7 if partial else np.ones(pixels, bool)
    layer = GaussianSmoothing(
        positions,
        areas if uneven else None,
        sigma,
        support=support,
        known=known if partial else None,
        dtype=torch.float64,
    )
    matrix = mean_matrix(positions, areas, known, sigma, support)
    features = draw(2, pixels, 3, seed=seed).requires_grad_()
    above = draw(2, pixels, 3, seed=seed + 1)
    result = layer(features)
    (gradient,) = torch.autograd.grad(result, features, above)
    torch.testing.assert_close(result, matrix @ features, rtol=0, atol=1e-12)
    torch.testing.assert_close(gradient, matrix.T @ above, rtol=0, atol=1e-12)


def smoothed_by_harmonics(values, sigma, degree):
    return healpy.smoothing(values, sigma=sigma, lmax=degree, iter=10)


@pytest.mark.parametrize(("nside", "spacings"), [(32, 1.5), (32, 2), (64, 1)])
def test_it_is_the_smoothing_of_harmonics(nside, spacings):
    """What healpy does to a map of degrees up to 2 nside, as far as the definitions agree.

    With the weights of the plane's Gaussian, sin θ exp(-θ²/2σ²) has the mean θ² of
    2σ² (1 - 2cσ²) where sin θ is θ (1 - cθ²), c = 1/6. The kernel of exp(-l(l+1)σ²/2) is sqrt(θ /
    sin θ) exp(-θ²/2σ²) to this order, for which c = 1/12. So variances differ by a share of σ²/6,
    and factors by that times u exp(-u) with u = l(l+1)σ²/2, which is 1/e at most. Each harmonic is
    off by less than σ²/(6e), and so is the map (root mean square). exp(-25/2) is left out.

    To this the errors of two sums over pixels are added, that of the map and that of the weights,
    by which it is divided. The latter is known: the row sums of the kernel against its integral,
    2πσ² (1 - σ²/3) in pixels. The former is taken to be as large.
    """
    sampling = Healpix(nside)
    spacing = math.sqrt(4 * math.pi / len(sampling))
    sigma, degree = spacings * spacing, 2 * nside
    kernel = smoothing._kernel(sampling.positions, sigma, 5)
    integral = 2 * math.pi * sigma**2 * (1 - sigma**2 / 3) / spacing**2
    of_sum = np.sqrt(np.square(kernel.sum(axis=1) / integral - 1).mean())
    tolerance = sigma**2 / (6 * math.e) + math.exp(-12.5) + 2 * of_sum
    assert tolerance < 2e-3

    np.random.seed(0)  # noqa: NPY002 - healpy draws from there
    values = healpy.synfast(np.ones(degree + 1), nside, lmax=degree)
    expected = smoothed_by_harmonics(values, sigma, degree)
    layer = GaussianSmoothing(sampling.positions, sampling.areas, sigma, dtype=torch.float64)
    features = torch.from_numpy(sampling.from_ring(values))[None, :, None]
    result = sampling.to_ring(layer(features)[0, :, 0].numpy())
    assert np.std(result - expected) < tolerance * np.std(values)
    # A width that is off by 1 % is not within it.
    wider = smoothed_by_harmonics(values, 1.01 * sigma, degree)
    assert np.std(result - wider) > tolerance * np.std(values)


def test_each_channel_has_the_width_that_was_asked_for():
    """The mean of θ² is 2σ² in the plane; a patch of 4° is as good as that.

    Published code smoothed 10, 11, 14 and 20 arc minutes with 10, 14.1, 14.1 and 20.
    """
    full = Healpix(512)
    part = Masked(full, full.patch(1000, 12 * 16**2))
    widths = np.array([10, 11, 14, 20]) * ARCMINUTE
    layer = GaussianSmoothing(part.positions, None, widths.tolist(), dtype=torch.float64)
    centre = part.positions.mean(axis=0)
    middle = np.argmax(part.positions @ centre)
    features = torch.zeros(1, len(part), 4, dtype=torch.float64, requires_grad=True)
    (weights,) = torch.autograd.grad(layer(features)[0, middle].sum(), features)
    theta = 2 * np.arcsin(np.linalg.norm(part.positions - part.positions[middle], axis=1) / 2)
    found = np.sqrt((weights[0].numpy() * theta[:, None] ** 2).sum(axis=0) / 2)
    np.testing.assert_allclose(found, widths, rtol=2e-3)


def test_widths_are_kept_apart_and_equal_ones_shared():
    widths = [0.5, 0.3, 0.5, 0.3 + 1e-9, 0.3]
    areas = np.linspace(1, 2, 60)
    layer = GaussianSmoothing(POSITIONS, areas, widths, dtype=torch.float64)
    assert len(layer.kernels) == 3
    features = draw(2, 60, 5)
    result = layer(features)
    for channel, width in enumerate(widths):
        alone = GaussianSmoothing(POSITIONS, areas, width, dtype=torch.float64)
        torch.testing.assert_close(
            result[..., [channel]], alone(features[..., [channel]]), rtol=0, atol=1e-14
        )
    assert not torch.equal(layer.kernels[0].values, layer.kernels[1].values)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.float64, 1e-14)])
@pytest.mark.parametrize("partial", [False, True])
def test_constants_stay(dtype, tolerance, partial):
    """Also where areas differ a lot, as on a grid near the poles, and around gaps."""
    sampling = Equiangular(12, 24)
    known = np.random.default_rng(0).random(len(sampling)) < 0.6
    layer = GaussianSmoothing(
        sampling.positions,
        sampling.areas,
        (0.1, 0.3),
        known=known if partial else None,
        dtype=dtype,
    )
    result = layer(torch.full((1, len(sampling), 2), 3, dtype=dtype))[0]
    kept = result[known] if partial else result
    torch.testing.assert_close(kept, torch.full_like(kept, 3), rtol=tolerance, atol=0)


def test_only_ratios_of_areas_count():
    areas = np.random.default_rng(0).uniform(1, 2, 60)
    features = draw(1, 60, 2)
    one, other = (
        GaussianSmoothing(POSITIONS, given, 0.3, dtype=torch.float64)(features)
        for given in (areas, 1e-4 * areas)
    )
    torch.testing.assert_close(one, other, rtol=0, atol=1e-14)


def test_unknown_pixels_are_as_good_as_absent():
    known = np.arange(60) % 3 > 0
    layer = GaussianSmoothing(POSITIONS, None, [0.3, 0.4], known=known, dtype=torch.float64)
    of_part = GaussianSmoothing(POSITIONS[known], None, [0.3, 0.4], dtype=torch.float64)
    features = draw(2, 60, 2)
    features[:, ~known] = torch.nan
    features[0, 0] = torch.inf
    features.requires_grad_()
    result = layer(features)
    torch.testing.assert_close(result[:, known], of_part(features[:, known]), rtol=0, atol=1e-14)
    assert not result[:, ~known].any()
    (gradient,) = torch.autograd.grad(result.sum(), features)
    assert not gradient[:, ~known].any()


def test_where_nothing_is_known_all_is_zero():
    layer = GaussianSmoothing(POSITIONS, None, 0.3, known=np.zeros(60, bool))
    assert not layer(draw(2, 60, 2, dtype=torch.float32)).any()


def test_narrow_gaussians_change_nothing_and_wide_ones_leave_the_mean():
    """At 50 radians all weights are between exp(-π²/5000) and 1, antipodes among them."""
    areas = np.random.default_rng(0).uniform(1, 2, 120)
    positions = np.concatenate([POSITIONS, -POSITIONS])
    features = draw(1, 120, 2)
    narrow, wide = (
        GaussianSmoothing(positions, areas, sigma, dtype=torch.float64) for sigma in (1e-3, 50)
    )
    torch.testing.assert_close(narrow(features), features, rtol=0, atol=1e-14)
    mean = np.average(features[0].numpy(), axis=0, weights=areas)
    expected = torch.from_numpy(mean).expand(1, 120, 2)
    torch.testing.assert_close(wide(features), expected, rtol=0, atol=2 * math.pi**2 / 5000)


def test_the_full_width_is_at_half_of_the_maximum():
    sigma = fwhm_to_sigma(0.2)
    assert math.exp(-(0.1**2) / (2 * sigma**2)) == pytest.approx(0.5, rel=1e-14)


def test_smoothing_can_be_differentiated_twice():
    layer = GaussianSmoothing(POSITIONS[:6], None, [0.5, 0.9], dtype=torch.float64)
    features = draw(2, 6, 2).requires_grad_()
    assert torch.autograd.gradcheck(layer, features)
    assert torch.autograd.gradgradcheck(lambda given: layer(given**2), features)


def test_nothing_is_learned_or_kept_in_the_state():
    layer = GaussianSmoothing(POSITIONS, None, [0.2, 0.3], known=np.arange(60) > 3)
    assert not layer.state_dict()
    assert not list(layer.parameters())
    assert all(buffer.layout == torch.strided for buffer in layer.buffers())
    assert {layer.order.dtype, layer.back.dtype} == {torch.int64}
    features = draw(2, 60, 2, dtype=torch.float32)
    assert torch.equal(copy.deepcopy(layer)(features), layer(features))
    assert repr(layer).startswith("GaussianSmoothing(\n  sigma=(0.2, 0.3), support=5.0")
    result = copy.deepcopy(layer).double()(features.double())
    torch.testing.assert_close(result, layer(features).double(), rtol=0, atol=1e-5)


def test_a_compiled_layer_is_one_graph():
    layer = GaussianSmoothing(POSITIONS, None, [0.2, 0.3, 0.2], known=np.arange(60) > 3)
    fast = torch.compile(layer, backend="aot_eager", fullgraph=True)
    features = draw(2, 60, 3, dtype=torch.float32).requires_grad_()
    results = []
    for function in (fast, layer):
        result = function(features)
        results.append((result, *torch.autograd.grad(result.sin().sum(), features)))
    torch.testing.assert_close(*results, rtol=1e-5, atol=1e-5)


def test_an_exported_layer_gives_the_same():
    layer = GaussianSmoothing(POSITIONS, None, [0.2, 0.3], known=np.arange(60) > 3)
    features = draw(2, 60, 2, dtype=torch.float32)
    sizes = {0: torch.export.Dim("batch", min=1)}
    program = torch.export.export(layer, (features,), dynamic_shapes=(sizes,))
    more = draw(5, 60, 2, dtype=torch.float32)
    torch.testing.assert_close(program.module()(more), layer(more), rtol=1e-5, atol=1e-5)


def test_mixed_precision_rounds_features_and_nothing_else():
    """Means of numbers of order 1 that were rounded to 2^-9 are off by less than some 2^-8."""
    layer = GaussianSmoothing(POSITIONS, None, 0.4)
    features = draw(2, 60, 2, dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        result = layer(features)
    assert result.dtype == torch.bfloat16
    torch.testing.assert_close(result.float(), layer(features), rtol=0, atol=2 * 2**-8)


def test_too_many_pairs_are_refused_before_they_are_made(monkeypatch):
    monkeypatch.setattr(smoothing, "_MOST_PAIRS", 3599)
    monkeypatch.setattr(smoothing, "radius_neighbours", None)
    with pytest.raises(DeepsphereError, match=r"takes 3600 pairs .* give widths in radians"):
        GaussianSmoothing(POSITIONS, None, 30.0)


@pytest.mark.parametrize("sigma", [0, -0.1, math.nan, math.inf, [0.1, 0]])
def test_widths_must_be_positive(sigma):
    with pytest.raises(ValueError, match="expected positive widths and support, found sigma="):
        GaussianSmoothing(POSITIONS, None, sigma)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"expected one width or one a channel, found sigma=\[\]"):
        GaussianSmoothing(POSITIONS, None, [])
    with pytest.raises(ValueError, match="one width or one a channel"):
        GaussianSmoothing(POSITIONS, None, [[0.1]])
    with pytest.raises(
        ValueError, match=r"positive widths and support, found sigma=0.1, support=0"
    ):
        GaussianSmoothing(POSITIONS, None, 0.1, support=0)
    with pytest.raises(ValueError, match=r"expected 60 positive areas, found areas.shape=\(59,\)"):
        GaussianSmoothing(POSITIONS, np.ones(59), 0.1)
    with pytest.raises(ValueError, match=r"expected 60 positive areas, .* areas.min\(\)=.*0"):
        GaussianSmoothing(POSITIONS, np.zeros(60), 0.1)
    with pytest.raises(
        ValueError, match=r"expected 60 booleans, .* known.dtype=dtype\('float64'\)"
    ):
        GaussianSmoothing(POSITIONS, None, 0.1, known=np.ones(60))
    with pytest.raises(DeepsphereError, match="unit vectors"):
        GaussianSmoothing(2 * POSITIONS, None, 0.1)


@pytest.mark.parametrize("shape", [(60, 2), (1, 59, 2), (1, 60, 3)])
def test_features_of_another_shape_are_refused(shape):
    layer = GaussianSmoothing(POSITIONS, None, [0.1, 0.2])
    with pytest.raises(ValueError, match=r"expected features of shape \(batch, 60, 2\), found"):
        layer(torch.zeros(shape))
    assert GaussianSmoothing(POSITIONS, None, 0.1)(torch.zeros(1, 60, 3)).shape == (1, 60, 3)
