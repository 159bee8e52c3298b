import numpy as np

from deepsphere.regridding.triangles import area_vectors, heights, lengths, unit

_VERTICES = np.array([[0.0, 0, 0], [3, 0, 0], [0, 4, 0], [6, 0, 0]])


def test_a_right_triangle_of_sides_3_4_5():
    """Its area is 6, and over its longest side it is 2 · 6 / 5 high."""
    faces = np.array([[0, 1, 2], [0, 2, 1]])
    np.testing.assert_allclose(area_vectors(_VERTICES, faces), [[0, 0, 6], [0, 0, -6]])
    np.testing.assert_allclose(heights(_VERTICES, faces), [2.4, 2.4])


def test_corners_on_a_line_and_at_one_place_have_no_height():
    faces = np.array([[0, 1, 3], [1, 1, 2], [2, 2, 2]])
    np.testing.assert_array_equal(heights(_VERTICES, faces), [0, 0, 0])


def test_unit_leaves_zero_alone():
    np.testing.assert_allclose(
        unit(np.array([[0.0, 0, 0], [0, -2, 0], [3, 4, 0]])), [[0, 0, 0], [0, -1, 0], [0.6, 0.8, 0]]
    )


def test_lengths():
    np.testing.assert_allclose(lengths(np.array([[3.0, 4, 12], [0, 0, 0]])), [13, 0])
