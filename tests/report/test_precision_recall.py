from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from deepsphere.report.precision_recall import RECALLS, Curve, draw, legend_text
from deepsphere.report.table import Cell, Row
from deepsphere.tasks.samples import Predictions
from deepsphere.tasks.segmentation_tally import SegmentationTally

CLASSES = ("background", "Tropical cyclone", "river $x$")
RANDOM = np.random.default_rng(0)
TARGET = RANDOM.choice(3, (4, 3000), p=[0.9, 0.03, 0.07])
FREQUENCIES = np.bincount(TARGET.ravel()) / TARGET.size


def scored(folder, strength):
    """Return the curve and the scores of answers that know more or less of the truth."""
    logits = RANDOM.normal(size=(*TARGET.shape, 3)) + strength * np.eye(3)[TARGET]
    chances = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    folder.mkdir()
    tally = SegmentationTally(CLASSES, np.ones(3), None, folder)
    known = np.ones(TARGET.shape, bool)
    chances = chances.astype(np.float32)
    tally.add(Predictions(np.arange(4), chances, TARGET, known))
    kept = tally.kept()
    exact = [
        average_precision_score(TARGET.ravel() == number, chances[..., number].ravel())
        for number in range(3)
    ]
    return Curve(kept["precision"], kept["recall"]), dict(tally.scores()), np.array(exact)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Three runs."""
    folder = tmp_path_factory.mktemp("scratch")
    return [scored(folder / str(number), strength) for number, strength in enumerate((0, 1, 3))]


def row(kind, name, scores):
    cells = {
        metric: Cell(float(np.mean(values)), float(np.std(values)), tuple(values))
        for metric in scores[0]
        if (values := [each[metric] for each in scores])
    }
    return Row("task", name, kind, name, "sound", 1, cells, {}, None)


def test_the_mean_precision_of_a_curve_is_the_average_precision(found):
    """The curves are drawn at 512 recalls: a step of the precision may lie between two of them.

    The precision falls but for noise, so that each of the two sums over the recalls bounds the
    integral, and they differ by 1/511 of the fall, which is at most 1.
    """
    for curve, _, exact in found:
        for number in range(3):
            area = curve.at(number, RECALLS).mean()
            assert area == pytest.approx(exact[number], abs=2 / 511)


def test_the_legend_says_what_the_table_says(found):
    variant = row("variant", "U-Net", [scores for _, scores, _ in found[1:]])
    cells = variant.cells
    assert legend_text(variant, CLASSES) == (
        f"U-Net: mAP {cells['map'].text} (Tropical cyclone "
        f"{cells['average_precision_tropical_cyclone'].text}, river $x$ "
        f"{cells['average_precision_river_x'].text})"
    )
    # Those of the table are exact.
    mean = np.mean([exact[1:].mean() for _, _, exact in found[1:]])
    assert cells["map"].mean == pytest.approx(mean, abs=1e-9)
    assert legend_text(replace(variant, cells={}), CLASSES) == "U-Net: no mAP"


def test_each_event_has_a_panel_with_chance_and_a_line_for_each_row_that_has_curves(found):
    rows = [
        row("baseline", "linear", [found[0][1]]),
        row("baseline", "unknown", [found[0][1]]),
        row("variant", "U-Net", [scores for _, scores, _ in found[1:]]),
    ]
    curves = [[found[0][0]], [], [curve for curve, _, _ in found[1:]]]
    figure = draw(rows, curves, CLASSES, FREQUENCIES, "Task")
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["Tropical cyclone", r"river \$x\$"]
    for event, axes in enumerate(figure.axes, start=1):
        baseline, mean, chance = (line.get_ydata() for line in axes.lines)
        np.testing.assert_array_equal(baseline, found[0][0].at(event, RECALLS))
        seeds = [curve.at(event, RECALLS) for curve, _, _ in found[1:]]
        np.testing.assert_allclose(mean, np.mean(seeds, axis=0))
        np.testing.assert_allclose(chance, FREQUENCIES[event])
        (band,) = axes.collections
        corners = band.get_paths()[0].vertices
        assert corners[:, 1].max() == pytest.approx(np.max(seeds))
        # What knows nothing is at chance.
        assert baseline[100:].mean() == pytest.approx(FREQUENCIES[event], rel=0.4)
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert len(texts) == 3
    assert texts[-1] == "chance: share of the pixels ({:.2g} %, {:.2g} %)".format(
        *(100 * FREQUENCIES[1:])
    )


def test_a_class_without_samples_has_no_line_and_no_score():
    nothing = np.full((2, 5), np.nan)
    assert np.isnan(Curve(nothing, nothing).at(1, RECALLS)).all()


def test_shapes_that_do_not_fit_are_refused(found):
    with pytest.raises(ValueError, match="one shape"):
        Curve(np.zeros((2, 3)), np.zeros((2, 4)))
    with pytest.raises(ValueError, match="curves of 0 rows"):
        draw([], [[]], CLASSES, FREQUENCIES, "Task")
