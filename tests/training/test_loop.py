"""The training loop, on a small forecast."""

import dataclasses
import json
import math
import os
import re
import signal
import threading
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from deepsphere.errors import DeepsphereError
from deepsphere.nn.digest import weights_digest
from deepsphere.tasks.class_samples import ClassSamples
from deepsphere.tasks.regression import regression_metrics
from deepsphere.training import learner, loop
from deepsphere.training.objectives import Classification, Regression
from deepsphere.training.optimizers import TensorflowRMSprop
from deepsphere.training.prediction import predict

CPU = torch.device("cpu")
BATCHES = 6
"""Batches of an epoch: 57 windows, 34 to train on, of two channels, 12 a batch."""


@pytest.fixture
def full(make_settings):
    """Return settings that use most of what there is."""
    return make_settings(schedule="cosine", select="best", monitor_every=3)


def published_training(build, samples, epochs, batch_size, optimizer):
    """Return the weights after a training as published, written down as plainly as can be."""
    torch.manual_seed(0)
    model = build()
    step = optimizer(model.parameters())
    for epoch in range(epochs):
        order = np.random.default_rng((0, epoch)).permutation(samples.splits["train"])
        for start in range(0, len(order), batch_size):
            batch = samples.batch(order[start : start + batch_size])
            known = torch.from_numpy(batch.known)
            output = model(torch.from_numpy(batch.inputs))
            errors = torch.where(known, output - torch.from_numpy(batch.target), 0)
            step.zero_grad()
            (errors.square().sum() / known.sum().clamp(min=1)).backward()
            step.step()
    return weights_digest(model.state_dict())


@pytest.mark.parametrize(
    ("name", "optimizer"),
    [
        ("adam", lambda parameters: torch.optim.Adam(parameters, lr=0.01)),
        ("rmsprop-tf", lambda parameters: TensorflowRMSprop(parameters, lr=0.01)),
    ],
)
def test_with_the_default_settings_a_training_is_the_published_one(
    tmp_path, train, make_settings, make_samples, small, name, optimizer
):
    """Bit for bit: precision, averages, clipping and devices change nothing unless asked for."""
    model, _ = train(tmp_path, make_settings(optimizer=name, epochs=3))
    expected = published_training(small, make_samples(), 3, 12, optimizer)
    assert weights_digest(model.state_dict()) == expected


class Interrupted(Exception):
    pass


def interrupt():
    raise Interrupted


ALL = {
    "optimizer": "adam-tf",
    "average": 0.9,
    "accumulate": 4,
    "clip": 1.0,
    "schedule": "exponential",
    "schedule_unit": "step",
    "decay": 0.9,
    "warmup": 3,
    "precision": "bf16",
}


@pytest.fixture(
    scope="module",
    params=[
        {"schedule": "cosine", "select": "best", "monitor_every": 3},
        {"optimizer": "rmsprop-tf", "monitor_every": 2},
        ALL,
    ],
    ids=["adam", "rmsprop", "all"],
)
def undisturbed(request, tmp_path_factory, train, outcome, make_settings):
    """Return settings, and the numbers of a training that nothing disturbed."""
    settings = make_settings(**request.param)
    folder = tmp_path_factory.mktemp("undisturbed")
    return settings, outcome(folder, *train(folder, settings))


# The first, the middle and the last batch of an epoch, the first after a validation, and the last.
@pytest.mark.parametrize("batch", [1, 4, 6, 3 * BATCHES + 1, 8 * BATCHES])
def test_a_run_stopped_anywhere_is_resumed_to_the_same_numbers(
    tmp_path, monkeypatch, train, outcome, undisturbed, make_objective, batch
):
    settings, whole = undisturbed
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0)
    with pytest.raises(Interrupted):
        train(tmp_path, settings, objective=make_objective(stop_at=batch, stop=interrupt))
    torch.manual_seed(123)
    objective = make_objective()
    assert outcome(tmp_path, *train(tmp_path, settings, objective=objective)) == whole
    # It went on at the step that was interrupted, in the middle of an epoch or not.
    epoch, within = divmod(batch - 1, BATCHES)
    done = epoch * BATCHES + within // settings.accumulate * settings.accumulate
    assert len(objective.count) == 8 * BATCHES - done


