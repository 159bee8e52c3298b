"""What is kept with a model does to data what the samples of its training did, bit for bit."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from deepsphere.errors import DeepsphereError
from deepsphere.tasks import day_of_year, forecast
from deepsphere.tasks.normalization import Normalization, find_normalization
from deepsphere.tasks.parameter_samples import open_parameter_samples

STATIONS, WINDOW = 4, 3


def gappy(days=60):
    """Return two channels of different size, with gaps; a station begins late, one has no TMAX."""
    generator = np.random.default_rng(0)
    values = generator.normal([5, -40], [1, 30], (days, STATIONS, 2))
    values[generator.random(values.shape) < 0.2] = np.nan
    values[:10, 1] = np.nan
    values[:, 2, 1] = np.nan
    return values.astype(np.float32)


@pytest.mark.parametrize("normalization", ["none", "train"])
@pytest.mark.parametrize("channels", [("TMIN", "TMAX"), ("TMAX", "TMIN"), ("TMAX",)], ids=str)
def test_windows_as_those_of_a_forecast(store_of, normalization, channels):
    values = gappy()
    task = forecast.Task(
        kind="forecast", store="a", channels=channels, window=WINDOW, normalization=normalization
    )
    samples = task.samples(store_of(values))
    found = find_normalization(channels, samples)
    first = np.arange(len(values) - WINDOW)
    outputs = np.random.default_rng(1).normal(size=(len(first), STATIONS)).astype(np.float32)
    for number, channel in enumerate(channels):
        column = ("TMIN", "TMAX").index(channel)
        windows = values[first[:, None] + np.arange(WINDOW), :, column].transpose(0, 2, 1)
        before = windows.copy()
        numbers = first * len(channels) + number
        inputs = found.inputs(windows, channel)
        assert inputs.dtype == np.float32
        np.testing.assert_array_equal(inputs, samples.batch(numbers).inputs)
        np.testing.assert_array_equal(windows, before)
        expected = samples.to_unit(numbers, outputs)
        np.testing.assert_array_equal(found.outputs(outputs, channel), expected)


@pytest.mark.parametrize("channels", [("TMIN", "TMAX"), ("TMAX", "TMIN"), ("TMAX",)], ids=str)
def test_maps_as_those_of_the_day_of_the_year(store_of, channels):
    values = gappy()
    task = day_of_year.Task(kind="day-of-year", store="a", channels=channels)
    samples = task.samples(store_of(values))
    found = find_normalization(channels, samples)
    maps = values[:, :, [("TMIN", "TMAX").index(channel) for channel in channels]]
    numbers = np.arange(len(values))
    np.testing.assert_array_equal(found.inputs(maps), samples.batch(numbers).inputs)
    outputs = np.random.default_rng(1).normal(size=len(values))
    np.testing.assert_array_equal(found.outputs(outputs), samples.to_unit(numbers, outputs))


@pytest.mark.parametrize("parts", [1, 2])
def test_numbers_of_maps_as_their_samples_say_them(labelled_store, parts):
    generator = np.random.default_rng(0)
    split, targets = [0, 0, 0, 0, 1, 2], {"Omega_m": generator.random(6), "h": np.arange(6.0)}
    store = labelled_store(generator.normal(3, 2, (6, STATIONS, 2)), split, split, **targets)
    channels = ("cosine", "distance")
    samples = open_parameter_samples(store, channels, tuple(targets), parts=parts)
    found = find_normalization(channels, samples)
    numbers = np.arange(6)
    maps = store.read(numbers)[:, :, ::-1]
    np.testing.assert_array_equal(found.inputs(maps), samples.batch(numbers).inputs)
    shape = (6, 2) if parts == 1 else (6, parts, 2)
    outputs = generator.normal(size=shape).astype(np.float32)
    expected = samples.to_unit(numbers, outputs)
    again = Normalization.from_bytes(found.to_bytes(), channels, "map")
    for normalization in (found, again):
        assert normalization.outputs(outputs).dtype == np.float32
        np.testing.assert_array_equal(normalization.outputs(outputs), expected)


@given(
    npst.arrays(
        np.float64,
        st.tuples(st.integers(1, 3), st.just(2), st.integers(1, 4)),
        elements=st.sampled_from([1.0, 2.0, 3.0, np.nan, np.inf]),
    )
)
@hypothesis_settings(derandomize=True, deadline=None, max_examples=60)
def test_gaps_get_the_last_value_before(windows):
    """Step by step, from the fill, 7 and 8, with the means and deviations of nothing done."""
    fill = np.array([[7.0], [8.0]], np.float32)
    nothing = Normalization(
        ("TMIN",), "window", np.zeros(1, np.float32), np.ones(1, np.float32), fill
    )
    expected = np.empty_like(windows)
    for sample, window in enumerate(windows):
        for pixel, steps in enumerate(window):
            last = fill[pixel, 0]
            for step, value in enumerate(steps):
                last = value if np.isfinite(value) else last
                expected[sample, pixel, step] = last
    np.testing.assert_array_equal(nothing.inputs(windows), expected)


def test_samples_that_standardize_nothing_have_none():
    assert find_normalization(("TMIN",), object()) is None


def make(layout="window", channels=("TMIN", "TMAX")):
    statistics = np.arange(1, len(channels) + 1, dtype=np.float32)
    fill = np.ones((STATIONS, len(channels)), np.float32)
    return Normalization(channels, layout, statistics, statistics, fill)


def test_files_give_it_back():
    kept = make("map")
    content = kept.to_bytes()
    assert kept.to_bytes() == content
    found = Normalization.from_bytes(content, kept.channels, kept.layout)
    for name in ("mean", "deviation", "fill"):
        value = getattr(found, name)
        assert value.dtype == np.float32
        np.testing.assert_array_equal(value, getattr(kept, name))
    for wrong in (b"", b"something", content[:-30]):
        with pytest.raises(ValueError, match=r"expected an archive of \('mean', 'deviation'"):
            Normalization.from_bytes(wrong, kept.channels, kept.layout)


@pytest.mark.parametrize(
    ("layout", "shape", "message"),
    [
        ("window", (2, STATIONS), r"expected values of shape \(sample, 4, channel\), found \(2, 4"),
        ("window", (2, 3, WINDOW), r"expected values of shape \(sample, 4, channel\), found"),
        ("window", (2, STATIONS, 0), r"expected values of shape \(sample, 4, channel\), found"),
        ("map", (2, STATIONS, 3), "expected 2 channels, found 3"),
    ],
)
def test_values_of_another_shape(layout, shape, message):
    channel = "TMIN" if layout == "window" else None
    with pytest.raises(ValueError, match=message):
        make(layout).inputs(np.zeros(shape), channel)


@pytest.mark.parametrize("change", [{"mean": 3}, {"deviation": 1}, {"fill": (4, 3)}, {"fill": 2}])
def test_statistics_of_other_channels(change):
    arrays = {name: np.zeros(shape, np.float32) for name, shape in change.items()}
    with pytest.raises(ValueError, match="expected mean, deviation and fill of 2 channels, found"):
        dataclasses.replace(make(), **arrays)


@pytest.mark.parametrize(
    ("layout", "shapes"), [("window", (2, 2)), ("map", (2, 3)), ("map", (2, None))]
)
def test_statistics_of_other_targets(layout, shapes):
    names = ("target_mean", "target_deviation")
    arrays = {
        name: None if shape is None else np.ones(shape)
        for name, shape in zip(names, shapes, strict=True)
    }
    with pytest.raises(ValueError, match="expected a mean and a deviation of each target of a map"):
        dataclasses.replace(make(layout), **arrays)


@pytest.mark.parametrize("method", ["inputs", "outputs"])
def test_which_channel(method):
    values = np.zeros((1, STATIONS, 2))
    for channel in (None, "PRCP"):
        with pytest.raises(DeepsphereError, match=f"found {channel!r}, name one of TMIN, TMAX$"):
            getattr(make("window"), method)(values, channel)
    with pytest.raises(DeepsphereError, match="the channels TMIN, TMAX together; found 'TMIN'"):
        getattr(make("map"), method)(values, "TMIN")
    alone = make("window", ("TMIN",))
    apply = getattr(alone, method)
    np.testing.assert_array_equal(apply(values), apply(values, "TMIN"))
