"""Maps and numbers of them: normalization, noise, parts, scores, and what is refused."""

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, r2_score

from deepsphere.errors import DeepsphereError
from deepsphere.tasks.noise import white_noise
from deepsphere.tasks.parameter_samples import METRICS, open_parameter_samples
from deepsphere.tasks.samples import Predictions, Randomized

MATTER = np.array([0.2, 0.3, 0.4, 0.25, 0.5, 0.1])
SIGMA = np.array([1.0, 0.5, 0.9, 0.8, 0.7, 0.6])
SPLIT = [0, 0, 0, 1, 2, 2]
TARGETS = ("Omega_m", "sigma_8")
PIXELS = 8


@pytest.fixture
def store(labelled_store):
    """Return a function that makes a store of six maps of two channels, with two targets."""

    def make(values=None, attrs=None, **coordinates):
        if values is None:
            values = np.random.default_rng(0).normal(3, 2, (len(SPLIT), PIXELS, 2))
        given = {"Omega_m": MATTER, "sigma_8": SIGMA} | coordinates
        return labelled_store(values, np.zeros(len(SPLIT)), SPLIT, attrs, **given)

    return make


def opened(store, channels=("distance", "cosine"), targets=TARGETS, **settings):
    return open_parameter_samples(store, channels, targets, **settings)


def test_inputs_and_targets_are_normalized_by_the_training_samples(store):
    found = store()
    samples = opened(found, channels=("cosine",))
    batch = samples.batch(np.array([4, 0]))
    values = found.read(np.arange(6))[:, :, 1].astype(np.float64)
    expected = (values[[4, 0]] - values[:3].mean()) / values[:3].std()
    assert batch.inputs.dtype == batch.target.dtype == np.float32
    np.testing.assert_allclose(batch.inputs[:, :, 0], expected, rtol=1e-5, atol=1e-6)
    for column, target in enumerate((MATTER, SIGMA)):
        scaled = (target[[4, 0]] - target[:3].mean()) / target[:3].std()
        np.testing.assert_allclose(batch.target[:, column], scaled, rtol=1e-5)
    assert batch.known.all()
    back = samples.to_unit(np.array([4, 0]), batch.target)
    np.testing.assert_allclose(back, np.stack([MATTER, SIGMA], axis=1)[[4, 0]], rtol=1e-6)


def test_what_the_samples_say_of_themselves(store):
    samples = opened(store())
    assert samples.objective == {"kind": "regression"}
    assert samples.outputs == TARGETS
    assert samples.classes is None
    assert samples.metrics == (
        *METRICS,
        *("mae_Omega_m", "r2_Omega_m", "mae_sigma_8", "r2_sigma_8"),
    )
    assert samples.input_channels == 2
    assert {name: part.tolist() for name, part in samples.splits.items()} == {
        "train": [0, 1, 2],
        "validation": [3],
        "test": [4, 5],
    }


def test_gaps_are_the_mean_and_get_no_noise(store):
    values = np.random.default_rng(0).normal(size=(6, PIXELS, 2))
    values[4, 2, 1] = np.nan
    batch = opened(store(values), noise=1.0).batch(np.array([4]))
    assert batch.inputs[0, 2, 1] == 0
    assert np.count_nonzero(batch.inputs) == 2 * PIXELS - 1


def test_noise_is_that_of_its_words(store):
    found = store()
    clean, noisy = opened(found), opened(found, noise=0.5)
    assert isinstance(noisy, Randomized)
    numbers = np.array([5, 1])
    without = clean.batch(numbers).inputs
    fixed = noisy.batch(numbers).inputs - without
    drawn = noisy.drawn_batch(numbers, (7, 3)).inputs - without
    for row, (number, split) in enumerate(((5, "test"), (1, "train"))):
        shape = (PIXELS, 2)
        expected = white_noise(shape, 0.5, ("fixed", split, number))
        np.testing.assert_allclose(fixed[row], expected, atol=1e-6)
        expected = white_noise(shape, 0.5, ("drawn", split, 7, 3, number))
        np.testing.assert_allclose(drawn[row], expected, atol=1e-6)
    np.testing.assert_array_equal(clean.drawn_batch(numbers, (7, 3)).inputs, without)


def test_each_part_has_the_targets_of_its_map(store):
    seen = np.repeat([True, False, True, True], 2)
    values = np.random.default_rng(0).normal(size=(6, PIXELS, 2))
    values[:, ~seen] = np.nan
    made = store(values, attrs={"seen": None})
    object.__setattr__(made, "coordinates", {**made.coordinates, "seen": seen})
    samples = opened(made, parts=4)
    numbers = np.array([4, 5])
    batch = samples.batch(numbers)
    assert batch.target.shape == batch.known.shape == (2, 4, 2)
    assert batch.known.tolist() == [[[True] * 2, [False] * 2, [True] * 2, [True] * 2]] * 2
    assert not batch.target[:, 1].any()
    np.testing.assert_array_equal(batch.target[:, 0], batch.target[:, 3])
    truth, known = samples.truth(numbers)
    kept = samples.kept(Predictions(numbers, truth + 1, truth, known))
    assert kept["prediction"].shape == kept["target"].shape == kept["known"].shape == (6, 2)
    assert kept["sample"].tolist() == [4, 4, 4, 5, 5, 5]
    assert kept["part"].tolist() == [0, 2, 3, 0, 2, 3]
    np.testing.assert_allclose(kept["target"][:, 0], np.repeat(MATTER[4:], 3), rtol=1e-6)
    scores = samples.scores(Predictions(numbers, truth + 1, truth, known))
    assert scores["mae_Omega_m"] == pytest.approx(1, rel=1e-6)


