import io

import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.image import imread

from deepsphere.report.confusion import draw, shortened
from deepsphere.report.style import to_png

RANDOM = np.random.default_rng(0)
COUNTS = np.array([[6, 3, 1], [0, 0, 0], [0, 399, 1]])
NAMES = ["cat", "dog", "$axolotl$"]


def many(classes):
    confusion = np.diag(RANDOM.integers(1, 2000, classes))
    confusion += RANDOM.integers(0, 40, (classes, classes)) * (RANDOM.random(2 * [classes]) < 0.1)
    return confusion, [f"class of meshes {number}" for number in range(classes)]


def shown(figure):
    """Return the picture, and where the cell of a row and a column is in it."""
    image = imread(io.BytesIO(to_png(figure)))
    place = figure.axes[0].transData

    def at(row, column):
        # Off the middle, where the number is.
        x, y = place.transform((column - 0.4, row - 0.4)).astype(int)
        return image[len(image) - 1 - y, x, :3]

    return image, at


def test_cells_have_the_colour_of_their_share_of_the_row():
    """Colours go with the square root of the share."""
    _, at = shown(draw(COUNTS, NAMES, "Mesh"))
    for row, column, share in [(0, 0, 0.6), (0, 1, 0.3), (2, 1, 399 / 400), (2, 0, 0.0)]:
        expected = colormaps["Blues"](share**0.5)[:3]
        np.testing.assert_allclose(at(row, column), expected, atol=0.01)


def test_rows_without_samples_are_grey():
    _, at = shown(draw(COUNTS, NAMES, "Mesh"))
    for column in range(3):
        np.testing.assert_allclose(at(1, column), 0.92, atol=0.01)


def test_cells_of_half_a_percent_and_more_have_their_percentage():
    """1/400 is 0.25 %, which is not written; 399/400 rounds to 100 %."""
    texts = draw(COUNTS, NAMES, "Mesh").axes[0].texts
    found = {(int(y), int(x)): text.get_text() for text in texts for x, y in [text.get_position()]}
    assert found == {(0, 0): "60", (0, 1): "30", (0, 2): "10", (2, 1): "100"}


def test_numbers_stand_out_from_their_cells():
    """The brightness of the cells differs from that of their numbers by more than a third."""
    confusion, names = many(30)
    axes = draw(confusion, names, "").axes[0]
    shares = confusion / confusion.sum(axis=1, keepdims=True)
    for text in axes.texts:
        column, row = text.get_position()
        cell = colormaps["Blues"](shares[row, column] ** 0.5)[:3] @ np.array([0.3, 0.59, 0.11])
        assert abs(cell - (text.get_color() == "white")) > 0.35


def test_rows_and_columns_are_named_in_order_with_their_samples():
    axes = draw(COUNTS, NAMES, "Mesh").axes[0]
    rows = [label.get_text() for label in axes.get_yticklabels()]
    assert rows == ["cat (10)", "dog (0)", r"\$axolotl\$ (400)"]
    columns = [label.get_text() for label in axes.get_xticklabels()]
    assert columns == ["cat", "dog", r"\$axolotl\$"]
    assert axes.yaxis_inverted()
    assert axes.get_title(loc="left") == "Mesh\n7 of 410 right"


@pytest.mark.parametrize("classes", [1, 2, 3, 10, 40, 55])
def test_nothing_is_cut_off_and_cells_are_about_square_and_large_enough(classes):
    figure = draw(*many(classes), "ModelNet40\nOrder 4")
    image, _ = shown(figure)
    border = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])[:, :3]
    assert (border == 1).all()
    assert max(image.shape) < 1700
    width, height = figure.axes[0].bbox.size / classes
    assert 0.8 < width / height < 1.25
    # Numbers of 7 points are 12 dots high.
    assert min(width, height) > 17


def test_labels_of_many_classes_do_not_overlap():
    figure = draw(*many(55), "")
    to_png(figure)
    axes = figure.axes[0]
    for labels, side in ((axes.get_xticklabels(), "x"), (axes.get_yticklabels(), "y")):
        boxes = [label.get_window_extent() for label in labels]
        ends = np.sort([[getattr(box, f"{side}0"), getattr(box, f"{side}1")] for box in boxes], 0)
        assert (ends[1:, 0] > ends[:-1, 1] - 1).all()


def test_long_names_are_cut():
    assert shortened("a" * 22) == "a" * 22
    assert shortened("a" * 23) == "a" * 21 + "…"
    assert shortened("abcd", 3) == "ab…"


def test_a_matrix_without_samples_says_so():
    figure = draw(np.zeros((2, 2), int), ["a", "b"], "Mesh")
    assert figure.axes[0].get_title(loc="left") == "Mesh\nno samples"
    assert to_png(figure)


@pytest.mark.parametrize(
    "confusion", [np.zeros((2, 3), int), np.full((3, 3), -1), np.zeros(3, int)]
)
def test_what_is_no_matrix_of_counts_is_refused(confusion):
    with pytest.raises(ValueError, match=r"expected counts of shape \(3, 3\), at least 0"):
        draw(confusion, NAMES, "")


def test_the_same_matrix_gives_the_same_bytes():
    first, second = (to_png(draw(COUNTS, NAMES, "Mesh")) for _ in range(2))
    assert first == second
