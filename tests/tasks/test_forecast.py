import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from pydantic import ValidationError

from deepsphere.config.split import Split
from deepsphere.errors import DeepsphereError
from deepsphere.tasks.forecast import ForecastSamples, Task

SOUND_SPLIT = {"train": 0.6, "validation": 0.1, "test": 0.3}


def task(window=5, normalization="none", channels=("TMIN", "TMAX")):
    settings = {"window": window, "normalization": normalization, "channels": channels}
    return Task(kind="forecast", store="stations", **settings)


def ramp(days, stations=3, channels=2):
    """Return values that name themselves: 1000 day + 10 station + channel, exact in float32."""
    day, station, channel = np.ogrid[:days, :stations, :channels]
    return 1000.0 * day + 10 * station + channel


def noise(days, stations=3, channels=2):
    generator = np.random.default_rng(0)
    scale = np.array([1.0, 30.0])[:channels]
    return generator.standard_normal((days, stations, channels)) * scale + [5, -40][:channels]


def predictions(task, store):
    return {name: prediction for name, _, _, prediction in task.baselines(store)}


@pytest.mark.parametrize(
    ("window", "train", "test"), [(5, 1274, 547), (2, 1276, 548), (10, 1271, 545)]
)
def test_five_years_are_divided_as_published(store_of, window, train, test):
    splits = task(window).samples(store_of(ramp(1826))).splits
    np.testing.assert_array_equal(splits["train"], np.arange(2 * train))
    np.testing.assert_array_equal(splits["test"], np.arange(2 * train, 2 * (train + test)))
    assert splits["validation"].shape == (0,)


def test_the_sound_split_has_the_same_test_samples(store_of):
    published = task().samples(store_of(ramp(1826))).splits
    sound = task().samples(store_of(ramp(1826), split=SOUND_SPLIT)).splits
    np.testing.assert_array_equal(sound["test"], published["test"])
    numbers = np.concatenate([sound["train"], sound["validation"]])
    np.testing.assert_array_equal(numbers, published["train"])
    assert len(sound["train"]) == 2 * 1092


@pytest.mark.parametrize("window", [1, 5])
@pytest.mark.parametrize("channels", [("TMIN", "TMAX"), ("TMAX", "TMIN"), ("TMAX",)], ids=str)
def test_windows_targets_and_days_interleave_the_channels(store_of, window, channels):
    """Sample c + C w has days w to w + window - 1 of channel c, and the next one as its target."""
    samples = task(window, channels=channels).samples(store_of(ramp(40), start="2011-12-20"))
    assert samples.input_channels == window
    numbers = np.concatenate([samples.splits[name] for name in ("train", "validation", "test")])
    np.testing.assert_array_equal(numbers, np.arange((40 - window) * len(channels)))
    shuffled = np.random.default_rng(0).permutation(numbers)
    batch = samples.batch(shuffled)
    order = [("TMIN", "TMAX").index(channel) for channel in channels]
    for position, number in enumerate(shuffled):
        first, channel = number // len(channels), order[number % len(channels)]
        station, step = np.ogrid[:3, :window]
        expected = 1000 * (first + step) + 10 * station + channel
        np.testing.assert_array_equal(batch.inputs[position], expected)
        target = 1000 * (first + window) + 10 * station[:, 0] + channel
        np.testing.assert_array_equal(batch.target[position], target)
        day = np.datetime64("2011-12-20") + (first + window)
        assert samples.times(shuffled)[position] == day
    assert batch.inputs.dtype == batch.target.dtype == np.float32
    assert batch.known.all()
    np.testing.assert_array_equal(samples.observed(shuffled), batch.target)
    assert samples.unit == "°C"


def test_gaps_are_filled_with_the_last_value_seen_else_the_training_mean(store_of):
    values = np.full((20, 2, 1), np.nan)
    values[:, 0, 0] = np.arange(20)
    values[[3, 4, 8, 9, 10, 11], 0, 0] = np.nan
    store = store_of(values, channels=("TMIN",), units=("°C",))
    samples = task(3, channels=("TMIN",)).samples(store)
    # 17 windows, 11 to train on: days 0 to 13, of which eight are known at the first station.
    mean = np.float32(np.mean([0, 1, 2, 5, 6, 7, 12, 13]))
    windows = {
        0: [0, 1, 2],
        1: [1, 2, 2],
        2: [2, 2, 2],
        3: [mean, mean, 5],
        8: [mean, mean, mean],
        9: [mean, mean, mean],
        10: [mean, mean, 12],
    }
    for number, expected in windows.items():
        np.testing.assert_array_equal(samples.batch(np.array([number])).inputs[0, 0], expected)
    # The second station has no value at all: the mean of the channel.
    np.testing.assert_array_equal(samples.batch(np.arange(17)).inputs[:, 1], mean)


