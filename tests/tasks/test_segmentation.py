"""States and the classes of their pixels: what of a store and of the settings counts."""

import numpy as np
import pytest
import xarray as xr
from pydantic import ValidationError
from sklearn.utils.class_weight import compute_class_weight

from deepsphere.errors import DeepsphereError
from deepsphere.samplings.equiangular import Equiangular
from deepsphere.stores.reader import open_store
from deepsphere.stores.writer import write_store
from deepsphere.tasks import class_weights, segmentation_baselines
from deepsphere.tasks.samples import Predictions
from deepsphere.tasks.segmentation import Task

CHANNELS = ("TMQ", "PSL")
CLASSES = ["background", "tropical cyclone", "atmospheric river"]
STATES = 24
AREAS = Equiangular(4, 4).areas
PIXELS = len(AREAS)
PUBLISHED = {
    "TMQ": {"mean": 26.0, "deviation": 17.0},
    "PSL": {"mean": 100_000.0, "deviation": 3800.0},
}


@pytest.fixture(scope="module")
def store_of(tmp_path_factory):
    """Return a function that writes states, two runs in turn, half of them to train on."""

    def make(labels=None, attrs=None, **coordinates):
        random = np.random.default_rng(0)
        number = np.arange(STATES)
        if labels is None:
            labels = random.choice(3, (STATES, PIXELS), p=[0.8, 0.05, 0.15]).astype(float)
            labels[2], labels[20, :5] = np.nan, np.nan
        fields = np.stack([labels * 5 + 20, 1e5 - labels * 500], axis=-1)
        fields = np.nan_to_num(fields, nan=20) + random.normal(size=fields.shape)
        fields[7, 3, 0] = np.nan
        given = {
            "channels": ["PSL", "TMQ", "label"],
            "units": ["Pa", "kg m-2", "1"],
            "sampling": "equiangular:4x4",
            "label_channel": "label",
            "class_names": CLASSES,
            "published_statistics": PUBLISHED,
        }
        of_samples = {
            "split": np.repeat([0, 1, 2], [12, 4, 8]).astype(np.uint8),
            "run": (1 + number % 2).astype(np.int16),
            "step": (number // 2).astype(np.int32),
            "time": np.datetime64("2106-01-01", "ns") + number // 2 * np.timedelta64(3, "h"),
        }
        data = np.concatenate([fields[..., ::-1], labels[..., None]], axis=2)
        dataset = xr.Dataset(
            {"data": (("sample", "cell", "channel"), data.astype(np.float32))},
            coords={
                "longitude": ("cell", np.linspace(0, 90, PIXELS)),
                "latitude": ("cell", np.linspace(0, 45, PIXELS)),
                **{
                    name: ("sample", column)
                    for name, column in (of_samples | coordinates).items()
                    if column is not None
                },
            },
            attrs={
                name: value for name, value in (given | (attrs or {})).items() if value is not None
            },
        )
        folder = tmp_path_factory.mktemp("store") / "weather"
        write_store(dataset, folder, fingerprint={})
        return open_store(folder)

    return make


@pytest.fixture(scope="module")
def store(store_of):
    return store_of()


def task(**others):
    return Task(**({"kind": "segmentation", "store": "weather", "channels": CHANNELS} | others))


def test_a_sample_is_a_state_and_its_classes(store):
    samples = task(normalization="published").samples(store)
    batch = samples.batch(np.array([20, 7]))
    values = store.read([20, 7])
    expected = (values[..., [1, 0]] - [26, 1e5]) / [17, 3800]
    expected[1, 3, 0] = 0
    np.testing.assert_allclose(batch.inputs, expected, rtol=1e-4, atol=1e-5)
    assert batch.inputs.dtype == np.float32
    assert batch.target.dtype == np.int64
    np.testing.assert_array_equal(batch.known, np.isfinite(values[..., 2]))
    np.testing.assert_array_equal(batch.target, np.nan_to_num(values[..., 2]))
    target, known = samples.truth(np.array([20, 7]))
    np.testing.assert_array_equal(target, batch.target)
    np.testing.assert_array_equal(known, batch.known)
    assert samples.classes == tuple(CLASSES)
    assert (samples.input_channels, samples.input_times) == (2, 1)
    assert samples.name(21) == "2106-01-02T06, run 2"
    assert samples.fill.shape == (PIXELS, 2)


def test_the_training_states_alone_decide_the_normalization(store):
    samples = task().samples(store)
    seen = store.read(samples.splits["train"])[..., [1, 0]].astype(np.float64)
    np.testing.assert_allclose(samples.mean, np.nanmean(seen, axis=(0, 1)), rtol=1e-6)
    np.testing.assert_allclose(samples.deviation, np.nanstd(seen, axis=(0, 1)), rtol=1e-5)


def test_windows_are_states_of_a_run_and_the_classes_those_of_the_last(store):
    samples = task(window=3, normalization="published").samples(store)
    assert samples.splits["train"].tolist() == list(range(4, 12))
    # Those to test on may see states of another split before them.
    assert samples.splits["test"].tolist() == list(range(16, 24))
    batch = samples.batch(np.array([16, 5]))
    assert batch.inputs.shape == (2, 3, PIXELS, 2)
    single = task(normalization="published").samples(store)
    for row, numbers in enumerate(([12, 14, 16], [1, 3, 5])):
        alone = single.batch(np.array(numbers))
        np.testing.assert_array_equal(batch.inputs[row], alone.inputs)
        np.testing.assert_array_equal(batch.target[row], alone.target[-1])
    assert (samples.input_channels, samples.input_times) == (2, 3)


def test_single_states_can_be_those_that_windows_end_with(store):
    windows = task(window=3).samples(store)
    single = task(predecessors=2).samples(store)
    assert single.input_times == 1
    assert {name: part.tolist() for name, part in single.splits.items()} == {
        name: part.tolist() for name, part in windows.splits.items()
    }


@pytest.mark.parametrize("areas", [False, True])
def test_balanced_weights_are_those_of_scikit_learn(store, areas):
    samples = task(class_weights="balanced", areas=areas).samples(store)
    target, known = samples.truth(samples.splits["train"])
    if areas:
        np.testing.assert_allclose(samples.areas, AREAS / AREAS.mean())
        counted = [(AREAS * ((target == number) & known)).sum() for number in range(3)]
        expected = np.sum(counted) / (3 * np.array(counted))
    else:
        assert samples.areas is None
        expected = compute_class_weight("balanced", classes=np.arange(3), y=target[known])
    np.testing.assert_allclose(samples.class_weights, expected)
    assert samples.objective["class_weights"] is samples.class_weights
    assert samples.objective["areas"] is samples.areas


def test_the_published_weights_are_the_balanced_ones_of_the_published_frequencies():
    """97.66 %, 0.105 % and 2.23 % of the pixels; N / (3 n) is 1 / (3 share)."""
    shares = 1 / (3 * np.array(class_weights.PUBLISHED))
    assert shares.sum() == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(100 * shares, [97.66, 0.105, 2.23], rtol=5e-3)


def test_no_weights_are_none(store):
    assert task().samples(store).class_weights is None
    published = task(class_weights="published").samples(store).class_weights
    assert tuple(published) == class_weights.PUBLISHED


def test_what_looks_ahead_is_named():
    assert task().looks_ahead is None
    assert task(class_weights="balanced").looks_ahead is None
    assert task(normalization="published").looks_ahead == "normalization: published"
    assert task(class_weights="published").looks_ahead == "class_weights: published"


def test_without_a_window_nothing_recurs():
    assert task().accepted_models == ("unet",)
    assert task(window=2).accepted_models == ("unet", "recurrent-unet")


@pytest.mark.parametrize("others", [{"window": 3, "predecessors": 1}, {"window": 0}])
def test_settings_that_do_not_fit_together_are_refused(others):
    with pytest.raises(ValidationError, match=r"a window of 3 states has 2|greater than or equal"):
        task(**others)


REFUSED = [
    ({"attrs": {"label_channel": None}}, {}, "has no channel with one class a pixel; take a store"),
    ({"attrs": {"class_names": None}}, {}, "has no channel with one class a pixel"),
    ({"attrs": {"sampling": None}}, {"areas": True}, "names no sampling, so its pixels have no"),
    (
        {"attrs": {"published_statistics": {"TMQ": PUBLISHED["TMQ"]}}},
        {"normalization": "published"},
        "has no published statistics of PSL; set normalization to train",
    ),
    ({}, {"window": 8}, "has no train states that follow on 7 others"),
    ({"split": np.zeros(STATES, np.uint8)}, {}, "has no test states$"),
    ({"step": None}, {"window": 2}, "has no coordinate 'step', which tells states that"),
    (
        {"attrs": {"class_names": ["a", "b", "c", "d"]}},
        {"class_weights": "published"},
        "has the classes a, b, c, d; published class_weights are of 3: set them to balanced",
    ),
    (
        {"attrs": {"class_names": ["a", "b", "c", "d"]}},
        {"class_weights": "balanced"},
        "no training pixel of .* is of the class 'd', so there are no balanced class_weights",
    ),
]


@pytest.mark.parametrize(("of_store", "of_task", "words"), REFUSED)
def test_what_a_store_lacks_is_said_in_one_line(store_of, of_store, of_task, words):
    with pytest.raises(DeepsphereError, match=words) as caught:
        task(**of_task).samples(store_of(**of_store))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("label", [3, -1, 0.5])
def test_a_label_that_is_no_class_is_refused(store_of, label):
    labels = np.zeros((STATES, PIXELS))
    labels[5, 2] = label
    samples = task().samples(store_of(labels))
    with pytest.raises(DeepsphereError, match=rf"sample 5 \(.*\) has the label {label}; they are"):
        samples.batch(np.array([4, 5]))


def answers(store, **others):
    """Return what the baselines say of the test states, by their names."""
    samples = task(**others).samples(store)
    test = samples.splits["test"]
    return samples, {name: answer(test) for name, _, _, answer in task(**others).baselines(store)}


@pytest.mark.parametrize("window", [1, 2])
def test_baselines_answer_for_every_pixel(store, window):
    _, found = answers(store, window=window)
    assert list(found) == ["majority", "climatology", "linear"]
    for chances in found.values():
        assert chances.dtype == np.float32
        assert chances.shape == (8, PIXELS, 3)
        np.testing.assert_allclose(chances.sum(axis=2), 1, rtol=1e-5)


def test_the_channels_of_a_pixel_tell_its_class_where_they_do(store):
    samples, found = answers(store, class_weights="balanced")
    test = samples.splits["test"]
    scores = {}
    for name, chances in found.items():
        tally = samples.tally()
        tally.add(Predictions(test, chances, *samples.truth(test)))
        scores[name] = tally.scores()
    assert scores["linear"]["map"] > 0.9
    assert scores["linear"]["mean_accuracy"] > 0.9
    assert scores["majority"]["mean_accuracy"] == pytest.approx(1 / 3)


def test_the_linear_baseline_knows_frequencies_however_few_pixels_it_is_fitted_to(
    store, monkeypatch
):
    """As many pixels of each class are drawn; if it must not look at them, it answers with the
    frequencies all the same.
    """
    monkeypatch.setattr(segmentation_baselines, "_PIXELS_OF_CLASS", 8)
    monkeypatch.setattr(segmentation_baselines, "_PENALTY", 1e8)
    samples, found = answers(store)
    target, known = samples.truth(samples.splits["train"])
    share = np.bincount(target[known], minlength=3) / known.sum()
    np.testing.assert_allclose(found["linear"][3, 5], share, atol=1e-3)
    np.testing.assert_allclose(found["majority"][0, 0], share, rtol=1e-5)


def test_states_that_are_large_are_read_one_by_one_to_the_same_end(store, monkeypatch):
    samples, expected = answers(store, class_weights="balanced", window=2)
    monkeypatch.setattr(class_weights, "_PIXELS_OF_BLOCK", 1)
    one_by_one, found = answers(store, class_weights="balanced", window=2)
    blocks = [block.tolist() for block in class_weights.blocks(one_by_one, np.array([4, 2, 9]))]
    assert blocks == [[4], [2], [9]]
    np.testing.assert_array_equal(one_by_one.class_weights, samples.class_weights)
    for name, chances in found.items():
        np.testing.assert_allclose(chances, expected[name], rtol=1e-4, atol=1e-6)


def test_the_climatology_is_of_each_pixel(store_of):
    labels = np.zeros((STATES, PIXELS))
    labels[:, 4] = 2
    labels[:, 6] = np.nan
    _, found = answers(store_of(labels))
    chances = found["climatology"][0]
    share = 12 / (12 * (PIXELS - 1))
    assert chances[4, 2] == pytest.approx((12 + share) / 13)
    assert chances[0, 0] == pytest.approx((12 + 1 - share) / 13)
    # Of a pixel that nothing is known of, it says what it says of all.
    np.testing.assert_allclose(chances[6], [1 - share, 0, share], rtol=1e-6)
