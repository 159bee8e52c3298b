"""The training loop, on a small forecast.

Run as a program, this file trains into the folder it is given until it kills itself.
"""

import dataclasses
import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
import torch

from deepsphere.config.split import Split
from deepsphere.config.training import Training
from deepsphere.errors import DeepsphereError
from deepsphere.nn.digest import weights_digest
from deepsphere.nn.models.dense_regressor import DenseRegressor
from deepsphere.nn.operator import SymmetricOperator
from deepsphere.tasks.forecast import ForecastSamples
from deepsphere.tasks.regression import regression_metrics
from deepsphere.training import loop

CPU = torch.device("cpu")
STATIONS, DAYS, WINDOW = 8, 60, 3
BATCHES = 6
"""Steps of an epoch: 57 windows, 34 to train on, of two channels, 12 a batch."""


@dataclasses.dataclass(frozen=True)
class CountedSamples(ForecastSamples):
    """Samples that count their batches and stop the run at one of them."""

    batches: list = dataclasses.field(default_factory=list)
    stop_at: int = -1
    stop: object = None

    def batch(self, samples):
        self.batches.append(samples)
        if len(self.batches) == self.stop_at:
            self.stop()
        return super().batch(samples)


def make_samples(validation=0.1, **others):
    """Return a forecast that can be learned: each station's next day follows from two days."""
    day = np.arange(DAYS)[:, None, None]
    frequency = np.linspace(0.3, 0.9, 2 * STATIONS).reshape(STATIONS, 2)
    values = np.cos(frequency * day).astype(np.float32)
    values += np.random.default_rng(0).normal(0, 0.05, values.shape).astype(np.float32)
    values[5:9, 3, 1] = np.nan
    return CountedSamples(
        values=values,
        days=np.datetime64("2010-01-01") + np.arange(DAYS),
        split=Split(train=0.6, validation=validation, test=0.4 - validation),
        window=WINDOW,
        mean=np.array([0.1, -0.2], np.float32),
        deviation=np.array([0.5, 2], np.float32),
        fill=np.zeros((STATIONS, 2), np.float32),
        unit="°C",
        **others,
    )


def build():
    ring = np.roll(np.eye(STATIONS), 1, axis=1)
    laplacian = SymmetricOperator(scipy.sparse.csr_array(-(ring + ring.T) / 2))
    return DenseRegressor(WINDOW, (6, 5), 3, laplacian)


def settings(**others):
    defaults = {"epochs": 8, "batch_size": 12, "learning_rate": 0.01, "device": "cpu"}
    return Training(**(defaults | others))


FULL = settings(optimizer="adam", schedule="cosine", select="best", monitor_every=3)


def train(folder, run=FULL, samples=None, seed=0, fingerprint="this run", build=build):
    samples = make_samples() if samples is None else samples
    return loop.train(build, samples, run, seed, folder, fingerprint)


def outcome(folder, model, progress):
    best = progress.best and {**progress.best, "weights": weights_digest(progress.best["weights"])}
    return {
        "weights": weights_digest(model.state_dict()),
        "best": best,
        "history": progress.history,
        "curve": (folder / "history.jsonl").read_text(),
    }


