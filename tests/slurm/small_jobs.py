"""Many small jobs of one workflow through the queue of a cluster, counted in three ways."""

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from cluster import Cluster

IMPATIENT = str(Path(__file__).with_name("impatient.py"))

PROFILE = (
    *("--profile", str(Path(__file__).parents[2] / "profiles/slurm")),
    # One machine's file system does not lag.
    *("--latency-wait", "5", "--slurm-init-seconds-before-status-checks", "1"),
)
"""The options of Snakemake: the project's own profile, as a copy of the project has it too."""

SNAKEFILE = """
rule all:
    input:
        [f"done/{{number}}" for number in range({jobs})],

rule job:
    output:
        "done/{{number}}",
    resources:
        mem_mb=450,
        runtime=5,
    shell:
        "echo $SLURM_JOB_ID >> {{output}}"
"""


@dataclass(frozen=True)
class Counts:
    """How many jobs were submitted, as slurmctld's log says, and how many outputs have one writer.

    And how many jobs these writers are.
    """

    submitted: int
    written_once: int
    writers: int


def run_small_jobs(cluster: Cluster, folder: Path, jobs: int) -> Counts:
    """Run a workflow of as many rules with the project's own profile, each tried once.

    Raises
    ------
    RuntimeError
        Snakemake failed.
    """
    log = cluster.folder / "log/slurmctld.log"
    before = log.stat().st_size
    (folder / "Snakefile").write_text(SNAKEFILE.format(jobs=jobs))
    done = subprocess.run(
        [sys.executable, IMPATIENT, *PROFILE, "--cores", "all", "--retries", "0"],
        cwd=folder,
        env=cluster.environment(),
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise RuntimeError(f"snakemake: exit code {done.returncode}; {done.stderr[-2000:]}")
    submissions = re.findall(rb"_slurm_rpc_submit_batch_job: JobId=", log.read_bytes()[before:])
    written = [path.read_text().split() for path in (folder / "done").iterdir()]
    return Counts(
        submitted=len(submissions),
        written_once=sum(len(writers) == 1 for writers in written),
        writers=len({writer for writers in written for writer in writers}),
    )
