"""What a run's folder says about the use of its model."""

import hashlib
import json

import numpy as np
import pytest

from deepsphere.tasks.normalization import Normalization
from deepsphere.training.record import NORMALIZATION, record_use


@pytest.fixture
def settings(tmp_path):
    return {
        "folder": str(tmp_path / "results/trial/dense/seed-0"),
        "graph": str(tmp_path / "data/graphs/near"),
        "task": {"kind": "forecast", "channels": ["TMIN", "TMAX"]},
    }


def test_all_that_is_needed(settings, tmp_path, make_samples):
    samples = make_samples()
    use = record_use(settings, samples)
    folder = tmp_path / "results/trial/dense/seed-0"
    content = (folder / NORMALIZATION).read_bytes()
    assert use == {
        "input_channels": samples.window,
        "input_times": 1,
        "unit": "°C",
        "classes": None,
        "graph": "../../../../data/graphs/near",
        "normalization": {
            "channels": ["TMIN", "TMAX"],
            "layout": "window",
            "sha256": hashlib.sha256(content).hexdigest(),
        },
    }
    assert json.loads(json.dumps(use)) == use
    kept = Normalization.from_bytes(content, ("TMIN", "TMAX"), "window")
    np.testing.assert_array_equal(kept.mean, samples.mean)
    np.testing.assert_array_equal(kept.deviation, samples.deviation)
    np.testing.assert_array_equal(kept.fill, samples.fill)
    assert record_use(settings, samples) == use


def test_samples_that_standardize_nothing_and_have_classes(settings, tmp_path):
    class Samples:
        input_channels = 2
        input_times = 3
        unit = "1"
        classes = ("cat", "dog")

    use = record_use(settings, Samples())
    assert use["normalization"] is None
    assert use["input_times"] == 3
    assert use["classes"] == ["cat", "dog"]
    assert not list(tmp_path.rglob(NORMALIZATION))
