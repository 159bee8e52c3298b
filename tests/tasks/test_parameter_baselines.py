"""Regressions on moments of maps, against closed forms and scipy."""

import numpy as np
import pytest
from scipy.stats import skew

from deepsphere.tasks.parameter_baselines import map_moments
from deepsphere.tasks.parameter_samples import open_parameter_samples
from deepsphere.tasks.parameters import Task

MAPS, PIXELS = 60, 96


@pytest.fixture(scope="module")
def drawn():
    """Maps whose deviation and correlation are two parameters, and those; one is not known."""
    random = np.random.default_rng(0)
    width, likeness = random.uniform(0.5, 1.5, MAPS), random.uniform(-0.8, 0.8, MAPS)
    noise = random.normal(size=(MAPS, PIXELS, 2))
    second = likeness[:, None] * noise[..., 0] + np.sqrt(1 - likeness**2)[:, None] * noise[..., 1]
    values = width[:, None, None] * np.stack([noise[..., 0], second], axis=2)
    return values, width, likeness


@pytest.fixture
def store(labelled_store, drawn):
    values, width, likeness = drawn
    width = width.copy()
    width[0] = np.nan
    split = np.repeat([0, 1, 2], [40, 5, 15])
    return labelled_store(values, np.zeros(MAPS), split, width=width, likeness=likeness)


def task(**settings):
    given = {"kind": "parameters", "store": "maps", "channels": ["distance", "cosine"]}
    return Task.model_validate({**given, "targets": ["width", "likeness"], **settings})


def test_moments_are_those_of_scipy(store):
    samples = open_parameter_samples(store, ("distance", "cosine"), ("width",), parts=3)
    found = map_moments(samples, np.array([41, 3]))
    values = samples.batch(np.array([41, 3])).inputs.astype(np.float64).reshape(2, 3, -1, 2)
    assert found.shape == (2, 3, 7)
    np.testing.assert_allclose(found[..., :2], values.mean(axis=2), atol=1e-12)
    np.testing.assert_allclose(found[..., 2:4], values.std(axis=2), atol=1e-12)
    np.testing.assert_allclose(found[..., 4:6], skew(values, axis=2), atol=1e-12)
    expected = np.corrcoef(values[1, 2].T)[0, 1]
    assert found[1, 2, 6] == pytest.approx(expected, rel=1e-12)


def test_maps_without_fluctuations_have_no_shape(labelled_store):
    values = np.random.default_rng(0).normal(size=(6, PIXELS, 2))
    values[2, :, 0] = 1
    store = labelled_store(
        values, np.zeros(6), [0, 0, 0, 1, 2, 2], width=np.arange(6) / 2, label=None
    )
    samples = open_parameter_samples(store, ("distance", "cosine"), ("width",))
    moments = map_moments(samples, np.array([2]))[0]
    np.testing.assert_allclose(moments[[2, 4, 6]], 0, atol=1e-12)


def test_the_linear_one_finds_what_moments_tell(store, drawn):
    found = {name: (count, given) for name, _, count, given in task().baselines(store)}
    assert found.keys() == {"constant", "linear"}
    _, width, likeness = drawn
    count, constant = found["constant"]
    assert (count, constant.shape, constant.dtype) == (2, (15, 2), np.float32)
    means = [width[1:40].mean(), likeness[:40].mean()]
    np.testing.assert_allclose(constant, np.tile(means, (15, 1)), rtol=1e-6)
    count, linear = found["linear"]
    assert (count, linear.shape, linear.dtype) == (2 * 8, (15, 2), np.float32)
    truth = np.stack([width, likeness], axis=1)[45:]
    left = np.square(linear - truth).mean(axis=0) / truth.var(axis=0)
    # A deviation of 96 numbers is known to 1 / sqrt(192) of it, 0.07 where the widths vary by 0.29;
    # a correlation r to (1 - r²) / sqrt(96), at most 0.1 where they vary by 0.46.
    assert (left < 2 * np.square([0.07 / 0.29, 0.1 / 0.46])).all()


def test_parts_are_answered_one_by_one(store):
    found = {name: given for name, _, _, given in task(parts=2).baselines(store)}
    assert {name: given.shape for name, given in found.items()} == {
        "constant": (15, 2, 2),
        "linear": (15, 2, 2),
    }
    assert np.ptp(found["linear"][:, :, 0], axis=1).min() > 0
