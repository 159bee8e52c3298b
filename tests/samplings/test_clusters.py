from itertools import pairwise

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


def _towns(points, towns, remote, spread=0.03, seed=0):
    """Return points around towns of unequal size, and remote ones anywhere, unit vectors."""
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.full(towns, 0.5))
    near = _scattered(towns, seed + 1)[rng.choice(towns, points - remote, p=shares)]
    near = near + spread * rng.standard_normal(near.shape)
    near /= np.linalg.norm(near, axis=1, keepdims=True)
    return np.concatenate([near, _scattered(remote, seed + 2)])


def _sum_of_squares(positions, labels):
    """Return that of the distances of points from the mean of their cluster."""
    sizes = np.bincount(labels)
    means = np.stack([np.bincount(labels, x) / sizes for x in positions.T], axis=1)
    return np.square(positions - means[labels]).sum()


def _halved_by_number(positions, depth):
    """Return 2^depth clusters of equal number: halves across the longest extent, as in a k-d tree.

    This is what to do better than, in a few recursive lines.
    """
    if depth == 0:
        return np.zeros(len(positions), dtype=int)
    order = np.argsort(positions[:, np.ptp(positions, axis=0).argmax()])
    labels = np.empty(len(positions), dtype=int)
    for half, members in enumerate(np.array_split(order, 2)):
        labels[members] = half * 2 ** (depth - 1) + _halved_by_number(positions[members], depth - 1)
    return labels


@settings(derandomize=True, max_examples=100, deadline=None)
@given(st.integers(1, 300), st.integers(1, 12), st.integers(1, 300), st.integers(0, 2**32 - 1))
def test_clusters_are_a_partition_of_the_number_asked_for(points, size, places, seed):
    """Duplicates included: ``places`` limits how many distinct points, and so clusters, there are.

    Those at one place share a cluster, and as many clusters as places are these places.
    """
    place = np.arange(points) % places
    labels = clusters_of(_scattered(places, seed)[place], size)
    assert labels.shape == (points,)
    assert labels.dtype == np.int64
    found = min(max(1, round(points / size)), places, points)
    np.testing.assert_array_equal(np.unique(labels), np.arange(found))
    pairs = np.unique(np.stack([place, labels]), axis=1)
    np.testing.assert_array_equal(pairs[0], np.arange(min(places, points)))


@pytest.mark.parametrize("points", [_scattered(500), _towns(500, 20, 15)])
def test_larger_clusters_are_unions_of_consecutive_ones(points):
    fine = clusters_of(points, 1)
    np.testing.assert_array_equal(np.sort(fine), np.arange(500))
    for size in (2, 3, 4, 16, 100, 500):
        coarse = clusters_of(points, size)
        assert (np.diff(coarse[np.argsort(fine)]) >= 0).all()


@pytest.mark.parametrize("points", [_scattered(60), _towns(60, 6, 5)])
def test_every_split_cuts_the_widest_cluster_and_makes_the_sum_of_squares_less(points):
    """A size of 60 / n asks for n clusters of 60 points: one split more each time."""
    sequence = [clusters_of(points, 60 / clusters) for clusters in range(1, 61)]
    for before, after in pairwise(sequence):
        assert _sum_of_squares(points, after) < _sum_of_squares(points, before)
        of_each = [
            np.square(points[before == label] - points[before == label].mean(axis=0)).sum()
            for label in range(before.max() + 1)
        ]
        parts = [len(np.unique(after[before == label])) for label in range(before.max() + 1)]
        assert parts[int(np.argmax(of_each))] == 2
        assert sum(parts) == len(parts) + 1
    assert _sum_of_squares(points, sequence[-1]) == 0


def test_the_first_cut_is_the_best_of_all_across_the_principal_axis():
    """Every cut of the order along the first right singular vector is tried."""
    points = _towns(40, 5, 4)
    centred = points - points.mean(axis=0)
    order = np.argsort(centred @ np.linalg.svd(centred)[2][0])
    tried = [
        _sum_of_squares(points, np.isin(np.arange(40), order[:below]).astype(int))
        for below in range(1, 40)
    ]
    found = clusters_of(points, 20)
    assert _sum_of_squares(points, found) == pytest.approx(min(tried), rel=1e-12)
    assert np.bincount(found).min() in (np.argmin(tried) + 1, 39 - np.argmin(tried))


@pytest.mark.parametrize("seed", range(5))
def test_stations_in_towns_lose_less_than_when_halved_by_number(seed):
    points = _towns(1024, 40, 30, seed=seed)
    ours, halves = clusters_of(points), _halved_by_number(points, 8)
    assert len(np.unique(ours)) == len(np.unique(halves)) == 256
    assert _sum_of_squares(points, ours) < 0.5 * _sum_of_squares(points, halves)