@pytest.fixture(autouse=True)
def one_thread():
    """Compute with one thread, as the child process does: sums then have one order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_a_killed_process_is_resumed_to_the_same_numbers(tmp_path):
    undisturbed = outcome(tmp_path / "whole", *train(tmp_path / "whole"))
    killed = tmp_path / "killed"
    child = subprocess.run([sys.executable, __file__, str(killed)], check=False, timeout=100)
    assert child.returncode == -signal.SIGKILL
    assert len((killed / "history.jsonl").read_text().splitlines()) == 4
    samples = make_samples()
    resumed = outcome(killed, *train(killed, samples=samples))
    assert resumed == undisturbed
    # It went on after epoch 4 of 8, and did not begin again.
    assert training_batches(samples) == 4 * BATCHES


def training_batches(samples):
    last = samples.splits["train"][-1]
    return sum(numbers.max() <= last for numbers in samples.batches)


class Interrupted(Exception):
    pass


def interrupt():
    raise Interrupted


# The first, the middle and the last step of an epoch, and the validation after one.
@pytest.mark.parametrize("step", [1, 4, 6, 2 * BATCHES + 1, 3 * BATCHES + 1, 51])
@pytest.mark.parametrize(
    "run",
    [FULL, settings(optimizer="rmsprop-tf", select="last", monitor_every=2)],
    ids=["adam", "rmsprop"],
)
def test_a_run_stopped_anywhere_is_resumed_to_the_same_numbers(tmp_path, monkeypatch, run, step):
    undisturbed = outcome(tmp_path / "whole", *train(tmp_path / "whole", run))
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0)
    stopped = tmp_path / "stopped"
    with pytest.raises(Interrupted):
        train(stopped, run, make_samples(stop_at=step, stop=interrupt))
    torch.manual_seed(123)
    assert outcome(stopped, *train(stopped, run)) == undisturbed


def test_a_curve_that_is_ahead_of_the_checkpoint_is_cut(tmp_path, monkeypatch):
    """Stopped in epoch 3 with a checkpoint of epoch 2, then in epoch 6 with no newer one."""
    undisturbed = outcome(tmp_path / "whole", *train(tmp_path / "whole"))
    stopped = tmp_path / "stopped"
    for seconds, step, lines in ((0, 2 * BATCHES + 3, 2), (1e9, 4 * BATCHES, 5)):
        monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", seconds)
        with pytest.raises(Interrupted):
            train(stopped, samples=make_samples(stop_at=step, stop=interrupt))
        assert len((stopped / "history.jsonl").read_text().splitlines()) == lines
    samples = make_samples()
    assert outcome(stopped, *train(stopped, samples=samples)) == undisturbed
    assert training_batches(samples) == 6 * BATCHES


def test_a_finished_run_is_not_repeated(tmp_path):
    first = outcome(tmp_path, *train(tmp_path))
    (tmp_path / "history.jsonl").unlink()
    samples = make_samples()
    assert outcome(tmp_path, *train(tmp_path, samples=samples)) == first
    assert not samples.batches


def test_a_checkpoint_of_another_fingerprint_is_not_used(tmp_path):
    other = settings(learning_rate=0.5, epochs=5)
    train(tmp_path / "used", other, fingerprint="other settings")
    samples = make_samples()
    again = outcome(tmp_path / "used", *train(tmp_path / "used", samples=samples))
    assert training_batches(samples) == 8 * BATCHES
    assert again == outcome(tmp_path / "fresh", *train(tmp_path / "fresh"))


def test_the_seed_and_nothing_else_decides_the_numbers(tmp_path):
    outcomes = []
    for number, seed in enumerate((0, 0, 1)):
        torch.manual_seed(1000 + number)
        np.random.default_rng(number)
        folder = tmp_path / str(number)
        outcomes.append(outcome(folder, *train(folder, seed=seed)))
    assert outcomes[0] == outcomes[1]
    assert outcomes[0]["weights"] != outcomes[2]["weights"]
    assert outcomes[0]["history"] != outcomes[2]["history"]


def test_every_epoch_sees_each_training_sample_once_in_another_order(tmp_path):
    samples = make_samples(validation=0)
    train(tmp_path, settings(epochs=2, monitor_every=9), samples)
    train_numbers, test = samples.splits["train"], samples.splits["test"]
    first = np.concatenate(samples.batches[:BATCHES])
    second = np.concatenate(samples.batches[BATCHES : 2 * BATCHES])
    for order in (first, second):
        np.testing.assert_array_equal(np.sort(order), train_numbers)
        assert (order != train_numbers).any()
    assert (first != second).any()
    # What is left is the point of the learning curve after the last epoch.
    np.testing.assert_array_equal(np.concatenate(samples.batches[2 * BATCHES :]), test)


def test_the_best_model_is_that_of_the_best_validation_epoch(tmp_path):
    """With a constant rate, a shorter run ends where the longer one was at that epoch."""
    rate = {"learning_rate": 0.1, "monitor_every": 1}
    run = settings(select="best", epochs=12, **rate)
    model, progress = train(tmp_path / "best", run)
    errors = [entry["validation"]["mse"] for entry in progress.history]
    best = int(np.argmin(errors)) + 1
    assert progress.best["epoch"] == best
    assert 1 < best < 12
    short, _ = train(tmp_path / "short", settings(epochs=best, **rate))
    assert weights_digest(model.state_dict()) == weights_digest(short.state_dict())
    scores = loop.score(model, make_samples(), "validation", 12, CPU)
    assert scores["mse"] == pytest.approx(min(errors), rel=1e-6)


def test_the_last_model_is_kept_unless_told_otherwise(tmp_path):
    run = {"learning_rate": 0.1, "monitor_every": 1, "epochs": 12}
    last, progress = train(tmp_path / "last", settings(**run))
    best, _ = train(tmp_path / "best", settings(select="best", **run))
    assert progress.best is None
    assert weights_digest(last.state_dict()) != weights_digest(best.state_dict())


def test_the_curve_is_written_an_epoch_a_line(tmp_path):
    _, progress = train(tmp_path, settings(epochs=5, monitor_every=2))
    entries = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert entries == progress.history
    assert [entry["epoch"] for entry in entries] == [1, 2, 3, 4, 5]
    assert [entry["epoch"] for entry in entries if "validation" in entry] == [2, 4, 5]
    assert set(entries[-1]["validation"]) == {"mse", "mae", "r2"}


def test_without_validation_samples_the_curve_is_that_of_the_test_samples(tmp_path):
    samples = make_samples(validation=0)
    model, progress = train(tmp_path, settings(epochs=1), samples)
    scores = loop.score(model, samples, "test", 5, CPU)
    assert progress.history[0]["test"]["mse"] == pytest.approx(scores["mse"], rel=1e-5)


def test_the_learning_rate_follows_half_a_cosine(tmp_path):
    _, progress = train(tmp_path, settings(schedule="cosine", epochs=4, learning_rate=0.01))
    rates = [entry["learning_rate"] for entry in progress.history]
    half = math.sqrt(0.5) / 2
    assert rates == pytest.approx([0.01, 0.01 * (0.5 + half), 0.005, 0.01 * (0.5 - half)])
    _, progress = train(tmp_path / "constant", settings(epochs=3))
    assert [entry["learning_rate"] for entry in progress.history] == [0.01] * 3


class Offset(torch.nn.Module):
    """A model that says the same number everywhere, so that all is known in closed form."""

    def __init__(self):
        super().__init__()
        self.value = torch.nn.Parameter(torch.tensor(0.75))

    def forward(self, features):
        return self.value.expand(features.shape[:2])


def test_the_schedule_reaches_the_optimizer(tmp_path):
    """Adam's first step is the rate, whatever the gradient; with one step an epoch, and a target
    so far away that the gradient hardly changes, so is every other.
    """
    samples = dataclasses.replace(make_samples(), values=make_samples().values + 1e4)
    run = settings(epochs=6, batch_size=1000, schedule="cosine", learning_rate=0.1)
    model, progress = train(tmp_path, run, samples, build=Offset)
    rates = [entry["learning_rate"] for entry in progress.history]
    assert model.value.item() == pytest.approx(0.75 + sum(rates), rel=1e-3)


@pytest.mark.parametrize("batch_size", [5, 1000])
def test_the_loss_is_the_mean_over_the_known_targets(tmp_path, batch_size):
    """Of unequal batches, with a rate too small to change the model."""
    samples = make_samples()
    run = settings(epochs=1, batch_size=batch_size, learning_rate=1e-30)
    _, progress = train(tmp_path, run, samples, build=Offset)
    batch = samples.batch(samples.splits["train"])
    assert not batch.known.all()
    expected = np.mean(np.square(0.75 - batch.target[batch.known].astype(np.float64)))
    assert progress.history[0]["loss"] == pytest.approx(expected, rel=1e-6)


def test_a_model_learns_what_can_be_learned(tmp_path):
    samples = make_samples()
    model, progress = train(tmp_path, settings(epochs=40), samples)
    assert progress.history[-1]["loss"] < 0.1 * progress.history[0]["loss"]
    test = samples.splits["test"]
    persistence = samples.windows(test)[..., -1]
    observed = samples.observed(test)
    score = regression_metrics(persistence, observed, np.isfinite(observed))
    assert loop.score(model, samples, "test", 12, CPU)["mse"] < 0.5 * score["mse"]


def test_a_loss_that_is_not_finite_ends_the_run_in_one_line(tmp_path):
    with pytest.raises(DeepsphereError) as caught:
        train(tmp_path, settings(learning_rate=1e37))
    text = str(caught.value)
    assert text.startswith("training: the loss is nan in epoch 1; lower the learning rate")
    assert "\n" not in text
    assert not (tmp_path / "checkpoint.pt").exists()


def test_a_last_step_too_far_is_noticed_as_well(tmp_path):
    """The only step's loss is finite; the model that it leaves says nothing finite."""
    with pytest.raises(DeepsphereError, match="the validation error is nan in epoch 1"):
        train(tmp_path, settings(learning_rate=1e37, epochs=1, batch_size=1000))