@pytest.mark.parametrize("batch", [1, 4, 8 * BATCHES - 1])
def test_a_run_that_is_asked_to_end_keeps_what_it_has(
    tmp_path, train, outcome, undisturbed, make_objective, batch
):
    settings, whole = undisturbed

    def ask():
        os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(DeepsphereError, match=r"asked to end \(SIGTERM\) after \d+ epochs"):
        train(tmp_path, settings, objective=make_objective(stop_at=batch, stop=ask))
    objective = make_objective()
    assert outcome(tmp_path, *train(tmp_path, settings, objective=objective)) == whole
    # The step in which it was asked is done and kept.
    epoch, within = divmod(batch - 1, BATCHES)
    step = min((within // settings.accumulate + 1) * settings.accumulate, BATCHES)
    assert len(objective.count) == 8 * BATCHES - (epoch * BATCHES + step)


def test_a_run_stopped_in_a_validation_is_resumed_to_the_same_numbers(
    tmp_path, monkeypatch, train, outcome, full
):
    class Stopping(Regression):
        def answer(self, *arguments):
            raise Interrupted

    whole = outcome(tmp_path / "whole", *train(tmp_path / "whole", full))
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0)
    with pytest.raises(Interrupted):
        train(tmp_path / "stopped", full, objective=Stopping())
    assert outcome(tmp_path / "stopped", *train(tmp_path / "stopped", full)) == whole


def test_a_resumed_run_draws_the_same_random_numbers(
    tmp_path, monkeypatch, train, outcome, make_settings, make_objective, small
):
    """Dropout: its masks follow from the place in the training."""

    def build():
        return torch.nn.Sequential(torch.nn.Dropout(0.3), small())

    settings = make_settings(epochs=3)
    whole = outcome(tmp_path / "whole", *train(tmp_path / "whole", settings, build=build))
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0)
    objective = make_objective(stop_at=BATCHES + 3, stop=interrupt)
    with pytest.raises(Interrupted):
        train(tmp_path / "stopped", settings, objective=objective, build=build)
    resumed = outcome(tmp_path / "stopped", *train(tmp_path / "stopped", settings, build=build))
    assert resumed == whole
    other, _ = train(tmp_path / "plain", settings)
    assert weights_digest(other.state_dict()) != whole["weights"]


def noisy_maps():
    """Return maps of two classes in noise, 12 of them to train on, of three parts of 4 pixels."""
    labels = np.arange(20) % 2
    values = labels[:, None, None] + np.random.default_rng(0).normal(0, 0.1, (20, 12, 1))
    return ClassSamples(
        store=SimpleNamespace(
            shape=values.shape,
            channels=("kappa",),
            coordinates={"split": np.repeat([0, 1, 2], [12, 4, 4])},
            read=lambda samples, cells=range(12): values[samples][:, cells].astype(np.float32),
        ),
        channels=("kappa",),
        classes=("0.26", "0.31"),
        labels=labels,
        objects=np.arange(20),
        splits={"train": np.arange(12), "validation": np.arange(12, 16), "test": np.arange(16, 20)},
        means=np.full((3, 1), 0.5, np.float32),
        deviations=np.full((3, 1), 0.5, np.float32),
        noise=1.0,
        parts=3,
    )


class PartClassifier(torch.nn.Linear):
    """Logits of each of three parts of four pixels."""

    def __init__(self):
        super().__init__(4, 2)

    def forward(self, features):
        return super().forward(features.reshape(len(features), 3, 4))


