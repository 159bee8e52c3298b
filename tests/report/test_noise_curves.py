import numpy as np
import pytest
from matplotlib.colors import to_rgb

from deepsphere.report.noise_curves import draw, noise_groups, noise_lines
from deepsphere.report.style import COLOURS, GREY
from deepsphere.report.table import Cell, Row

NOISES = {"quiet": 0.0, "loud": 2.0}


def row(task, name, accuracy, **changes):
    given = {
        "kind": "variant",
        "title": "FCN",
        "protocol": "sound",
        "parameters": 1,
        "cells": {} if accuracy is None else {"accuracy": Cell(accuracy, 0.1, (accuracy,) * 2)},
        "published": {},
        "footnote": None,
    }
    return Row(task=task, name=name, **{**given, **changes})


def baseline(task, accuracy, name="histogram", **changes):
    given = {
        "kind": "baseline",
        "title": "an SVM",
        "protocol": "",
        "cells": {"accuracy": Cell(accuracy, None, (accuracy,))},
    }
    return row(task, name, 0.0, **{**given, **changes})


def points(lines):
    return {
        line.label: ({noise: cell.mean for noise, cell in line.cells.items()}, line.published)
        for line in lines
    }


def test_tasks_that_differ_by_their_noise_alone_are_one_group_by_rising_noise():
    tasks = {
        "b": {"store": "o1", "noise": 2.0},
        "a": {"store": "o1", "noise": 0.5},
        "other store": {"store": "o2", "noise": 1.0},
        "one more": {"store": "o2", "noise": 1.0},
        "no noise": {"store": "o1"},
    }
    assert noise_groups(tasks) == [("a", "b")]


def test_a_line_is_a_title_and_baselines_come_last():
    rows = [
        baseline("quiet", 0.9),
        row("quiet", "n0", 1.0),
        baseline("loud", 0.6),
        row("loud", "n2", 0.8, published={"accuracy": 0.85}),
        row("loud", "flat", None, title="CNN", published={"accuracy": 0.5}),
    ]
    metric, lines = noise_lines(rows, NOISES)
    assert metric == "accuracy"
    assert [line.is_baseline for line in lines] == [False, False, True]
    assert points(lines) == {
        "FCN": ({0.0: 1.0, 2.0: 0.8}, {2.0: 0.85}),
        "CNN": ({}, {2.0: 0.5}),
        "histogram": ({0.0: 0.9, 2.0: 0.6}, {}),
    }


def test_protocols_and_doubles_have_lines_of_their_own():
    rows = [
        row("quiet", "a", 1.0),
        row("quiet", "b", 0.9),
        row("quiet", "c", 0.7, protocol="published"),
    ]
    assert points(noise_lines(rows, NOISES)[1]) == {
        "FCN, sound": ({0.0: 1.0}, {}),
        "FCN, sound (b)": ({0.0: 0.9}, {}),
        "FCN, published": ({0.0: 0.7}, {}),
    }


@pytest.fixture
def axes():
    rows = [
        row("loud", "n2", 0.8, published={"accuracy": 0.85}),
        row("quiet", "n0", 1.0),
        baseline("quiet", 0.9),
        baseline("loud", 0.6),
    ]
    metric, lines = noise_lines(rows, NOISES)
    return draw(lines, metric, "Maps $x_{").axes[0]


def test_bars_are_a_standard_deviation_to_either_side_and_baselines_have_none(axes):
    model, svm = axes.containers
    np.testing.assert_allclose(model[0].get_xydata(), [[0, 1.0], [2, 0.8]])
    (bars,) = model[2]
    np.testing.assert_allclose(bars.get_segments(), [[[0, 0.9], [0, 1.1]], [[2, 0.7], [2, 0.9]]])
    np.testing.assert_allclose(svm[0].get_xydata(), [[0, 0.9], [2, 0.6]])
    assert not svm[2]
    assert to_rgb(model[0].get_color()) == to_rgb(COLOURS[0])
    assert to_rgb(svm[0].get_color()) == to_rgb(GREY)


def test_published_scores_are_open_marks_in_the_colour_of_their_model(axes):
    (mark,) = (line for line in axes.lines if line.get_marker() == "D" and len(line.get_xdata()))
    np.testing.assert_array_equal(mark.get_xydata(), [[2, 0.85]])
    assert mark.get_markerfacecolor() == "none"
    assert to_rgb(mark.get_color()) == to_rgb(COLOURS[0])


def test_diamonds_of_baselines_hold_the_mark_of_their_line():
    """They are all grey, so the colour does not tell which line they belong to."""
    rows = [
        baseline("loud", 0.6, published={"accuracy": 0.7}),
        baseline("loud", 0.0, "pixels", cells={}, published={"accuracy": 0.55}),
        baseline("loud", 0.5, "majority"),
    ]
    metric, lines = noise_lines(rows, NOISES)
    axes = draw(lines, metric, "Maps").axes[0]
    marks = {
        accuracy: [
            line.get_marker() for line in axes.lines if [2, accuracy] in line.get_xydata().tolist()
        ]
        for accuracy in (0.7, 0.55)
    }
    own = [container[0].get_marker() for container in axes.containers]
    assert marks == {0.7: ["D", own[0]], 0.55: ["D", own[1]]}
    assert len(set(own)) == 3
    assert all(to_rgb(line.get_color()) == to_rgb(GREY) for line in axes.lines)


def test_the_legend_names_each_line_once(axes):
    (legend,) = axes.figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["FCN", "histogram", "published"]
