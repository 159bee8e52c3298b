import math

import numpy as np
import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.graphs.points import check_unit_vectors, chords


def test_unit_vectors_may_be_off_by_rounding_of_float32(scattered):
    check_unit_vectors(scattered(100))
    check_unit_vectors(scattered(100).astype(np.float32).astype(np.float64))
    check_unit_vectors(np.zeros((0, 3)))


@pytest.mark.parametrize(
    ("positions", "message"),
    [
        (np.zeros((4, 2)), r"of shape \(points, 3\); found shape \(4, 2\)"),
        (np.zeros(3), r"found shape \(3,\)"),
        (np.array([[0.0, 0, 1], [0, 0, 1.00001], [0, 2, 0]]), r"1\.00001 at index 1 \(2 such"),
        (np.array([[0.0, 0, np.nan]]), "length nan at index 0"),
        (np.array([[0.0, 0, np.inf]]), "length inf at index 0"),
    ],
)
def test_other_vectors_are_refused_in_one_line(positions, message):
    with pytest.raises(DeepsphereError, match=message) as caught:
        check_unit_vectors(positions)
    assert "\n" not in str(caught.value)


def test_chords_of_an_angle_are_twice_the_sine_of_its_half(polygon):
    corners = polygon(12)
    found = chords(corners[0], corners)
    np.testing.assert_allclose(found, 2 * np.sin(np.arange(12) * math.pi / 12), atol=1e-15)


def test_chords_have_the_same_bits_both_ways(scattered):
    points = scattered(200)
    matrix = chords(points[:, np.newaxis], points)
    np.testing.assert_array_equal(matrix, matrix.T)
    assert not matrix.diagonal().any()