def test_a_resumed_run_sees_the_same_noise_and_the_same_parts(
    tmp_path, monkeypatch, train, outcome, make_settings
):
    """And others in each epoch: though nothing is learned, the losses of epochs differ."""
    settings = make_settings(epochs=4, batch_size=5, select="best", monitor_every=1)
    common = {"samples": noisy_maps(), "build": PartClassifier}
    objective = Classification()
    whole = outcome(
        tmp_path / "whole", *train(tmp_path / "whole", settings, objective=objective, **common)
    )
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0)
    count = iter(range(100))

    class Stopping(Classification):
        def loss(self, *arguments):
            # In the second of the three batches of the second epoch.
            if next(count) == 4:
                raise Interrupted
            return super().loss(*arguments)

    with pytest.raises(Interrupted):
        train(tmp_path / "stopped", settings, objective=Stopping(), **common)
    resumed = train(tmp_path / "stopped", settings, objective=objective, **common)
    assert outcome(tmp_path / "stopped", *resumed) == whole

    still = make_settings(epochs=3, learning_rate=1e-30, monitor_every=1)
    _, progress = train(tmp_path / "still", still, objective=objective, **common)
    losses = [entry["loss"] for entry in progress.history]
    assert np.diff(np.sort(losses)).min() > 1e-4
    # What is scored has the noise that it always has.
    assert len({entry["validation"]["cross_entropy"] for entry in progress.history}) == 1


def test_a_curve_that_is_ahead_of_the_checkpoint_is_cut(
    tmp_path, monkeypatch, train, outcome, full, make_objective
):
    """Stopped in epoch 3 with a checkpoint of epoch 2, then in epoch 6 with no newer one."""
    whole = outcome(tmp_path / "whole", *train(tmp_path / "whole", full))
    stopped = tmp_path / "stopped"
    for seconds, batch, lines in ((0, 2 * BATCHES + 1, 2), (1e9, 3 * BATCHES + 2, 5)):
        monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", seconds)
        with pytest.raises(Interrupted):
            train(stopped, full, objective=make_objective(stop_at=batch, stop=interrupt))
        assert len((stopped / "history.jsonl").read_text().splitlines()) == lines
    objective = make_objective()
    assert outcome(stopped, *train(stopped, full, objective=objective)) == whole
    assert len(objective.count) == 6 * BATCHES


def test_a_finished_run_is_not_repeated(tmp_path, train, outcome, full, make_samples):
    first = outcome(tmp_path, *train(tmp_path, full))
    (tmp_path / "history.jsonl").unlink()
    samples = make_samples()
    assert outcome(tmp_path, *train(tmp_path, full, samples=samples)) == first
    assert not samples.batches


def test_a_checkpoint_of_another_fingerprint_is_not_used(
    tmp_path, train, outcome, make_settings, make_objective, full
):
    other = make_settings(learning_rate=0.5, epochs=5)
    train(tmp_path / "used", other, fingerprint={"run": "another"})
    objective = make_objective()
    again = outcome(tmp_path / "used", *train(tmp_path / "used", full, objective=objective))
    assert len(objective.count) == 8 * BATCHES
    assert again == outcome(tmp_path / "fresh", *train(tmp_path / "fresh", full))


def test_the_seed_and_nothing_else_decides_the_numbers(tmp_path, train, outcome, full):
    outcomes = []
    for number, seed in enumerate((0, 0, 1)):
        torch.manual_seed(1000 + number)
        folder = tmp_path / str(number)
        outcomes.append(outcome(folder, *train(folder, full, seed=seed)))
    assert outcomes[0] == outcomes[1]
    assert outcomes[0]["weights"] != outcomes[2]["weights"]
    assert outcomes[0]["history"] != outcomes[2]["history"]


def test_every_epoch_sees_each_training_sample_once_in_another_order(
    tmp_path, train, make_settings, make_samples
):
    samples = make_samples(validation=0)
    train(tmp_path, make_settings(epochs=2, monitor_every=9), samples=samples)
    train_numbers, test = samples.splits["train"], samples.splits["test"]
    first = np.concatenate(samples.batches[:BATCHES])
    second = np.concatenate(samples.batches[BATCHES : 2 * BATCHES])
    for order in (first, second):
        np.testing.assert_array_equal(np.sort(order), train_numbers)
        assert (order != train_numbers).any()
    assert (first != second).any()
    # What is left is the point of the learning curve after the last epoch.
    np.testing.assert_array_equal(np.concatenate(samples.batches[2 * BATCHES :]), test)


def validation_error(model, samples):
    found = predict(model, samples, samples.splits["validation"], Regression(), 12, CPU)
    return samples.scores(found)["mse"]


