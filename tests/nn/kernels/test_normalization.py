import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch.nn import functional

from deepsphere.nn.kernels import normalization

EPSILON = 1e-5
# Below 64 channels several rows are taken as one, if their number allows; above 512, shares are
# short. The last two have several shares, the last of which is not full.
SHAPES = [(1, 4, 1), (3, 28, 3), (2, 36, 16), (1, 8, 70), (3, 4100, 8), (2, 300, 600)]
TOLERANCES = {torch.float64: 1e-11, torch.float32: 1e-5, torch.bfloat16: 1e-2}


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def oracle(features, bias, rectify, pool, statistics=None):
    """Return the result by PyTorch's own layers on (batch, channel, pixel), in float64."""
    columns = features.double().transpose(1, 2)
    mean, variance = statistics or (None, None)
    columns = functional.batch_norm(
        columns, mean, variance, training=statistics is None, eps=EPSILON
    )
    if bias is not None:
        columns = columns + bias.double()[:, None]
    if rectify:
        columns = columns.relu()
    if pool == "max":
        columns = functional.max_pool1d(columns, 4)
    elif pool == "mean":
        columns = functional.avg_pool1d(columns, 4)
    return columns.transpose(1, 2)


@pytest.fixture
def threads():
    """Return the function that sets how many threads PyTorch uses, and undo it at the end."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("pool", [None, "max", "mean"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("rectify", "has_bias", "of_batch"),
    # Any two of the three in all combinations.
    [(True, True, True), (True, False, False), (False, True, False), (False, False, True)],
)
def test_values_and_gradients_are_those_of_pytorch_in_float64(
    shape, pool, dtype, rectify, has_bias, of_batch
):
    features = (3 * draw(*shape) + draw(shape[2], seed=1)).to(dtype)
    bias = draw(shape[2], seed=2).to(dtype) if has_bias else None
    fixed = None if of_batch else (draw(shape[2], seed=3), draw(shape[2], seed=4) ** 2)
    exact_features = features.double().clone().requires_grad_()
    exact_bias = bias.double().clone().requires_grad_() if has_bias else None
    expected = oracle(exact_features, exact_bias, rectify, pool, fixed)
    gradient = draw(*expected.shape, seed=5).to(dtype)
    expected.backward(gradient.double())

    mean, variance = fixed or normalization.statistics(features)
    given_values = features, mean, variance, bias, rectify, pool, EPSILON
    result = normalization.normalize(*given_values)
    of_features, of_bias = normalization.gradients(gradient, *given_values, of_batch)
    assert result.dtype == of_features.dtype == dtype
    tolerance = {"rtol": TOLERANCES[dtype], "atol": TOLERANCES[dtype]}
    torch.testing.assert_close(result.double(), expected.detach(), **tolerance)
    torch.testing.assert_close(of_features.double(), exact_features.grad, **tolerance)
    if has_bias:
        torch.testing.assert_close(of_bias, exact_bias.grad, **tolerance)


def test_statistics_over_millions_of_rows_far_from_zero_are_exact_to_ten_digits():
    """In float32, 1000 and a deviation of 1: four digits are gone before the first sum is taken."""
    features = (draw(1, 1_600_000, 2) + torch.tensor([1000.0, -1000])).float()
    mean, variance = normalization.statistics(features)
    rows = features[0].double().numpy()
    np.testing.assert_allclose(mean, rows.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(variance, rows.var(axis=0), rtol=1e-10)


def test_normalized_features_far_from_zero_lose_no_digit_of_the_mean():
    """Rounding the mean to float32 alone would move all of them by up to 3e-5."""
    features = (draw(2, 5000, 3) + torch.tensor([1000.0, -1000, 1000.7])).float()
    mean, variance = normalization.statistics(features)
    result = normalization.normalize(features, mean, variance, None, False, None, EPSILON)
    expected = (features.double() - mean) / (variance + EPSILON).sqrt()
    torch.testing.assert_close(result.double(), expected, rtol=1e-6, atol=2e-7)


@given(
    arrays(
        np.float64,
        st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 5)),
        elements=st.floats(-1e6, 1e6),
    )
)
@settings(derandomize=True, deadline=None, max_examples=50)
def test_statistics_are_the_mean_and_the_mean_squared_deviation(features):
    mean, variance = normalization.statistics(torch.from_numpy(features))
    rows = features.reshape(-1, features.shape[2])
    scale = max(np.abs(rows).max(), 1e-100)
    np.testing.assert_allclose(mean / scale, rows.mean(axis=0) / scale, atol=1e-14)
    np.testing.assert_allclose(variance / scale**2, rows.var(axis=0) / scale**2, atol=1e-14)
    assert (variance >= 0).all()


def test_an_outlier_in_the_row_that_deviations_are_taken_from_does_no_harm():
    features = draw(1, 20_000, 2)
    features[0, 0] = 1e6
    _, variance = normalization.statistics(features)
    np.testing.assert_allclose(variance, features[0].numpy().var(axis=0), rtol=1e-10)


@pytest.mark.parametrize("pool", [None, "max", "mean"])
def test_results_are_the_same_bits_for_any_number_of_threads(threads, pool):
    features, bias = draw(4, 3000, 24).float(), draw(24, seed=1).float()
    results = []
    for number in (1, 2, 3):
        threads(number)
        mean, variance = normalization.statistics(features)
        given_values = features, mean, variance, bias, True, pool, EPSILON
        result = normalization.normalize(*given_values)
        gradient = draw(*result.shape, seed=2).float()
        gradients = normalization.gradients(gradient, *given_values, True)
        results.append((mean, variance, result, *gradients))
    for others in results[1:]:
        assert all(map(torch.equal, results[0], others))


def test_of_equal_children_the_first_receives_the_gradient():
    features = torch.tensor([1.0, 2, 2, 0, 3, 3, 3, 3, 1, 0, 0, 1]).view(1, 12, 1)
    mean, variance = torch.zeros(1).double(), torch.ones(1).double()
    of_features, _ = normalization.gradients(
        torch.tensor([1.0, 2, 3]).view(1, 3, 1),
        features,
        mean,
        variance,
        None,
        True,
        "max",
        0.0,
        False,
    )
    assert of_features.flatten().tolist() == [0, 1, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0]


@pytest.mark.parametrize("pool", [None, "max", "mean"])
@pytest.mark.parametrize("dtype", TOLERANCES)
def test_not_a_number_stays_so_and_where_it_is(pool, dtype):
    features = draw(1, 16, 9).to(dtype)
    features[0, 6, 4] = torch.nan
    mean, variance = torch.zeros(9), torch.ones(9)
    result = normalization.normalize(features, mean, variance, None, True, pool, EPSILON)
    expected = torch.zeros(result.shape, dtype=torch.bool)
    expected[0, 6 if pool is None else 1, 4] = True
    assert torch.equal(result.isnan(), expected)
    mean, variance = normalization.statistics(features)
    expected = torch.arange(9) == 4
    assert torch.equal(mean.isnan(), expected)
    assert torch.equal(variance.isnan(), expected)


def test_no_rows_have_a_result_and_gradients():
    features, ones = torch.zeros(0, 4, 3), torch.ones(3)
    given_values = features, ones, ones, ones, True, "max", EPSILON
    result = normalization.normalize(*given_values)
    assert result.shape == (0, 1, 3)
    of_features, of_bias = normalization.gradients(result, *given_values, False)
    assert of_features.shape == features.shape
    assert of_bias.tolist() == [0, 0, 0]
