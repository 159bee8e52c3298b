"""A small forecast to train on."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
import torch

from deepsphere.config.split import Split
from deepsphere.config.training import Training
from deepsphere.nn.blocks import cheb_blocks
from deepsphere.nn.digest import weights_digest
from deepsphere.nn.operator import SymmetricOperator
from deepsphere.tasks.forecast import ForecastSamples
from deepsphere.tasks.noise import white_noise
from deepsphere.training import loop
from deepsphere.training.objectives import Regression

STATIONS, DAYS, WINDOW = 8, 60, 3


@dataclasses.dataclass(frozen=True)
class CountedSamples(ForecastSamples):
    """Samples that remember which were read."""

    batches: list = dataclasses.field(default_factory=list)

    def batch(self, samples):
        self.batches.append(samples)
        return super().batch(samples)


@dataclasses.dataclass(frozen=True)
class NoisySamples(CountedSamples):
    """Samples in noise that is drawn anew in each epoch."""

    noise: float = 0.0

    def drawn_batch(self, samples, place):
        batch = self.batch(samples)
        if not len(samples):
            return batch
        shape = batch.inputs.shape[1:]
        added = [white_noise(shape, self.noise, (*place, int(number))) for number in samples]
        return dataclasses.replace(batch, inputs=batch.inputs + np.stack(added))


@dataclasses.dataclass(frozen=True)
class CountedRegression(Regression):
    """A regression that counts its batches, and stops the run at one of them."""

    stop_at: int = -1
    stop: object = None
    count: list = dataclasses.field(default_factory=list)

    def loss(self, model, inputs, target, known):
        self.count.append(len(target))
        if len(self.count) == self.stop_at:
            self.stop()
        return super().loss(model, inputs, target, known)


class Small(torch.nn.Module):
    """Two convolutions on a ring of stations, with normalization unless told otherwise."""

    def __init__(self, normalization=True):
        super().__init__()
        ring = np.roll(np.eye(STATIONS), 1, axis=1)
        laplacian = SymmetricOperator(scipy.sparse.csr_array(-(ring + ring.T) / 2))
        self.body = (
            cheb_blocks(WINDOW, (6, 5), 3, laplacian)
            if normalization
            else torch.nn.Sequential(torch.nn.Linear(WINDOW, 5), torch.nn.Tanh())
        )
        self.head = torch.nn.Linear(5, 1)

    def forward(self, features):
        return self.head(self.body(features))[..., 0]


class Offset(torch.nn.Module):
    """A model that says the same number everywhere, so that all is known in closed form."""

    def __init__(self):
        super().__init__()
        self.value = torch.nn.Parameter(torch.tensor(0.75))

    def forward(self, features):
        return self.value.expand(features.shape[:2])


def forecast_samples(validation=0.1, noise=0.0, **others):
    """Return a forecast that can be learned: each station's next day follows from two days."""
    day = np.arange(DAYS)[:, None, None]
    frequency = np.linspace(0.3, 0.9, 2 * STATIONS).reshape(STATIONS, 2)
    values = np.cos(frequency * day).astype(np.float32)
    values += np.random.default_rng(0).normal(0, 0.05, values.shape).astype(np.float32)
    values[5:9, 3, 1] = np.nan
    fields = {
        "values": values,
        "days": np.datetime64("2010-01-01") + np.arange(DAYS),
        "split": Split(train=0.6, validation=validation, test=0.4 - validation),
        "window": WINDOW,
        "mean": np.array([0.1, -0.2], np.float32),
        "deviation": np.array([0.5, 2], np.float32),
        "fill": np.zeros((STATIONS, 2), np.float32),
        "unit": "°C",
    }
    fields |= others
    return NoisySamples(noise=noise, **fields) if noise else CountedSamples(**fields)


def training(**others):
    """Return the settings of a training of a second."""
    return Training(
        **({"epochs": 8, "batch_size": 12, "learning_rate": 0.01, "device": "cpu"} | others)
    )


def run_training(
    folder, settings, *, samples=None, objective=None, seed=0, fingerprint=None, build=Small
):
    """Train, and return the model and its progress."""
    return loop.train(
        build,
        forecast_samples() if samples is None else samples,
        Regression() if objective is None else objective,
        settings,
        seed,
        Path(folder),
        {"run": "this one"} if fingerprint is None else fingerprint,
    )


def outcome_of(folder, model, progress):
    """Return all numbers of a run that has ended."""
    best = progress.best and {**progress.best, "weights": weights_digest(progress.best["weights"])}
    return {
        "weights": weights_digest(model.state_dict()),
        "best": best,
        "history": progress.history,
        "curve": (Path(folder) / "history.jsonl").read_text(),
    }


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Compute with one thread, as child processes do: sums then have one order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def make_samples():
    """Return a function that makes the samples of a forecast."""
    return forecast_samples


@pytest.fixture(scope="session")
def make_settings():
    """Return a function that makes the settings of a training."""
    return training


@pytest.fixture(scope="session")
def make_objective():
    """Return a function that makes an objective which can stop the run."""
    return CountedRegression


@pytest.fixture(scope="session")
def train():
    """Return a function that trains the small model on the forecast."""
    return run_training


@pytest.fixture(scope="session")
def outcome():
    """Return a function that gathers the numbers of a run."""
    return outcome_of


@pytest.fixture(scope="session")
def small():
    """Return the class of the small model."""
    return Small


@pytest.fixture(scope="session")
def offset():
    """Return the class of the model that says one number."""
    return Offset
