"""Inputs of samples of maps, those of classes for example: normalization, gaps, noise."""

import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from deepsphere.tasks.class_samples import open_class_samples
from deepsphere.tasks.noise import white_noise
from deepsphere.tasks.normalization import find_normalization
from deepsphere.tasks.samples import Randomized

BOTH = ("distance", "cosine")


def test_inputs_are_normalized_by_the_training_samples_that_count(copied_store):
    samples = open_class_samples(copied_store, ("cosine",), train_copies=["turned"])
    train = copied_store.read(samples.splits["train"])[:, :, 1:]
    inputs = samples.batch(samples.splits["train"]).inputs
    assert inputs.dtype == np.float32
    np.testing.assert_allclose(inputs, (train - train.mean()) / train.std(), rtol=1e-4, atol=1e-5)
    assert inputs.mean() == pytest.approx(0, abs=1e-5)
    assert inputs.std() == pytest.approx(1, abs=1e-5)


def test_channels_come_in_the_order_of_the_task(copied_store):
    forwards, backwards = (
        open_class_samples(copied_store, channels).batch(np.arange(3)).inputs
        for channels in (BOTH, BOTH[::-1])
    )
    np.testing.assert_array_equal(forwards[..., ::-1], backwards)
    assert (forwards[..., 0] != forwards[..., 1]).any()


def test_what_nothing_is_known_of_is_the_mean(copied_store):
    samples = open_class_samples(copied_store, BOTH)
    batch = samples.batch(np.array([27, 28]))
    assert (batch.inputs == 0).all()
    assert batch.target.tolist() == [0, 0]
    assert batch.known.all()


def test_infinite_data_are_not_taken_for_gaps(labelled_store):
    values = np.ones((4, 3, 1))
    values[3, 1] = np.inf
    values[3, 2] = np.nan
    store = labelled_store(values, [0, 1, 0, 1], [0, 0, 2, 2])
    inputs = open_class_samples(store, ("distance",)).batch(np.array([3])).inputs
    np.testing.assert_array_equal(inputs[0, :, 0], [0, np.inf, 0])


def test_a_pickled_copy_reads_the_same_in_many_threads(copied_store):
    samples = open_class_samples(copied_store, BOTH)
    again = pickle.loads(pickle.dumps(samples))
    numbers = [np.arange(start, start + 3) for start in range(33)] * 3
    with ThreadPoolExecutor(4) as threads:
        read = list(threads.map(again.batch, numbers))
    for part, batch in zip(numbers, read, strict=True):
        np.testing.assert_array_equal(batch.inputs, samples.batch(part).inputs)


def test_new_maps_are_normalized_as_those_of_the_store(copied_store):
    samples = open_class_samples(copied_store, ("cosine", "distance"))
    normalization = find_normalization(samples.channels, samples)
    numbers = np.array([3, 28])
    np.testing.assert_allclose(
        normalization.inputs(copied_store.read(numbers)[:, :, ::-1]),
        samples.batch(numbers).inputs,
        rtol=1e-6,
        atol=1e-7,
    )


NOISY = np.array([0, 4, 18, 26, 30])
"""Samples that are not broken: two to train on, one to validate, two to test."""


@pytest.fixture
def noisy(copied_store):
    """Samples with noise, and the same ones without."""
    return (open_class_samples(copied_store, BOTH, noise=level) for level in (1.5, 0.0))


def test_noise_is_added_to_normalized_inputs_in_streams_of_split_and_sample(noisy):
    noisy, clean = noisy
    assert isinstance(noisy, Randomized)
    splits = ["train", "train", "validation", "test", "test"]

    def expected(*words):
        streams = zip(splits, NOISY.tolist(), strict=True)
        added = [white_noise((5, 2), 1.5, (words[0], split, *words[1:], n)) for split, n in streams]
        return clean.batch(NOISY).inputs + np.stack(added)

    np.testing.assert_array_equal(noisy.batch(NOISY).inputs, expected("fixed"))
    drawn = noisy.drawn_batch(NOISY, (7, 2))
    np.testing.assert_array_equal(drawn.inputs, expected("drawn", 7, 2))
    assert drawn.target.tolist() == noisy.labels[NOISY].tolist()
    assert drawn.known.all()
    assert drawn.inputs.dtype == np.float32


def test_no_two_draws_are_alike(noisy):
    """Not those of two samples, splits, epochs or seeds: no number occurs twice."""
    noisy, clean = noisy
    plain = clean.batch(NOISY).inputs
    places = [(seed, epoch) for seed in (0, 1, 2) for epoch in (0, 1, 2)]
    draws = [noisy.drawn_batch(NOISY, place).inputs - plain for place in places]
    draws.append(noisy.batch(NOISY).inputs - plain)
    numbers = np.round(draws, 6).ravel()
    assert len(np.unique(numbers)) > 0.99 * len(numbers)


