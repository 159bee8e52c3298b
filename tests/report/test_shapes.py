import numpy as np

from deepsphere.report.shapes import join_corners, with_short_sides
from deepsphere.samplings.polygons import flat, flat_areas, polygon_areas
from deepsphere.samplings.stations import Stations

# Eight right triangles.
OCTANTS = Stations([0.0, 90, 180, 270] * 2, [35.26] * 4 + [-35.26] * 4).cells()


def test_added_corners_lie_on_the_sides_two_degrees_apart():
    """Great arcs stay what they are, so areas do too; a straight side of 2° is 2 sin 1° long."""
    corners, owners = with_short_sides(flat(OCTANTS))
    np.testing.assert_allclose(np.linalg.norm(corners, axis=1), 1)
    np.testing.assert_allclose(
        flat_areas((corners, owners), len(OCTANTS)), polygon_areas(OCTANTS), rtol=1e-12
    )
    inner = owners[1:] == owners[:-1]
    steps = np.linalg.norm(np.diff(corners, axis=0), axis=1)[inner]
    # Equal parts of a chord are not equal parts of its arc: in the middle of 90° they are larger.
    assert steps.max() < np.sqrt(2) * np.radians(2)


def test_short_sides_stay_as_they_are():
    corners = np.array([[1.0, 0, 0], [1, 0.01, 0], [1, 0, 0.01]])
    corners /= np.linalg.norm(corners, axis=1, keepdims=True)
    found, owners = with_short_sides((corners, np.zeros(3, np.int64)))
    np.testing.assert_allclose(found, corners, rtol=0, atol=1e-16)
    assert owners.tolist() == [0, 0, 0]


def test_corners_are_joined_by_their_pixels_and_lines_left_out():
    square = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])
    line = np.array([[0.0, 0], [1, 1], [2, 2]])
    corners = np.concatenate([square, line, square + 5])
    shapes = join_corners(corners, np.repeat([2, 4, 7], [4, 3, 4]))
    assert shapes.pixels.tolist() == [2, 7]
    np.testing.assert_array_equal(shapes.polygons, [square, square + 5])


def test_nothing_has_no_polygons():
    nothing = np.empty((0, 3)), np.empty(0, np.int64)
    assert with_short_sides(nothing)[0].shape == (0, 3)
    assert join_corners(np.empty((0, 2)), nothing[1]).polygons == []
