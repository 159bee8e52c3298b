"""The stage that evaluates: what it refuses."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from deepsphere.errors import DeepsphereError
from deepsphere.nn.digest import weights_digest
from deepsphere.stages import evaluate
from deepsphere.tasks.regression import RegressionSamples
from deepsphere.tasks.samples import Batch

DIGESTS = {"store": "a" * 64, "graph": "b" * 64}


class Samples(RegressionSamples):
    """Maps of three pixels whose target is their mean, but for one that can be flawed."""

    splits: ClassVar[dict[str, Any]] = {
        "train": np.arange(20),
        "validation": np.arange(20, 24),
        "test": np.arange(24, 28),
    }
    input_channels = 1
    unit = "1"

    def __init__(self, flawed: int | None = None) -> None:
        self.flawed = flawed

    def batch(self, samples: Any) -> Batch:
        inputs = np.random.default_rng(0).normal(size=(28, 3, 1)).astype(np.float32)[samples]
        target = inputs.mean(axis=(1, 2))
        batch = Batch(inputs, target, np.ones(target.shape, bool))
        flawed = np.where((samples == self.flawed)[:, None, None], np.float32(np.nan), inputs)
        return replace(batch, inputs=flawed)

    def to_unit(self, samples: Any, values: Any) -> Any:
        return values

    def times(self, samples: Any) -> Any:
        return np.datetime64("2010-01-01") + samples


class Model(torch.nn.Module):
    """A linear model of a map."""

    def __init__(self, outputs: int = 1) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(3, outputs)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.layer(features[..., 0])[:, 0]
        return result


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that evaluates a trained run, with changed settings, inputs or files.

    It returns the evaluation, or the error after which nothing was written.
    """
    run = tmp_path / "run"
    run.mkdir()
    settings: dict[str, Any] = {
        "experiment": "trial",
        "variant": "one",
        "task": {"kind": "day-of-year", "channels": ["TMIN"]},
        "model": {"kind": "global-regressor", "widths": [4]},
        "training_task": {"kind": "day-of-year", "channels": ["TMIN"]},
        "seed": 0,
        "device": "cpu",
        "folder": str(run),
        "manifest": str(run / "training.json"),
        "predictions": str(run / "predictions.npz"),
        "filters": str(run / "filters.npz"),
        "evaluation": str(run / "evaluation.json"),
    }

    def evaluated(
        digests: dict[str, str] | None = None,
        samples: Samples | None = None,
        outputs: int = 1,
        weight: float = 0.25,
        promised: str | None = None,
        **changes: Any,
    ) -> Any:
        torch.manual_seed(0)
        model = Model()
        torch.nn.init.constant_(model.layer.weight, weight)
        torch.save(model.state_dict(), run / "model.pt")
        manifest = {
            **{name: settings[name] for name in ("task", "model", "seed")},
            "inputs": DIGESTS,
            "digest": promised or weights_digest(model.state_dict()),
            "parameters": 4,
            "samples": {"train": 20, "validation": 4, "test": 4},
            "selected_epoch": 1,
        }
        (run / "training.json").write_text(json.dumps(manifest))
        inputs = SimpleNamespace(
            samples=samples or Samples(),
            graph=SimpleNamespace(levels=()),
            build=lambda: Model(outputs),
            digests=digests or DIGESTS,
            store=SimpleNamespace(longitude=np.zeros(3), latitude=np.zeros(3), shape=(28, 3, 1)),
        )
        monkeypatch.setattr(evaluate, "open_run", lambda settings: inputs)
        before = {path.name for path in run.iterdir()}
        try:
            evaluate.run(settings | changes, torch.get_num_threads())
        except DeepsphereError as error:
            assert "\n" not in str(error)
            assert {path.name for path in run.iterdir()} == before == {"model.pt", "training.json"}
            return str(error)
        return json.loads((run / "evaluation.json").read_text())

    return evaluated


def test_the_scores_are_those_of_the_test_samples(stage: Any) -> None:
    """The weights are a quarter each, where the target is a third of each pixel."""
    samples = Samples()
    batch = samples.batch(samples.splits["test"])
    torch.manual_seed(0)
    bias = Model().layer.bias.item()
    error = batch.inputs[..., 0].sum(axis=1) / 4 + bias - batch.target
    assert stage()["metrics"]["mse"] == pytest.approx(np.mean(np.square(error)), rel=1e-5)


@pytest.mark.parametrize("name", ["store", "graph"])
def test_a_run_on_another_store_or_graph_is_refused(stage: Any, name: str) -> None:
    found = stage(digests=DIGESTS | {name: "d" * 64})
    assert "was trained on another store or graph; run the train stage again" in found


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("training_task", {"kind": "day-of-year", "channels": ["TMAX"]}),
        ("model", {"kind": "global-regressor", "widths": [5]}),
        ("seed", 1),
    ],
)
def test_a_run_of_another_task_model_or_seed_is_refused(stage: Any, name: str, value: Any) -> None:
    part = name.removeprefix("training_")
    assert f"was trained with another {part}; run the train stage again" in stage(**{name: value})


def test_what_only_the_test_depends_on_may_change(stage: Any) -> None:
    task = {"kind": "day-of-year", "channels": ["TMIN"], "scored": "otherwise"}
    assert stage(task=task)["task"] == task


def test_weights_that_the_manifest_does_not_promise_are_refused(stage: Any) -> None:
    assert "model.pt is not the model that its manifest promises" in stage(promised="d" * 64)


def test_weights_of_another_version_of_the_model_are_refused(stage: Any) -> None:
    found = stage(outputs=2)
    assert "was trained with another version of Model, whose layer.bias, layer.weight" in found


def test_a_test_sample_that_is_not_finite_is_named(stage: Any) -> None:
    assert stage(samples=Samples(flawed=25)) == (
        "data: sample 25 (2010-01-26) has 3 times nan in its input; mend it, or mark it as unknown"
    )


@pytest.mark.parametrize("weight", [float("nan"), float("inf")])
def test_a_model_without_finite_scores_is_refused(stage: Any, weight: float) -> None:
    found = stage(weight=weight)
    assert found.startswith("evaluate: the mse is ")
    assert found.endswith("though the test data are finite; train again with a lower learning rate")
