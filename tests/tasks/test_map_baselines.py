from dataclasses import replace

import healpy
import numpy as np
import pytest
from sklearn.svm import LinearSVC

from deepsphere.errors import DeepsphereError
from deepsphere.samplings.healpix import Healpix
from deepsphere.tasks import map_baselines, support_vectors
from deepsphere.tasks.class_samples import open_class_samples
from deepsphere.tasks.map_baselines import map_baselines as baselines_of

NSIDE = 8
ALL = ("histogram", "spectrum", "apodised-spectrum")
SPLIT = np.repeat([0, 1, 2], [60, 20, 40])
LABELS = np.tile([0, 1], 60)


@pytest.fixture
def one_cost(monkeypatch):
    """Nothing to choose from: for what does not depend on C."""
    monkeypatch.setattr(support_vectors, "COSTS", (1.0,))


@pytest.fixture
def shown(monkeypatch, one_cost):
    """What machines are fitted to and chosen on, as it comes."""
    calls, select = [], map_baselines.select_machine
    monkeypatch.setattr(
        map_baselines, "select_machine", lambda *given: calls.append(given) or select(*given)
    )
    return calls


def gaussian_patches():
    """Patches of Gaussian skies of mean 0 and deviation 1, large structures in class 1 alone."""
    sphere = Healpix(NSIDE)
    random = np.random.default_rng(0)
    values = random.normal(size=(120, len(sphere)))
    smooth = np.zeros_like(values[1::2])
    for sky, white in zip(smooth, values[1::2], strict=True):
        sky[:] = sphere.from_ring(healpy.smoothing(sphere.to_ring(white), sigma=0.15))
    values[1::2] = smooth
    patches = values[:, sphere.patch(5, 12)]
    patches -= patches.mean(axis=1, keepdims=True)
    return patches / patches.std(axis=1, keepdims=True)


def white_patches():
    """Patches without any structure, skewed in class 1: of equal spectra."""
    random = np.random.default_rng(1)
    values = random.normal(size=(120, NSIDE**2))
    values[1::2] = random.gamma(1, 1, size=(60, NSIDE**2)) - 1
    return values


def samples_of(labelled_store, values, sampling=f"healpix:{NSIDE}:5/12", split=SPLIT, **settings):
    store = labelled_store(
        values[..., None], LABELS[: len(values)], split[: len(values)], {"sampling": sampling}
    )
    return open_class_samples(store, ("distance",), **settings)


def accuracies(samples, draws=1):
    target = samples.truth(samples.splits["test"])[0]
    return {
        name: (chances.argmax(axis=-1) == target).mean()
        for name, _, _, chances in baselines_of(samples, ALL, draws)
    }


def test_spectra_tell_what_histograms_do_not(labelled_store):
    found = accuracies(samples_of(labelled_store, gaussian_patches()))
    assert found["spectrum"] > 0.9
    assert found["apodised-spectrum"] > 0.9
    # Chance is 0.5, with a deviation of 0.08.
    assert found["histogram"] < 0.75


def test_histograms_tell_what_spectra_do_not(labelled_store):
    found = accuracies(samples_of(labelled_store, white_patches()))
    assert found["histogram"] > 0.9
    assert found["spectrum"] < 0.75
    assert found["apodised-spectrum"] < 0.75


def test_probabilities_of_each_test_sample(labelled_store, one_cost):
    samples = samples_of(labelled_store, white_patches())
    for name, description, parameters, chances in baselines_of(samples, ALL, 1):
        assert chances.dtype == np.float32
        assert chances.shape == (40, 3)
        np.testing.assert_allclose(chances.sum(axis=1), 1, rtol=1e-6)
        # The third class of the store has no samples.
        assert (chances[:, 2] == 0).all()
        assert "(C = 1;" in description
        # Of degree 0 to 23, and of the bands from 2, 6, 10, 14 and 18 on.
        features = {"histogram": 100, "spectrum": 24, "apodised-spectrum": 5}[name]
        assert parameters == features + 1


