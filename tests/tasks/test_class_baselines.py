from dataclasses import replace

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from deepsphere.tasks import class_baselines
from deepsphere.tasks.class_baselines import channel_statistics, nearest_probabilities
from deepsphere.tasks.class_samples import open_class_samples


@pytest.fixture(scope="module")
def samples(labelled_store):
    """Maps whose class shows in the mean of the first channel, twice as many of class 2."""
    random = np.random.default_rng(0)
    labels = np.tile([0, 1, 2, 2], 15)
    values = random.normal(size=(60, 7, 2))
    values[..., 0] += 4 * labels[:, None]
    split = np.repeat([0, 1, 2], [40, 8, 12])
    return open_class_samples(labelled_store(values, labels, split), ("distance", "cosine"))


def test_statistics_are_those_of_the_inputs(samples):
    numbers = np.array([50, 3, 4])
    inputs = samples.batch(numbers).inputs
    expected = np.concatenate([inputs.mean(axis=1), inputs.std(axis=1)], axis=1)
    np.testing.assert_allclose(channel_statistics(samples, numbers), expected, rtol=1e-5)


@pytest.mark.parametrize("pairs", [4_000_000, 1])
def test_the_nearest_is_that_of_scikit_learn(monkeypatch, pairs):
    monkeypatch.setattr(class_baselines, "_PAIRS", pairs)
    random = np.random.default_rng(0)
    known, new = random.normal(size=(50, 3)), random.normal(size=(30, 3))
    # Nothing is known of class 2.
    target = random.choice([0, 1, 3], 50)
    chances = nearest_probabilities(known, target, new, 4)
    oracle = KNeighborsClassifier(1).fit(known, target)
    assert chances.argmax(axis=1).tolist() == oracle.predict(new).tolist()
    np.testing.assert_allclose(chances.sum(axis=1), 1)
    assert (chances[:, 2] == 0).all()
    # They fall with the square of the distance.
    squares = np.square(new[:, None] - known).sum(axis=-1)
    least = np.stack([squares[:, target == number].min(axis=1) for number in (0, 1)])
    np.testing.assert_allclose(chances[:, 0] / chances[:, 1], least[1] / least[0], rtol=1e-6)


def test_a_sample_that_is_known_is_certain():
    known = np.array([[0.0, 0.0], [1.0, 1.0]])
    chances = nearest_probabilities(known, np.array([0, 1]), known, 2)
    np.testing.assert_allclose(chances, np.eye(2), atol=1e-12)


def test_baselines_see_the_training_samples_and_are_probabilities(samples):
    found = {
        name: (parameters, chances)
        for name, _, parameters, chances in class_baselines.class_baselines(samples)
    }
    assert list(found) == ["majority", "nearest", "linear"]
    assert [parameters for parameters, _ in found.values()] == [3, 40 * 4, 5 * 3]
    target = samples.labels[samples.splits["test"]]
    for _, chances in found.values():
        assert chances.shape == (12, 3)
        assert chances.dtype == np.float32
        np.testing.assert_allclose(chances.sum(axis=1), 1, rtol=1e-6)
    assert (found["majority"][1] == np.float32([0.25, 0.25, 0.5])).all()
    right = {
        name: (chances.argmax(axis=1) == target).mean() for name, (_, chances) in found.items()
    }
    assert right["linear"] > 0.9
    # Three of its four features are noise.
    assert right["nearest"] > right["majority"] == 0.5


def test_each_part_has_its_own_statistics_and_answers(samples):
    """The class shows in every pixel, so in parts as in wholes; noise blurs it, but not much."""
    parted = replace(samples, parts=7, noise=0.1)
    numbers = np.array([50, 3, 4])
    inputs = parted.batch(numbers).inputs
    # A part is a pixel.
    expected = np.concatenate([inputs, np.zeros_like(inputs)], axis=2)
    np.testing.assert_allclose(channel_statistics(parted, numbers), expected, rtol=1e-5)
    target = parted.truth(parted.splits["test"])[0]
    found = {name: rest for name, _, *rest in class_baselines.class_baselines(parted)}
    assert [parameters for parameters, _ in found.values()] == [3, 40 * 7 * 4, 5 * 3]
    for _, chances in found.values():
        assert chances.shape == (12, 7, 3)
        assert chances.dtype == np.float32
        np.testing.assert_allclose(chances.sum(axis=2), 1, rtol=1e-6)
    assert (found["linear"][1].argmax(axis=2) == target).mean() > 0.9


def test_parts_of_which_nothing_is_seen_are_not_learned_from(samples):
    parted = replace(samples, parts=7, seen=np.arange(7) != 2)
    parameters = [parameters for *_, parameters, _ in class_baselines.class_baselines(parted)]
    assert parameters == [3, 40 * 6 * 4, 5 * 3]


def test_samples_are_read_in_blocks_that_fit_into_memory(samples, monkeypatch):
    numbers = np.arange(9)
    whole = channel_statistics(samples, numbers)
    # Of 14 numbers a sample: two at a time, and one at least.
    for block in (28, 1):
        monkeypatch.setattr(class_baselines, "_BLOCK", block)
        np.testing.assert_array_equal(channel_statistics(samples, numbers), whole)