def test_the_best_model_is_that_of_the_best_validation_epoch(
    tmp_path, train, make_settings, make_samples
):
    """With a constant rate, a shorter run ends where the longer one was at that epoch."""
    rate = {"learning_rate": 0.3, "monitor_every": 1}
    model, progress = train(tmp_path / "best", make_settings(select="best", epochs=12, **rate))
    errors = [entry["validation"]["mse"] for entry in progress.history]
    best = int(np.argmin(errors)) + 1
    assert progress.best["epoch"] == best
    assert 1 < best < 12
    short, _ = train(tmp_path / "short", make_settings(epochs=best, **rate))
    assert weights_digest(model.state_dict()) == weights_digest(short.state_dict())
    assert validation_error(model, make_samples()) == pytest.approx(min(errors), rel=1e-6)


def test_the_last_model_is_kept_unless_told_otherwise(tmp_path, train, make_settings):
    run = {"learning_rate": 0.3, "monitor_every": 1, "epochs": 12}
    last, progress = train(tmp_path / "last", make_settings(**run))
    best, _ = train(tmp_path / "best", make_settings(select="best", **run))
    assert progress.best is None
    assert weights_digest(last.state_dict()) != weights_digest(best.state_dict())


def test_a_run_without_a_better_model_ends_early(tmp_path, train, make_settings, caplog):
    """The rate is so large that the error soon rises; patience is counted in points."""
    run = {"learning_rate": 0.3, "select": "best", "monitor_every": 2, "epochs": 40}
    _, whole = train(tmp_path / "patient", make_settings(**run))
    errors = [entry["validation"]["mse"] for entry in whole.history[1::2]]
    best = [min(errors[: point + 1]) for point in range(len(errors))]
    points = next(point for point in range(2, len(errors)) if best[point] == best[point - 2])
    with caplog.at_level("INFO"):
        model, progress = train(tmp_path / "early", make_settings(patience=2, **run))
    assert progress.history == whole.history[: 2 * (points + 1)]
    assert len(progress.history) < 40
    assert f"no better model for 2 points; ended at epoch {progress.epoch}" in caplog.text
    assert progress.best["error"] == best[points]
    # It stays ended.
    again, same = train(tmp_path / "early", make_settings(patience=2, **run))
    assert weights_digest(again.state_dict()) == weights_digest(model.state_dict())
    assert same.history == progress.history


def test_the_average_is_scored_and_kept(tmp_path, train, make_settings, make_samples, small):
    """It is found again from the weights of shorter runs: one step each, of a constant rate."""
    settings = {"batch_size": 1000, "monitor_every": 1, "average": 0.5}
    model, progress = train(tmp_path / "average", make_settings(epochs=3, **settings))
    torch.manual_seed(0)
    expected = {name: value.clone() for name, value in small().state_dict().items()}
    for epochs in (1, 2, 3):
        steps, _ = train(tmp_path / str(epochs), make_settings(epochs=epochs, batch_size=1000))
        for name, value in steps.state_dict().items():
            expected[name] = expected[name] / 2 + value / 2
    for name, value in model.state_dict().items():
        if value.is_floating_point():
            torch.testing.assert_close(value, expected[name], rtol=1e-6, atol=1e-6)
    error = validation_error(model, make_samples())
    assert progress.history[-1]["validation"]["mse"] == pytest.approx(error, rel=1e-6)


def test_the_curve_is_written_an_epoch_a_line(tmp_path, train, make_settings):
    _, progress = train(tmp_path, make_settings(epochs=5, monitor_every=2))
    entries = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert entries == progress.history
    assert [entry["epoch"] for entry in entries] == [1, 2, 3, 4, 5]
    assert [entry["epoch"] for entry in entries if "validation" in entry] == [2, 4, 5]
    assert set(entries[-1]["validation"]) == {"mse", "mae", "r2"}


def test_without_validation_samples_the_curve_is_that_of_the_test_samples(
    tmp_path, train, make_settings, make_samples
):
    samples = make_samples(validation=0)
    model, progress = train(tmp_path, make_settings(epochs=1), samples=samples)
    found = samples.scores(predict(model, samples, samples.splits["test"], Regression(), 5, CPU))
    assert progress.history[0]["test"]["mse"] == pytest.approx(found["mse"], rel=1e-5)


