import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsphere.nn.statistics import Statistics

# PyTorch's own compiler still uses what it warns of.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script_method. is deprecated")

KINDS = ["mean", "variance", "mean-variance", "max", "histogram"]
PIXELS, CHANNELS = 7, 3
AREAS = np.array([0.25, 1.5, 1.0, 2.0, 0.5, 0.75, 1.0])
KNOWN = np.array([True, False, True, True, False, True, True])
TOLERANCES = {torch.float64: 1e-12, torch.float32: 1e-5, torch.bfloat16: 1e-2}


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def expect(kind, values, weights, bins=20, initial_range=2.0):
    """Return the statistics of (batch, pixel, channel) as NumPy computes them."""
    mean = np.average(values, axis=1, weights=weights)
    variance = np.average((values - mean[:, None]) ** 2, axis=1, weights=weights)
    if kind == "histogram":
        # A linear B-spline between centers is the interpolation of a unit vector.
        centers = np.linspace(-initial_range, initial_range, bins)
        hats = [np.interp(values, centers, row, left=np.nan, right=np.nan) for row in np.eye(bins)]
        histogram = np.average(hats, axis=2, weights=weights)
        return np.moveaxis(histogram, 0, -1).reshape(len(values), -1)
    return {
        "mean": mean,
        "variance": variance,
        "mean-variance": np.concatenate([mean, variance], axis=1),
        "max": values.max(axis=1),
    }[kind]


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("kind", KINDS)
def test_statistics_are_those_of_numpy(kind, dtype):
    layer = Statistics(kind, CHANNELS).to(torch.promote_types(dtype, torch.float32))
    features = draw(4, PIXELS, CHANNELS).clamp(-1.9, 1.9).to(dtype)
    expected = torch.from_numpy(expect(kind, features.double().numpy(), np.ones(PIXELS)))
    result = layer(features)
    assert result.shape == (4, layer.features)
    assert result.dtype == dtype
    # The centers of bins are those of float32.
    tolerance = max(TOLERANCES[dtype], 1e-6 if kind == "histogram" else 0)
    torch.testing.assert_close(result.double(), expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("known", [None, KNOWN], ids=["all", "some"])
@pytest.mark.parametrize("areas", [None, AREAS, 1e-7 * AREAS], ids=["even", "areas", "small"])
@pytest.mark.parametrize("kind", KINDS)
def test_pixels_count_by_their_areas_and_unknown_ones_not_at_all(kind, areas, known):
    features = draw(4, PIXELS, CHANNELS).clamp(-1.9, 1.9)
    chosen = np.ones(PIXELS, bool) if known is None else known
    weights = (np.ones(PIXELS) if areas is None else areas)[chosen]
    expected = torch.from_numpy(expect(kind, features.numpy()[:, chosen], weights))
    if known is not None:
        features[:, ~torch.from_numpy(known)] = torch.nan
    layer = Statistics(kind, CHANNELS, areas=areas, known=known).double()
    torch.testing.assert_close(layer(features), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("kind", KINDS)
def test_half_precision_is_computed_in_float32(kind, dtype):
    """Also where the layer was converted, and areas in steradians are too small for float16."""
    features = draw(2, 5000, CHANNELS).to(dtype)
    areas = 1e-9 * np.random.default_rng(0).choice([0.5, 1.0, 2.0], size=5000)
    layer = Statistics(kind, CHANNELS, areas=areas)
    expected = layer(features.float()).to(dtype)
    assert torch.equal(layer(features), expected)
    converted = copy.deepcopy(layer).to(dtype)(features)
    torch.testing.assert_close(converted, expected, rtol=2e-2, atol=1e-3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("kind", KINDS)
def test_mixed_precision_changes_nothing(kind, dtype):
    layer = Statistics(kind, CHANNELS, areas=AREAS, known=KNOWN)
    features = draw(4, PIXELS, CHANNELS).to(dtype)
    with torch.autocast("cpu", torch.bfloat16):
        result = layer(features)
    assert result.dtype == dtype
    assert torch.equal(result, layer(features))


@pytest.mark.parametrize("areas", [None, AREAS], ids=["even", "areas"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_the_pixels_makes_no_difference(kind, areas):
    features = draw(4, PIXELS, CHANNELS)
    order = torch.from_numpy(np.random.default_rng(1).permutation(PIXELS))
    moved_areas = None if areas is None else areas[order]
    moved = Statistics(kind, CHANNELS, areas=moved_areas, known=KNOWN[order]).double()
    layer = Statistics(kind, CHANNELS, areas=areas, known=KNOWN).double()
    result = layer(features)
    torch.testing.assert_close(moved(features[:, order]), result)


@pytest.mark.parametrize("offset", [0, 1e3, 1e6, -1e6])
@pytest.mark.parametrize("areas", [None, AREAS], ids=["even", "areas"])
def test_a_large_mean_costs_the_variance_no_digits(offset, areas):
    """Numbers near 10^6 are multiples of 1/16 in float32, so these are exact with any offset."""
    deviations = (8 * draw(3, PIXELS, CHANNELS)).round() / 16
    layer = Statistics("variance", CHANNELS, areas=areas)
    weights = np.ones(PIXELS) if areas is None else areas
    expected = expect("variance", deviations.numpy(), weights)
    result = layer((deviations + offset).float())
    torch.testing.assert_close(result.double(), torch.from_numpy(expected), rtol=1e-5, atol=0)


def test_the_variance_of_constants_is_zero_and_never_negative():
    layer = Statistics("variance", CHANNELS, areas=AREAS)
    constants = draw(50, 1, CHANNELS).float() * 1e6
    result = layer(constants.expand(50, PIXELS, CHANNELS))
    assert (result >= 0).all()
    # At most the square of half of a last digit.
    assert (result <= (constants.squeeze(1) * 2**-24).square()).all()


@given(st.integers(2, 9), st.floats(0.5, 5), st.integers(0, 9))
@settings(derandomize=True, deadline=None, max_examples=30)
def test_bins_share_every_value_in_the_range(bins, initial_range, seed):
    """Hats that end at their neighbours' centers interpolate 1 and x: they sum to them."""
    layer = Statistics("histogram", 1, bins=bins, initial_range=initial_range).double()
    values = initial_range * (2 * torch.rand(1, 50, 1, dtype=torch.float64) - 1)
    histogram = layer(values).squeeze(0)
    assert (histogram >= 0).all()
    torch.testing.assert_close(histogram.sum(), torch.ones(()).double(), rtol=0, atol=1e-6)
    mean = histogram @ layer.centers.squeeze(0)
    torch.testing.assert_close(mean, values.mean(), rtol=0, atol=1e-5)


def test_bins_are_hats_of_learned_center_and_slope():
    """Channel by channel and by hand; the sign of a slope does not matter."""
    layer = Statistics("histogram", 2, bins=2)
    with torch.no_grad():
        layer.centers.copy_(torch.tensor([[0.0, 1.0], [10.0, 0.0]]))
        layer.slopes.copy_(torch.tensor([[1.0, -0.5], [0.25, 0.0]]))
    features = torch.tensor([[[0.0, 8.0], [0.5, 12.0], [3.0, 99.0], [-1.0, 11.0]]])
    # Channel 0, bin 0: 1, 1/2, 0, 0; bin 1: 1/2, 3/4, 0, 0. Channel 1: 1/2, 1/2, 0, 3/4; all 1.
    expected = torch.tensor([[1.5, 1.25, 1.75, 4.0]]) / 4
    torch.testing.assert_close(layer(features), expected)


def test_what_is_beyond_the_range_is_in_no_bin():
    layer = Statistics("histogram", 1)
    assert not layer(torch.tensor([[[9.0], [-9.0]]])).any()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("areas", [None, AREAS], ids=["even", "areas"])
def test_gradients_of_features_and_bins(kind, areas):
    layer = Statistics(kind, CHANNELS, areas=areas, known=KNOWN, bins=3).double()
    names = [name for name, _ in layer.named_parameters()]
    assert names == (["centers", "slopes"] if kind == "histogram" else [])

    def describe(features, *parameters):
        state = dict(zip(names, parameters, strict=True))
        return torch.func.functional_call(layer, state, features)

    given = draw(2, PIXELS, CHANNELS).requires_grad_(), *layer.parameters()
    assert torch.autograd.gradcheck(describe, given)
    assert torch.autograd.gradgradcheck(describe, given)


def test_several_largest_pixels_share_the_gradient():
    features = torch.tensor([[[0.0], [3.0], [1.0], [3.0]]], requires_grad=True)
    Statistics("max", 1)(features).sum().backward()
    assert features.grad.flatten().tolist() == [0, 0.5, 0, 0.5]


@pytest.mark.parametrize(
    ("kind", "spoiled"),
    [
        ("mean", [0]),
        ("variance", [0]),
        ("mean-variance", [0, 3]),
        ("max", [0]),
        ("histogram", [0, 1]),
    ],
)
def test_not_a_number_stays_so_in_its_channel_and_sample(kind, spoiled):
    features = torch.zeros(2, PIXELS, CHANNELS)
    features[1, 2, 0] = torch.nan
    found = Statistics(kind, CHANNELS, areas=AREAS, bins=2)(features).isnan()
    assert not found[0].any()
    assert found[1].nonzero().flatten().tolist() == spoiled


@pytest.mark.parametrize(
    ("kind", "features", "parameters"),
    [
        ("mean", 3, 0),
        ("variance", 3, 0),
        ("mean-variance", 6, 0),
        ("max", 3, 0),
        ("histogram", 60, 120),
    ],
)
def test_sizes_are_the_published_ones(kind, features, parameters):
    """The published histogram has 20 bins a channel, with a center and a width each."""
    layer = Statistics(kind, 3)
    assert layer.features == features
    assert sum(parameter.numel() for parameter in layer.parameters()) == parameters


def test_only_what_was_learned_is_in_the_state():
    trained = Statistics("histogram", CHANNELS, areas=AREAS, known=KNOWN)
    with torch.no_grad():
        trained.centers.add_(0.1)
    other = Statistics("histogram", CHANNELS)
    other.load_state_dict(trained.state_dict(), strict=True)
    assert torch.equal(other.centers, trained.centers)
    assert set(trained.state_dict()) == {"centers", "slopes"}
    assert not Statistics("mean", CHANNELS, areas=AREAS, known=KNOWN).state_dict()


@pytest.mark.parametrize("kind", KINDS)
def test_the_layer_is_compiled_and_exported_whole(kind):
    layer = Statistics(kind, CHANNELS, areas=AREAS, known=KNOWN, bins=3)
    features = draw(2, PIXELS, CHANNELS).float()
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(features), layer(features))
    program = torch.export.export(
        layer, (features,), dynamic_shapes=({0: torch.export.Dim("batch")},)
    )
    more = draw(5, PIXELS, CHANNELS, seed=1).float()
    torch.testing.assert_close(program.module()(more), layer(more))


def test_settings_are_shown():
    assert repr(Statistics("max", 5)) == "Statistics('max', 5)"
    assert repr(Statistics("histogram", 5)) == "Statistics('histogram', 5, bins=20)"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kind": "median"}, "expected a kind among mean, .*, found 'median'"),
        ({"channels": 0}, "at least 1 channel, found 0"),
        ({"kind": "histogram", "bins": 1}, "at least 2 bins and a positive range, found bins=1"),
        ({"kind": "histogram", "initial_range": 0.0}, "found bins=20, initial_range=0.0"),
        ({"areas": np.ones((2, 2))}, r"areas of shape \(pixel,\), found \(2, 2\)"),
        ({"areas": np.array([1.0, 0.0])}, "positive areas, found 0.0"),
        ({"areas": np.array([1.0, np.nan])}, "positive areas, found nan"),
        ({"known": np.zeros(3, bool)}, "at least one of them true"),
        ({"known": np.array([0, 2])}, "expected bools.*int64"),
        ({"areas": AREAS, "known": KNOWN[:3]}, "areas of 3 pixels, found 7"),
    ],
)
def test_wrong_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Statistics(**{"kind": "mean", "channels": 3} | settings)


@pytest.mark.parametrize("shape", [(2, 6, 3), (2, 7, 4), (7, 3), (2, 0, 3)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match=r"\(batch, 7, 3\), found \("):
        Statistics("mean", 3, areas=AREAS)(torch.zeros(shape))
    if shape != (2, 6, 3):
        with pytest.raises(ValueError, match=r"\(batch, pixel, 3\), found \("):
            Statistics("mean", 3)(torch.zeros(shape))


def test_areas_keep_their_digits_in_half_precision():
    layer = Statistics("mean", CHANNELS, areas=AREAS / 3)
    features = draw(2, PIXELS, CHANNELS).float()
    expected = layer(features)
    assert layer.bfloat16().areas.dtype == torch.float32
    assert torch.equal(layer(features), expected)
