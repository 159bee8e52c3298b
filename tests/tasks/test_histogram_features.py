from itertools import pairwise

import numpy as np
import pytest

from deepsphere.tasks.histogram_features import BINS, Histograms


def test_pixels_are_counted_bin_by_bin():
    """Bins are equally wide and hold their lower edge, the last one the upper edge as well."""
    random = np.random.default_rng(0)
    values = random.normal(size=(500, 2)).astype(np.float32)
    lowest, highest = np.float32([-1, -0.5]), np.float32([1.5, 2])
    values[:2, 0] = [-1, 1.5]
    found = Histograms(lowest, highest)(values, (0, 0)).reshape(2, BINS)
    for channel in range(2):
        low, high = float(lowest[channel]), float(highest[channel])
        edges = low + (high - low) * np.arange(BINS + 1) / BINS
        edges[-1] = np.nextafter(high, np.inf)
        column = values[:, channel].astype(np.float64)
        expected = [((column >= left) & (column < right)).sum() for left, right in pairwise(edges)]
        assert found[channel].tolist() == expected
        assert 0 < found[channel].sum() < 500


def test_a_constant_channel_is_in_one_bin():
    found = Histograms(np.float32([2]), np.float32([2]))(np.full((9, 1), 2, np.float32), (0, 0))
    assert sorted(found)[-2:] == [0, 9]


def test_each_channel_needs_both_ends():
    with pytest.raises(ValueError, match=r"found shapes \(2,\) and \(1,\)"):
        Histograms(np.zeros(2, np.float32), np.ones(1, np.float32))