class Flawed:
    """Samples of which one is not finite, in its input or in its known target."""

    def __init__(self, whole, part, number):
        self._whole, self._part, self._number = whole, part, number

    def __getattr__(self, name):
        return getattr(self._whole, name)

    def batch(self, samples):
        batch = self._whole.batch(samples)
        values = getattr(batch, self._part).copy()
        values[samples == self._number] = np.nan
        return dataclasses.replace(batch, **{self._part: values})


@pytest.mark.parametrize("part", ["inputs", "target"])
@pytest.mark.parametrize("split", ["train", "validation"])
@pytest.mark.parametrize("late", [False, True])
def test_a_sample_of_a_normalized_model_is_named(
    tmp_path, monkeypatch, train, make_settings, make_samples, part, split, late
):
    """The batch that it is in has spoilt the running statistics, and, where the loss is looked at
    after the step as on a GPU, the weights as well.
    """
    if late:
        monkeypatch.setattr(learner, "math", SimpleNamespace(isfinite=lambda value: True))
    samples = make_samples()
    number = int(samples.splits[split][3])
    with pytest.raises(DeepsphereError) as caught:
        train(tmp_path, make_settings(), samples=Flawed(samples, part, number))
    name = part.removesuffix("s")
    assert f"sample {number} ({samples.times(np.array([number]))[0]}) has " in str(caught.value)
    assert f" times nan in its {name}; mend it, or mark it as unknown" in str(caught.value)
    assert "learning rate" not in str(caught.value)


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("value", [9.96921e36, 1e30])
def test_a_sample_that_a_normalized_model_cannot_take_is_named(
    tmp_path, monkeypatch, train, make_settings, make_samples, value, late
):
    """Its data are finite, but their squares are not, as of a fill value that nobody removed."""
    if late:
        monkeypatch.setattr(learner, "math", SimpleNamespace(isfinite=lambda value: True))
    samples = make_samples()
    values = samples.values.copy()
    # Of the first channel are the samples of even numbers: this is the target of sample 0, and in
    # the windows of samples 2, 4 and 6.
    values[3, 2, 0] = value
    samples = dataclasses.replace(samples, values=values)
    with pytest.raises(
        DeepsphereError, match=r"that of sample [0246] \(2010-01-0[4567]\) is not, though"
    ):
        train(tmp_path, make_settings(), samples=samples)


def test_a_sample_that_only_the_running_statistics_cannot_take_is_named(
    tmp_path, train, make_settings, make_samples
):
    """Its batch is normalized by its own statistics, so that the loss is finite."""
    samples = make_samples()
    values = samples.values.copy()
    # Sample 0 is the first channel's window of days 1 to 3; no other has day 1.
    values[0, 2, 0] = 1e30
    samples = dataclasses.replace(samples, values=values)
    with pytest.raises(DeepsphereError, match=r"epoch 1: that of sample 0 \(2010-01-04\) is not"):
        train(tmp_path, make_settings(), samples=samples)
    assert not (tmp_path / "checkpoint.pt").exists()


def test_a_state_that_was_never_finite_is_no_mistake(tmp_path, train, make_settings, small):
    def build():
        model = small()
        model.register_buffer("highest", torch.tensor(torch.inf))
        return model

    _, progress = train(tmp_path, make_settings(epochs=2), build=build)
    assert progress.epoch == 2


def test_samples_are_looked_at_when_no_other_thread_reads(
    tmp_path, train, make_settings, make_samples
):
    threads = []

    class Watched(Flawed):
        def batch(self, samples):
            loaders = [one for one in threading.enumerate() if one.name.startswith("loader")]
            threads.append((len(samples), len(loaders)))
            return super().batch(samples)

    with pytest.raises(DeepsphereError, match="sample 0"):
        train(tmp_path, make_settings(batch_size=4), samples=Watched(make_samples(), "inputs", 0))
    one_by_one = [loaders for size, loaders in threads if size == 1]
    assert one_by_one
    assert set(one_by_one) == {0}
    assert max(loaders for _, loaders in threads) > 0


def test_models_are_scored_in_float32_whatever_they_are_trained_in(
    tmp_path, train, make_settings, make_samples
):
    """What selects a model is what its evaluation finds later."""
    settings = make_settings(epochs=1, precision="bf16")
    model, progress = train(tmp_path, settings)
    assert progress.history[0]["validation"]["mse"] == validation_error(model, make_samples())


