"""What may be said of a regression of numbers of maps in a configuration."""

import numpy as np
import pytest
from pydantic import ValidationError

from deepsphere.tasks.parameters import Task

SETTINGS = {
    "kind": "parameters",
    "store": "maps",
    "channels": ["distance"],
    "targets": ["Omega_m", "sigma_8"],
}


def test_what_is_not_said_has_a_default():
    task = Task.model_validate({**SETTINGS, "title": "Universe"})
    assert (task.noise, task.parts) == (0, 1)
    assert task.accepted_models == ("classifier", "planar-classifier")
    assert task.looks_ahead is None
    assert not task.shows_samples
    assert task.training_settings() == {**SETTINGS, "noise": 0.0, "parts": 1}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"targets": []}, "at least 1 item"),
        ({"targets": ["n_s", "n_s"]}, "name each target once"),
        ({"noise": -1}, "greater than or equal to 0"),
        ({"noise": float("inf")}, "finite number"),
        ({"parts": 0}, "greater than or equal to 1"),
    ],
)
def test_what_is_refused(settings, message):
    with pytest.raises(ValidationError, match=message):
        Task.model_validate({**SETTINGS, **settings})


def test_its_samples_are_those_of_the_settings(labelled_store):
    values = np.random.default_rng(0).normal(size=(6, 8, 1))
    numbers = np.linspace(0.1, 0.6, 6)
    store = labelled_store(
        values, np.zeros(6), [0, 0, 0, 1, 2, 2], Omega_m=numbers, sigma_8=1 - numbers
    )
    samples = Task.model_validate({**SETTINGS, "noise": 0.5, "parts": 2}).samples(store)
    assert (samples.noise, samples.parts, samples.targets) == (0.5, 2, ("Omega_m", "sigma_8"))
    assert samples.batch(np.array([0])).target.shape == (1, 2, 2)
