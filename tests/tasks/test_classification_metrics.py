import warnings

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsphere.tasks.classification_metrics import (
    METRICS,
    class_scores,
    classification_metrics,
    confusion_matrix,
)


def of_scikit_learn(truth, predicted):
    with warnings.catch_warnings():
        # A predicted class without true samples.
        warnings.simplefilter("ignore", UserWarning)
        balanced = sklearn.metrics.balanced_accuracy_score(truth, predicted)
    return {
        "accuracy": sklearn.metrics.accuracy_score(truth, predicted),
        "weighted_f1": sklearn.metrics.f1_score(truth, predicted, average="weighted"),
        "macro_f1": sklearn.metrics.f1_score(truth, predicted, average="macro"),
        "balanced_accuracy": balanced,
    }


@settings(derandomize=True, max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=30))
def test_they_are_those_of_scikit_learn(pairs):
    truth, predicted = np.array(pairs).T
    confusion = confusion_matrix(predicted, truth, 6)
    expected = sklearn.metrics.confusion_matrix(truth, predicted, labels=range(6))
    np.testing.assert_array_equal(confusion, expected)
    found = classification_metrics(confusion)
    assert tuple(found) == METRICS
    assert found == pytest.approx(of_scikit_learn(truth, predicted), rel=1e-12)
    oracle = sklearn.metrics.precision_recall_fscore_support(
        truth, predicted, labels=range(6), zero_division=0
    )
    for name, values in zip(("precision", "recall", "f1"), oracle, strict=False):
        np.testing.assert_allclose(class_scores(confusion)[name], values, rtol=1e-12)


def test_matrices_of_parts_add_up():
    generator = np.random.default_rng(0)
    truth, predicted = generator.integers(0, 4, (2, 100)).astype(np.uint8)
    parts = sum(confusion_matrix(predicted[k::3], truth[k::3], 4) for k in range(3))
    np.testing.assert_array_equal(parts, confusion_matrix(predicted, truth, 4))


def test_small_types_do_not_overflow():
    """Class 100 of 120 taken for 119 lies in the cell 12,119 of the matrix, beyond int8."""
    confusion = confusion_matrix(np.array([119], np.int8), np.array([100], np.int8), 120)
    assert np.argwhere(confusion).tolist() == [[100, 119]]


def test_a_perfect_classification_scores_1():
    truth = np.array([2, 0, 2])
    found = classification_metrics(confusion_matrix(truth, truth, 5))
    assert found == dict.fromkeys(METRICS, 1.0)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"expected one shape \(sample,\), found"):
        confusion_matrix(np.zeros(2, int), np.zeros(3, int), 2)
    with pytest.raises(ValueError, match=r"expected classes in 0\.\.1, found \[2\]"):
        confusion_matrix(np.array([0]), np.array([2]), 2)
    with pytest.raises(ValueError, match=r"expected classes in 0\.\.1, found \[-1\]"):
        confusion_matrix(np.array([-1]), np.array([0]), 2)
    with pytest.raises(ValueError, match="there is no sample, so there is nothing to score"):
        classification_metrics(np.zeros((2, 2), int))
