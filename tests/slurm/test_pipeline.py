"""The pipeline on a real Slurm cluster: with its resources, to the numbers of a local run, and
through everything that ends a job before its time.
"""

import json
import os
import re
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from small_jobs import IMPATIENT, PROFILE, Counts, run_small_jobs

SOURCE = Path(__file__).parents[2] / "src"
MODEL = "results/small/dense/seed-0/training.json"
LOG = "logs/train/small-dense-seed-0.log"

FEWER = {"stations": 30, "classes": 4, "objects": 10, "maps": 6, "samples": 24}
"""What the simulations of the demo make no more of than so many."""

RESOURCES = {
    "fetch": ("cpu", "1", "2000M", "12:00:00", None),
    "store": ("cpu", "2", "4000M", "04:00:00", None),
    "graph": ("cpu", "1", "2000M", "01:00:00", None),
    "baseline": ("cpu", "1", "4000M", "16:00:00", None),
    "train": ("gpu", "1", "4000M", "12:00:00", "gres:gpu:1"),
    "evaluate": ("gpu", "1", "4000M", "01:00:00", "gres:gpu:1"),
}
"""Partition, cores, memory, time and GPUs that each rule asks for."""

pytestmark = pytest.mark.slow


def shrunk(demo: Any) -> Any:
    """Return the demo with one task, variant, seed and epoch of each experiment, and few samples;
    and with the baselines that take no time.
    """
    for source in demo["sources"].values():
        made = source["simulate"]
        made |= {name: min(made[name], FEWER[name]) for name in FEWER.keys() & made}
    for experiment in demo["experiments"].values():
        experiment["seeds"] = experiment["seeds"][:1]
        experiment["variants"] = dict([*experiment["variants"].items()][:1])
        for settings in (experiment["base"], *experiment["variants"].values()):
            settings["training"] = {**settings.get("training", {}), "epochs": 1}
        experiment["tasks"] = dict([*experiment["tasks"].items()][:1])
        for task in experiment["tasks"].values():
            task.pop("map_baselines", None)
    return {name: section for name, section in demo.items() if name != "paths"}


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


def written(stores: Path) -> dict[str, int]:
    """Return when each chunk of the samples of a store was written, by its number."""
    chunks = stores.glob("**/data.zarr/data/c/*/0/0")
    return {path.parts[-3]: path.stat().st_mtime_ns for path in chunks}