@settings(derandomize=True, max_examples=50)
@given(npst.arrays(bool, (9, 2, 2)), st.integers(1, 4), st.integers(0, 3))
def test_any_gaps_are_filled_as_a_loop_would(gaps, window, seed):
    values = np.random.default_rng(seed).standard_normal((9, 2, 2)).astype(np.float32)
    values[gaps] = np.nan
    fill = np.array([[100, 200], [300, 400]], np.float32)
    samples = ForecastSamples(
        values=values,
        days=np.datetime64("2010-01-01") + np.arange(9),
        split=Split(train=0.7, test=0.3),
        window=window,
        mean=np.array([1, 2], np.float32),
        deviation=np.array([2, 4], np.float32),
        fill=fill,
        unit="°C",
    )
    numbers = np.arange((9 - window) * 2)
    batch = samples.batch(numbers)
    for number in numbers:
        first, channel = divmod(number, 2)
        mean, deviation = samples.mean[channel], samples.deviation[channel]
        for station in range(2):
            last = fill[station, channel]
            for step in range(window):
                value = values[first + step, station, channel]
                last = value if np.isfinite(value) else last
                assert batch.inputs[number, station, step] == (last - mean) / deviation
            target = values[first + window, station, channel]
            assert batch.known[number, station] == np.isfinite(target)
            expected = (target - mean) / deviation if np.isfinite(target) else 0
            assert batch.target[number, station] == expected
    assert np.isnan(samples.observed(numbers)[~batch.known]).all()


def test_training_maps_are_normalized_a_channel_at_a_time(store_of):
    values = noise(200)
    samples = task(5, "train").samples(store_of(values))
    # 195 windows, 136 to train on, whose maps are days 0 to 140.
    train = values[:141].astype(np.float32).astype(np.float64)
    np.testing.assert_allclose(samples.mean, train.mean(axis=(0, 1)), rtol=1e-6)
    np.testing.assert_allclose(samples.deviation, train.std(axis=(0, 1)), rtol=1e-6)
    np.testing.assert_allclose(samples.fill, train.mean(axis=0), rtol=1e-6)
    batch = samples.batch(np.arange(7))
    channel = np.arange(7) % 2
    expected = values[np.arange(7) // 2 + 5, :, channel] - samples.mean[channel, None]
    expected /= samples.deviation[channel, None]
    np.testing.assert_allclose(batch.target, expected, atol=1e-5)


def test_to_unit_undoes_the_normalization(store_of):
    samples = task(5, "train").samples(store_of(noise(60)))
    numbers = np.array([7, 0, 3, 100])
    batch = samples.batch(numbers)
    restored = samples.to_unit(numbers, batch.target)
    np.testing.assert_allclose(restored, samples.observed(numbers), rtol=1e-5, atol=1e-5)
    assert restored.dtype == np.float32
    zeros = samples.to_unit(numbers, np.zeros((4, 3)))
    np.testing.assert_array_equal(zeros, np.repeat(samples.mean[numbers % 2, None], 3, axis=1))


@pytest.mark.parametrize("split", [{"train": 0.7, "validation": 0, "test": 0.3}, SOUND_SPLIT])
def test_statistics_see_the_training_maps_and_no_other(store_of, split):
    values = noise(100)
    before = task(5, "train").samples(store_of(values, split=split))
    maps = len(before.splits["train"]) // 2 + 5
    later, last = values.copy(), values.copy()
    later[maps:] = 1e6
    last[maps - 1] = 1e6
    after = task(5, "train").samples(store_of(later, split=split))
    touched = task(5, "train").samples(store_of(last, split=split))
    for name in ("mean", "deviation", "fill"):
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name))
        assert not (getattr(touched, name) == getattr(before, name)).any()
    train = before.splits["train"]
    np.testing.assert_array_equal(after.batch(train).inputs, before.batch(train).inputs)
    np.testing.assert_array_equal(after.batch(train).target, before.batch(train).target)


def test_without_normalization_nothing_is_moved_or_scaled(store_of):
    samples = task(5, "none").samples(store_of(noise(60)))
    assert samples.mean.tolist() == [0, 0]
    assert samples.deviation.tolist() == [1, 1]


def test_persistence_is_the_day_before(store_of):
    store = store_of(ramp(60))
    samples = task().samples(store)
    test = samples.splits["test"]
    prediction = predictions(task(), store)["persistence"]
    np.testing.assert_array_equal(prediction, samples.observed(test) - 1000)
    np.testing.assert_array_equal(prediction, samples.observed(test - 2))


def test_climatology_recovers_annual_waves_in_spite_of_gaps(store_of):
    """Period 365.2425 days and its half, another mean, amplitude and phase for each station."""
    day = (np.datetime64("2010-01-01") - np.datetime64("1970-01-01")).astype(int) + np.arange(1826)
    angle = 2 * np.pi * day[:, None, None] / 365.2425
    phase = np.array([[0.0, 1], [2, 3], [4, 5]])
    amplitude = np.array([[10.0, 5], [0, 1], [3, 7]])
    values = 8 - phase + amplitude * np.cos(angle + phase) + 2 * np.sin(2 * angle - phase)
    gaps = values.copy()
    gaps[np.random.default_rng(0).random(values.shape) < 0.1] = np.nan
    prediction = predictions(task(), store_of(gaps))["climatology"]
    samples = task().samples(store_of(values))
    test = samples.splits["test"]
    np.testing.assert_allclose(prediction, samples.observed(test), atol=1e-4)


