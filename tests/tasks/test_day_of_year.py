import numpy as np
import pytest
import sklearn.linear_model

from deepsphere.tasks.day_of_year import Task, day_target

FIVE_YEARS = np.datetime64("2010-01-01") + np.arange(1826)


def task(normalization="train", channels=("TMIN",)):
    settings = {"normalization": normalization, "channels": channels}
    return Task(kind="day-of-year", store="stations", **settings)


def noise(days, stations=3, channels=2):
    generator = np.random.default_rng(0)
    scale = np.array([1.0, 30.0])[:channels]
    return generator.standard_normal((days, stations, channels)) * scale + [5, -40][:channels]


def predictions(task, store):
    return {name: prediction for name, _, _, prediction in task.baselines(store)}


@pytest.mark.parametrize(
    ("day", "number"),
    [
        ("2010-01-01", 0),
        ("2010-01-02", 1),
        ("2011-12-31", 364),
        ("2012-02-29", 59),
        ("2012-12-31", 365),
        ("2013-01-01", 0),
        ("1969-12-31", 364),
    ],
)
def test_the_target_is_the_published_wave_of_the_day(day, number):
    expected = (1 - np.cos(2 * np.pi * number / 367)) / 2
    for unit in ("D", "s", "ns"):
        days = np.array([day], dtype=f"datetime64[{unit}]")
        assert day_target(days) == pytest.approx([expected], abs=1e-15)


def test_the_target_is_0_in_january_and_1_in_july():
    target = day_target(FIVE_YEARS)
    months = FIVE_YEARS.astype("datetime64[M]").astype(int) % 12
    assert target[months == 0].max() < 0.07
    assert target[months == 6].min() > 0.93
    assert FIVE_YEARS[:365][target[:365].argmax()] == np.datetime64("2010-07-03")


def test_five_years_are_divided_as_published(store_of):
    samples = task().samples(store_of(noise(1826)))
    np.testing.assert_array_equal(samples.splits["train"], np.arange(1278))
    np.testing.assert_array_equal(samples.splits["test"], np.arange(1278, 1826))
    assert samples.splits["validation"].shape == (0,)
    np.testing.assert_array_equal(samples.times(np.array([0, 1825])), FIVE_YEARS[[0, -1]])


def test_the_variance_of_the_published_test_targets():
    """0.1244 says how large a mean squared error can be at all."""
    assert day_target(FIVE_YEARS[1278:]).var() == pytest.approx(0.1244, abs=5e-5)


@pytest.mark.parametrize("normalization", ["train", "all"])
@pytest.mark.parametrize("channels", [("TMIN",), ("TMAX", "TMIN")], ids=str)
def test_inputs_are_normalized_over_the_days_that_the_task_says(store_of, normalization, channels):
    values = noise(100).astype(np.float32)
    values[70:] += 500
    samples = task(normalization, channels).samples(store_of(values))
    columns = [("TMIN", "TMAX").index(channel) for channel in channels]
    chosen = values[..., columns].astype(np.float64)
    counted = chosen[:70] if normalization == "train" else chosen
    expected = (chosen - counted.mean(axis=(0, 1))) / counted.std(axis=(0, 1))
    numbers = np.array([99, 3, 50])
    batch = samples.batch(numbers)
    np.testing.assert_allclose(batch.inputs, expected[numbers], rtol=1e-4, atol=1e-5)
    assert samples.input_channels == len(channels)
    assert batch.inputs.shape == (3, 3, len(channels))
    assert batch.inputs.dtype == batch.target.dtype == np.float32
    assert batch.known.tolist() == [True, True, True]
    np.testing.assert_allclose(batch.target, day_target(FIVE_YEARS[numbers]), atol=1e-7)


@pytest.mark.parametrize("normalization", ["train", "all"])
def test_gaps_get_the_mean_of_the_station_over_the_training_days(store_of, normalization):
    values = noise(100, channels=1).astype(np.float32)
    values[::3, 1] = np.nan
    values[75:80, 0] = np.nan
    values[80:] += 500
    store = store_of(values, channels=("TMIN",), units=("°C",))
    samples = task(normalization).samples(store)
    batch = samples.batch(np.arange(100))
    assert np.isfinite(batch.inputs).all()
    restored = batch.inputs * samples.deviation + samples.mean
    means = np.nanmean(values[:70].astype(np.float64), axis=0)
    np.testing.assert_allclose(restored[::3, 1], means[None, 1].repeat(34, 0), rtol=1e-4)
    np.testing.assert_allclose(restored[75:80, 0], means[None, 0].repeat(5, 0), rtol=1e-4)


def test_targets_and_predictions_have_no_unit(store_of):
    samples = task().samples(store_of(noise(20)))
    values = np.array([0.25, -1])
    np.testing.assert_array_equal(samples.to_unit(np.array([0, 7]), values), values)
    assert samples.to_unit(np.array([0, 7]), values).dtype == np.float32
    assert samples.unit == "1"


def test_the_constant_is_the_mean_of_the_training_targets(store_of):
    constant = predictions(task(), store_of(noise(100)))["constant"]
    expected = day_target(FIVE_YEARS[:70]).mean()
    np.testing.assert_allclose(constant, np.full(30, expected), rtol=1e-6)


def test_the_linear_baseline_is_a_ridge_regression_on_all_stations(store_of):
    values = noise(400)
    values[..., 0] += 30 * day_target(FIVE_YEARS[:400])[:, None] * [1, 0.5, -1]
    store = store_of(values)
    found = {name: rest for name, *rest in task().baselines(store)}
    assert list(found) == ["constant", "linear"]
    text, parameters, prediction = found["linear"]
    assert parameters == 3 + 1
    penalty = float(text.rsplit("(", 1)[1].rstrip(")"))
    samples = task().samples(store)
    train = samples.batch(samples.splits["train"])
    test = samples.batch(samples.splits["test"])
    oracle = sklearn.linear_model.Ridge(alpha=penalty).fit(train.inputs[..., 0], train.target)
    np.testing.assert_allclose(prediction, oracle.predict(test.inputs[..., 0]), atol=1e-5)
    assert np.mean((prediction - test.target) ** 2) < 0.2 * test.target.var()


def test_the_sound_task_does_not_look_at_test_days(store_of):
    values = noise(100)
    changed = values.copy()
    changed[71:] += 1000
    before, after = task().samples(store_of(values)), task().samples(store_of(changed))
    for name in ("mean", "deviation", "fill"):
        np.testing.assert_array_equal(getattr(before, name), getattr(after, name))
    first, second = predictions(task(), store_of(values)), predictions(task(), store_of(changed))
    # The first test day is as it was, so its prediction must be, too.
    assert first["linear"][0] == second["linear"][0]
    assert (first["linear"][1:] != second["linear"][1:]).all()
    np.testing.assert_array_equal(first["constant"], second["constant"])
    # As published, the normalization does look at them.
    leaking = task("all").samples(store_of(changed))
    assert leaking.mean != task("all").samples(store_of(values)).mean


def test_validation_days_are_not_trained_on(store_of):
    split = {"train": 0.6, "validation": 0.1, "test": 0.3}
    values = noise(100)
    changed = values.copy()
    changed[60:70] += 1000
    first = predictions(task(), store_of(values, split=split))
    second = predictions(task(), store_of(changed, split=split))
    for name, prediction in first.items():
        np.testing.assert_array_equal(prediction, second[name])


def test_channels_that_the_store_lacks_are_named():
    with pytest.raises(ValueError, match="found 'TMIN'; its store has PRCP"):
        task().check_store(("PRCP",), ())
    task().check_store(("PRCP", "TMIN"), ())