@pytest.mark.parametrize(
    ("missing", "select", "message"),
    [
        ("train", "last", "found 0 train samples"),
        ("validation", "best", "found 0 validation samples"),
    ],
)
def test_a_split_without_samples_is_refused(tmp_path, missing, select, message):
    class Partial(CountedSamples):
        @property
        def splits(self):
            return {**super().splits, missing: np.arange(0)}

    whole = make_samples()
    fields = {field.name: getattr(whole, field.name) for field in dataclasses.fields(whole)}
    with pytest.raises(DeepsphereError, match=message):
        train(tmp_path, settings(select=select), Partial(**fields))


def test_a_curve_without_variance_has_no_r2(tmp_path):
    constant = dataclasses.replace(make_samples(), values=np.ones((DAYS, STATIONS, 2), np.float32))
    _, progress = train(tmp_path, settings(epochs=1), constant)
    assert set(progress.history[0]["validation"]) == {"mse", "mae"}


@pytest.mark.parametrize("batch_size", [1, 7, 100])
def test_predictions_are_in_order_and_in_the_unit_of_the_data(batch_size):
    samples = make_samples()
    numbers = samples.splits["test"][::-1]
    prediction, target, known = loop.predict(Offset(), samples, numbers, batch_size, CPU)
    observed = samples.observed(numbers)
    np.testing.assert_array_equal(known, np.isfinite(observed))
    np.testing.assert_allclose(target[known], observed[known], rtol=1e-5, atol=1e-6)
    # 0.75 deviations above the mean of each channel.
    channel = np.broadcast_to((numbers % 2)[:, None], prediction.shape)
    np.testing.assert_allclose(prediction, np.where(channel, -0.2 + 1.5, 0.1 + 0.375), rtol=1e-6)


