"""What a run's folder says about the use of its model."""

import hashlib
import json
from types import SimpleNamespace

import numpy as np
import pytest

from deepsphere.registry import load
from deepsphere.samplings.coordinates import longitude_latitude
from deepsphere.tasks.normalization import Normalization
from deepsphere.training.record import NORMALIZATION, find_turn, record_use


def store_on(sampling, turn=0.0, **attributes):
    """Return what counts of a store whose pixels lie further east than its sampling has them."""
    kind, _, parameters = sampling.partition(":")
    longitude, latitude = longitude_latitude(load("samplings", kind).parse(parameters).positions)
    places = {"longitude": (longitude + turn) % 360, "latitude": latitude}
    channels = ("TMAX", "TMIN", "label")
    attrs = {"sampling": sampling, **attributes}
    return SimpleNamespace(attrs=attrs, channels=channels, coordinates=places, **places)


@pytest.fixture
def settings(tmp_path):
    return {
        "folder": str(tmp_path / "results/trial/dense/seed-0"),
        "graph": str(tmp_path / "data/graphs/near"),
        "task": {"kind": "forecast", "channels": ["TMIN", "TMAX"]},
    }


def test_all_that_is_needed(settings, tmp_path, make_samples):
    samples = make_samples()
    store = store_on("healpix:2", units=["degC", "K", "1"], step_hours=24)
    use = record_use(settings, store, samples)
    folder = tmp_path / "results/trial/dense/seed-0"
    content = (folder / NORMALIZATION).read_bytes()
    assert use == {
        "input_channels": samples.window,
        "input_times": 1,
        "unit": "°C",
        "outputs": None,
        "classes": None,
        "graph": "../../../../data/graphs/near",
        "normalization": {
            "channels": ["TMIN", "TMAX"],
            "layout": "window",
            "sha256": hashlib.sha256(content).hexdigest(),
        },
        "channel_units": ["K", "degC"],
        "step_hours": 24,
        "turn": 0.0,
        "regridding": None,
    }
    assert json.loads(json.dumps(use)) == use
    kept = Normalization.from_bytes(content, ("TMIN", "TMAX"), "window")
    np.testing.assert_array_equal(kept.mean, samples.mean)
    np.testing.assert_array_equal(kept.deviation, samples.deviation)
    np.testing.assert_array_equal(kept.fill, samples.fill)
    assert record_use(settings, store, samples) == use


def test_how_states_were_regridded_is_kept(settings, make_samples):
    regridding = {"method": "nearest", "winds": [["U850", "V850"]]}
    store = store_on("healpix:2", regridding=regridding)
    assert record_use(settings, store, make_samples())["regridding"] == regridding


def test_samples_that_standardize_nothing_and_have_classes(settings, tmp_path):
    class Samples:
        input_channels = 2
        input_times = 3
        unit = "1"
        outputs = classes = ("cat", "dog")

    store = SimpleNamespace(attrs={}, channels=("TMIN", "TMAX"), coordinates={})
    use = record_use(settings, store, Samples())
    assert use["normalization"] is None
    assert (use["channel_units"], use["step_hours"], use["turn"]) == ([None, None], None, 0.0)
    assert use["input_times"] == 3
    assert use["outputs"] == use["classes"] == ["cat", "dog"]
    assert not list(tmp_path.rglob(NORMALIZATION))


@pytest.mark.parametrize("sampling", ["ugscnn:2:upward", "healpix:4", "equiangular:8x16"])
@pytest.mark.parametrize("turn", [0.0, 180.0, 359.0, 12.5])
def test_pixels_may_lie_further_east_on_earth(sampling, turn):
    assert find_turn(store_on(sampling, turn)) == pytest.approx(turn)


def test_pixels_that_lie_elsewhere():
    """In another order, more of them, or on stations, which no name tells."""
    store = store_on("healpix:4")
    store.longitude = store.longitude[::-1]
    assert find_turn(store) is None
    store = store_on("healpix:4")
    store.attrs["sampling"] = "healpix:8"
    assert find_turn(store) is None
    store.attrs["sampling"] = "stations"
    assert find_turn(store) is None
