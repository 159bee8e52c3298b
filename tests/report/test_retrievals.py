import io

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.image import imread

from deepsphere.report.retrievals import draw
from deepsphere.report.scales import value_scale
from deepsphere.report.style import COLOURS, to_png

TARGET = np.array([0, 0, 1, 1, 2])
NAMES = ["cat", "dog", "a class with quite a long name"]
ROWS = np.array([[0, 1, 2, -1], [4, 3, 2, 1]])
SHADES = np.linspace(0.1, 0.5, 5)


def paint(axes, row):
    """Fill axes with a grey that only this row has."""
    axes.imshow(np.full((8, 8, 3), SHADES[row]))
    axes.set_axis_off()


def drawn(**options):
    return draw(ROWS, TARGET, NAMES, paint, "Shapes\nOrder 4", **options)


def panels(figure):
    """Return the axes of the queries and what is found, shape (query, 1 + place)."""
    return np.delete(np.array(figure.axes[:10]).reshape(2, 5), 1, axis=1)


def test_every_object_is_at_its_place():
    figure = drawn()
    image = imread(io.BytesIO(to_png(figure)))
    for axes, row in zip(panels(figure).flat, ROWS.flat, strict=True):
        column, line = axes.transAxes.transform((0.5, 0.5)).astype(int)
        expected = 1.0 if row < 0 else SHADES[row]
        np.testing.assert_allclose(image[len(image) - 1 - line, column, :3], expected, atol=0.01)


def test_right_ones_are_marked_by_sign_colour_and_line():
    found = panels(drawn())
    texts = [[text.get_text() for axes in line for text in axes.texts] for line in found]
    assert texts == [["cat", "✓ cat", "✗ dog"], ["a class with qu…", *["✗ dog"] * 2, "✗ cat"]]
    right, wrong = found[0, 1].patches[-1], found[0, 2].patches[-1]
    assert right.get_edgecolor() == to_rgba(COLOURS[0])
    assert wrong.get_edgecolor() == to_rgba(COLOURS[1])
    assert (right.get_linestyle(), wrong.get_linestyle()) == ("-", "--")
    assert not found[0, 0].patches and not found[0, 3].patches


def test_heads_count_what_is_right():
    figure = drawn()
    assert [axes.get_title() for axes in panels(figure)[0]] == ["query", "1", "2", "3"]
    assert figure.get_suptitle() == "Shapes\nOrder 4\n1 of 5 of the query's class"


def test_a_scale_has_a_bar():
    scale = value_scale(np.array([0.0, 2.0]), "distance / radii of the sphere")
    bar = drawn(scale=scale).axes[-1]
    assert bar.get_xlabel() == "distance / radii of the sphere"
    assert bar.get_xlim() == (0, 2)
    assert len(drawn().axes) == 10


@pytest.mark.parametrize("shape", [(1, 2), (6, 7)])
def test_nothing_is_cut_off(shape):
    rows = np.arange(shape[0] * shape[1]).reshape(shape) % 5
    scale = value_scale(np.array([0.0, 2.0]), "distance / radii of the sphere")
    figure = draw(rows, TARGET, NAMES, paint, "Shapes\nOrder 4", scale)
    image = imread(io.BytesIO(to_png(figure)))[..., :3]
    border = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    assert (border == 1).all()
    assert max(image.shape) < 1400


@pytest.mark.parametrize(
    "rows", [np.zeros((0, 3), int), np.zeros((2, 1), int), np.array([[0, 5]]), np.zeros(3, int)]
)
def test_rows_that_do_not_exist_are_refused(rows):
    with pytest.raises(ValueError, match="expected rows below 5 of shape"):
        draw(rows, TARGET, NAMES, paint, "")