@pytest.mark.parametrize("number", [5, 8, 12])
def test_clumps_are_found_however_unequal(number):
    """Clumps 1e-3 wide and farther apart than 0.5 are the clusters, if there are to be so many.

    Two clumps of k and m points, m at least 8, have a sum of squares of about 0.5² k m / (k + m) or
    more, so 0.2; one clump of at most 78 points has 78 · 3 (5e-4)² or less, so 1e-4. Clumps are
    parted first, then, and are cut themselves only if two are at one height along an axis.
    """
    centres = _scattered(200, seed=3)
    apart = centres[:1]
    for centre in centres:
        if len(apart) < number and np.linalg.norm(apart - centre, axis=1).min() > 0.5:
            apart = np.concatenate([apart, [centre]])
    rng = np.random.default_rng(4)
    clump = rng.permutation(np.repeat(np.arange(number), 1 + 7 * np.arange(number)))
    points = apart[clump] + rng.uniform(-5e-4, 5e-4, (len(clump), 3))
    labels = clusters_of(
        points / np.linalg.norm(points, axis=1, keepdims=True), len(points) / number
    )
    assert len(np.unique(np.stack([labels, clump]), axis=1).T) == number
    assert len(np.unique(labels)) == number


def test_a_remote_point_is_alone():
    """Thirty points within 0.1 and one on the other side, which is 2 away from all of them."""
    points = np.array([0, 0, 1]) + np.random.default_rng(5).uniform(-0.05, 0.05, (31, 3))
    points[17] = [0, 0, -1]
    labels = clusters_of(points / np.linalg.norm(points, axis=1, keepdims=True), 16)
    assert (labels == labels[17]).sum() == 1


def test_a_meridian_is_no_border():
    """Eight groups of four stations around 180°E: means of longitudes would be near 0°E."""
    longitude = (178 + np.arange(8) * 0.6)[:, np.newaxis] + np.array([0, 0.01, 0.02, 0.03])
    longitude = np.where(longitude > 180, longitude - 360, longitude)
    labels = clusters_of(unit_vectors(longitude.ravel(), np.zeros(32))).reshape(8, 4)
    assert (labels == labels[:, :1]).all()
    assert len(np.unique(labels)) == 8


@settings(derandomize=True, max_examples=30, deadline=None)
@given(st.integers(1, 200), st.integers(1, 200), st.integers(0, 2**32 - 1))
def test_the_order_of_the_points_does_not_matter(points, places, seed):
    positions = _scattered(places, seed)[np.arange(points) % places]
    shuffle = np.random.default_rng(seed).permutation(points)
    np.testing.assert_array_equal(clusters_of(positions)[shuffle], clusters_of(positions[shuffle]))


def test_points_at_one_place_are_one_cluster():
    positions = np.tile([[0.0, 0.6, 0.8]], (16, 1))
    np.testing.assert_array_equal(clusters_of(positions), 0)
    np.testing.assert_array_equal(clusters_of(positions, 1), 0)


def test_twins_stay_together_whatever_their_last_bits():
    positions = np.repeat(_scattered(50), 2, axis=0)
    noise = np.random.default_rng(6).uniform(-3e-10, 3e-10, positions.shape)
    labels = clusters_of(positions + noise, 1).reshape(50, 2)
    np.testing.assert_array_equal(labels[:, 0], labels[:, 1])
    assert len(np.unique(labels)) == 50


@pytest.mark.parametrize("size", [2, 3, 4, 12])
@pytest.mark.parametrize("corners", [24, 48])
def test_the_last_bits_choose_among_no_equal_axes_cuts_and_clusters(corners, size):
    """A regular polygon has no longest axis, and each of its cuts has a mirror image."""
    angles = 2 * np.pi * np.arange(corners) / corners
    positions = np.stack([np.cos(angles), np.sin(angles), np.zeros(corners)], axis=1)
    expected = clusters_of(positions, size)
    rng = np.random.default_rng(7)
    for _ in range(20):
        noise = rng.uniform(-1e-15, 1e-15, positions.shape)
        np.testing.assert_array_equal(clusters_of(positions + noise, size), expected)


def test_clusters_are_compact():
    """On an even sampling, points are nearer to their cluster's mean than a few pixels' spacing.

    A disc of n points of spacing 1 has a radius of √(n/π); cuts across the principal axis keep a
    cluster's extents within a factor of about two, and so all points within two such radii.
    """
    number = np.arange(4096)
    z = 1 - (2 * number + 1) / 4096
    longitude = np.degrees(np.pi * (3 - np.sqrt(5))) * number
    positions = unit_vectors(longitude, np.degrees(np.arcsin(z)))
    labels = clusters_of(positions, 16)
    sizes = np.bincount(labels)
    means = np.stack([np.bincount(labels, x) / sizes for x in positions.T], axis=1)
    distances = np.linalg.norm(positions - means[labels], axis=1)
    assert distances.max() < 2 * np.sqrt(16 / np.pi) * np.sqrt(4 * np.pi / 4096)
    assert sizes.max() <= 2 * 16


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
