import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from deepsphere.tasks.logistic import fit_logistic, logistic_probabilities


@pytest.fixture
def problem():
    random = np.random.default_rng(0)
    target = random.integers(0, 3, 150)
    features = random.normal(size=(150, 4)) + np.eye(3, 4)[target]
    return features, target


@pytest.mark.parametrize("penalty", [1e-2, 1.0])
def test_it_is_the_one_of_scikit_learn(problem, penalty):
    """There the sum of the losses is weighed by C, here the penalty of their mean."""
    features, target = problem
    oracle = LogisticRegression(C=1 / (penalty * len(target)), tol=1e-10, max_iter=10_000)
    oracle.fit(features, target)
    coefficients = fit_logistic(features, target, 3, penalty)
    assert coefficients.shape == (5, 3)
    np.testing.assert_allclose(coefficients[:-1], oracle.coef_.T, atol=2e-3)
    new = np.random.default_rng(1).normal(size=(20, 4))
    np.testing.assert_allclose(
        logistic_probabilities(coefficients, new), oracle.predict_proba(new), atol=1e-3
    )


def test_a_class_that_never_occurs_is_not_expected(problem):
    features, target = problem
    chances = logistic_probabilities(fit_logistic(features, target, 4, 1e-2), features)
    assert chances.shape == (150, 4)
    assert chances[:, 3].max() < 0.01
    np.testing.assert_allclose(chances.sum(axis=1), 1)


def test_without_features_that_differ_the_frequencies_are_left(problem):
    _, target = problem
    coefficients = fit_logistic(np.zeros((150, 2)), target, 3, 1e-2)
    chances = logistic_probabilities(coefficients, np.zeros((1, 2)))
    np.testing.assert_allclose(chances[0], np.bincount(target) / 150, atol=1e-4)
