import io

from matplotlib.image import imread

from deepsphere.report.style import (
    COLOURS,
    DPI,
    line_style,
    new_figure,
    plain,
    to_png,
    unique_labels,
)


def test_a_png_has_the_size_of_its_figure_and_names_no_software():
    png = to_png(new_figure(3.0, 2.0))
    assert imread(io.BytesIO(png)).shape[:2] == (2 * DPI, 3 * DPI)
    assert b"Software" not in png


def test_a_figure_is_white_whatever_the_axes():
    assert (imread(io.BytesIO(to_png(new_figure(0.5, 0.5)))) == 1).all()


def test_more_curves_than_colours_differ_by_line():
    styles = [line_style(number) for number in range(4 * len(COLOURS))]
    assert len(set(styles)) == len(styles)


def test_only_equal_labels_get_their_names():
    assert unique_labels(["a", "b", "a"], ["x", "y", "z"]) == ["a (x)", "b", "a (z)"]


def test_dollars_are_not_mathematics():
    figure = new_figure(2, 1)
    text = figure.text(0.5, 0.5, plain("$x_$ costs $5"))
    assert text.get_text() == r"\$x_\$ costs \$5"
    assert to_png(figure)
