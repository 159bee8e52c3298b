"""How far the pipeline is: every step of the plan, done, running, stale or failed.

What is done and what is stale, Snakemake's own comparison says; who is writing, the locks; what
waits in the queue of a cluster or was ended there, Slurm; why a step failed, the end of its log.
"""

import logging
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from deepsphere.errors import DeepsphereError
from deepsphere.locks import find_writer
from deepsphere.plan import Plan
from deepsphere.slurm import LOGS, QueuedJob, explain_log, had_jobs, list_jobs

_LOG = logging.getLogger(__name__)

State = Literal["done", "running", "queued", "stale", "failed", "waiting"]


@dataclass(frozen=True)
class Step:
    """One run of a stage.

    Attributes
    ----------
    stage : str
    names : tuple of str
        What it makes, such as experiment, variant and seed.
    output : str
        The file that is written last.
    log : str
        The log of its command.
    """

    stage: str
    names: tuple[str, ...]
    output: str
    log: str

    @property
    def comment(self) -> str:
        """What Snakemake writes into the comment of its Slurm job."""
        return "_".join((f"rule_{self.stage}", *(("wildcards", *self.names) if self.names else ())))


@dataclass(frozen=True)
class Progress:
    """How far a step is.

    Attributes
    ----------
    step : Step
    state : {"done", "running", "queued", "stale", "failed", "waiting"}
        ``waiting`` is what has not begun.
    detail : str
        Who runs it, why it waits, is stale or failed; empty if there is nothing to say.
    """

    step: Step
    state: State
    detail: str = ""

    @property
    def stage(self) -> str:
        """The step's stage."""
        return self.step.stage

    @property
    def names(self) -> tuple[str, ...]:
        """The names of what the step makes."""
        return self.step.names


def list_steps(plan: Plan) -> list[Step]:
    """Return all steps of a plan, stage by stage."""
    configuration = plan.configuration
    logs = configuration.paths.logs
    jobs: list[tuple[str, tuple[Any, ...], str]] = [
        *(("fetch", (name,), "manifest") for name in configuration.sources),
        *(("store", (name,), "manifest") for name in configuration.stores),
        *(("graph", (name,), "manifest") for name in configuration.graphs),
    ]
    for name, experiment in configuration.experiments.items():
        runs = [
            (name, variant, seed) for variant in experiment.variants for seed in experiment.seeds
        ]
        tasks = dict.fromkeys(variant.task for variant in experiment.variants.values())
        jobs += [("train", run, "manifest") for run in runs]
        jobs += [("evaluate", run, "evaluation") for run in runs]
        jobs += [("baseline", (name, task), "output") for task in tasks]
        jobs += [("summarize", (name,), "metrics")]
    jobs += [("report", (), "report")]
    return [
        Step(
            stage=stage,
            names=tuple(map(str, names)),
            output=getattr(plan, stage)(*names).settings[key],
            log=f"{logs}/{stage}/{_log(stage, names)}",
        )
        for stage, names, key in jobs
    ]


def find_progress(
    steps: Sequence[Step], plans: dict[str, tuple[str, str]], jobs: Sequence[QueuedJob]
) -> Iterator[Progress]:
    """Yield how far each step is.

    Parameters
    ----------
    steps : sequence of Step
    plans : dict
        By output: its state and whether Snakemake would make it again, as
        :func:`ask_snakemake` gives them. Outputs that are not in it do not count.
    jobs : sequence of QueuedJob
        The Slurm jobs of the folder, oldest first.
    """
    last = {job.comment: job for job in jobs}
    for step in steps:
        if step.output not in plans:
            continue
        state, plan = plans[step.output]
        job = last.get(step.comment)
        if (owner := find_writer(Path(step.output))) is not None:
            yield Progress(step, "running", f"{owner}{_last_line(Path(step.log), ': ')}")
        elif job is not None and job.is_active:
            running = job.state != "PENDING"
            where = f" on {job.node}" if job.node else ""
            why = f" for {job.elapsed}" if running else f" ({job.reason})"
            detail = f"Slurm job {job.number}, {job.state.lower()}{where}{why}"
            yield Progress(step, "running" if running else "queued", detail)
        elif plan == "no update":
            yield Progress(step, "done")
        elif Path(step.output).exists():
            yield Progress(step, "stale", state)
        else:
            reason = _failure(step, job)
            yield Progress(step, "waiting" if reason is None else "failed", reason or "")


def ask_snakemake(arguments: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Return what Snakemake thinks of every output.

    Parameters
    ----------
    arguments : sequence of str
        Options that choose the configuration.

    Returns
    -------
    dict
        By output: a pair of its state ("ok", "missing", "params changed", ...) and the plan
        ("no update" or "update pending").

    Raises
    ------
    DeepsphereError
        If Snakemake refuses the configuration, or there is no Snakefile here.
    """
    command = [sys.executable, "-m", "snakemake", "--summary", *arguments]
    # This Python and Snakemake, and files that the user named.
    done = subprocess.run(  # noqa: S603
        command, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise DeepsphereError(f"status: Snakemake says: {lines[-1] if lines else 'nothing'}")
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    return {row[0]: (row[4], row[5]) for row in rows if len(row) == 6 and row[0] != "output_file"}


def find_jobs(folder: Path) -> list[QueuedJob]:
    """Return the Slurm jobs of a folder; none where there never were any, or Slurm is silent."""
    if not had_jobs(folder):
        return []
    try:
        return list_jobs(folder, attempts=1)
    except DeepsphereError as error:
        _LOG.warning("%s; what its jobs do is not shown", error)
        return []


def _log(stage: str, names: tuple[Any, ...]) -> str:
    if stage in ("train", "evaluate"):
        experiment, variant, seed = names
        return f"{experiment}-{variant}-seed-{seed}.log"
    return f"{'-'.join(names) or stage}.log"


def _failure(step: Step, job: QueuedJob | None) -> str | None:
    """Return why a step that has no output failed, or None if it has not begun."""
    error = _last_line(Path(step.log), "")
    wildcards = "_".join(step.names)
    logs = sorted(
        (LOGS / f"rule_{step.stage}" / wildcards).glob("*.log"),
        key=lambda path: path.stat().st_mtime,
    )
    ended = explain_log(logs[-1].read_text(errors="replace")) if logs else None
    if error.startswith(("error:", "srun: error:")):
        return f"{error.removeprefix('error:').strip()} ({step.log})"
    if ended is not None:
        return f"Slurm job {logs[-1].stem} was ended: {ended} ({logs[-1]})"
    if job is not None and job.state != "COMPLETED":
        return f"Slurm job {job.number} on {job.node or 'no node'}: {job.state.lower()}"
    return f"it ended before it was done ({step.log})" if error else None


def _last_line(log: Path, before: str) -> str:
    """Return the last line of a log, without its time, or nothing."""
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    written = [line for line in lines if line.strip()]
    if not written:
        return ""
    return before + re.sub(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ", "", written[-1]).strip()
