"""The network of each task learns a batch of noise by heart: no gradient is lost on its way."""

from types import SimpleNamespace

import numpy as np
import pytest

from deepsphere.config.kinds import TASKS as KINDS
from deepsphere.config.split import Split
from deepsphere.nn.building import build_graph_hierarchy
from deepsphere.nn.models.classifier import Classifier
from deepsphere.nn.models.dense_regressor import DenseRegressor
from deepsphere.nn.models.global_regressor import GlobalRegressor
from deepsphere.nn.models.unet import UNet
from deepsphere.samplings.healpix import Healpix
from deepsphere.tasks.class_samples import ClassSamples
from deepsphere.tasks.day_of_year import DaySamples
from deepsphere.tasks.forecast import ForecastSamples
from deepsphere.tasks.parameter_samples import ParameterSamples
from deepsphere.tasks.segmentation_samples import SegmentationSamples
from deepsphere.training.objectives import make_objective

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


def classification():
    """Maps of noise, four of each class, half of them to train on."""
    store = SimpleNamespace(
        channels=("distance", "cosine"),
        coordinates={"split": np.repeat([0, 1, 2], [6, 3, 3])},
        read=lambda samples: noise(2)[samples],
    )
    return ClassSamples(
        store=store,
        channels=("distance", "cosine"),
        classes=("cone", "cube", "tube"),
        labels=np.arange(DAYS) % 3,
        objects=np.arange(DAYS),
        splits={"train": np.arange(6), "validation": np.arange(6, 9), "test": np.arange(9, 12)},
        means=np.zeros((3, 2), np.float32),
        deviations=np.ones((3, 2), np.float32),
        triplet=0.1,
    )


def parameters():
    """Maps of noise and two numbers of each, of which nothing tells but the noise."""
    store = SimpleNamespace(
        channels=("near", "far"),
        coordinates={"split": np.repeat([0, 1, 2], [6, 3, 3])},
        read=lambda samples: noise(2)[samples],
    )
    values = np.random.default_rng(1).normal([0.3, 0.8], [0.1, 0.2], (DAYS, 2))
    return ParameterSamples(
        store=store,
        channels=("near", "far"),
        targets=("Omega_m", "sigma_8"),
        values=values,
        splits={"train": np.arange(6), "validation": np.arange(6, 9), "test": np.arange(9, 12)},
        means=np.zeros((3, 2), np.float32),
        deviations=np.ones((3, 2), np.float32),
        target_mean=values[:6].mean(axis=0),
        target_deviation=values[:6].std(axis=0),
    )


def segmentation():
    """Maps of noise, each pixel of a class that nothing tells but the noise."""
    labels = np.random.default_rng(1).integers(0, 3, (DAYS, PIXELS, 1))
    values = np.concatenate([noise(2), labels.astype(np.float32)], axis=2)
    store = SimpleNamespace(
        channels=("TMQ", "PSL", "label"),
        attrs={"label_channel": "label", "class_names": ["nothing", "cyclone", "river"]},
        coordinates={},
        read=lambda samples: values[samples],
        shape=values.shape,
    )
    return SegmentationSamples(
        store=store,
        channels=("TMQ", "PSL"),
        classes=("nothing", "cyclone", "river"),
        windows=np.arange(DAYS)[:, None],
        splits={"train": np.arange(2), "validation": np.arange(6, 9), "test": np.arange(9, 12)},
        mean=np.zeros(2, np.float32),
        deviation=np.ones(2, np.float32),
        class_weights=np.array([1.0, 2.0, 0.5]),
    )


LAYERS = {"widths": (32, 32)}
TASKS = {
    "forecast": (forecast, DenseRegressor, 1, LAYERS),
    "day-of-year": (day_of_year, GlobalRegressor, 1, LAYERS),
    "parameters": (
        parameters,
        Classifier,
        1,
        {**LAYERS, "classes": 2, "levels": (0, 0, 0)},
    ),
    "classification": (
        classification,
        Classifier,
        1,
        {**LAYERS, "classes": 3, "levels": (0, 0, 0)},
    ),
    "segmentation": (
        segmentation,
        UNet,
        2,
        {"out_channels": 3, "widths": ((32, 32), (32,)), "wiring": "jiang"},
    ),
}


def test_no_task_is_left_out():
    assert set(TASKS) == set(KINDS)


@pytest.mark.parametrize("kind", TASKS)
def test_a_batch_is_learned_by_heart(tmp_path, train, make_settings, kind):
    make_samples, model, levels, others = TASKS[kind]
    samples = make_samples()
    hierarchy = build_graph_hierarchy(Healpix(2), levels)

    def build():
        return model(
            in_channels=samples.input_channels,
            hierarchy=hierarchy,
            kernel_size=4,
            **others,
        )

    settings = make_settings(epochs=300, batch_size=1000, schedule="cosine", monitor_every=300)
    _, progress = train(
        tmp_path,
        settings,
        samples=samples,
        objective=make_objective(samples.objective),
        build=build,
    )
    losses = [entry["loss"] for entry in progress.history]
    assert losses[-1] < 0.01 * losses[0]
    # By heart, as there is nothing to be learned: other samples of the noise are not foreseen.
    curve = samples.curves[0]
    assert progress.history[-1]["validation"][curve] > 0.1 * losses[0]
