"""The pipeline on a real Slurm cluster: with its resources, to the numbers of a local run, and
through everything that ends a job before its time.
"""

import json
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

PROFILE = (
    *("--profile", "profiles/slurm"),
    # As short as they may be: a real cluster is asked less often.
    *("--slurm-init-seconds-before-status-checks", "4", "--latency-wait", "5"),
)
MODEL = "results/small/dense/seed-0/training.json"
LOG = "logs/train/small-dense-seed-0.log"

pytestmark = pytest.mark.slow


def digests(project: Any) -> dict[str, str]:
    """Return what the manifests and evaluations of a project say of their content."""
    folder: Path = project.folder
    paths = [*folder.glob("data/*/*.json"), *folder.glob("results/**/*.json")]
    return {str(path.relative_to(folder)): path.read_text() for path in sorted(paths)}


def jobs(cluster: Any, project: Any) -> list[dict[str, str]]:
    """Return the jobs of a project as ``scontrol`` shows them, oldest first."""
    found = []
    for block in cluster.scontrol("show", "job").split("\n\n"):
        fields = dict(re.findall(r"(\S+?)=(.*?)(?=\s+\S+?=|\s*$)", block.replace("\n", " ")))
        if fields.get("WorkDir") == str(project.folder):
            found.append(fields)
    return sorted(found, key=lambda job: int(job["JobId"]))


