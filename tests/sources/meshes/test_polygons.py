"""Fans: their number, their area and their winding."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsphere.sources.meshes.polygons import fan_triangles


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.lists(st.integers(0, 9), max_size=8))
def test_fans_of_regular_polygons_have_their_area(sizes: list[int]) -> None:
    # A regular polygon of n corners on the unit circle has the area n sin(2 pi / n) / 2, and its
    # fan is wound as it is: all signed areas are positive.
    angles = [2 * np.pi * corner / size for size in sizes for corner in range(size)]
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1).reshape(-1, 2)
    triangles = fan_triangles(np.arange(len(angles)), np.array(sizes, np.int64))
    a, b, c = np.moveaxis(points[triangles], 1, 0)
    areas = ((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]) / 2
    assert (areas > 0).all()
    counts = [max(size - 2, 0) for size in sizes]
    assert len(areas) == sum(counts)
    owners = np.repeat(np.arange(len(sizes)), counts)
    expected = [size * np.sin(2 * np.pi / size) / 2 if size > 2 else 0 for size in sizes]
    found = np.bincount(owners, areas, minlength=len(sizes))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
