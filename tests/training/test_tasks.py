"""The network of each task learns a batch of noise by heart: no gradient is lost on its way."""

import numpy as np
import pytest

from deepsphere.config.kinds import TASKS as KINDS
from deepsphere.config.split import Split
from deepsphere.nn.building import build_graph_hierarchy
from deepsphere.nn.models.dense_regressor import DenseRegressor
from deepsphere.nn.models.global_regressor import GlobalRegressor
from deepsphere.samplings.healpix import Healpix
from deepsphere.tasks.day_of_year import DaySamples
from deepsphere.tasks.forecast import ForecastSamples
from deepsphere.training.objectives import OBJECTIVES

DAYS, PIXELS, WINDOW = 12, 48, 2
SPLIT = Split(train=0.5, validation=0.2, test=0.3)


def noise(channels):
    return np.random.default_rng(0).normal(size=(DAYS, PIXELS, channels)).astype(np.float32)


def days():
    return np.datetime64("2010-01-01") + 29 * np.arange(DAYS)


def forecast():
    return ForecastSamples(
        values=noise(1),
        days=days(),
        split=SPLIT,
        window=WINDOW,
        mean=np.zeros(1, np.float32),
        deviation=np.ones(1, np.float32),
        fill=np.zeros((PIXELS, 1), np.float32),
        unit="1",
    )


def day_of_year():
    return DaySamples(
        values=noise(3),
        days=days(),
        split=SPLIT,
        mean=np.zeros(3, np.float32),
        deviation=np.ones(3, np.float32),
        fill=np.zeros((PIXELS, 3), np.float32),
    )


TASKS = {"forecast": (forecast, DenseRegressor), "day-of-year": (day_of_year, GlobalRegressor)}


def test_no_task_is_left_out():
    assert set(TASKS) == set(KINDS)


@pytest.mark.parametrize("kind", TASKS)
def test_a_batch_is_learned_by_heart(tmp_path, train, make_settings, kind):
    make_samples, model = TASKS[kind]
    samples = make_samples()
    hierarchy = build_graph_hierarchy(Healpix(2), 1)

    def build():
        return model(samples.input_channels, hierarchy, kernel_size=4, widths=(32, 32))

    settings = make_settings(epochs=300, batch_size=1000, schedule="cosine", monitor_every=300)
    _, progress = train(
        tmp_path, settings, samples=samples, objective=OBJECTIVES[samples.objective], build=build
    )
    losses = [entry["loss"] for entry in progress.history]
    assert losses[-1] < 0.01 * losses[0]
    # By heart, as there is nothing to be learned: other samples of the noise are not foreseen.
    assert progress.history[-1]["validation"]["mse"] > 0.1 * losses[0]
