"""Each step is told to be what it is."""

import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from deepsphere.config.configuration import check_configuration
from deepsphere.errors import DeepsphereError
from deepsphere.locks import Owner, lock_path, only_writer
from deepsphere.plan import Plan
from deepsphere.slurm import QueuedJob, explain_log
from deepsphere.status import Step, ask_snakemake, find_jobs, find_progress, list_steps

STEP = Step(
    stage="train",
    names=("small", "dense", "0"),
    output="results/training.json",
    log="logs/train/small-dense-seed-0.log",
)
MISSING = {STEP.output: ("missing", "update pending")}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path: str, text: str) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)


def job(state: str, number: str = "45", reason: str = "None", node: str = "gpu1") -> QueuedJob:
    return QueuedJob(number, state, reason, "1:02", node, STEP.comment)


def progress(
    plans: dict[str, tuple[str, str]] = MISSING, jobs: tuple[QueuedJob, ...] = ()
) -> tuple[str, str]:
    [found] = find_progress([STEP], plans, jobs)
    return found.state, found.detail


def test_the_comment_is_the_one_that_snakemake_gives() -> None:
    assert STEP.comment == "rule_train_wildcards_small_dense_0"
    assert Step("report", (), "results/report.html", "logs/report.log").comment == "rule_report"


def test_what_is_there_and_as_it_should_be_is_done() -> None:
    assert progress({STEP.output: ("ok", "no update")}) == ("done", "")


def test_what_would_be_made_again_is_stale() -> None:
    write(STEP.output, "{}")
    plans = {STEP.output: ("set of params changed", "update pending")}
    assert progress(plans) == ("stale", "set of params changed")


def test_what_has_not_begun_waits() -> None:
    assert progress() == ("waiting", "")


def test_what_nobody_asked_for_is_not_told() -> None:
    assert list(find_progress([STEP], {}, [])) == []


def test_the_process_that_holds_the_lock_is_running_it() -> None:
    write(STEP.log, "2026-01-02 03:04:05 epoch 3 of 9: mse 1.5\n")
    with only_writer(Path(STEP.output)):
        state, detail = progress()
    assert state == "running"
    owner = Owner(socket.gethostname(), os.getpid(), os.environ.get("SLURM_JOB_ID"))
    assert detail == f"{owner}: epoch 3 of 9: mse 1.5"


def test_a_lock_that_nobody_holds_says_nothing() -> None:
    write(str(lock_path(Path(STEP.output))), json.dumps({"host": "cpu1", "process": 1}))
    assert progress() == ("waiting", "")


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (
            job("PENDING", reason="Resources", node=""),
            ("queued", "Slurm job 45, pending (Resources)"),
        ),
        (job("RUNNING"), ("running", "Slurm job 45, running on gpu1 for 1:02")),
        (job("TIMEOUT"), ("failed", "Slurm job 45 on gpu1: timeout")),
        (job("COMPLETED"), ("waiting", "")),
    ],
)
def test_slurm_says_what_its_job_does(found: QueuedJob, expected: tuple[str, str]) -> None:
    assert progress(jobs=(found,)) == expected


def test_the_last_job_of_a_step_counts() -> None:
    assert progress(jobs=(job("FAILED", "44"), job("RUNNING", "45")))[0] == "running"


def test_a_failure_is_told_in_the_words_of_its_log() -> None:
    write(STEP.log, "2026-01-02 03:04:05 epoch 3\nerror: the loss is not finite\n\n")
    expected = f"the loss is not finite ({STEP.log})"
    assert progress(jobs=(job("FAILED"),)) == ("failed", expected)


def test_a_job_that_slurm_ended_is_told_with_the_reason() -> None:
    write(STEP.log, "2026-01-02 03:04:05 epoch 3\n")
    log = "logs/slurm/rule_train/small_dense_0/45.log"
    write(log, "slurmstepd: error: *** STEP 45.0 ON gpu1 CANCELLED AT 2026 DUE TO TIME LIMIT ***\n")
    expected = (
        "Slurm job 45 was ended: the time limit was hit; it goes on where it stopped when run "
        f"again ({log})"
    )
    assert progress(jobs=(job("TIMEOUT"),)) == ("failed", expected)


def test_a_step_that_was_killed_here_is_not_taken_for_one_that_never_began() -> None:
    write(STEP.log, "2026-01-02 03:04:05 epoch 3\n")
    assert progress() == ("failed", f"it ended before it was done ({STEP.log})")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("slurmstepd: error: Step 2.0 exceeded memory limit (446345216 > 2), being killed", "mem"),
        ("slurmstepd: error: Detected 1 oom_kill event in StepId=2.batch.", "memory"),
        ("slurmstepd: error: *** JOB 9 ON cpu1 CANCELLED AT 1 DUE TO NODE FAILURE ***", "node"),
        ("slurmstepd: error: *** JOB 9 ON cpu1 CANCELLED AT 1 DUE TO PREEMPTION ***", "place"),
        ("slurmstepd: error: *** JOB 9 ON cpu1 CANCELLED AT 2026-11-22T10:00:00 ***", "cancelled"),
    ],
)
def test_the_ends_that_slurm_writes_down_are_known(text: str, expected: str) -> None:
    found = explain_log(f"some output\n{text}\n")
    assert found is not None
    assert expected in found
    assert explain_log("some output\n") is None


def test_every_step_of_a_configuration_is_listed_with_the_files_of_its_rule(
    finished: Any,
) -> None:
    """The finished project has them all, and their logs."""
    configuration = finished.configuration()
    steps = list_steps(Plan(check_configuration(configuration)))
    stages = "fetch store graph graph train train evaluate evaluate baseline baseline summarize"
    assert [step.stage for step in steps] == [*stages.split(), "report"]
    not_asked_for = [step for step in steps if not (finished.folder / step.output).exists()]
    assert [step.names for step in not_asked_for] == [("sphere",)]
    for step in steps:
        assert (finished.folder / step.log).exists() != (step in not_asked_for), step.log


def test_without_a_snakefile_snakemake_says_so() -> None:
    with pytest.raises(DeepsphereError, match="status: Snakemake says"):
        ask_snakemake([])


def test_where_no_job_was_submitted_slurm_is_not_asked() -> None:
    assert find_jobs(Path.cwd()) == []