def wait_until(condition: Callable[[], Any], what: str, seconds: float = 120) -> Any:
    """Wait until a condition holds, and return what it gave."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.3)
    raise AssertionError(f"{what} did not come within {seconds} s")


@pytest.fixture
def long_training(fresh: Any, finished: Any) -> Any:
    """Return a project with a longer training, which keeps what it has every half second."""
    configuration = fresh.configuration()
    configuration["experiments"]["small"]["base"]["training"]["epochs"] = 1500
    fresh.write(configuration)
    loop = fresh.folder / "src/deepsphere/training/loop.py"
    code = loop.read_text()
    assert "CHECKPOINT_SECONDS = 20.0" in code
    loop.write_text(code.replace("CHECKPOINT_SECONDS = 20.0", "CHECKPOINT_SECONDS = 0.5"))
    fresh.run("data/stores/complete.json", "data/graphs/near.json")
    return fresh


@pytest.fixture
def training(cluster: Any, long_training: Any) -> Iterator["Training"]:
    """Return a training that was just submitted."""
    started = Training(cluster, long_training)
    yield started
    started.end()


class Training:
    """A training in the queue of a cluster, and what may happen to it."""

    def __init__(self, cluster: Any, project: Any) -> None:
        self.cluster = cluster
        self.project = project
        self.environment = cluster.environment()
        self.launcher = self.launch()

    def launch(self) -> Any:
        """Call snakemake."""
        arguments = (*PROFILE, MODEL, "--configfile", "small.yaml")
        return self.project.start(*arguments, environment=self.environment)

    def running(self, after: str = "0", frozen: bool = True) -> str:
        """Return the number of the next job that trains, once it has kept something new.

        What happens to it takes Slurm up to half a minute, in which it would come to its end: it is
        frozen until then, if that is wanted.
        """
        seen = self.kept()

        def find() -> tuple[int, str] | None:
            try:
                owner = json.loads((self.folder / ".training.json.lock").read_text())
            except (OSError, ValueError):
                return None
            is_next = owner["job"] is not None and int(owner["job"]) > int(after)
            return (owner["process"], owner["job"]) if is_next and self.kept() != seen else None

        process, job = wait_until(find, "a training")
        if frozen:
            os.kill(process, signal.SIGSTOP)
        return str(job)

    @property
    def folder(self) -> Path:
        """The folder of the run."""
        return Path(self.project.folder, MODEL).parent

    def kept(self) -> int | None:
        """Return when a checkpoint was written."""
        try:
            return (self.folder / "checkpoint.pt").stat().st_mtime_ns
        except FileNotFoundError:
            return None

    def jobs(self) -> list[dict[str, str]]:
        """Return its jobs, oldest first."""
        return [job for job in jobs(self.cluster, self.project) if "rule_train" in job["Comment"]]

    def end(self) -> None:
        """Kill the launcher as a terminal that is closed does."""
        if self.launcher.poll() is None:
            os.killpg(self.launcher.pid, signal.SIGHUP)
            self.launcher.communicate()

    def finish(self) -> str:
        """Wait for the end, and return what snakemake printed."""
        output, _ = self.launcher.communicate(timeout=400)
        assert self.launcher.returncode == 0, output
        return str(output)


def test_every_step_is_a_job_with_its_resources_and_the_numbers_are_those_of_a_local_run(
    cluster: Any, fresh: Any, finished: Any
) -> None:
    environment = cluster.environment()
    fresh.run(*PROFILE, environment=environment)
    assert digests(fresh) == digests(finished)
    found = {job["Comment"]: job for job in jobs(cluster, fresh)}
    asked = {
        comment: (job["Partition"], job["NumCPUs"], job["MinMemoryNode"], job["TimeLimit"])
        for comment, job in found.items()
    }
    assert asked == {
        "rule_fetch_wildcards_weather": ("cpu", "1", "2000M", "12:00:00"),
        "rule_store_wildcards_complete": ("cpu", "2", "4000M", "04:00:00"),
        "rule_graph_wildcards_near": ("cpu", "1", "2000M", "01:00:00"),
        "rule_baseline_wildcards_small_next": ("cpu", "1", "4000M", "01:00:00"),
        "rule_baseline_wildcards_small_season": ("cpu", "1", "4000M", "01:00:00"),
        "rule_train_wildcards_small_dense_0": ("gpu", "1", "4000M", "12:00:00"),
        "rule_train_wildcards_small_global_0": ("gpu", "1", "4000M", "12:00:00"),
        "rule_evaluate_wildcards_small_dense_0": ("gpu", "1", "4000M", "01:00:00"),
        "rule_evaluate_wildcards_small_global_0": ("gpu", "1", "4000M", "01:00:00"),
    }
    for comment, job in found.items():
        on_gpu = comment.startswith(("rule_train", "rule_evaluate"))
        assert job["JobState"] == "COMPLETED"
        assert job["NodeList"].startswith("gpu" if on_gpu else "cpu")
        assert job.get("TresPerJob") == ("gres:gpu:1" if on_gpu else None)
    assert "Nothing to be done" in fresh.run(*PROFILE, environment=environment)
    status = fresh.deepsphere("status", "--config", "small.yaml", environment=environment)
    assert re.search(r"train +2 *\n", status.stdout), status.stdout + status.stderr
    assert "waiting" not in status.stdout


def test_a_training_survives_all_that_ends_jobs_with_the_weights_of_one_that_nothing_disturbed(
    cluster: Any, training: Any, long_training: Any, tmp_path: Path
) -> None:
    # Three time limits, which are all the retries of one call.
    limited = []
    for _ in range(3):
        limited.append(training.running(after=limited[-1] if limited else "0"))
        cluster.expire(limited[-1])
    left = training.running(after=limited[-1])
    assert [job["JobState"] for job in training.jobs()] == [*["TIMEOUT"] * 3, "RUNNING"]
    cluster.restart_controller()
    # The terminal is closed: nobody is left who knows of the job.
    training.end()
    status = long_training.deepsphere(
        "status", "--config", "small.yaml", environment=training.environment
    )
    assert re.search(rf"running +train small dense 0 +process .*Slurm job {left}", status.stdout)
    training.launcher = training.launch()
    cancelled = training.running(after=left)
    cluster.run("scancel", cancelled)
    on_dead_node = training.running(after=cancelled)
    node = next(job["NodeList"] for job in training.jobs() if job["JobId"] == on_dead_node)
    cluster.kill_node(node)
    try:
        last = training.running(after=on_dead_node, frozen=False)
    finally:
        cluster.revive(node)
    node = next(job["NodeList"] for job in training.jobs() if job["JobId"] == last)
    cluster.drain(node)
    try:
        output = training.finish()
    finally:
        cluster.revive(node)
    assert output.count("of an earlier call that was killed") == 1
    assert f"Cancelled the Slurm job {left} (rule_train_wildcards_small_dense_0, RUNNING)" in output
    assert {job["JobId"]: job["JobState"] for job in training.jobs()} == {
        **dict.fromkeys(limited, "TIMEOUT"),
        left: "CANCELLED",
        cancelled: "CANCELLED",
        on_dead_node: "NODE_FAIL",
        last: "COMPLETED",
    }
    log = (long_training.folder / LOG).read_text()
    assert "going on after epoch" in log
    disturbed = long_training.json(MODEL)["digest"]
    training.folder.rename(tmp_path / "disturbed")
    long_training.run(MODEL, environment=training.environment)
    assert long_training.json(MODEL)["digest"] == disturbed


def test_a_step_without_enough_memory_gets_more_and_what_fails_for_good_is_told(
    cluster: Any, long_training: Any
) -> None:
    environment = cluster.environment()
    manifest = long_training.folder / "data/graphs/near.json"
    manifest.unlink()
    arguments = (*PROFILE, "data/graphs/near.json", "--configfile", "small.yaml")
    rule = long_training.folder / "workflow/rules/graph.smk"
    text = rule.read_text()
    assert 'memory("graph", 2000)' in text
    rule.write_text(text.replace('memory("graph", 2000)', 'memory("graph", 300)'))
    long_training.run(*arguments[:-2], environment=environment)
    found = [job for job in jobs(cluster, long_training) if "graph" in job["Comment"]]
    assert [job["MinMemoryNode"] for job in found][:2] == ["300M", "600M"]
    assert found[0]["JobState"] == "FAILED"
    assert found[-1]["JobState"] == "COMPLETED"

    manifest.unlink()
    too_little = ("--set-resources", "graph:mem_mb=300", "--retries", "0")
    process = long_training.start(
        *arguments[:-2], *too_little, *arguments[-2:], environment=environment
    )
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 1, output
    told = " ".join(output.split())
    assert re.search(r"failed graph near Slurm job \d+ was ended: it needed more memory", told)


def test_a_training_on_two_nodes_with_two_processes_each(cluster: Any, long_training: Any) -> None:
    configuration = long_training.configuration()
    training = configuration["experiments"]["small"]["base"]["training"]
    training |= {"epochs": 2, "nodes": 2, "devices": 2}
    configuration["experiments"]["small"]["variants"]["global"]["training"] = {"device": "cpu"}
    long_training.write(configuration)
    without_gpu = MODEL.replace("dense", "global")
    long_training.run(*PROFILE, MODEL, without_gpu, environment=cluster.environment())
    found = {job["Comment"]: job for job in jobs(cluster, long_training)}
    for variant, gpus in (("dense", "gres:gpu:2"), ("global", None)):
        job = found[f"rule_train_wildcards_small_{variant}_0"]
        assert job["NumNodes"] == "2"
        assert job["NodeList"] == "gpu[1-2]"
        assert job.get("TresPerNode") == gpus
        log = (long_training.folder / LOG.replace("dense", variant)).read_text()
        assert "on 2 tasks: srun" in log
        assert log.count("parameters for 2 epochs") == 1, "one of the four writes"


def test_a_store_is_made_across_the_tasks_of_one_job(
    cluster: Any, fresh: Any, finished: Any
) -> None:
    configuration = fresh.configuration()
    fresh.write({**configuration, "dask": {"cluster": "slurm", "tasks": 4}})
    # The nodes are smaller than what a store asks for.
    less = ("--set-resources", "store:mem_mb_per_cpu=400")
    fresh.run(*less, *PROFILE, "data/stores/complete.json", environment=cluster.environment())
    name = "data/stores/complete.json"
    assert fresh.json(name) == finished.json(name)
    [job] = [job for job in jobs(cluster, fresh) if "rule_store" in job["Comment"]]
    assert job["NumTasks"] == "4"
    assert job["MinMemoryCPU"] == "400M", "of each task, and not of all together"
    assert not list((fresh.folder / "data/stores").glob(".dask-*"))
