import io

import numpy as np
import pytest
from matplotlib.image import imread

from deepsphere.report.stations import draw
from deepsphere.report.style import to_png


def test_every_pixel_is_at_its_place_with_its_error():
    longitude, latitude = np.array([-120.0, 10.0, 200.0]), np.array([40.0, -50.0, 60.0])
    figure = draw(longitude, latitude, np.array([3.0, 1.0, 2.0]), "Order 4", "degC")
    points = figure.axes[0].collections[0]
    found = {
        tuple(place): error
        for place, error in zip(points.get_offsets(), points.get_array(), strict=True)
    }
    assert found == {(-120.0, 40.0): 3.0, (10.0, -50.0): 1.0, (-160.0, 60.0): 2.0}


def test_the_largest_errors_are_drawn_last():
    figure = draw(np.zeros(3), np.zeros(3), np.array([3.0, 1.0, 2.0]), "t", "1")
    assert figure.axes[0].collections[0].get_array().tolist() == [1, 2, 3]


def test_unknown_errors_are_empty_circles():
    figure = draw(np.arange(3.0), np.zeros(3), np.array([1.0, np.nan, 2.0]), "t", "1")
    unknown, known = figure.axes[0].collections
    assert unknown.get_offsets().tolist() == [[1, 0]]
    assert unknown.get_facecolor().size == 0
    assert known.get_array().tolist() == [1, 2]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["no target known"]


@pytest.mark.parametrize(
    ("longitude", "latitude", "limits"),
    [
        ([-100, 100], [0, 10], (-180, 180, -90, 90)),
        ([0, 1], [-50, 50], (-180, 180, -90, 90)),
        ([0, 10], [40, 50], (-2, 12, 38, 52)),
        ([178, 179], [88, 89], (176, 180, 86, 90)),
        ([], [], (-180, 180, -90, 90)),
    ],
)
def test_the_map_is_of_the_region_if_it_is_small_and_else_of_the_sphere(
    longitude, latitude, limits
):
    error = np.ones(len(longitude))
    figure = draw(np.array(longitude), np.array(latitude), error, "t", "1")
    assert (*figure.axes[0].get_xlim(), *figure.axes[0].get_ylim()) == limits
    assert to_png(figure)


@pytest.mark.parametrize("lines", [1, 3])
def test_nothing_of_a_map_of_the_sphere_is_cut_off(lines):
    title = "\n".join(["Temperature of the next day, from 5 days"] * lines)
    figure = draw(np.array([-170.0, 170]), np.array([-80.0, 80]), np.ones(2), title, "degC")
    image = imread(io.BytesIO(to_png(figure)))[..., :3]
    border = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    assert (border == 1).all()


def test_a_degree_is_as_long_on_both_axes_at_the_middle_latitude():
    figure = draw(np.array([0.0, 10.0]), np.array([55.0, 65.0]), np.ones(2), "t", "1")
    assert figure.axes[0].get_aspect() == pytest.approx(2)  # 1 / cos 60°


def test_labels_have_units_and_sides():
    figure = draw(np.array([-100.0, 100.0]), np.zeros(2), np.ones(2), "Order 4", "degC")
    to_png(figure)
    axes, bar = figure.axes
    assert bar.get_ylabel() == "mean absolute error / °C"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("longitude", "latitude")
    shown = {label.get_text() for label in axes.get_xticklabels()}
    assert {"90°W", "0°", "90°E"} <= shown
    assert {"60°S", "0°", "60°N"} <= {label.get_text() for label in axes.get_yticklabels()}


def test_no_known_error_still_makes_a_map():
    figure = draw(np.zeros(2), np.zeros(2), np.full(2, np.nan), "t", "1")
    assert to_png(figure)