def test_histograms_are_of_the_training_maps_without_noise(labelled_store, one_cost):
    """All is done again by hand, with scikit-learn."""
    samples = samples_of(labelled_store, white_patches(), noise=0.7)
    train, test = samples.splits["train"], samples.splits["test"]
    ((_, _, _, chances),) = baselines_of(samples, ("histogram",), 3)
    clean = replace(samples, noise=0.0).batch(train).inputs
    bounds = (float(clean.min()), float(clean.max()))

    def counts(inputs):
        return np.array([np.histogram(each, 100, bounds)[0] for each in inputs])

    known = np.concatenate(
        [counts(samples.noisy_batch(train, (draw, 0)).inputs) for draw in range(3)]
    )
    mean, deviation = known.mean(axis=0), known.std(axis=0) + 1e-6
    machine = LinearSVC(C=1, dual=False, max_iter=10_000)
    machine.fit((known - mean) / deviation, np.tile(samples.labels[train], 3))
    new = (counts(samples.batch(test).inputs) - mean) / deviation
    assert chances.argmax(axis=1).tolist() == machine.predict(new).tolist()


def test_maps_without_noise_are_shown_once(labelled_store, shown):
    samples = samples_of(labelled_store, white_patches())
    nothing = {"train": np.arange(80), "validation": np.arange(0), "test": np.arange(80, 120)}
    for each in (samples, replace(samples, noise=0.1), replace(samples, splits=nothing)):
        list(baselines_of(each, ("histogram",), 4))
    assert [len(train.target) for train, _, _ in shown] == [60, 240, 80]
    assert [validation is None for _, validation, _ in shown] == [False, False, True]
    # Draws of a map are left out together.
    assert np.array_equal(shown[1][0].groups, np.tile(np.arange(60), 4))


@pytest.mark.parametrize("seeds", [None, [4, 4, -1, -1, 9]])
def test_skies_of_one_seed_are_left_out_together(labelled_store, seeds):
    values = np.random.default_rng(0).normal(size=(5, 4, 1))
    coordinates = {} if seeds is None else {"seed": np.int32(seeds)}
    store = labelled_store(
        values, [0, 1, 0, 1, 0], [0, 0, 0, 0, 2], map=np.int32([0, 1, 2, 2, 3]), **coordinates
    )
    skies = map_baselines.skies(open_class_samples(store, ("distance",)))
    same = skies[:, None] == skies
    expected = np.eye(5, dtype=np.bool_)
    expected[2, 3] = expected[3, 2] = True
    expected[0, 1] = expected[1, 0] = seeds is not None
    np.testing.assert_array_equal(same, expected)


def test_parts_are_samples_of_their_own(labelled_store, one_cost):
    """Whole skies in twelve parts give what a store of their patches gives."""
    patches = white_patches()[:72].reshape(6, 12, -1)
    labels, split = np.array([0, 1, 0, 1, 0, 1]), np.array([0, 0, 1, 1, 2, 2])
    whole = labelled_store(
        patches.reshape(6, -1, 1), labels, split, {"sampling": f"healpix:{NSIDE}"}
    )
    cut = labelled_store(
        patches.reshape(72, -1, 1),
        np.repeat(labels, 12),
        np.repeat(split, 12),
        {"sampling": f"healpix:{NSIDE}:0/12"},
        patch=np.tile(np.arange(12, dtype=np.int16), 6),
    )
    in_parts, alone = (
        {name: chances for name, _, _, chances in baselines_of(samples, ALL, 1)}
        for samples in (
            open_class_samples(whole, ("distance",), parts=12),
            open_class_samples(cut, ("distance",)),
        )
    )
    for name in ALL:
        assert in_parts[name].shape == (2, 12, 3)
        np.testing.assert_allclose(in_parts[name].reshape(24, 3), alone[name], atol=1e-3)


def test_parts_that_were_not_seen_are_not_learned(labelled_store, shown):
    values = white_patches()[:72].reshape(6, -1, 1)
    store = labelled_store(
        values, [0, 1, 0, 1, 0, 1], [0, 0, 1, 1, 2, 2], {"sampling": "healpix:8"}
    )
    store.coordinates["seen"] = np.arange(768) >= 128
    samples = open_class_samples(store, ("distance",), parts=12)
    for _, _, _, chances in baselines_of(samples, ALL, 1):
        assert chances.shape == (2, 12, 3)
        assert np.isfinite(chances).all()
    assert {len(train.target) for train, _, _ in shown} == {20}


def test_infinite_data_are_refused(labelled_store):
    values = white_patches()
    values[100, 3] = np.inf
    samples = samples_of(labelled_store, values)
    with pytest.raises(DeepsphereError, match=r"map 100 of .* has infinite values"):
        list(baselines_of(samples, ("histogram",), 1))


def test_spectra_are_of_healpix(labelled_store):
    samples = samples_of(labelled_store, white_patches(), sampling="icosahedral:3")
    with pytest.raises(DeepsphereError, match="spectra are those of HEALPix maps"):
        list(baselines_of(samples, ALL, 1))