def test_the_linear_baseline_recovers_an_autoregression_of_each_station(store_of):
    """m + A cos(θ t + φ) obeys x_t = 2 cos θ x_{t-1} - x_{t-2} + (2 - 2 cos θ) m exactly."""
    day = np.arange(300)[:, None, None]
    frequency = np.array([[0.3, 1.1], [0.7, 2.0], [1.5, 2.8]])
    values = 4 + frequency + 10 * np.cos(frequency * day + 5 * frequency)
    store = store_of(values)
    samples = task(2).samples(store)
    found = predictions(task(2), store)
    observed = samples.observed(samples.splits["test"])
    np.testing.assert_allclose(found["linear"], observed, atol=1e-4)
    assert np.abs(found["persistence"] - observed).max() > 1


def test_baselines_say_what_they_are(store_of):
    store = store_of(noise(80))
    found = {name: rest for name, *rest in task(5, "train").baselines(store)}
    assert list(found) == ["persistence", "climatology", "linear"]
    parameters = {name: count for name, (_, count, _) in found.items()}
    # Three stations with two channels each; 5 waves and 5 days and an offset.
    assert parameters == {"persistence": 0, "climatology": 5 * 6, "linear": 6 * 6}
    test = task(5).samples(store).splits["test"]
    for text, _, prediction in found.values():
        assert text
        assert prediction.shape == (len(test), 3)
        assert prediction.dtype == np.float32
    # Baselines speak the unit of the data, however the model is fed.
    for name, prediction in predictions(task(5, "none"), store).items():
        np.testing.assert_allclose(found[name][2], prediction, rtol=1e-5)


def test_no_baseline_looks_at_what_it_forecasts(store_of):
    values = noise(100)
    first = predictions(task(), store_of(values))
    samples = task().samples(store_of(values))
    changed = values.copy()
    changed[samples.splits["test"][0] // 2 + 5 :] += 1000
    second = predictions(task(), store_of(changed))
    np.testing.assert_array_equal(first["climatology"], second["climatology"])
    for name, prediction in first.items():
        # The first test sample of either channel has no changed map in its window.
        np.testing.assert_array_equal(prediction[:2], second[name][:2])
    assert np.abs(first["persistence"][2:] - second["persistence"][2:]).min() > 900
    assert np.abs(first["linear"][2:] - second["linear"][2:]).min() > 0


def test_no_baseline_is_fitted_to_validation_samples(store_of):
    values = noise(100)
    # 95 windows: 57 to train on (days 0 to 61), 9 to validate; test windows begin on day 66.
    changed = values.copy()
    changed[62:66] += 1000
    first = predictions(task(), store_of(values, split=SOUND_SPLIT))
    second = predictions(task(), store_of(changed, split=SOUND_SPLIT))
    for name, prediction in first.items():
        np.testing.assert_array_equal(prediction, second[name])
    changed[61] += 1000
    third = predictions(task(), store_of(changed, split=SOUND_SPLIT))
    assert (first["climatology"] != third["climatology"]).all()
    assert (first["linear"] != third["linear"]).all()


def test_channels_that_the_store_lacks_are_named():
    with pytest.raises(ValueError, match="found 'TMAX'; its store has PRCP, TMIN"):
        task().check_store(("PRCP", "TMIN"), ())
    task().check_store(("PRCP", "TMAX", "TMIN"), ())


def test_channels_of_different_units_are_refused(store_of):
    store = store_of(noise(60), channels=("PRCP", "TMIN"), units=("mm", "°C"))
    with pytest.raises(DeepsphereError, match="PRCP, TMIN have the units mm, °C"):
        task(channels=("PRCP", "TMIN")).samples(store)
    assert task(channels=("PRCP",)).samples(store).unit == "mm"


@pytest.mark.parametrize("days", [3, 5, 6])
def test_a_store_too_short_for_the_window_is_refused(store_of, days):
    with pytest.raises(DeepsphereError, match=f"a store of {days} maps has too few windows of 5"):
        task().samples(store_of(noise(days)))


def test_the_shortest_store_has_one_sample_a_channel_to_train_and_to_test_on(store_of):
    samples = task().samples(store_of(ramp(7)))
    assert {name: list(part) for name, part in samples.splits.items()} == {
        "train": [0, 1],
        "validation": [],
        "test": [2, 3],
    }


@pytest.mark.parametrize("wrong", [{"window": 0}, {"channels": ()}, {"normalization": "all"}])
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        task(**wrong)