def test_a_drawn_part_has_the_targets_of_the_map_that_it_is_of(store):
    values = np.repeat(np.arange(6.0)[:, None], PIXELS, axis=1)[..., None] * [1, 0]
    samples = opened(store(values), parts=4)
    train = samples.splits["train"]
    batch = samples.drawn_batch(train, (3, 0))
    inputs = batch.inputs[..., 0] * samples.deviation[0] + samples.mean[0]
    maps = np.rint(inputs).astype(int).reshape(len(train), 4, -1)[..., 0]
    assert (maps != maps[:, :1]).any()
    assert batch.known.all()
    expected = (samples.values[maps] - samples.target_mean) / samples.target_deviation
    np.testing.assert_allclose(batch.target, expected, rtol=1e-5, atol=1e-6)


def test_scores_are_those_of_scikit_learn(store):
    samples = opened(store())
    numbers = np.array([0, 1, 2, 3])
    truth, known = samples.truth(numbers)
    prediction = truth + np.random.default_rng(1).normal(0, 0.1, truth.shape).astype(np.float32)
    scores = samples.scores(Predictions(numbers, prediction, truth, known))
    assert set(scores) == set(samples.metrics)
    deviation = np.stack([MATTER, SIGMA], axis=1)[:3].std(axis=0)
    scaled = (truth / deviation, prediction / deviation)
    assert scores["mse"] == pytest.approx(np.square(scaled[0] - scaled[1]).mean(), rel=1e-5)
    assert scores["mae"] == pytest.approx(mean_absolute_error(*scaled), rel=1e-5)
    assert scores["r2"] == pytest.approx(r2_score(*scaled), rel=1e-5)
    for column, name in enumerate(TARGETS):
        pair = truth[:, column], prediction[:, column]
        assert scores[f"mae_{name}"] == pytest.approx(mean_absolute_error(*pair), rel=1e-5)
        assert scores[f"r2_{name}"] == pytest.approx(r2_score(*pair), rel=1e-5)


def test_targets_that_are_not_known_do_not_count(store):
    matter = MATTER.copy()
    matter[[1, 5]] = np.nan
    samples = opened(store(Omega_m=matter))
    np.testing.assert_allclose(samples.target_mean[0], (0.2 + 0.4) / 2)
    numbers = np.array([4, 5])
    batch = samples.batch(numbers)
    assert batch.known.tolist() == [[True, True], [False, True]]
    truth, known = samples.truth(numbers)
    prediction = truth + np.float32(0.25)
    prediction[1, 0] = 1000
    scores = samples.scores(Predictions(numbers, prediction, truth, known))
    assert scores["mae_Omega_m"] == pytest.approx(0.25, rel=1e-5)
    # A single target has no variance that could be explained.
    assert "r2_Omega_m" not in scores


def test_broken_samples_are_not_trained_on(store):
    samples = opened(store(valid=np.array([True, False, True, True, False, True])))
    assert samples.splits["train"].tolist() == [0, 2]
    assert samples.splits["test"].tolist() == [4, 5]


@pytest.mark.parametrize(
    ("coordinates", "settings", "message"),
    [
        (
            {},
            {"targets": ("n_s",)},
            "has no coordinate 'n_s' of floating-point numbers, one a sample; "
            "it has Omega_m, sigma_8",
        ),
        ({}, {"targets": ("label",)}, "has no coordinate 'label' of floating-point numbers"),
        ({}, {"targets": ("longitude",)}, "has no coordinate 'longitude' of floating-point"),
        (
            {"Omega_m": np.array([0.3, 0.3, 0.3, 0.2, 0.1, 0.4])},
            {},
            r"Omega_m is 0\.3 in all training samples of .* leave this target out",
        ),
        (
            {"sigma_8": np.array([0.3, 0.2, 0.1, 0.2, np.nan, np.inf])},
            {},
            "sigma_8 is known of none of the test samples",
        ),
        ({}, {"parts": 3}, "found 3, but the 8 pixels of .* do not fall into 3 equal parts"),
        ({"valid": np.arange(6) > 2}, {}, "has no valid train samples"),
    ],
)
def test_what_cannot_be_learned_is_refused_in_one_line(store, coordinates, settings, message):
    with pytest.raises(DeepsphereError, match=f"^(parameters|parts): [^\n]*{message}[^\n]*$"):
        opened(store(**coordinates), **settings)
