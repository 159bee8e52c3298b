import math
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.patches import Circle

from deepsphere.nn.building import build_graph_hierarchy
from deepsphere.nn.chebyshev import ChebConv
from deepsphere.nn.filters import filter_views
from deepsphere.report.filters import plot_filters
from deepsphere.report.style import COLOURS, line_style, to_png
from deepsphere.samplings.healpix import Healpix

# A square grid on the plane, of 7 by 7 pixels: beyond the view, but for the pixels 0.1 apart.
STEPS = np.arange(-3, 4) * 0.1
GRID = np.stack(np.meshgrid(STEPS, STEPS), axis=-1).reshape(-1, 2)
EXTENT = math.atan(0.25)


def views(filters=2, **changes):
    """Views of filters whose values are all different, each ten times the one before."""
    scale = 10.0 ** np.arange(filters)
    angles = np.array([0.0, 0.1, 0.2])
    signed = np.array([-0.2, 0.0, 0.1])
    given = {
        "channels": np.stack([np.arange(filters), np.arange(filters)[::-1]], axis=1),
        "coefficients": np.outer([1.0, -2, 3], scale),
        "response": (np.array([-1.0, 0, 0.9]), np.outer([2.0, 1, 0], scale)),
        "degrees": None,
        "around": (angles, np.outer([0.5, -0.1, 0.02], scale)),
        "eastward": (signed, np.outer([0.02, 0.5, -0.1], scale)),
        "northward": (signed[1:], np.outer([0.5, 0.3], scale)),
        "plane": (GRID, np.outer(np.arange(49.0) - 24, scale)),
        "extent": EXTENT,
    }
    return SimpleNamespace(**{**given, **changes})


def curves_and_maps(figure):
    return [part.axes for part in figure.subfigs]


def maps(figure):
    return [axes for axes in curves_and_maps(figure)[1] if axes.images]


def points(axes, colour, marker):
    """Return what is drawn in a colour and with a marker."""
    (line,) = (
        line
        for line in axes.lines
        if to_rgb(line.get_color()) == to_rgb(colour) and line.get_marker() == marker
    )
    return np.transpose([line.get_xdata(), line.get_ydata()])


