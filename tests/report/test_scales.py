import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.colors import to_rgba

from deepsphere.errors import DeepsphereError
from deepsphere.report.scales import UNKNOWN, class_scale, value_scale
from deepsphere.report.style import COLOURS, new_figure, to_png

GREY = to_rgba(UNKNOWN)


def test_values_are_coloured_from_the_smallest_to_the_largest():
    values = np.array([3.0, 1.0, np.nan, 5.0])
    scale = value_scale(values)
    viridis = colormaps["viridis"]
    expected = [viridis(0.5), viridis(0.0), GREY, viridis(1.0)]
    np.testing.assert_allclose(scale.colours_of(values), expected)


def test_values_beyond_the_limits_have_their_colours_and_infinite_ones_none():
    colours = value_scale(np.array([0.0, 1.0])).colours_of(np.array([-5.0, 0, 9, 1, np.inf]))
    np.testing.assert_array_equal(colours[0], colours[1])
    np.testing.assert_array_equal(colours[2], colours[3])
    np.testing.assert_allclose(colours[4], GREY)


def test_signed_values_are_blue_white_and_red():
    values = np.array([-1.0, 0, 4, -4])
    scale = value_scale(values, signed=True)
    assert (scale.norm.vmin, scale.norm.vmax) == (-4, 4)
    below, zero, above, lowest = scale.colours_of(values)
    assert zero[:3].min() > 0.95
    assert below[2] > below[0]
    assert above[0] > above[2]
    assert lowest[2] > lowest[0]


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("values", [[], [np.nan], [0.0], [2.0, 2.0]])
def test_a_scale_is_never_empty(values, signed):
    norm = value_scale(np.array(values), signed=signed).norm
    assert norm.vmin < norm.vmax


def test_classes_have_their_own_colours():
    values = np.array([2.0, 0, np.nan, 1])
    colours = class_scale(["sea", "land", "ice"]).colours_of(values)
    np.testing.assert_allclose(
        colours, [to_rgba(COLOURS[2]), to_rgba(COLOURS[0]), GREY, to_rgba(COLOURS[1])]
    )


@pytest.mark.parametrize("number", [1, 7, 8, 18])
def test_all_classes_differ_in_colour_and_none_is_grey(number):
    scale = class_scale([f"{index}" for index in range(number)])
    colours = scale.colours_of(np.arange(number))
    assert len(np.unique(colours, axis=0)) == number
    chroma = np.ptp(colours[:, :3], axis=1)
    is_black = colours[:, :3].max(axis=1) == 0
    assert (chroma[~is_black] > 0.1).all()


@pytest.mark.parametrize("wrong", [3.0, -1.0, 0.5])
def test_what_is_no_class_is_refused(wrong):
    with pytest.raises(DeepsphereError, match=f"numbers from 0 to 2, .* found {wrong:g}"):
        class_scale(["a", "b", "c"]).colours_of(np.array([0, wrong, 1, np.nan]))


@pytest.mark.parametrize("number", [0, 19])
def test_too_many_classes_are_refused(number):
    with pytest.raises(DeepsphereError, match=f"from 1 to 18 classes; found {number}"):
        class_scale(["name"] * number)


@pytest.mark.parametrize("is_below", [True, False])
def test_the_bar_names_values_and_classes(is_below):
    figure = new_figure(3, 3)
    axes = figure.subplots()
    value_scale(np.array([0.0, 1.0]), "price / $").draw_bar(figure, axes, is_below)
    class_scale(["sea", "land"]).draw_bar(figure, axes, is_below)
    assert to_png(figure)
    _, values, classes = figure.axes
    axis = "x" if is_below else "y"
    assert getattr(values, f"get_{axis}label")() == r"price / \$"
    ticks = getattr(classes, f"get_{axis}ticklabels")()
    assert [tick.get_text() for tick in ticks] == ["sea", "land"]