def test_noise_does_not_depend_on_the_batch_that_a_sample_is_in(noisy):
    noisy, _ = noisy
    for read in (noisy.batch, lambda numbers: noisy.drawn_batch(numbers, (3, 1))):
        together = read(NOISY).inputs
        for row, number in enumerate(NOISY):
            np.testing.assert_array_equal(read(np.array([number])).inputs[0], together[row])
        np.testing.assert_array_equal(read(NOISY[::-1]).inputs[::-1], together)


def test_without_noise_nothing_is_drawn(noisy):
    _, clean = noisy
    expected = clean.batch(NOISY).inputs
    np.testing.assert_array_equal(clean.drawn_batch(NOISY, (3, 1)).inputs, expected)


def test_pixels_that_were_not_seen_stay_the_mean_whatever_the_noise(labelled_store):
    values = np.random.default_rng(0).normal(size=(4, 6, 1))
    values[:, 2] = np.nan
    values[3, 4] = np.nan
    store = labelled_store(values, [0, 1, 0, 1], [0, 0, 2, 2])
    samples = open_class_samples(store, ("distance",), noise=2.0)
    for inputs in (
        samples.batch(np.arange(4)).inputs,
        samples.drawn_batch(np.arange(4), (0, 0)).inputs,
    ):
        np.testing.assert_array_equal(inputs == 0, np.isnan(values))


@pytest.fixture
def parted(labelled_store):
    """Maps of which each part of each map has a value of its own, and test maps of others."""
    values = (10 * np.arange(8)[:, None] + np.repeat(np.arange(3), 2))[:, :, None]
    store = labelled_store(values, [0, 1, 2, 0, 1, 2, 0, 1], [0, 2, 0, 0, 0, 2, 0, 0])
    samples = open_class_samples(store, ("distance",), parts=3)
    return samples, samples.splits["train"]


def origins(samples, batch):
    """Return of which map, and of which part of it, each part of each sample is."""
    values = batch.inputs[..., 0] * samples.deviation[0] + samples.mean[0]
    found = np.rint(values).astype(int).reshape(len(values), 3, 2)
    assert (found[..., 0] == found[..., 1]).all()
    return found[..., 0] // 10, found[..., 0] % 10


def test_a_drawn_sample_has_parts_of_different_training_maps_and_their_classes(parted):
    samples, train = parted
    batch = samples.drawn_batch(train, (5, 1))
    maps, parts = origins(samples, batch)
    assert (parts == np.arange(3)).all()
    np.testing.assert_array_equal(batch.target, samples.labels[maps])
    assert batch.known.shape == batch.target.shape == (6, 3)
    assert batch.known.all()
    # Each part of each training map comes once, and some samples are of several maps.
    for part in range(3):
        assert sorted(maps[:, part].tolist()) == train.tolist()
    assert (maps != maps[:, :1]).any()
    # Scores, and baselines, are of maps as they are.
    for whole in (samples.batch(train), samples.noisy_batch(train, (5, 1))):
        np.testing.assert_array_equal(origins(samples, whole)[0], np.tile(train[:, None], 3))


def test_parts_are_drawn_by_seed_and_epoch_whatever_the_batch(parted):
    samples, train = parted
    noisy = replace(samples, noise=0.5)
    together = noisy.drawn_batch(train, (5, 1))
    for row, number in enumerate(train):
        alone = noisy.drawn_batch(np.array([number]), (5, 1))
        np.testing.assert_array_equal(alone.inputs[0], together.inputs[row])
        np.testing.assert_array_equal(alone.target[0], together.target[row])
    drawn = [
        origins(samples, samples.drawn_batch(train, place))[0].tolist()
        for place in ((5, 1), (5, 2), (6, 1))
    ]
    assert drawn[0] != drawn[1] != drawn[2] != drawn[0]
    added = together.inputs - samples.drawn_batch(train, (5, 1)).inputs
    expected = noisy.noisy_batch(train, (5, 1)).inputs - samples.batch(train).inputs
    np.testing.assert_allclose(added, expected, atol=1e-6)


def test_parts_of_samples_that_are_not_trained_on_are_not_drawn(parted):
    samples, _ = parted
    assert samples.drawn_batch(np.arange(0), (0, 0)).inputs.shape == (0, 6, 1)
    with pytest.raises(ValueError, match="expected numbers of training samples, found"):
        samples.drawn_batch(samples.splits["test"], (0, 0))
