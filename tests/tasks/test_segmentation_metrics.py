import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, jaccard_score, recall_score
from sklearn.metrics import confusion_matrix as oracle_matrix

from deepsphere.tasks.segmentation_metrics import (
    confusion_matrix,
    metric_of_class,
    segmentation_metrics,
    shown_metrics,
)

CLASSES = ("background", "tropical cyclone", "atmospheric river")


def pixels(classes=3, count=500):
    random = np.random.default_rng(0)
    truth = random.integers(0, classes, count)
    return np.where(random.random(count) < 0.6, truth, random.integers(0, classes, count)), truth


@pytest.mark.parametrize("weighted", [False, True])
def test_the_metrics_are_those_of_scikit_learn(weighted):
    predicted, truth = pixels()
    weights = np.random.default_rng(1).uniform(0.5, 2, len(truth)) if weighted else None
    confusion = confusion_matrix(predicted, truth, 3, weights)
    np.testing.assert_allclose(confusion, oracle_matrix(truth, predicted, sample_weight=weights))
    scores = segmentation_metrics(confusion, np.array([0.9, 0.3, 0.5]), CLASSES)
    recalls = recall_score(truth, predicted, average=None, sample_weight=weights)
    unions = jaccard_score(truth, predicted, average=None, sample_weight=weights)
    for number, name in enumerate(CLASSES):
        assert scores[metric_of_class("accuracy", name)] == pytest.approx(recalls[number])
        assert scores[metric_of_class("iou", name)] == pytest.approx(unions[number])
    mean = balanced_accuracy_score(truth, predicted, sample_weight=weights)
    assert scores["mean_accuracy"] == pytest.approx(mean)
    assert scores["mean_iou"] == pytest.approx(np.mean(unions))
    assert scores["map"] == pytest.approx(0.4)
    assert scores["average_precision_tropical_cyclone"] == 0.3


def test_a_constant_background_is_a_third_right():
    """As published: the mean is over classes, however rare these are."""
    truth = np.repeat([0, 1, 2], [9766, 11, 223])
    confusion = confusion_matrix(np.zeros_like(truth), truth, 3)
    found = segmentation_metrics(confusion, np.array([0.9766, 0.0011, 0.0223]), CLASSES)
    assert found["mean_accuracy"] == pytest.approx(1 / 3)
    assert found["map"] == pytest.approx((0.0011 + 0.0223) / 2)


def test_what_is_not_defined_is_left_out():
    confusion = confusion_matrix(np.array([0, 0, 1]), np.array([0, 0, 0]), 3)
    found = segmentation_metrics(confusion, np.array([1.0, np.nan, np.nan]), CLASSES)
    assert "map" not in found
    assert "accuracy_tropical_cyclone" not in found
    assert "iou_atmospheric_river" not in found
    assert found["iou_tropical_cyclone"] == 0
    assert found["mean_accuracy"] == pytest.approx(2 / 3)
    with pytest.raises(ValueError, match="there is no pixel whose class is known"):
        segmentation_metrics(np.zeros((3, 3)), np.zeros(3), CLASSES)


def test_tables_show_the_means_first_and_no_average_precision_of_the_background():
    shown = shown_metrics(CLASSES)
    assert shown[:3] == ("mean_accuracy", "map", "mean_iou")
    assert "average_precision_background" not in shown
    assert "accuracy_background" in shown
    assert len(set(shown)) == len(shown) == 3 + 3 + 2 + 3
    confusion = confusion_matrix(*pixels(), 3)
    assert set(shown) < set(segmentation_metrics(confusion, np.ones(3), CLASSES))


def test_names_of_metrics_are_words_and_underscores():
    assert metric_of_class("iou", "Tropical cyclone (TC)") == "iou_tropical_cyclone_tc"
