"""The stage that trains: what of a run decides whether it goes on."""

import json
import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from deepsphere.errors import DeepsphereError
from deepsphere.stages import train
from deepsphere.tasks.regression import RegressionSamples
from deepsphere.tasks.samples import Batch


@dataclass
class Samples(RegressionSamples):
    """Maps of three pixels whose target is their mean; what was read is counted."""

    splits: dict[str, Any] = field(
        default_factory=lambda: {
            "train": np.arange(20),
            "validation": np.arange(20, 24),
            "test": np.arange(24, 28),
        }
    )
    input_channels: int = 1
    unit: str = "1"
    read: int = 0

    def batch(self, samples: Any) -> Batch:
        self.read += 1
        inputs = np.random.default_rng(0).normal(size=(28, 3, 1)).astype(np.float32)[samples]
        target = inputs.mean(axis=(1, 2))
        return Batch(inputs, target, np.ones(target.shape, bool))

    def to_unit(self, samples: Any, values: Any) -> Any:
        return values

    def times(self, samples: Any) -> Any:
        return np.datetime64("2010-01-01") + samples


class Model(torch.nn.Module):
    """A linear model of a map."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(3, 1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.layer(features[..., 0])[:, 0]
        return result


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that runs the stage on changed settings and inputs; it counts the reads."""

    def run(code: str = "c" * 64, store: str = "a" * 64, **changes: Any) -> int:
        samples = Samples()
        digests = {"store": store, "graph": changes.pop("graph", "b" * 64)}
        opened = SimpleNamespace(attrs={}, channels=("TMIN", "TMAX"), coordinates={})
        inputs = SimpleNamespace(store=opened, samples=samples, build=Model, digests=digests)
        monkeypatch.setattr(train, "open_run", lambda settings: inputs)
        monkeypatch.setattr(train, "code_digest", lambda modules: code)
        threads = changes.pop("threads", 1)
        changed = {
            "epochs": 3,
            "batch_size": 8,
            "learning_rate": 0.01,
            "device": "cpu",
            "devices": 1,
            "tensorboard": False,
        } | changes.pop("training", {})
        settings = {
            "experiment": "trial",
            "variant": "one",
            "task": {"kind": "day-of-year", "channels": ["TMIN"]},
            "model": {"kind": "global-regressor", "widths": [4]},
            "seed": 0,
            "training": changed,
            "graph": str(tmp_path / "near"),
            "folder": str(tmp_path / "run"),
            "manifest": str(tmp_path / "run/training.json"),
        }
        train.run(settings | changes, threads)
        return samples.read

    before = torch.get_num_threads()
    yield run
    torch.set_num_threads(before)


def test_a_run_is_trained_once(stage: Any, tmp_path: Path) -> None:
    assert stage() > 0

    def files() -> dict[str, bytes]:
        found = (path for path in (tmp_path / "run").iterdir() if path.suffix != ".lock")
        return {path.name: path.read_bytes() for path in found}

    written = files()
    assert set(written) == {"checkpoint.pt", "history.jsonl", "model.pt", "training.json"}
    assert stage() == 0
    assert files() == written


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"training": {"learning_rate": 0.1}}, "training.learning_rate: 0.1, was 0.01"),
        ({"training": {"batch_size": 4}}, "training.batch_size: 4, was 8"),
        ({"model": {"kind": "global-regressor", "widths": [5]}}, "model.widths: [5], was [4]"),
        (
            {"task": {"kind": "day-of-year", "channels": ["TMAX"]}},
            "task.channels: ['TMAX'], was ['TMIN']",
        ),
        ({"seed": 1}, "seed: 1, was 0"),
        ({"store": "d" * 64}, "store changed"),
        ({"graph": "d" * 64}, "graph changed"),
        ({"code": "d" * 64}, "code changed"),
        ({"threads": 2}, "computed.threads: 2, was 1"),
    ],
)
def test_a_checkpoint_of_another_run_is_never_gone_on_from(
    stage: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture, changes: Any, why: str
) -> None:
    reads = stage()
    with caplog.at_level(logging.INFO):
        assert stage(**changes) >= reads
    (line,) = [text for text in caplog.messages if "set aside" in text]
    assert f"is of another run ({why}); set aside as checkpoint." in line
    assert len(list((tmp_path / "run").glob("checkpoint.*.stale.pt"))) == 1
    assert "going on" not in caplog.text
    # The first run is still there to be gone on from.
    assert stage() == 0


def test_how_a_run_is_shown_does_not_decide_its_numbers(
    stage: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    stage(training={"tensorboard": False})
    with caplog.at_level(logging.INFO), pytest.raises(DeepsphereError, match="not installed"):
        stage(training={"tensorboard": True})
    assert "going on after epoch 3 of 3" in caplog.text


def test_the_processes_of_further_devices_write_nothing(
    stage: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage()
    manifest = tmp_path / "run/training.json"
    assert json.loads(manifest.read_text())["selected_epoch"] == 3
    manifest.unlink()
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    monkeypatch.setenv("WORLD_SIZE", "1")
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("LOCAL_RANK", "1")
    stage()
    assert not manifest.exists()


def test_a_number_that_a_job_script_exports_does_not_keep_the_model_from_being_written(
    stage: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCAL_RANK", "1")
    stage()
    assert (tmp_path / "run/model.pt").exists()
    assert (tmp_path / "run/training.json").exists()


def test_the_device_counts_and_not_how_it_was_asked_for(
    stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert stage(training={"device": "cpu"}) > 0
    assert stage(training={"device": "auto"}) == 0


@pytest.mark.parametrize("package", ["numba", "numpy", "torch"])
@pytest.mark.parametrize("found", ["0.1", None])
def test_other_versions_compute_other_numbers(
    stage: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    package: str,
    found: str | None,
) -> None:
    before = train._version(package)
    reads = stage()
    monkeypatch.setattr(train, "_version", versions({package: found}))
    assert stage() >= reads
    assert f"(computed.{package}: {found}, was {before})" in caplog.text


def test_on_a_gpu_its_name_and_its_compiler_count_and_threads_do_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Some GPU")
    monkeypatch.setattr(train, "_version", versions({"triton": "3.1"}))
    found = train._computed(torch.device("cuda"), 4)
    assert (found["device"], found["gpu"], found["triton"]) == ("cuda", "Some GPU", "3.1")
    assert found == train._computed(torch.device("cuda"), 1)
    assert {"threads", "numba"}.isdisjoint(found)


def test_a_package_that_is_missing_has_no_version() -> None:
    assert train._version("no-such-package-as-this") is None


def versions(changed: dict[str, str | None]) -> Callable[[str], str | None]:
    """Return a function that gives the versions of packages, some of them changed."""
    real = train._version
    return lambda name: changed[name] if name in changed else real(name)