def test_the_learning_rate_follows_half_a_cosine(tmp_path, train, make_settings):
    settings = make_settings(schedule="cosine", epochs=4, learning_rate=0.01)
    _, progress = train(tmp_path, settings)
    rates = [entry["learning_rate"] for entry in progress.history]
    half = math.sqrt(0.5) / 2
    assert rates == pytest.approx([0.01, 0.01 * (0.5 + half), 0.005, 0.01 * (0.5 - half)])
    _, progress = train(tmp_path / "constant", make_settings(epochs=3))
    assert [entry["learning_rate"] for entry in progress.history] == [0.01] * 3


@pytest.mark.parametrize(
    ("others", "rates"),
    [
        # One step an epoch: the cosine's are 0.1 (1 + cos(πn/6)) / 2.
        ({"schedule": "cosine"}, [0.1, 0.0933, 0.075, 0.05, 0.025, 0.0067]),
        # Two steps an epoch, of which the rate rises over those of the first one or two epochs.
        ({"batch_size": 34, "epochs": 3, "warmup": 1}, [0.05, 0.1, 0.1, 0.1, 0.1, 0.1]),
        (
            {
                "schedule": "step",
                "decay": 0.5,
                "batch_size": 34,
                "epochs": 4,
                "warmup": 2,
            },
            [0.025, 0.05, 0.075, 0.1, 0.1, 0.1, 0.05, 0.05],
        ),
        # Two steps an epoch: 0.1 · 0.81^(n/2), and half that in the first step.
        (
            {
                "schedule": "exponential",
                "schedule_unit": "step",
                "decay": 0.81,
                "decay_every": 2,
                "warmup": 2,
                "batch_size": 34,
                "epochs": 3,
            },
            [0.05, 0.1, 0.1, 0.09, 0.081, 0.0729],
        ),
        # The same number of steps, of two batches each.
        (
            {"schedule": "step", "decay": 0.5, "decay_every": 2, "batch_size": 34, "accumulate": 2},
            [0.1, 0.1, 0.05, 0.05, 0.025, 0.025],
        ),
    ],
    ids=["cosine", "warm-up of an epoch", "warm-up of two", "steps", "accumulated"],
)
def test_the_schedule_reaches_the_optimizer(
    tmp_path, train, make_settings, make_samples, offset, others, rates
):
    """Adam's steps are as long as the rate, if the target is so far away that the gradient hardly
    changes: the model moves by the sum of the rates.
    """
    values, one = make_samples().values + 1e4, np.ones(2, np.float32)
    samples = dataclasses.replace(make_samples(), values=values, deviation=one)
    settings = {"epochs": 6, "batch_size": 1000, "learning_rate": 0.1} | others
    model, progress = train(tmp_path, make_settings(**settings), samples=samples, build=offset)
    assert model.value.item() == pytest.approx(0.75 + sum(rates), rel=1e-3)
    assert progress.history[-1]["learning_rate"] == pytest.approx(rates[-1], rel=1e-2)


def test_a_warm_up_longer_than_the_training_is_refused(tmp_path, train, make_settings):
    settings = make_settings(schedule_unit="step", warmup=48)
    with pytest.raises(DeepsphereError, match="warmup: found 48; the training has 48 steps"):
        train(tmp_path, settings)


@pytest.mark.parametrize("batch_size", [5, 1000])
@pytest.mark.parametrize("accumulate", [1, 3])
def test_the_loss_is_the_mean_over_the_known_targets(
    tmp_path, train, make_settings, make_samples, offset, batch_size, accumulate
):
    """Of unequal batches, with a rate too small to change the model."""
    samples = make_samples()
    settings = make_settings(
        epochs=1, batch_size=batch_size, accumulate=accumulate, learning_rate=1e-30
    )
    _, progress = train(tmp_path, settings, samples=samples, build=offset)
    batch = samples.batch(samples.splits["train"])
    assert not batch.known.all()
    expected = np.mean(np.square(0.75 - batch.target[batch.known].astype(np.float64)))
    assert progress.history[0]["loss"] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_a_model_learns_what_can_be_learned(
    tmp_path, train, make_settings, make_samples, precision
):
    samples = make_samples()
    settings = make_settings(epochs=40, precision=precision)
    model, progress = train(tmp_path, settings, samples=samples)
    assert {value.dtype for value in model.parameters()} == {torch.float32}
    assert progress.history[-1]["loss"] < 0.1 * progress.history[0]["loss"]
    test = samples.splits["test"]
    observed = samples.observed(test)
    persistence = regression_metrics(
        samples.windows(test)[..., -1], observed, np.isfinite(observed)
    )
    found = samples.scores(predict(model, samples, test, Regression(), 12, CPU))
    assert found["mse"] < 0.5 * persistence["mse"]


