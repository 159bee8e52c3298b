import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.svm import LinearSVC

from deepsphere.tasks.squared_hinge import hinge_minima

COSTS = (0.01, 1.0, 100.0)


def samples(count, features, seed, shift=0.3):
    """Samples of two overlapping classes, of mean 0 and deviation 1."""
    random = np.random.default_rng(seed)
    signs = random.choice([-1.0, 1.0], size=count)
    values = random.normal(size=(count, features)) @ random.normal(size=(features, features))
    values[:, 0] += shift * signs
    values -= values.mean(axis=0)
    return values / (values.std(axis=0) + 1e-6), signs


def gradient(found, values, signs, cost):
    """Of the sum that is least, by definition."""
    rows = np.concatenate([values, np.ones((len(values), 1))], axis=1)
    errors = np.maximum(0, 1 - signs * (rows @ found))
    return found - 2 * cost * rows.T @ (signs * errors)


@pytest.mark.parametrize("cost", COSTS)
def test_two_samples_have_the_minimum_of_a_parabola(cost):
    """Of samples at 1 and -1, b = 0 by symmetry, and w²/2 + 2 C (1 - w)² is least at
    w = 4 C / (1 + 4 C).
    """
    (found,) = hinge_minima(np.array([[1.0], [-1.0]]), np.array([1.0, -1.0]), (cost,))
    np.testing.assert_allclose(found, [4 * cost / (1 + 4 * cost), 0], atol=1e-12)


@pytest.mark.parametrize(("count", "features"), [(60, 5), (5, 60), (40, 40), (41, 40), (30, 1)])
def test_nothing_is_less(count, features):
    values, signs = samples(count, features, 0)
    for cost, found in zip(COSTS, hinge_minima(values, signs, COSTS), strict=True):
        slope = gradient(found, values, signs, cost)
        at_zero = gradient(np.zeros(features + 1), values, signs, cost)
        assert np.linalg.norm(slope) < 1e-9 * np.linalg.norm(at_zero)


@settings(derandomize=True, deadline=None, max_examples=40)
@given(st.integers(2, 30), st.integers(1, 30), st.integers(0, 100), st.floats(0, 3), st.booleans())
def test_nothing_is_less_whatever_the_samples(count, features, seed, shift, rounded):
    """Rounded features put many margins onto 1 together, and repeat samples."""
    values, signs = samples(count, features, seed, shift)
    values = np.round(values) if rounded else values
    for cost, found in zip(COSTS, hinge_minima(values, signs, COSTS), strict=True):
        slope = gradient(found, values, signs, cost)
        scale = 1 + 2 * cost * np.abs(values).sum() + count
        assert np.abs(slope).max() < 1e-9 * scale


@pytest.mark.parametrize(("count", "features"), [(200, 10), (30, 80)])
def test_coefficients_are_those_that_scikit_learn_approaches(count, features):
    values, signs = samples(count, features, 1)
    for cost, found in zip(COSTS, hinge_minima(values, signs, COSTS), strict=True):
        oracle = LinearSVC(C=cost, dual=False, tol=1e-10, max_iter=100_000).fit(values, signs)
        expected = np.append(oracle.coef_[0], oracle.intercept_)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


def test_the_order_of_costs_changes_nothing():
    values, signs = samples(60, 8, 2)
    rising = list(hinge_minima(values, signs, COSTS))
    falling = list(hinge_minima(values, signs, COSTS[::-1]))
    np.testing.assert_allclose(rising, falling[::-1], rtol=1e-9, atol=1e-12)
