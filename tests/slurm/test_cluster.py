"""The emulated cluster does to jobs what a real one does, and leaves nothing behind."""

import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).with_name("cluster.py")

# Notes in a file that it got SIGTERM, a second later, and ends unless it is stubborn. (What a step
# prints by then gets lost: the srun that would pass it on has had the signal too.)
LISTENER = """
import pathlib, signal, sys, time

def hear(number, frame):
    time.sleep(1)
    pathlib.Path("heard").write_text(signal.Signals(number).name)
    if "stubborn" not in sys.argv:
        sys.exit(3)

signal.signal(signal.SIGTERM, hear)
print("listens", flush=True)
time.sleep(600)
"""


def write_listener(folder: Path) -> str:
    """Return the command of a program that notes in its working folder that it got SIGTERM."""
    (folder / "listener.py").write_text(LISTENER)
    return f"{sys.executable} {folder}/listener.py"


@pytest.fixture(scope="module", autouse=True)
def expiring(cluster: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """Return a listening job whose time is over, and its folder; the other tests run meanwhile."""
    folder = tmp_path_factory.mktemp("expiring")
    options = ["--partition=short", "--nodelist=cpu1", "--mem=100", f"--chdir={folder}"]
    job = cluster.submit(f"srun {write_listener(folder)}", *options)
    cluster.output(job, "listens")
    cluster.expire(job)
    return job, folder


@pytest.fixture
def cpu2(cluster: Any) -> Iterator[str]:
    """Return the name of a node that the test may kill or drain."""
    yield "cpu2"
    cluster.revive("cpu2")


@pytest.fixture
def sleep() -> str:
    """Return a command that sleeps for long, and that no other test uses."""
    return f"sleep {random.uniform(600, 700)}"


def running(command: str) -> list[str]:
    """Return the processes of a command, one item each."""
    run = subprocess.run(["ps", "-eo", "stat,args"], capture_output=True, text=True, check=True)
    lines = [line.split(maxsplit=1) for line in run.stdout.splitlines()]
    return [line for state, line in lines if line == command and state[0] != "Z"]


def test_the_nodes_and_partitions(cluster: Any) -> None:
    found = cluster.run("sinfo", "--noheader", "--Node", "--format=%N %P %m %G %l").splitlines()
    assert sorted(found) == [
        "cpu1 cpu* 4000 (null) infinite",
        "cpu1 short 4000 (null) 1:00",
        "cpu2 cpu* 4000 (null) infinite",
        "cpu2 short 4000 (null) 1:00",
        "gpu1 gpu 8000 gpu:fake:2 infinite",
        "gpu2 gpu 8000 gpu:fake:2 infinite",
    ]


def test_a_step_of_two_nodes_sees_the_gpus_of_both(cluster: Any) -> None:
    command = ["sh", "-c", "echo $SLURMD_NODENAME $SLURM_PROCID $CUDA_VISIBLE_DEVICES"]
    step = ["srun", "--partition=gpu", "--nodes=2", "--gpus-per-node=2"]
    assert sorted(cluster.run(*step, *command).splitlines()) == ["gpu1 0 0,1", "gpu2 1 0,1"]


def test_jobs_get_the_gpus_they_ask_for(cluster: Any) -> None:
    script = "echo GPU=$CUDA_VISIBLE_DEVICES.; sleep 1"
    options = ["--partition=gpu", "--nodelist=gpu1"]
    jobs = [cluster.submit(script, *options, "--gpus=1", "--mem=100") for _ in range(2)]
    without = cluster.submit(script, *options, "--mem=100")
    assert {cluster.wait(job) for job in [*jobs, without]} == {"COMPLETED"}
    assert {cluster.output(job) for job in jobs} == {"GPU=0.\n", "GPU=1.\n"}
    assert cluster.output(without) == "GPU=.\n"


def test_squeue_remembers_how_jobs_ended(cluster: Any, tmp_path: Path) -> None:
    options = ["--comment=rule_train", f"--chdir={tmp_path}", "--mem=100"]
    good, bad = (cluster.submit(f"exit {code}", *options) for code in (0, 3))
    assert cluster.wait(good) == "COMPLETED"
    assert cluster.wait(bad) == "FAILED"
    assert cluster.squeue("%i|%T|%k|%Z|%P", f"--jobs={good},{bad}") == [
        [good, "COMPLETED", "rule_train", str(tmp_path), "cpu"],
        [bad, "FAILED", "rule_train", str(tmp_path), "cpu"],
    ]


def test_commands_find_the_cluster_where_a_job_lost_its_variables(cluster: Any) -> None:
    job = cluster.submit("env -u SLURM_CONF srun --overlap printenv SLURM_JOB_ID", "--mem=100")
    assert cluster.wait(job) == "COMPLETED"
    assert cluster.output(job) == f"{job}\n"


def test_no_other_cluster_is_in_the_environment(
    cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_CONF", "/of/another/cluster")
    monkeypatch.setenv("SBATCH_PARTITION", "of-another-cluster")
    assert cluster.wait(cluster.submit("true", "--mem=100")) == "COMPLETED"


@pytest.mark.parametrize(("allocated", "state"), [(50, "COMPLETED"), (400, "FAILED")])
def test_a_job_that_takes_too_much_memory_is_killed(
    allocated: int, state: str, cluster: Any
) -> None:
    fill = f"import time; block = b'x' * ({allocated} << 20); time.sleep(2)"
    job = cluster.submit(f'{sys.executable} -c "{fill}"', "--mem=200")
    assert cluster.wait(job) == state
    assert ("exceeded memory limit" in cluster.output(job)) == (state == "FAILED")


@pytest.mark.parametrize("command", ["exec {}", "srun {}", "srun {} stubborn"])
def test_the_main_process_of_a_cancelled_step_has_time_to_end(
    command: str, cluster: Any, tmp_path: Path
) -> None:
    script = command.format(write_listener(tmp_path))
    job = cluster.submit(script, "--mem=100", f"--chdir={tmp_path}")
    cluster.output(job, "listens")
    cluster.run("scancel", job)
    assert cluster.wait(job) == "CANCELLED"
    assert (tmp_path / "heard").read_text() == "SIGTERM"
    assert running(script.split(maxsplit=1)[1]) == []


def test_a_node_dies_with_its_jobs_and_comes_back(cluster: Any, cpu2: str, sleep: str) -> None:
    script = f"setsid {sleep} & echo started; srun --overlap {sleep}"
    victim = cluster.submit(script, f"--nodelist={cpu2}", "--mem=100")
    other = cluster.submit(f"exec {sleep}1", "--nodelist=cpu1", "--mem=100")
    cluster.output(victim, "started")
    cluster.wait(other, {"RUNNING"})
    assert running(sleep)
    cluster.kill_node(cpu2)
    assert cluster.wait(victim) == "NODE_FAIL"
    assert cluster.processes(cpu2) == running(sleep) == []
    assert cluster.state(other) == "RUNNING"
    assert len(running(f"{sleep}1")) == 1
    cluster.run("scancel", other)
    cluster.revive(cpu2)
    again = cluster.submit("true", f"--nodelist={cpu2}", "--mem=100")
    assert cluster.wait(again) == "COMPLETED"


def test_a_drained_node_ends_its_jobs_but_takes_no_more(cluster: Any, cpu2: str) -> None:
    options = [f"--nodelist={cpu2}", "--mem=100"]
    before = cluster.submit("sleep 2", *options)
    cluster.wait(before, {"RUNNING"})
    cluster.drain(cpu2)
    after = cluster.submit("true", *options)
    assert cluster.wait(before) == "COMPLETED"
    assert cluster.state(after) == "PENDING"
    cluster.revive(cpu2)
    assert cluster.wait(after) == "COMPLETED"


def test_jobs_outlive_the_controller(cluster: Any) -> None:
    ended = cluster.submit("true", "--mem=100")
    cluster.wait(ended)
    running = cluster.submit("sleep 3", "--mem=100")
    cluster.wait(running, {"RUNNING"})
    pending = cluster.submit("true", "--mem=100", f"--dependency=afterok:{running}")
    cluster.restart_controller()
    assert [cluster.state(job) for job in (ended, running, pending)] == [
        "COMPLETED",
        "RUNNING",
        "PENDING",
    ]
    assert cluster.wait(running) == "COMPLETED"
    assert cluster.wait(pending) == "COMPLETED"


def test_two_clusters_side_by_side_and_nothing_of_one_that_stopped(
    cluster: Any, make_cluster: Callable[[], Any], sleep: str
) -> None:
    kept = cluster.submit(f"exec {sleep}1", "--mem=100")
    cluster.wait(kept, {"RUNNING"})
    second = make_cluster()
    ended = second.submit("true", "--mem=100")
    assert second.wait(ended) == "COMPLETED"
    # One process leaves its session, one also loses what it knows of Slurm.
    script = f"setsid {sleep} & env --ignore-environment {sleep} & echo started; srun {sleep}"
    lost = second.submit(script, "--mem=100")
    second.output(lost, "started")
    assert len(second.squeue("%i")) == 2
    assert len(running(sleep)) >= 2

    second.stop()
    assert second.processes() == running(sleep) == []
    assert cluster.state(kept) == "RUNNING"
    assert len(running(f"{sleep}1")) == 1
    cluster.run("scancel", kept)

    second.start()
    assert second.state(ended) == "COMPLETED"
    assert second.state(lost) == "NODE_FAIL"


def test_by_hand(make_cluster: Callable[[], Any]) -> None:
    cluster = make_cluster()
    cluster.stop()
    subprocess.run([sys.executable, SCRIPT, "start", cluster.folder], check=True, timeout=60)
    assert len(cluster.processes()) >= 5
    lines = f'eval "$({sys.executable} {SCRIPT} env {cluster.folder})"; squeue --noheader; env'
    environment = {**os.environ, "SLURM_CONF": "/of/another/cluster"}
    shell = subprocess.run(
        ["bash", "-c", lines], env=environment, capture_output=True, text=True, timeout=60
    )
    assert shell.returncode == 0, shell.stderr
    assert "SLURM_CONF" not in shell.stdout
    subprocess.run([sys.executable, SCRIPT, "stop", cluster.folder], check=True, timeout=60)
    assert cluster.processes() == []


def test_a_folder_whose_name_is_too_long(cluster: Any) -> None:
    with pytest.raises(ValueError, match="folder: expected at most 64 bytes, found 70"):
        type(cluster)(Path("/" + 69 * "x"))


def test_a_job_whose_time_is_over_hears_it(cluster: Any, expiring: tuple[str, Path]) -> None:
    job, folder = expiring
    assert cluster.wait(job) == "TIMEOUT"
    assert (folder / "heard").read_text() == "SIGTERM"
    assert "DUE TO TIME LIMIT" in cluster.output(job)
