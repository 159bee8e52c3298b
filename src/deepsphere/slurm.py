"""Slurm: the jobs of a folder in its queue, and programs on several tasks of a job.

Snakemake submits jobs with the name of their rule as comment, and forgets them when it is killed.
They are found again by that comment and their working folder.
"""

import logging
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deepsphere.errors import DeepsphereError

LOGS = Path("logs/slurm")
"""Folder of the jobs' logs, below their working folder, as profiles/slurm says."""

_MARK = Path(".snakemake/submitted")

_LOG = logging.getLogger(__name__)

_FIELDS = ("%i", "%T", "%r", "%M", "%N", "%Z", "%k")
_SEPARATOR = "\t"
_OURS = ("rule_", "group_")
_ENDED = (
    "BOOT_FAIL",
    "CANCELLED",
    "COMPLETED",
    "DEADLINE",
    "FAILED",
    "NODE_FAIL",
    "OUT_OF_MEMORY",
    "PREEMPTED",
    "REVOKED",
    "TIMEOUT",
)
_JOB = "SLURM_JOB_ID"
_IDENTITY = (_JOB, "SLURM_JOBID", "SLURM_CONF", "SLURM_CLUSTER_NAME")
_SPREAD = "DEEPSPHERE_TASKS"
"""Environment variable of the processes that :func:`spread` started."""

_FIRST_PORT = 20_000
_PORTS = 10_000

_CALL_SECONDS = 60
_END_SECONDS = 300

TIME, MEMORY = "DUE TO TIME LIMIT", "exceeded memory limit|oom.kill|Out Of Memory"
"""What Slurm writes into the log of a job that took more of them than it had asked for."""

_ENDINGS = {
    TIME: "the time limit was hit; it goes on where it stopped when run again",
    MEMORY: "it needed more memory than it asked for",
    r"DUE TO NODE FAILURE|Node failure": "its node failed",
    r"DUE TO PREEMPTION": "another job took its place",
    r"CANCELLED": "it was cancelled",
}
"""What Slurm writes into the log of a job that it ends, and what that means."""

_MOST_DOUBLINGS = 2


@dataclass(frozen=True)
class QueuedJob:
    """A job of Slurm.

    Attributes
    ----------
    number : str
        The job's id.
    state : str
        As Slurm calls it, such as ``PENDING``.
    reason : str
        Why it waits or ended, as Slurm calls it.
    elapsed : str
        Time that it has run, such as ``1:02:03``.
    node : str
        Where it runs or ran; empty before.
    comment : str
        ``rule_<name>`` or ``rule_<name>_wildcards_<values>``.
    """

    number: str
    state: str
    reason: str
    elapsed: str
    node: str
    comment: str

    @property
    def is_active(self) -> bool:
        """Whether it waits or runs, or is about to end."""
        return self.state not in _ENDED


def note_jobs(folder: Path) -> None:
    """Note that jobs of a folder are submitted to a cluster."""
    mark = folder / _MARK
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.touch()


def had_jobs(folder: Path) -> bool:
    """Return whether jobs of a folder were submitted to a cluster that this machine can ask."""
    return (folder / _MARK).exists() and shutil.which("squeue") is not None


def list_jobs(folder: Path, attempts: int = 5) -> list[QueuedJob]:
    """Return the jobs that Snakemake submitted in a folder and that Slurm remembers, oldest first.

    Parameters
    ----------
    folder : Path
        The working folder of the jobs.
    attempts : int
        How often Slurm is asked if it does not answer, for which 5 leaves a controller that is
        restarting 20 seconds.

    Raises
    ------
    DeepsphereError
        If the controller of the cluster does not answer.
    """
    command = ["squeue", "--noheader", "--states=all", f"--user={os.getuid()}"]
    output = _ask([*command, f"--format={_SEPARATOR.join(_FIELDS)}"], attempts)
    jobs = []
    for line in output.splitlines():
        fields = line.split(_SEPARATOR, maxsplit=len(_FIELDS) - 1)
        if len(fields) < len(_FIELDS):
            continue
        number, state, reason, elapsed, node, workdir, comment = (part.strip() for part in fields)
        if comment.startswith(_OURS) and _is_same(Path(workdir), folder):
            jobs.append(QueuedJob(number, state, reason, elapsed, node, comment))
    return sorted(jobs, key=lambda job: [int(part) for part in re.findall(r"\d+", job.number)])


