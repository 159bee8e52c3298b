import io

import numpy as np
import pytest
from matplotlib.image import imread
from sklearn.metrics import f1_score, recall_score

from deepsphere.report.accuracies import draw
from deepsphere.report.style import to_png
from deepsphere.tasks.classification_metrics import confusion_matrix

RANDOM = np.random.default_rng(0)
CLASSES = 6
NAMES = [f"class {number}" for number in range(CLASSES)]
TRUTH = RANDOM.integers(0, CLASSES - 1, 500)
PREDICTED = np.where(RANDOM.random(500) < 0.6, TRUTH, RANDOM.integers(0, CLASSES, 500))
CONFUSION = confusion_matrix(PREDICTED, TRUTH, CLASSES)


def drawn():
    return draw(CONFUSION, NAMES, "Mesh")


def test_bars_are_recalls_and_diamonds_are_f1_in_descending_order():
    """scikit-learn computes both; the last class has no samples."""
    labels = np.arange(CLASSES - 1)
    recall = recall_score(TRUTH, PREDICTED, labels=labels, average=None)
    f1 = f1_score(TRUTH, PREDICTED, labels=labels, average=None)
    order = np.argsort(-recall)
    axes = drawn().axes[0]
    np.testing.assert_allclose([bar.get_width() for bar in axes.patches], recall[order])
    diamonds, line = axes.lines
    np.testing.assert_allclose(diamonds.get_xdata(), f1[order])
    np.testing.assert_array_equal(diamonds.get_ydata(), labels)
    np.testing.assert_allclose(line.get_xdata(), (TRUTH == PREDICTED).mean())
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == [f"class {number} ({(number == TRUTH).sum()})" for number in order]
    assert axes.yaxis_inverted()


def test_classes_without_samples_are_counted():
    assert drawn().axes[0].get_xlabel().endswith("\n1 of 6 classes have no samples")
    full = draw(CONFUSION[:5, :5], NAMES[:5], "")
    assert "samples" in full.axes[0].get_xlabel() and "\n" not in full.axes[0].get_xlabel()


def test_classes_that_are_found_alike_stay_in_order():
    axes = draw(np.eye(4, dtype=np.int64), ["d", "b", "a", "c"], "").axes[0]
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["d (1)", "b (1)", "a (1)", "c (1)"]


@pytest.mark.parametrize("classes", [1, 3, 55])
def test_nothing_is_cut_off(classes):
    names = [f"a class with quite a long name {number}" for number in range(classes)]
    figure = draw(np.diag(np.arange(1, classes + 1)), names, "ModelNet40\nOrder 4")
    image = imread(io.BytesIO(to_png(figure)))[..., :3]
    border = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    assert (border == 1).all()
    assert max(image.shape) < 1500


def test_what_has_nothing_to_show_is_refused():
    with pytest.raises(ValueError, match=r"with a sample; found .* with 0"):
        draw(np.zeros((2, 2), np.int64), ["a", "b"], "")
    with pytest.raises(ValueError, match=r"shape \(2, 2\)"):
        draw(np.eye(3, dtype=np.int64), ["a", "b"], "")