def test_bf16_is_what_the_network_computes_in(tmp_path, train, make_settings):
    """A product of bfloat16 has 8 bits: the runs part, but not by much."""
    _, exact = train(tmp_path / "exact", make_settings(epochs=2))
    _, rough = train(tmp_path / "rough", make_settings(epochs=2, precision="bf16"))
    losses = [progress.history[-1]["loss"] for progress in (exact, rough)]
    assert losses[0] != losses[1]
    assert losses[0] == pytest.approx(losses[1], rel=2**-5)


def test_a_loss_that_is_not_finite_ends_the_run_in_one_line(tmp_path, train, make_settings):
    with pytest.raises(DeepsphereError) as caught:
        train(tmp_path, make_settings(learning_rate=1e37))
    text = str(caught.value)
    assert text == (
        "training: the loss is not finite in epoch 1, whatever the sample; "
        "lower the learning rate (found 1e+37)"
    )
    assert not (tmp_path / "checkpoint.pt").exists()


def test_a_last_step_too_far_is_noticed_as_well(tmp_path, train, make_settings):
    """The only step's loss is finite; the model that it leaves says nothing finite.

    Whether infinite terms meet of both signs depends on the order of a sum, so on the processor.
    """
    with pytest.raises(DeepsphereError) as caught:
        train(tmp_path, make_settings(learning_rate=1e37, epochs=1, batch_size=1000))
    found = re.sub("is (inf|nan) in", "is not finite in", str(caught.value))
    assert found == (
        "training: the validation error is not finite in epoch 1, though the data are finite; "
        "lower the learning rate (found 1e+37)"
    )
    assert not (tmp_path / "checkpoint.pt").exists()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_data_that_are_not_finite_end_the_run_with_the_samples_name(
    tmp_path, train, make_settings, make_samples, value
):
    """Gaps of a forecast are filled; with a fill that is not finite they are found."""
    samples = make_samples()
    values = samples.values.copy()
    values[0, 2, 0] = np.nan
    fill = samples.fill.copy()
    fill[2, 0] = value
    samples = dataclasses.replace(samples, values=values, fill=fill)
    with pytest.raises(DeepsphereError) as caught:
        train(tmp_path, make_settings(), samples=samples)
    # Sample 0 is the first channel's window of days 1 to 3; its target is day 4.
    assert str(caught.value) == (
        "training: the loss is not finite in epoch 1: sample 0 (2010-01-04) has "
        f"1 times {value} in its input; mend it, or mark it as unknown"
    )


@pytest.mark.parametrize(
    ("missing", "select", "message"),
    [
        ("train", "last", "found 0 train samples"),
        ("validation", "best", "found 0 validation samples"),
    ],
)
def test_a_split_without_samples_is_refused(
    tmp_path, train, make_settings, make_samples, missing, select, message
):
    whole = make_samples()

    class Partial(type(whole)):
        @property
        def splits(self):
            return {**super().splits, missing: np.arange(0)}

    fields = {field.name: getattr(whole, field.name) for field in dataclasses.fields(whole)}
    with pytest.raises(DeepsphereError, match=message):
        train(tmp_path, make_settings(select=select), samples=Partial(**fields))


def test_a_curve_without_variance_has_no_r2(tmp_path, train, make_settings, make_samples):
    samples = make_samples()
    constant = dataclasses.replace(samples, values=np.ones_like(samples.values))
    _, progress = train(tmp_path, make_settings(epochs=1), samples=constant)
    assert set(progress.history[0]["validation"]) == {"mse", "mae"}