def tick_labels(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


def test_curves_are_those_of_the_views_with_angles_in_degrees():
    given = views()
    panels, _ = curves_and_maps(plot_filters(given))
    coefficients, responses, circles, distances = panels[:4]
    for index, colour in enumerate(COLOURS[:2]):
        drawn = points(coefficients, colour, "o")
        np.testing.assert_array_equal(drawn, np.c_[range(3), given.coefficients[:, index]])
        for axes, marker, name, scale in (
            (responses, "None", "response", 1),
            (circles, "o", "eastward", 180 / math.pi),
            (circles, "^", "northward", 180 / math.pi),
            (distances, ".", "around", 180 / math.pi),
        ):
            places, values = getattr(given, name)
            expected = np.c_[places * scale, values[:, index]]
            np.testing.assert_allclose(points(axes, colour, marker), expected, rtol=1e-14)


def test_filters_are_named_by_their_channels():
    figure = plot_filters(views(3), "costs $5")
    (legend,) = figure.subfigs[0].legends
    names = ["0 → 2", "1 → 1", "2 → 0"]
    assert [text.get_text() for text in legend.get_texts()] == names
    assert legend.get_title().get_text() == "input channel → output channel"
    assert [axes.get_title(loc="left") for axes in maps(figure)] == names
    assert [handle.get_color() for handle in legend.legend_handles] == list(COLOURS[:3])
    assert figure.get_suptitle() == r"costs \$5"


def test_more_filters_than_colours_differ_by_line():
    figure = plot_filters(views(9))
    (legend,) = figure.subfigs[0].legends
    looks = [(line.get_color(), line.get_linestyle()) for line in legend.legend_handles]
    assert looks == [line_style(number) for number in range(9)]


@pytest.mark.parametrize("filters", [1, 3, 4, 5, 9])
def test_each_filter_has_one_map(filters):
    figure = plot_filters(views(filters))
    assert len(maps(figure)) == filters
    rows = {axes.get_subplotspec().rowspan.start for axes in maps(figure)}
    assert len(rows) == math.ceil(filters / 4)


def test_degrees_stand_on_top_where_they_are_known():
    known = np.array([0, 5, 10, 15]), np.array([-1.0, -0.8, 0.1, 0.7])
    panels, _ = curves_and_maps(plot_filters(views(degrees=known)))
    (top,) = panels[1].child_axes
    np.testing.assert_array_equal(top.get_xticks(), known[1])
    assert tick_labels(top.xaxis) == ["0", "5", "10", "15"]
    assert "degree l" in panels[1].get_title(loc="left")
    panels, _ = curves_and_maps(plot_filters(views()))
    assert not panels[1].child_axes
    assert panels[1].get_title(loc="left") == "spectral response"


def test_degrees_without_room_or_in_falling_order_are_left_out():
    """The axis is about 2 long, so that 0.01 is too little, and the last three go back."""
    known = np.arange(6), np.array([-1.0, -0.99, 0.5, 0.9, 0.89, 0.6])
    panels, _ = curves_and_maps(plot_filters(views(degrees=known)))
    (top,) = panels[1].child_axes
    assert tick_labels(top.xaxis) == ["0", "2", "3"]


def test_maps_have_the_value_of_the_nearest_pixel_north_up_and_east_right():
    """Pixel 24 is in the centre; 25 is east of it, 31 is north."""
    figure = plot_filters(views(1))
    (axes,) = maps(figure)
    (image,) = axes.images
    values = image.get_array()
    left, right, bottom, top = image.get_extent()
    assert image.origin == "lower"
    np.testing.assert_allclose([left, right, bottom, top], 0.25 * np.array([-1, 1, -1, 1]))
    for pixel, (east, north) in enumerate(GRID):
        if max(abs(east), abs(north)) < 0.25:
            column = int((east - left) / (right - left) * values.shape[1])
            row = int((north - bottom) / (top - bottom) * values.shape[0])
            assert values[row, column] == pixel - 24
    assert not np.ma.getmaskarray(values).any()


def test_maps_are_grey_where_there_is_no_pixel():
    """Pixels 0.05 apart, none of them in the east, reach three quarters of 0.05 √2 over the border.

    That is 0.053 on the plane, or a little more, as there all is longer than on the sphere.
    """
    steps = np.arange(-6, 7) * 0.05
    west = np.stack(np.meshgrid(steps[:7], steps), axis=-1).reshape(-1, 2)
    figure = plot_filters(views(1, plane=(west, np.ones((91, 1)))))
    (image,) = maps(figure)[0].images
    covered = ~np.ma.getmaskarray(image.get_array())
    columns = (np.arange(400) + 0.5) / 400 * 0.5 - 0.25
    middle = covered[covered.shape[0] // 2]
    assert middle[columns < 0.052].all()
    assert not middle[columns > 0.055].any()
    assert image.get_cmap().get_bad()[:3] == pytest.approx(to_rgb("0.8"))


def test_maps_have_scales_of_their_own_that_are_even_about_zero():
    """The largest values, 24 and 240, are within 50 and 500, the next of 1, 2, 5 and tens."""
    figure = plot_filters(views(2))
    limits = [(axes.images[0].norm.vmin, axes.images[0].norm.vmax) for axes in maps(figure)]
    assert limits == [(-50, 50), (-500, 500)]
    bars = [axes.images[0].colorbar for axes in maps(figure)]
    assert tick_labels(bars[0].ax.yaxis) == ["−50", "−20", "−5", "0", "5", "20", "50"]


@pytest.mark.parametrize(("largest", "limit"), [(1.0, 1), (0.11, 0.2), (30.0, 50), (6e-7, 1e-6)])
def test_limits_are_round_numbers(largest, limit):
    figure = plot_filters(views(1, plane=(GRID, np.linspace(-largest, 0, 49)[:, None])))
    assert maps(figure)[0].images[0].norm.vmax == pytest.approx(limit)


def test_circles_are_tangents_of_round_angles():
    figure = plot_filters(views(1))
    rings = [patch for patch in maps(figure)[0].patches if isinstance(patch, Circle)]
    # The view reaches 14.04°.
    expected = np.tan(np.radians([5, 10]))
    np.testing.assert_allclose([ring.get_radius() for ring in rings], expected)
    assert "circles at 5°, 10°" in figure.subfigs[1].get_suptitle()


def test_filters_of_zeros_and_of_one_coefficient_can_be_drawn():
    nothing = {
        "coefficients": np.zeros((1, 1)),
        "response": (np.array([-1.0, 1]), np.zeros((2, 1))),
        "around": (np.array([0.0, 0.1]), np.zeros((2, 1))),
        "plane": (GRID, np.zeros((49, 1))),
    }
    assert to_png(plot_filters(views(1, **nothing)))


def test_it_draws_the_views_of_a_layer_always_the_same():
    hierarchy = build_graph_hierarchy(Healpix(4))
    layer = ChebConv(2, 3, 5, hierarchy.operator(0))
    seen = filter_views(layer, hierarchy.positions[0], 7, count=2, areas=hierarchy.areas[0])
    figure = plot_filters(seen, "layer")
    assert to_png(figure) == to_png(plot_filters(seen, "layer"))
    assert len(maps(figure)) == 2
    panels, _ = curves_and_maps(figure)
    np.testing.assert_array_equal(points(panels[0], COLOURS[1], "o")[:, 1], seen.coefficients[:, 1])
