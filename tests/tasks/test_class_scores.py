import numpy as np
import pytest
from sklearn import metrics

from deepsphere.tasks.class_scores import RETRIEVAL_METRICS, class_scores, retrieval_scores
from deepsphere.tasks.ranking import rank


def test_scores_are_those_of_scikit_learn():
    random = np.random.default_rng(0)
    chances = random.dirichlet(np.full(5, 0.3), 200)
    target = random.integers(0, 5, 200)
    said = chances.argmax(axis=1)
    found = class_scores(chances, target, 5)
    expected = {
        "accuracy": metrics.accuracy_score(target, said),
        "weighted_f1": metrics.f1_score(target, said, average="weighted"),
        "macro_f1": metrics.f1_score(target, said, average="macro"),
        "balanced_accuracy": metrics.balanced_accuracy_score(target, said),
        "error_rate": metrics.zero_one_loss(target, said),
        "cross_entropy": metrics.log_loss(target, chances, labels=range(5)),
    }
    assert found == pytest.approx(expected)


def test_a_probability_of_zero_costs_much_but_not_all():
    chances = np.array([[1.0, 0.0], [1.0, 0.0]], np.float32)
    found = class_scores(chances, np.array([0, 1]), 2)
    assert found["accuracy"] == 0.5
    # The smallest normal number of float32 is 2^-126.
    assert found["cross_entropy"] == pytest.approx(126 * np.log(2) / 2)


def test_a_perfect_classifier_retrieves_perfectly():
    target = np.arange(12) % 3
    ids = [f"{number:06d}" for number in range(12)]
    found = retrieval_scores(rank("score", np.eye(3)[target], ids), target, target)
    assert list(found) == list(RETRIEVAL_METRICS)
    assert found == pytest.approx(dict.fromkeys(RETRIEVAL_METRICS, 1.0))


def test_descriptors_change_the_order_and_not_who_is_asked():
    """One object of class 1 is taken for class 0. By descriptors, it is near to its like."""
    target = np.array([0, 0, 1, 1])
    chances = np.array([[0.9, 0.1], [0.6, 0.4], [0.8, 0.2], [0.1, 0.9]])
    described = np.array([[1, 0.1], [1, 0], [0.1, 1], [0, 1]])
    ids = list("abcd")
    by_score = retrieval_scores(rank("score", chances, ids), target, target)
    nearest = retrieval_scores(rank("nearest", chances, ids, described), target, target)
    # The list a, c, b: for a and b precisions 1 and 2/3; for c 1/2, of 2; d finds itself alone.
    assert by_score["micro_map"] == pytest.approx((2 * (1 + 2 / 3) / 2 + 1 / 4 + 1 / 2) / 4)
    # a: a b c d; b: b a c d; c: its class first, c b a, then d (1 + 2/4) / 2; d: d c.
    assert nearest["micro_map"] == pytest.approx((1 + 1 + 3 / 4 + 1) / 4)
    assert nearest["micro_recall_at_n"] == 1
