import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from deepsphere.tasks.regression import METRICS, error_by_output, regression_metrics

ORACLES = {
    "mse": sklearn.metrics.mean_squared_error,
    "mae": sklearn.metrics.mean_absolute_error,
    "r2": sklearn.metrics.r2_score,
    "explained_variance": sklearn.metrics.explained_variance_score,
}


def draw(*shape, seed=0):
    generator = np.random.default_rng(seed)
    target = generator.normal(5, 10, shape)
    prediction = target + generator.normal(1, 3, shape)
    return prediction.astype(np.float32), target.astype(np.float32)


@pytest.mark.parametrize("shape", [(40, 7), (40, 1), (40,)], ids=str)
def test_without_gaps_they_are_those_of_scikit_learn(shape):
    prediction, target = draw(*shape)
    found = regression_metrics(prediction, target, np.ones(shape, bool))
    for name, oracle in ORACLES.items():
        expected = oracle(target.astype(np.float64), prediction.astype(np.float64))
        assert found[name] == pytest.approx(expected, rel=1e-12), name
    assert found["outputs_without_variance"] == 0
    assert set(found) == {*METRICS, "outputs_without_variance"}


@settings(derandomize=True, max_examples=100)
@given(st.data())
def test_with_gaps_they_are_means_over_the_outputs_of_scikit_learn(data):
    shape = data.draw(st.tuples(st.integers(2, 8), st.integers(1, 5)))
    values = npst.arrays(np.float64, shape, elements=st.integers(-50, 50).map(lambda v: v / 8))
    prediction, target = data.draw(values), data.draw(values)
    known = data.draw(npst.arrays(bool, shape))
    known[0, 0] = True
    found = regression_metrics(
        np.where(known, prediction, np.nan), np.where(known, target, np.nan), known
    )
    expected = {name: [] for name in METRICS}
    without_variance = 0
    for truth, guess, mask in zip(target.T, prediction.T, known.T, strict=True):
        truth, guess = truth[mask], guess[mask]
        if not len(truth):
            continue
        expected["mse"].append(ORACLES["mse"](truth, guess))
        expected["mae"].append(ORACLES["mae"](truth, guess))
        expected["mre"].append(100 * np.mean(np.abs(guess - truth) / np.clip(truth, 1, np.inf)))
        if len(set(truth)) > 1:
            expected["r2"].append(ORACLES["r2"](truth, guess))
            expected["explained_variance"].append(ORACLES["explained_variance"](truth, guess))
        else:
            without_variance += 1
    for name in METRICS:
        if expected[name]:
            assert found[name] == pytest.approx(np.mean(expected[name]), rel=1e-9, abs=1e-9)
        else:
            assert name not in found
    assert found["outputs_without_variance"] == without_variance


def test_relative_error_divides_by_the_target_or_by_1():
    prediction = np.array([[12.0], [1.5], [-3]])
    target = np.array([[10.0], [0.5], [-5]])
    found = regression_metrics(prediction, target, np.ones((3, 1), bool))
    assert found["mre"] == pytest.approx(100 * (2 / 10 + 1 / 1 + 2 / 1) / 3)


def test_a_perfect_and_a_constant_forecast():
    _, target = draw(30, 4)
    known = np.ones((30, 4), bool)
    perfect = regression_metrics(target, target, known)
    assert [perfect[name] for name in METRICS] == [0, 0, 0, 1, 1]
    mean = np.broadcast_to(target.astype(np.float64).mean(axis=0), (30, 4))
    constant = regression_metrics(mean, target, known)
    assert constant["r2"] == pytest.approx(0, abs=1e-12)
    assert constant["mse"] == pytest.approx(target.var(axis=0, dtype=np.float64).mean())
    # A shift costs R² but no explained variance.
    shifted = regression_metrics(mean + 7, target, known)
    assert shifted["explained_variance"] == pytest.approx(0, abs=1e-12)
    assert shifted["r2"] < -0.1


# The mean of three times 0.1 in float64 is not 0.1.
@pytest.mark.parametrize("constant", [0.0, 0.1, 1e6])
def test_outputs_with_constant_targets_have_no_r2_and_are_counted(constant):
    prediction, target = draw(3, 2)
    target = target.astype(np.float64)
    target[:, 1] = constant
    known = np.ones((3, 2), bool)
    found = regression_metrics(prediction, target, known)
    assert found["outputs_without_variance"] == 1
    alone = regression_metrics(prediction[:, :1], target[:, :1], known[:, :1])
    assert found["r2"] == alone["r2"]
    assert found["explained_variance"] == alone["explained_variance"]
    assert found["mse"] != alone["mse"]
    constant_only = regression_metrics(prediction[:, 1:], target[:, 1:], known[:, 1:])
    assert set(constant_only) == {"mse", "mae", "mre", "outputs_without_variance"}


def test_outputs_never_known_do_not_count():
    prediction, target = draw(10, 3)
    known = np.ones((10, 3), bool)
    known[:, 1] = False
    found = regression_metrics(prediction, target, known)
    expected = regression_metrics(prediction[:, ::2], target[:, ::2], known[:, ::2])
    assert found == pytest.approx(expected)


def test_nothing_known_is_refused():
    prediction, target = draw(4, 2)
    with pytest.raises(ValueError, match="no target is known, so there is nothing to score"):
        regression_metrics(prediction, target, np.zeros((4, 2), bool))


@pytest.mark.parametrize("other", [(4, 3), (5, 2), (8,)], ids=str)
def test_different_shapes_are_refused(other):
    prediction, target = draw(4, 2)
    with pytest.raises(ValueError, match="expected one shape, found"):
        regression_metrics(prediction, target, np.ones(other, bool))
    with pytest.raises(ValueError, match="expected one shape, found"):
        regression_metrics(np.zeros(other), target, np.ones((4, 2), bool))


def test_a_forecast_that_is_not_finite_does_not_look_good():
    prediction, target = draw(4, 2)
    prediction[1, 1] = np.nan
    found = regression_metrics(prediction, target, np.ones((4, 2), bool))
    assert all(np.isnan(found[name]) for name in METRICS)


def test_error_by_output_is_the_mean_absolute_error_of_each():
    prediction, target = draw(6, 3)
    known = np.ones((6, 3), bool)
    known[2:, 0] = False
    known[:, 2] = False
    found = error_by_output(prediction, np.where(known, target, np.nan), known)
    error = np.abs(prediction.astype(np.float64) - target)
    np.testing.assert_allclose(found, [error[:2, 0].mean(), error[:, 1].mean(), np.nan])
