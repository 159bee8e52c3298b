"""Killed at any moment and run again, the pipeline ends with the numbers of an undisturbed run."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest


def results(project: Any) -> dict[str, bytes]:
    """Return the content of every manifest, evaluation and table."""
    folder: Path = project.folder
    paths = [*folder.glob("data/*/*.json"), *folder.rglob("results/**/*.json")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


@pytest.mark.slow
def test_killing_the_whole_pipeline_again_and_again_changes_no_number(
    fresh: Any, finished: Any
) -> None:
    for seconds in (3.5, 5, 7, 9, 11):
        process = fresh.start("--configfile", "small.yaml")
        time.sleep(seconds)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    fresh.run()
    assert results(fresh) == results(finished)
    assert (fresh.folder / "results/report.html").stat().st_size > 0
    assert "Nothing to be done" in fresh.run()


@pytest.mark.parametrize("stage", ["fetch", "store", "graph", "baseline", "summarize"])
def test_killing_a_stage_leaves_its_old_output_or_none(
    stage: str, project: Any, finished: Any
) -> None:
    names = {
        "fetch": ["weather"],
        "store": ["complete"],
        "graph": ["near"],
        "baseline": ["small", "next"],
        "summarize": ["small"],
    }[stage]
    command = [stage, *names, "--config", "small.yaml"]
    began = time.monotonic()
    assert project.deepsphere(*command).returncode == 0
    whole = time.monotonic() - began
    for share in (0.6, 0.8, 0.9, 0.95):
        process = project.start_deepsphere(*command)
        time.sleep(share * whole)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    done = project.deepsphere(*command)
    assert done.returncode == 0, done.stderr
    assert results(project) == results(finished)


def test_another_learning_rate_does_not_continue_the_old_training(
    project: Any, finished: Any
) -> None:
    checkpoint = project.folder / "results/small/dense/seed-0/checkpoint.pt"
    assert checkpoint.exists(), "a finished training keeps its checkpoint, to be done at once again"
    text = (project.folder / "small.yaml").read_text()
    changed = text.replace("learning_rate: 0.001", "learning_rate: 0.5")
    assert changed != text
    (project.folder / "small.yaml").write_text(changed)
    run = project.deepsphere("train", "small", "dense", "0", "--config", "small.yaml")
    assert run.returncode == 0, run.stderr
    assert "is of another run (training.learning_rate: 0.5, was 0.001); set aside" in run.stderr
    assert "going on" not in run.stderr
    name = "results/small/dense/seed-0/training.json"
    assert project.json(name)["digest"] != finished.json(name)["digest"]


def test_training_again_with_nothing_changed_is_done_at_once(project: Any, finished: Any) -> None:
    run = project.deepsphere(
        "train", "small", "dense", "0", "--config", "small.yaml", "--threads", "1"
    )
    assert run.returncode == 0, run.stderr
    assert "going on after epoch 2 of 2" in run.stderr
    assert results(project) == results(finished)


def test_code_that_is_edited_while_it_runs_makes_the_stage_fail(project: Any) -> None:
    text = (project.folder / "small.yaml").read_text()
    (project.folder / "small.yaml").write_text(text.replace("epochs: 2", "epochs: 2000"))
    target = "results/small/dense/seed-0/training.json"
    process = project.start(target, "--configfile", "small.yaml")
    history = project.folder / "results/small/dense/seed-0/history.jsonl"
    before = history.stat().st_mtime_ns
    while process.poll() is None and (
        not history.exists() or history.stat().st_mtime_ns == before or not history.read_text()
    ):
        time.sleep(0.05)
    path = project.folder / "src/deepsphere/training/checkpoint.py"
    path.write_text(path.read_text() + "\n# edited\n")
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 1, output
    assert "was edited while it was in use" in output
    assert not (project.folder / target).exists()


def test_a_second_call_of_snakemake_in_a_folder_is_refused(project: Any) -> None:
    text = (project.folder / "small.yaml").read_text()
    (project.folder / "small.yaml").write_text(text.replace("epochs: 2", "epochs: 2000"))
    first = project.start("--configfile", "small.yaml")
    try:
        lock = project.folder / ".snakemake/.caller.lock"
        while first.poll() is None and str(first.pid) not in lock.read_text():
            time.sleep(0.05)
        second = project.start("--configfile", "small.yaml")
        output, _ = second.communicate(timeout=100)
    finally:
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
    assert second.returncode == 1
    assert f"Snakemake runs in this folder already: process {first.pid} on" in output


def test_two_trainings_of_one_run_do_not_mix(project: Any) -> None:
    text = (project.folder / "small.yaml").read_text()
    (project.folder / "small.yaml").write_text(text.replace("epochs: 2", "epochs: 2000"))
    command = ["train", "small", "dense", "0", "--config", "small.yaml"]
    first = project.start_deepsphere(*command)
    try:
        history = project.folder / "results/small/dense/seed-0/history.jsonl"
        before = history.stat().st_mtime_ns
        while first.poll() is None and history.stat().st_mtime_ns == before:
            time.sleep(0.05)
        second = subprocess.Popen(
            [sys.executable, "-m", "deepsphere", *command],
            cwd=project.folder,
            env=project.environment(),
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            assert second.stderr
            told = next((line for line in second.stderr if "waiting for" in line), "")
            with pytest.raises(subprocess.TimeoutExpired):
                second.wait(timeout=5)
        finally:
            os.killpg(second.pid, signal.SIGKILL)
            _, rest = second.communicate()
    finally:
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
    assert f"waiting for process {first.pid}" in told
    assert "going on" not in rest


def test_a_model_of_another_task_is_not_evaluated(project: Any) -> None:
    text = (project.folder / "small.yaml").read_text()
    (project.folder / "small.yaml").write_text(text.replace("window: 2", "window: 3"))
    done = project.deepsphere("evaluate", "small", "dense", "0", "--config", "small.yaml")
    assert done.returncode == 1
    assert "was trained with another task; run the train stage again" in done.stderr
    assert "Traceback" not in done.stderr