def wait_until(condition: Callable[[], Any], what: str, seconds: float = 300) -> Any:
    """Wait until a condition holds, and return what it gave."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.1)
    raise AssertionError(f"{what} did not come within {seconds} s")


@pytest.fixture
def fresh(fresh: Any) -> Any:
    """Return a project in which nothing was run, and whose Snakemake is impatient.

    It has what Numba compiled here, which takes longer than the steps themselves.
    """
    ignored = shutil.ignore_patterns("*.egg-info", "*.pyc.*", "*.tmp.*")
    shutil.copytree(SOURCE, fresh.folder / "src", ignore=ignored, dirs_exist_ok=True)
    return replace(fresh, snakemake=(IMPATIENT,))


@pytest.fixture
def long_training(project: Any) -> Any:
    """Return a project with a longer training, which keeps what it has all the time."""
    configuration = project.configuration()
    configuration["experiments"]["small"]["base"]["training"]["epochs"] = 300
    project.write(configuration)
    loop = project.folder / "src/deepsphere/training/loop.py"
    code = loop.read_text()
    assert "CHECKPOINT_SECONDS = 20.0" in code
    loop.write_text(code.replace("CHECKPOINT_SECONDS = 20.0", "CHECKPOINT_SECONDS = 0.1"))
    shutil.rmtree(project.folder / "results")
    return replace(project, snakemake=(IMPATIENT,))


@pytest.fixture
def training(cluster: Any, long_training: Any) -> Iterator["Training"]:
    """Return a training that was just submitted."""
    started = Training(cluster, long_training)
    yield started
    started.end()
    cluster.run("scancel", f"--user={os.getuid()}")


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
        # What stood there when a job was first seen: the one before may have kept more meanwhile.
        found: dict[str, int | None] = {}

        def find() -> tuple[int, str] | None:
            try:
                owner = json.loads((self.folder / ".training.json.lock").read_text())
            except (OSError, ValueError):
                return None
            process, job = owner["process"], owner["job"]
            if job is None or int(job) <= int(after):
                return None
            before = found.setdefault(job, self.kept())
            return (process, job) if self.kept() != before else None

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
        """Kill the launcher, as SIGHUP does when its terminal is closed (but not below nohup)."""
        if self.launcher.poll() is None:
            os.killpg(self.launcher.pid, signal.SIGKILL)
            self.launcher.communicate()

    def finish(self) -> str:
        """Wait for the end, and return what snakemake printed."""
        output, _ = self.launcher.communicate(timeout=400)
        assert self.launcher.returncode == 0, output
        return str(output)


def test_the_demo_of_all_experiments_runs_as_jobs_and_its_numbers_are_those_of_a_local_run(
    cluster: Any, fresh: Any, tmp_path: Path
) -> None:
    demo = shrunk(yaml.safe_load((fresh.folder / "config/demo.yaml").read_text()))
    fresh.write(demo)
    local = replace(fresh, folder=tmp_path / "local")
    shutil.copytree(fresh.folder, local.folder)
    environment = cluster.environment()
    tables = [f"results/{name}/metrics.json" for name in demo["experiments"]]
    with local.start(*tables, "--configfile", "small.yaml") as beside:
        fresh.run(*PROFILE, environment=environment)
        output, _ = beside.communicate(timeout=1000)
    assert beside.returncode == 0, output
    made = digests(fresh)
    assert made == digests(local)
    assert made.keys() >= set(tables)
    assert (fresh.folder / "results/report.html").exists()
    steps = Counter(path.parent.name for path in local.folder.glob("logs/*/*.log"))
    assert steps.pop("summarize") == len(tables)
    found = {job["Comment"]: job for job in jobs(cluster, fresh)}
    assert len(found) == len(jobs(cluster, fresh)), "nothing was tried again"
    assert Counter(comment.split("_")[1] for comment in found) == steps
    assert steps.keys() == RESOURCES.keys()
    for comment, job in found.items():
        _, rule, _, name = comment.split("_", 3)
        partition, cores, memory, minutes, gpus = RESOURCES[rule]
        if rule == "store" and (limit := demo["stores"][name].get("memory_limit")):
            memory = f"{1000 + 2 * limit}M"
        asked = [job["Partition"], job["NumCPUs"], job["MinMemoryNode"], job["TimeLimit"]]
        assert asked == [partition, cores, memory, minutes], comment
        assert job.get("TresPerJob") == gpus, comment
        assert job["JobState"] == "COMPLETED"
        assert job["NodeList"].startswith(partition)
    assert "Nothing to be done" in fresh.run(*PROFILE, environment=environment)
    status = fresh.deepsphere("status", "--config", "small.yaml", environment=environment)
    assert re.search(rf"train +{steps['train']} *\n", status.stdout), status.stdout + status.stderr
    assert "waiting" not in status.stdout


def test_small_jobs_go_through_the_queue_once_each(cluster: Any, tmp_path: Path) -> None:
    jobs = int(os.environ.get("SLURM_TEST_JOBS", "12"))
    assert run_small_jobs(cluster, tmp_path, jobs) == Counts(jobs, jobs, jobs)


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
    assert "mem_mb=memory_of_graph" in text
    rule.write_text(text.replace("memory_of_graph", 'memory("graph", 200)'))
    long_training.run(*arguments[:-2], environment=environment)
    found = [job for job in jobs(cluster, long_training) if "graph" in job["Comment"]]
    assert [job["MinMemoryNode"] for job in found][:2] == ["200M", "400M"]
    assert found[0]["JobState"] == "FAILED"
    assert found[-1]["JobState"] == "COMPLETED"

    manifest.unlink()
    too_little = ("--set-resources", "graph:mem_mb=200", "--retries", "0")
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


def test_a_store_made_by_the_tasks_of_one_job_goes_on_at_the_chunk_where_it_was_cancelled(
    cluster: Any, project: Any, tmp_path: Path
) -> None:
    # Many small chunks, one every half second.
    writer = project.folder / "src/deepsphere/stores/writer.py"
    code = writer.read_text()
    first = '        array = zarr.open_array(self.group / DATA, mode="r+", zarr_format=3)\n'
    assert "_CHUNK_BYTES = 32_000_000" in code
    assert first in code
    code = code.replace("_CHUNK_BYTES = 32_000_000", "_CHUNK_BYTES = 10_000")
    writer.write_text(code.replace(first, f"        __import__('time').sleep(0.5)\n{first}"))
    stores = project.folder / "data/stores"
    shutil.rmtree(stores)
    local = replace(project, folder=tmp_path / "local")
    shutil.copytree(project.folder, local.folder)
    # What a job leaves that is cancelled before its tasks have found each other.
    (stores / ".complete.meeting").mkdir(parents=True)
    (stores / ".complete.meeting/0.json").touch()
    project.write({**project.configuration(), "dask": {"cluster": "slurm", "tasks": 4}})
    name = "data/stores/complete.json"
    # The nodes are smaller than what a store asks for.
    less = ("--set-resources", "store:mem_mb_per_cpu=400", "--configfile", "small.yaml")
    on_cluster = replace(project, snakemake=(IMPATIENT,))
    with on_cluster.start(*PROFILE, name, *less, environment=cluster.environment()) as launcher:
        wait_until(lambda: [*stores.glob(".*/finished/*.json")], "a chunk")
        [job] = jobs(cluster, project)
        cluster.run("scancel", job["JobId"])
        cluster.wait(job["JobId"])
        finished = {path.stem for path in stores.glob(".*/finished/*.json")}
        kept = {number: when for number, when in written(stores).items() if number in finished}
        local.run(name)
        output, _ = launcher.communicate(timeout=400)
    assert launcher.returncode == 0, output
    assert project.json(name) == local.json(name)
    assert kept.items() < written(stores).items()
    found = jobs(cluster, project)
    assert [job["JobState"] for job in found] == ["CANCELLED", "COMPLETED"]
    for job in found:
        assert job["NumTasks"] == "4"
        assert job["MinMemoryCPU"] == "400M", "of each task, and not of all together"
    of_local = (local.folder / "data/stores").iterdir()
    assert {path.name for path in stores.iterdir()} == {path.name for path in of_local}