def cancel_jobs(folder: Path) -> list[QueuedJob]:
    """Cancel the jobs of a folder that wait or run, and wait until they have ended.

    Call it only when no Snakemake runs in the folder: then they are what one that was killed left.

    Returns
    -------
    list of QueuedJob
        The jobs, as they were before.

    Raises
    ------
    DeepsphereError
        If they do not end, or the controller does not answer.
    """
    leftovers = [job for job in list_jobs(folder) if job.is_active]
    if not leftovers:
        return []
    _ask(["scancel", *(job.number for job in leftovers)], attempts=5)
    began = time.monotonic()
    while active := [job.number for job in list_jobs(folder) if job.is_active]:
        if time.monotonic() - began > _END_SECONDS:
            raise DeepsphereError(
                f"slurm: the jobs {', '.join(active)} of an earlier call do not end "
                f"{_END_SECONDS} s after scancel; ask who runs the cluster"
            )
        time.sleep(1)
    return leftovers


def in_job() -> bool:
    """Return whether this process belongs to a Slurm job, and was not started by :func:`spread`."""
    return _JOB in os.environ and _SPREAD not in os.environ


def spread(command: Sequence[str], tasks: int, threads: int, nodes: int | None = None) -> int:
    """Run a command on several tasks of the Slurm job of this process, and wait for all.

    Parameters
    ----------
    command : sequence of str
    tasks : int
        How often it is run, each with its number in ``SLURM_PROCID``.
    threads : int
        Cores of each task.
    nodes : int, optional
        Nodes that the tasks are on, equally many on each; by default as Slurm packs them.

    Returns
    -------
    int
        The highest exit status. When one task fails, the others are ended.
    """
    # The step that this process runs in has sizes of its own, which srun would take over.
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SLURM_", "SRUN_", "SBATCH_")) or name in _IDENTITY
    }
    packing = [] if nodes is None else [f"--nodes={nodes}", f"--ntasks-per-node={tasks // nodes}"]
    sizes = [f"--ntasks={tasks}", f"--cpus-per-task={threads}", *packing]
    # --overlap, as the step that this process runs in holds the job's cores already.
    options = ["--overlap", "--kill-on-bad-exit=1", "--cpu-bind=none", *sizes]
    _LOG.info("on %d tasks: srun %s", tasks, " ".join(sizes))
    return subprocess.run(  # noqa: S603
        ["srun", *options, *command],  # noqa: S607
        env={**environment, _SPREAD: str(tasks)},
        check=False,
    ).returncode


def torchrun(nodes: int, devices: int) -> list[str]:
    """Return the command that starts the processes of a training on one node of several.

    It meets the others on the node of this process, at a port that follows from the job's number.
    """
    job = os.environ[_JOB]
    port = _FIRST_PORT + int(job) % _PORTS
    return [
        *(sys.executable, "-m", "torch.distributed.run"),
        f"--nnodes={nodes}",
        f"--nproc-per-node={devices}",
        "--rdzv-backend=c10d",
        f"--rdzv-endpoint={socket.gethostname()}:{port}",
        f"--rdzv-id={job}",
    ]


def explain_log(text: str) -> str | None:
    """Return why Slurm ended a job, told from the job's log; None if it did not."""
    for pattern, meaning in _ENDINGS.items():
        if re.search(pattern, text):
            return meaning
    return None


def doublings(stage: str, names: Sequence[str], reason: str) -> int:
    """Return how often a step is to ask for twice as much, from the logs of its jobs.

    Parameters
    ----------
    stage : str
    names : sequence of str
        What the step makes.
    reason : str
        :data:`TIME` or :data:`MEMORY`.

    Returns
    -------
    int
        The number of its jobs that Slurm ended for that reason, at most 2.
    """
    logs = (LOGS / f"rule_{stage}" / "_".join(names)).glob("*.log")
    ended = sum(bool(re.search(reason, path.read_text(errors="replace"))) for path in logs)
    return min(ended, _MOST_DOUBLINGS)


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False


def _ask(command: list[str], attempts: int) -> str:
    """Return what a command of Slurm printed."""
    for attempt in range(1, attempts + 1):
        try:
            # The commands of Slurm, with numbers and names that it gave itself.
            done = subprocess.run(  # noqa: S603
                command, capture_output=True, text=True, timeout=_CALL_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            message = str(error)
        else:
            if done.returncode == 0:
                return done.stdout
            message = done.stderr.strip()
        if attempt < attempts:
            time.sleep(2 * attempt)
    raise DeepsphereError(f"slurm: {command[0]} failed {attempts} times: {message}")
