"""Trainings in processes of their own: killed ones, and those of several devices.

What the processes do is in ``program.py``.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

PROGRAM = Path(__file__).with_name("program.py")


def run(*arguments, program=(sys.executable,), timeout=200, environment=None):
    """Run the program to its end; return its exit status and what it printed."""
    environment = {"OMP_NUM_THREADS": "1"} if environment is None else environment
    inherited = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    done = subprocess.run(
        [*map(str, program), str(PROGRAM), *map(str, arguments)],
        env=inherited | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.slow
def test_a_training_killed_twenty_times_ends_with_the_same_numbers(tmp_path):
    status, output = run("kill", tmp_path)
    assert status == 0, output
    undisturbed, resumed, places = json.loads((tmp_path / "outcomes.json").read_text())
    assert resumed == undisturbed
    assert len(places) == 20
    # It never lost what it had, went on by itself, and was hit in the middle of epochs.
    assert places == sorted(places)
    assert len(set(map(tuple, places))) > 10
    assert len([batch for _, batch in places if batch]) > 5
    assert {path.name for path in (tmp_path / "killed").iterdir()} == {
        "checkpoint.pt",
        "history.jsonl",
    }


SETTINGS = {"epochs": 3, "monitor_every": 1, "optimizer": "sgd", "learning_rate": 0.1}
"""SGD, as Adam magnifies float errors where a gradient is nearly 0."""

CASES = {
    # Batches that two processes cannot share evenly, of which they know different numbers of
    # targets; of the last ones, a batch has a single sample, so that one process has none.
    "uneven": {"batch_size": 9, "normalization": False, "clip": 0.5, "average": 0.5},
    "accumulated": {"batch_size": 9, "accumulate": 3, "normalization": False},
    "single": {"batch_size": 67, "normalization": False},
    "normalized": {"batch_size": 67, "normalization": True},
    "noisy": {"batch_size": 9, "normalization": False, "noise": 0.5},
}


def train_on_two(folder, cases, **how):
    """Train on two processes; return their exit status, what they printed and the results."""
    cases = {name: SETTINGS | {"devices": 2} | case for name, case in cases.items()}
    (folder / "cases.json").write_text(json.dumps(cases))
    status, output = run("distributed", folder, **how)
    results = folder / "results.json"
    return status, output, json.loads(results.read_text()) if results.exists() else None


@pytest.fixture(scope="module")
def of_two(tmp_path_factory):
    """Return what two processes learned, by case."""
    status, output, results = train_on_two(tmp_path_factory.mktemp("two"), CASES)
    assert status == 0, output
    return results


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_two_processes_learn_what_one_does_with_the_same_batches(
    tmp_path, of_two, train, make_settings, make_samples, small, case
):
    others = dict(CASES[case])
    normalization = others.pop("normalization")
    samples = make_samples(noise=others.pop("noise", 0.0))
    settings = make_settings(**SETTINGS, **others)
    model, progress = train(tmp_path, settings, samples=samples, build=lambda: small(normalization))
    found = of_two[case]
    for one, two in zip(progress.history, found["history"], strict=True):
        assert two["loss"] == pytest.approx(one["loss"], rel=1e-5)
        assert two["validation"] == pytest.approx(one["validation"], rel=1e-4)
    assert progress.history[-1]["loss"] < 0.95 * progress.history[0]["loss"]
    weights = model.state_dict()
    assert found["weights"].keys() == weights.keys()
    for name, value in found["weights"].items():
        expected = weights[name]
        torch.testing.assert_close(
            torch.tensor(value, dtype=expected.dtype), expected, rtol=1e-4, atol=1e-5
        )


@pytest.mark.slow
def test_torchrun_may_start_the_processes(tmp_path, of_two):
    torchrun = (
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node=2",
    )
    cases = {"uneven": CASES["uneven"]}
    status, output, results = train_on_two(tmp_path, cases, program=torchrun)
    assert status == 0, output
    assert results["uneven"] == of_two["uneven"]


@pytest.mark.slow
def test_all_processes_end_with_the_name_of_a_bad_sample(tmp_path):
    """Whichever of them read it."""
    case = {"batch_size": 9, "normalization": False, "bad": True}
    status, output, results = train_on_two(tmp_path, {"bad": case})
    assert status != 0
    found = "training: the loss is not finite in epoch 1: sample 0 (2010-01-04) has 1 times inf"
    assert output.count(found) == 2
    assert results is None


@pytest.mark.slow
def test_all_processes_end_with_the_name_of_a_bad_validation_sample(tmp_path):
    case = {"batch_size": 9, "normalization": False, "bad_validation": True}
    status, output, results = train_on_two(tmp_path, {"bad": case})
    assert status != 0
    assert "data: sample " in output
    assert "times inf in its input; mend it, or mark it as unknown" in output
    assert results is None


@pytest.mark.slow
def test_what_a_job_script_exports_does_not_number_the_processes(tmp_path, of_two):
    foreign = {"LOCAL_RANK": "1", "RANK": "1", "NODE_RANK": "1", "MASTER_ADDR": "192.0.2.1"}
    environment = {"OMP_NUM_THREADS": "1", "MASTER_PORT": "1", "WORLD_SIZE": "7"} | foreign
    cases = {"uneven": CASES["uneven"]}
    status, output, results = train_on_two(tmp_path, cases, environment=environment)
    assert status == 0, output
    assert results["uneven"] == of_two["uneven"]


@pytest.mark.slow
@pytest.mark.parametrize("devices", [1, 2])
@pytest.mark.parametrize("environment", [{}, {"OMP_NUM_THREADS": "1"}])
def test_the_processes_have_the_threads_that_were_asked_for(tmp_path, devices, environment):
    (tmp_path / "devices").write_text(str(devices))
    status, output = run("threads", tmp_path, environment=environment)
    assert status == 0, output
    found = {path.name: path.read_text() for path in tmp_path.glob("threads-*")}
    assert found == {f"threads-{rank}": "3" for rank in range(devices)}


@pytest.mark.slow
def test_a_training_of_one_device_does_not_wait_for_those_of_an_earlier_one(tmp_path):
    status, output = run("one_after_two", tmp_path, timeout=60)
    assert status == 0, output
    assert (tmp_path / "done").exists()


@pytest.mark.slow
def test_one_process_that_fails_ends_all_of_them_in_one_line(tmp_path):
    status, output = run("one_fails", tmp_path, timeout=60)
    assert status != 0
    assert "Traceback" not in output
    assert (tmp_path / "second").read_text() == "the store is too short"
    assert (tmp_path / "first").read_text() == (
        "training: another of its processes ended, and said why; mend that and start again"
    )
