from dataclasses import replace

import pytest

from deepsphere.report.comparison import SHOWN, draw
from deepsphere.report.style import to_png
from deepsphere.report.table import Cell, rows


@pytest.fixture
def of_temperature(metrics):
    return [row for row in rows(metrics) if row.task == "temperature"]


def marks(axes, marker, size):
    """Return (height, value) of the marks of a kind."""
    return {
        (height, value)
        for line in axes.lines
        if line.get_marker() == marker and line.get_markersize() == size
        for value, height in zip(line.get_xdata(), line.get_ydata(), strict=True)
    }


def test_means_seeds_and_published_values_are_where_they_belong(of_temperature):
    axes = draw(of_temperature, "Temperature", "degC").axes[SHOWN.index("mse")]
    assert marks(axes, "o", 5) == {(0, 16.0), (1, 9.0), (2, 10.0), (3, 8.0), (4, 8.7654)}
    assert marks(axes, "o", 8) == {(2, 9.0), (2, 10.0), (2, 11.0), (3, 7.5), (3, 8.0), (3, 8.5)}
    assert marks(axes, "D", 6) == {(2, 10.88), (3, 8.2), (4, 8.38)}


def test_published_values_of_baselines_are_diamonds_on_their_lines(printed):
    some = [row for row in rows(printed) if row.task == "temperature"]
    axes = draw(some, "Temperature", "degC").axes[SHOWN.index("mse")]
    # Persistence, and after it what was only published.
    assert {(1, 9.2), (2, 20.5)} <= marks(axes, "D", 6)
    assert {height for height, _ in marks(axes, "o", 5)} == {0, 1, 3, 4, 5}


def test_the_line_is_at_the_best_baseline_of_each_metric(of_temperature):
    figure = draw(of_temperature, "Temperature", "degC")
    lines = [
        [line.get_xdata()[0] for line in axes.lines if line.get_linestyle() == ":"]
        for axes in figure.axes
    ]
    assert lines == [[9.0], [2.0], [0.9]]


def test_rows_and_axes_are_named(of_temperature):
    figure = draw(of_temperature, "Temperature", "degC")
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == [
        "climatology",
        "persistence",
        "Order 0",
        "Order 4",
        "Order 9",
    ]
    assert [axes.get_xlabel() for axes in figure.axes] == [
        "MSE / °C² (lower is better)",
        "MAE / °C (lower is better)",
        "R² (higher is better)",
    ]
    assert figure.get_suptitle() == "Temperature"
    low, high = figure.axes[0].get_ylim()
    assert low > high


def test_the_legend_names_only_what_is_drawn(metrics, of_temperature):
    def legend(some):
        return [text.get_text() for text in draw(some, "t", "1").legends[0].get_texts()]

    assert legend(of_temperature) == [
        "baseline",
        "mean over the seeds",
        "one seed",
        "published",
        "best baseline",
    ]
    assert legend([row for row in rows(metrics) if row.task == "day"]) == ["variant"]
    only_published = replace(of_temperature[0], cells={}, published={"mse": 1.0})
    assert legend([only_published]) == ["published"]


def test_a_classification_shows_its_own_metrics(of_temperature):
    scores = {"accuracy": Cell(0.8, None, (0.8,)), "micro_map": Cell(0.7, None, (0.7,))}
    some = [replace(row, cells=scores, published={}) for row in of_temperature]
    labels = [axes.get_xlabel() for axes in draw(some, "Shapes", "1").axes]
    assert labels == ["accuracy (higher is better)", "mAP µ (higher is better)"]


def test_a_row_without_any_metric_stays_an_empty_line(metrics):
    metrics["variants"]["p9"]["metrics"] = {}
    some = [row for row in rows(metrics) if row.name == "p9"]
    figure = draw(some, "t", "1")
    assert marks(figure.axes[0], "o", 5) == set()
    assert to_png(figure)
