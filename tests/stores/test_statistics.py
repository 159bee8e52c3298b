import numpy as np
import pytest
import xarray as xr

from deepsphere.stores.reader import Store, open_store
from deepsphere.stores.statistics import statistics
from deepsphere.stores.writer import write_store
from deepsphere.workers import Workers


@pytest.fixture
def store_of(tmp_path):
    """Return a function that writes values (sample, pixel, channel) into a store and opens it."""

    def make(values):
        pixels, channels = values.shape[1:]
        dataset = xr.Dataset(
            {"data": (("sample", "cell", "channel"), values.astype(np.float32))},
            coords={
                "longitude": ("cell", np.zeros(pixels)),
                "latitude": ("cell", np.zeros(pixels)),
            },
            attrs={"channels": [f"channel {number}" for number in range(channels)]},
        )
        write_store(
            dataset, tmp_path / "store", fingerprint={}, chunk_bytes=4000, workers=Workers(1)
        )
        return open_store(tmp_path / "store")

    return make


def draw(samples, pixels=5, channels=3):
    generator = np.random.default_rng(0)
    values = generator.standard_normal((samples, pixels, channels)) * [1, 20, 0.01] + [0, 300, -5]
    return values.astype(np.float32)


def test_they_are_those_of_numpy_over_many_blocks_with_gaps(monkeypatch, store_of):
    monkeypatch.setattr("deepsphere.stores.statistics._BLOCK", 256 * 15)
    values = draw(700)
    values[np.random.default_rng(1).random(values.shape) < 0.2] = np.nan
    found = statistics(store_of(values), np.arange(700))
    exact = values.astype(np.float64)
    np.testing.assert_allclose(found.mean, np.nanmean(exact, axis=(0, 1)), rtol=1e-12)
    np.testing.assert_allclose(found.deviation, np.nanstd(exact, axis=(0, 1)), rtol=1e-12)
    np.testing.assert_allclose(found.pixel_mean, np.nanmean(exact, axis=0), rtol=1e-12)


@pytest.mark.parametrize(("numbers", "longest"), [(1, 1), (44, 2), (45, 3), (10**6, 20)])
def test_blocks_are_bounded_by_numbers_and_change_nothing(monkeypatch, store_of, numbers, longest):
    """Of 5 pixels and 3 channels: a sample at least, however large it is."""
    store = store_of(draw(20))
    expected = statistics(store, np.arange(20))
    lengths = []

    def read(self, samples, out=None):
        lengths.append(len(samples))
        return original(self, samples, out)

    original = Store.read
    monkeypatch.setattr(Store, "read", read)
    monkeypatch.setattr("deepsphere.stores.statistics._BLOCK", numbers)
    found = statistics(store, np.arange(20))
    assert max(lengths) == longest
    assert sum(lengths) == 2 * 20
    for name in ("mean", "deviation", "pixel_mean"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-12)


def test_only_the_samples_asked_for_count(store_of):
    values = draw(600)
    samples = np.r_[5:300, 301:310]
    expected = values[samples].astype(np.float64)
    others = np.setdiff1d(np.arange(600), samples)
    values[others] = 1e30
    found = statistics(store_of(values), samples)
    np.testing.assert_allclose(found.mean, expected.mean(axis=(0, 1)), rtol=1e-12)
    np.testing.assert_allclose(found.deviation, expected.std(axis=(0, 1)), rtol=1e-12)
    np.testing.assert_allclose(found.pixel_mean, expected.mean(axis=0), rtol=1e-12)


def test_each_value_has_equal_weight_however_many_its_pixel_has(store_of):
    """Pixel 0 has the values 1 and 3 and pixel 1 only 8: mean 4, variance (9 + 1 + 16) / 3."""
    values = np.array([[[1.0], [8]], [[3], [np.nan]]])
    found = statistics(store_of(values), np.arange(2))
    assert found.mean == pytest.approx(4)
    assert found.deviation == pytest.approx(np.sqrt(26 / 3))
    assert found.pixel_mean.ravel() == pytest.approx([2, 8])


def test_a_pixel_without_values_gets_the_mean_of_its_channel(store_of):
    values = draw(20)
    values[:, 2, 1] = np.nan
    found = statistics(store_of(values), np.arange(20))
    assert found.pixel_mean[2, 1] == found.mean[1]
    assert found.pixel_mean[2, 0] == pytest.approx(values[:, 2, 0].mean(dtype=np.float64))


def test_a_channel_without_values_neither_moves_nor_scales(store_of):
    values = draw(20)
    values[..., 1] = np.nan
    found = statistics(store_of(values), np.arange(20))
    assert (found.mean[1], found.deviation[1]) == (0, 1)
    assert not found.pixel_mean[:, 1].any()


@pytest.mark.parametrize("constant", [0.0, 0.1, 1e-3, 273.15])
def test_a_constant_channel_has_deviation_1(store_of, constant):
    values = draw(333)
    values[..., 0] = constant
    found = statistics(store_of(values), np.arange(333))
    assert found.mean[0] == np.float32(constant)
    assert found.deviation[0] == 1


def test_infinite_values_do_not_count(store_of):
    values = draw(20)
    gaps = values.copy()
    values[3, 1, 0], values[4, 2, 1] = np.inf, -np.inf
    gaps[3, 1, 0], gaps[4, 2, 1] = np.nan, np.nan
    found = statistics(store_of(values), np.arange(20))
    np.testing.assert_allclose(found.mean, np.nanmean(gaps, axis=(0, 1), dtype=np.float64))
    np.testing.assert_allclose(found.deviation, np.nanstd(gaps, axis=(0, 1), dtype=np.float64))
    assert np.isfinite(found.pixel_mean).all()


def test_a_small_deviation_on_a_large_mean_is_not_lost(store_of):
    """Sums of squares of 1e6 ± 1 in float32 would have no correct digit left."""
    values = np.where(np.arange(600) % 2, 1e6 + 1, 1e6 - 1)[:, None, None] * np.ones((1, 4, 1))
    found = statistics(store_of(values), np.arange(600))
    assert found.mean == pytest.approx(1e6, rel=1e-15)
    assert found.deviation == pytest.approx(1, rel=1e-12)
