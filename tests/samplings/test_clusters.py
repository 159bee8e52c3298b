import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsphere.errors import DeepsphereError
from deepsphere.samplings.clusters import clusters_of
from deepsphere.samplings.coordinates import unit_vectors


def _scattered(points, seed=0):
    vectors = np.random.default_rng(seed).standard_normal((points, 3))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@settings(derandomize=True, max_examples=100, deadline=None)
@given(st.integers(1, 300), st.integers(1, 12), st.integers(1, 300), st.integers(0, 2**32 - 1))
def test_clusters_are_balanced_and_as_large_as_asked_for(points, size, places, seed):
    """Duplicates included: ``places`` limits how many distinct points there are.

    2^d clusters with d the rounded log2(points / size) have mean sizes within a factor of √2 of
    ``size``, unless one cluster is all there is, or there are fewer points than clusters.
    """
    positions = _scattered(places, seed)[np.arange(points) % places]
    labels = clusters_of(positions, size)
    sizes = np.bincount(labels)
    assert labels.shape == (points,)
    assert labels.dtype == np.int64
    assert len(sizes) & (len(sizes) - 1) == 0
    assert sizes.min() >= 1
    assert sizes.max() - sizes.min() <= 1
    if len(sizes) > 1:
        assert size / np.sqrt(2) <= points / len(sizes) * (1 + 1e-12)
        assert points / len(sizes) <= max(size * np.sqrt(2), 2) * (1 + 1e-12)
    else:
        assert points <= size * np.sqrt(2)


def test_clusters_of_twice_the_size_are_pairs():
    positions = _scattered(1000)
    for size in (2, 4, 8, 16, 1000):
        np.testing.assert_array_equal(
            clusters_of(positions, 2 * size), clusters_of(positions, size) // 2
        )


def test_the_first_cut_is_across_the_longest_extent():
    """Points along y within 0.4, along z within 0.1: halves are those west and east of x = 1."""
    rng = np.random.default_rng(1)
    positions = unit_vectors(rng.uniform(-12, 12, 64), rng.uniform(-3, 3, 64))
    labels = clusters_of(positions, 32)
    assert positions[labels == 0, 1].max() < positions[labels == 1, 1].min()


def test_a_meridian_is_no_border():
    """Eight groups of four stations around 180°E: means of longitudes would be near 0°E."""
    longitude = (178 + np.arange(8) * 0.6)[:, np.newaxis] + np.array([0, 0.01, 0.02, 0.03])
    longitude = np.where(longitude > 180, longitude - 360, longitude)
    labels = clusters_of(unit_vectors(longitude.ravel(), np.zeros(32))).reshape(8, 4)
    assert (labels == labels[:, :1]).all()
    assert len(np.unique(labels)) == 8


def test_the_order_of_the_points_does_not_matter_but_for_ties():
    positions = _scattered(333)
    shuffle = np.random.default_rng(2).permutation(333)
    np.testing.assert_array_equal(clusters_of(positions)[shuffle], clusters_of(positions[shuffle]))


def test_points_at_one_place_are_parted_by_index():
    positions = np.tile([[0.0, 0.6, 0.8]], (16, 1))
    np.testing.assert_array_equal(clusters_of(positions), np.repeat([0, 1, 2, 3], 4))


def test_the_last_bits_part_no_ties():
    """A regular polygon has points at the same x; bits below the decimals compared are noise."""
    angles = 2 * np.pi * np.arange(48) / 48
    positions = np.stack([np.cos(angles), np.sin(angles), np.zeros(48)], axis=1)
    noise = np.random.default_rng(3).uniform(-1e-15, 1e-15, positions.shape)
    np.testing.assert_array_equal(clusters_of(positions), clusters_of(positions + noise))


def test_clusters_are_compact():
    """On an even sampling, points are nearer to their cluster's mean than a few pixels' spacing.

    A disc of n points of spacing 1 has a radius of √(n/π); cuts across extents keep the sides of a
    cluster within a factor of about two, and so all points within two such radii.
    """
    number = np.arange(4096)
    z = 1 - (2 * number + 1) / 4096
    longitude = np.degrees(np.pi * (3 - np.sqrt(5))) * number
    positions = unit_vectors(longitude, np.degrees(np.arcsin(z)))
    labels = clusters_of(positions, 16)
    means = np.stack([np.bincount(labels, x) for x in positions.T], axis=1) / 16
    distances = np.linalg.norm(positions - means[labels], axis=1)
    assert distances.max() < 2 * np.sqrt(16 / np.pi) * np.sqrt(4 * np.pi / 4096)


@pytest.mark.parametrize(
    ("positions", "size", "message"),
    [
        (np.zeros((0, 3)), 4, "0 points cannot make clusters of 4"),
        (np.zeros((5, 3)), 0, "5 points cannot make clusters of 0"),
        (np.zeros((5, 2)), 4, r"found shape \(5, 2\)"),
        (np.array([[0, 0, 1], [np.nan, 0, 1]]), 4, "1 other values"),
    ],
)
def test_bad_input_is_said_in_one_line(positions, size, message):
    with pytest.raises(DeepsphereError, match=message):
        clusters_of(positions, size)
