import numpy as np

from deepsphere.report.curves import draw
from deepsphere.report.style import to_png


def history(scale, split="test", epochs=4):
    """A loss of scale / epoch, and an error of twice that at every other epoch."""
    entries = [
        {"epoch": epoch, "learning_rate": 1, "loss": scale / epoch}
        for epoch in range(1, epochs + 1)
    ]
    for entry in entries[1::2]:
        entry[split] = {"mse": 2 * entry["loss"], "mae": 0, "r2": 0}
    return entries


def test_seeds_and_their_mean_are_drawn():
    figure = draw({"Order 4": [history(1), history(3)]}, "Temperature", "degC")
    left, right = figure.axes
    assert [line.get_xdata().tolist() for line in left.lines] == [[1, 2, 3, 4]] * 3
    losses = [line.get_ydata() for line in left.lines]
    np.testing.assert_allclose(
        losses, [1 / np.arange(1, 5), 3 / np.arange(1, 5), 2 / np.arange(1, 5)]
    )
    assert [line.get_xdata().tolist() for line in right.lines] == [[2, 4]] * 3
    np.testing.assert_allclose(right.lines[-1].get_ydata(), [2, 1])


def test_one_seed_is_one_line_and_each_variant_has_its_colour_and_legend():
    figure = draw({"Order 0": [history(1)], "Order 4": [history(2)]}, "Temperature", "degC")
    left, _ = figure.axes
    assert len(left.lines) == 2
    assert left.lines[0].get_color() != left.lines[1].get_color()
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["Order 0", "Order 4"]


def test_axes_say_what_is_monitored_and_its_unit():
    for split in ("test", "validation"):
        figure = draw({"a": [history(1, split)]}, "Temperature", "degC")
        assert figure.axes[1].get_ylabel() == f"MSE / °C² of the {split} samples"
    assert figure.get_suptitle() == "Temperature"
    assert {axes.get_xlabel() for axes in figure.axes} == {"epoch"}


def test_a_classification_shows_its_accuracy_on_an_even_scale():
    entries = [
        {"epoch": epoch, "loss": 1 / epoch, "test": {"accuracy": 1 - 0.5 / epoch, "error_rate": 0}}
        for epoch in (1, 2)
    ]
    left, right = draw({"a": [entries]}, "Shapes", "1").axes
    assert right.lines[0].get_ydata().tolist() == [0.5, 0.75]
    assert right.get_ylabel() == "accuracy of the test samples"
    assert (left.get_yscale(), right.get_yscale()) == ("log", "linear")


def test_seeds_of_different_length_are_averaged_where_both_are():
    figure = draw({"a": [history(1, epochs=4), history(3, epochs=2)]}, "t", "1")
    mean = figure.axes[0].lines[-1]
    assert mean.get_xdata().tolist() == [1, 2]
    np.testing.assert_allclose(mean.get_ydata(), [2, 1])


def test_a_run_of_one_epoch_can_be_seen():
    figure = draw({"a": [history(1, epochs=1)]}, "t", "1")
    assert figure.axes[0].lines[0].get_marker() == "o"
    assert to_png(figure)


def test_a_task_without_variants_has_an_empty_figure():
    figure = draw({}, "t", "1")
    assert [len(axes.lines) for axes in figure.axes] == [0, 0]
    assert to_png(figure)