@pytest.mark.parametrize("training", [True, False])
def test_predicting_changes_nothing_in_the_model(training):
    torch.manual_seed(0)
    model, samples = build().train(training), make_samples()
    before = weights_digest(model.state_dict())
    first, _, _ = loop.predict(model, samples, np.arange(20), 20, CPU)
    second, _, _ = loop.predict(model, samples, np.arange(20), 3, CPU)
    # In evaluation a sample's prediction does not depend on its batch.
    np.testing.assert_allclose(first, second, atol=1e-6)
    assert weights_digest(model.state_dict()) == before
    assert model.training is training


def test_score_is_that_of_the_predictions():
    torch.manual_seed(0)
    model, samples = build(), make_samples()
    expected = regression_metrics(*loop.predict(model, samples, samples.splits["test"], 9, CPU))
    assert loop.score(model, samples, "test", 9, CPU) == expected


def test_unknown_targets_have_no_loss_and_no_gradient():
    output = torch.tensor([[1.0, 2.0, 7.0]], requires_grad=True)
    target = torch.tensor([[3.0, 5.0, float("nan")]])
    loss = loop.masked_squared_error(output, target, torch.tensor([[True, True, False]]))
    assert loss.item() == (4 + 9) / 2
    loss.backward()
    assert output.grad.tolist() == [[-2, -3, 0]]
    nothing = loop.masked_squared_error(output, target, torch.zeros(1, 3, dtype=torch.bool))
    assert nothing.item() == 0


def main(folder):
    """Train with a checkpoint after every epoch, and kill this process in mid-training."""

    def kill():
        os.kill(os.getpid(), signal.SIGKILL)

    torch.set_num_threads(1)
    loop.CHECKPOINT_SECONDS = 0
    validations = math.ceil(len(make_samples().splits["validation"]) / FULL.batch_size)
    # In the fifth epoch's third step: a validation follows the third epoch.
    train(folder, samples=make_samples(stop_at=4 * BATCHES + validations + 3, stop=kill))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
