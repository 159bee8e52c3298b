import numpy as np
import pytest

from deepsphere.report.scatter import draw
from deepsphere.report.style import to_png

RANDOM = np.random.default_rng(0)


def counts(figure):
    return figure.axes[0].collections[0].get_array().filled(0)


def test_every_known_pair_is_counted_once_and_no_other():
    target = RANDOM.normal(size=(50, 20))
    known = RANDOM.random((50, 20)) < 0.7
    figure = draw(target + RANDOM.normal(size=target.shape), target, known, "Order 4", "degC")
    assert counts(figure).sum() == known.sum()


def test_perfect_predictions_lie_on_the_identity_line():
    target = np.linspace(-10, 30, 400)
    figure = draw(target, target, np.ones(400, bool), "Order 4", "degC")
    binned = counts(figure)
    assert np.trace(binned) == binned.sum() == 400
    line = figure.axes[0].lines[0]
    np.testing.assert_array_equal(line.get_xdata(), line.get_ydata())


def test_predicted_values_are_on_the_vertical_axis():
    target = np.zeros(400)
    target[0] = 10
    figure = draw(np.full(400, 10.0), target, np.ones(400, bool), "t", "1")
    binned = counts(figure)
    assert binned[-1, 0] == 399
    assert binned[-1, -1] == 1


def test_both_axes_have_one_range_that_holds_all_values():
    figure = draw(np.array([-5.0, 0.0]), np.array([0.0, 9.0]), np.ones(2, bool), "t", "1")
    axes = figure.axes[0]
    assert axes.get_xlim() == axes.get_ylim()
    low, high = axes.get_xlim()
    assert low < -5 < 9 < high
    assert axes.get_aspect() == 1


def test_labels_have_units():
    figure = draw(np.ones(3), np.arange(3.0), np.ones(3, bool), "Order 4", "degC")
    axes, bar = figure.axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("observed / °C", "predicted / °C")
    assert axes.get_title(loc="left") == "Order 4"
    assert bar.get_ylabel() == "pairs in a bin (of 3)"


@pytest.mark.parametrize(
    ("prediction", "pairs"), [([1.0, 1.0, 1.0], 3), ([np.nan, 1.0, np.inf], 1), ([np.nan] * 3, 0)]
)
def test_values_that_cannot_be_drawn_do_not_stop_the_figure(prediction, pairs):
    figure = draw(np.array(prediction), np.ones(3), np.ones(3, bool), "t", "1")
    assert counts(figure).sum() == pairs
    assert to_png(figure)
