import numpy as np
import pytest

from deepsphere.regridding.build import build_weights
from deepsphere.regridding.grid import LatitudeLongitude
from deepsphere.regridding.labels import class_fractions, most_frequent, nearest_labels
from deepsphere.samplings.healpix import Healpix

GRID = LatitudeLongitude(np.linspace(-90, 90, 181), np.arange(360) * 1.0)
REGION = LatitudeLongitude(np.arange(20.0, 61), np.arange(0.0, 61))
SAMPLING = Healpix(16)


@pytest.fixture(scope="module")
def events():
    """Labels 0 to 2: discs of 2° at random places for class 1, larger ones for class 2."""
    random = np.random.default_rng(3)
    labels = np.zeros(len(GRID), np.uint8)
    for name, count, radius in ((2, 25, 8.0), (1, 60, 2.0)):
        centres = random.normal(size=(count, 3))
        centres /= np.linalg.norm(centres, axis=1, keepdims=True)
        near = (GRID.positions @ centres.T > np.cos(np.radians(radius))).any(axis=1)
        labels[near] = name
    return labels


@pytest.fixture(scope="module")
def nearest():
    return build_weights(GRID, SAMPLING, "nearest")


@pytest.fixture(scope="module")
def conservative():
    return build_weights(GRID, SAMPLING, "conservative")


def test_nearest_labels_are_those_of_the_nearest_points(events, nearest):
    regridded = nearest_labels(nearest, np.stack([events, 2 - events]))
    assert regridded.dtype == np.uint8
    assert regridded.shape == (2, len(SAMPLING))
    chosen = np.argmax(SAMPLING.positions @ GRID.positions[::7].T, axis=1)
    np.testing.assert_array_equal(regridded[0], nearest.apply(events))
    np.testing.assert_array_equal(regridded[1], 2 - regridded[0])
    assert np.mean(regridded[0] == events[::7][chosen]) > 0.8


def test_fractions_keep_the_area_of_every_class(events, conservative):
    fractions = class_fractions(conservative, events, (0, 1, 2))
    assert fractions.shape == (3, len(SAMPLING))
    np.testing.assert_allclose(fractions.sum(axis=0), 1, rtol=0, atol=1e-6)
    for name in range(3):
        area = SAMPLING.areas @ fractions[name].astype(np.float64)
        assert area == pytest.approx(GRID.areas @ (events == name), rel=1e-6)


def test_the_most_frequent_class_loses_small_events(events, nearest, conservative):
    """Pixels of 3.7° and discs of 2° radius: most of a disc is shared out among larger rests."""
    truth = GRID.areas @ (events == 1) / (4 * np.pi)
    largest = most_frequent(class_fractions(conservative, events, (0, 1, 2)))
    assert largest.dtype == np.uint8
    assert np.mean(largest == 1) < 0.9 * truth
    assert np.mean(nearest_labels(nearest, events) == 1) == pytest.approx(truth, rel=0.2)
    assert np.mean(largest == nearest_labels(nearest, events)) > 0.9


def test_points_without_a_label_count_for_nothing(conservative):
    labels = np.full(len(GRID), 3, np.uint8)
    north = GRID.coordinates()[1] > 0
    labels[north] = 255
    fractions = class_fractions(conservative, labels, (3, 4))
    height = SAMPLING.positions[:, 2]
    assert np.isnan(fractions[:, height > 0.1]).all()
    np.testing.assert_array_equal(fractions[0, height < -0.1], 1)
    np.testing.assert_array_equal(fractions[1, height < -0.1], 0)
    largest = most_frequent(fractions)
    assert (largest[height > 0.1] == 255).all()
    assert (largest[height < -0.1] == 0).all()


def test_pixels_outside_of_a_region_have_no_label():
    weights = build_weights(REGION, SAMPLING, "nearest")
    labels = np.ones(len(REGION), np.int8)
    regridded = nearest_labels(weights, labels, no_label=-1)
    assert regridded.dtype == np.int8
    assert set(np.unique(regridded)) == {-1, 1}
    assert np.count_nonzero(regridded == 1) == weights.matrix.nnz
    with pytest.raises(ValueError, match="no_label must fit int8, -128 to 127; found 255"):
        nearest_labels(weights, labels)


def test_wrong_arguments_are_defects(events, nearest, conservative):
    with pytest.raises(ValueError, match="method nearest; found conservative"):
        nearest_labels(conservative, events)
    with pytest.raises(ValueError, match="whole numbers of shape"):
        nearest_labels(nearest, events.astype(np.float32))
    with pytest.raises(ValueError, match=r"found uint8 of shape \(5,\)"):
        class_fractions(conservative, events[:5], (0, 1))
