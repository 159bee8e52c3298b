"""Small jobs through the queue of a real Slurm: none fails, none is submitted twice, and how fast.

    python benchmarks/slurm_jobs.py [--jobs 200]

Starts the emulated cluster of tests/slurm, runs a workflow of as many rules with the project's own
profile, and counts: what slurmctld says was submitted, what ran, and what each job left. It ends
with exit status 1 unless all three are the number of jobs. A job is two processes of Snakemake
(one in the batch script, one in the step), so on one machine their start is what the rate measures.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests/slurm"))

from cluster import Cluster  # noqa: E402

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


def main() -> int:
    """Run the jobs and print what was counted; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--jobs", type=int, default=200)
    jobs = parser.parse_args().jobs
    with tempfile.TemporaryDirectory(prefix="slurm-") as folder, Cluster(Path(folder)) as cluster:
        work = Path(folder, "work")
        work.mkdir()
        (work / "Snakefile").write_text(SNAKEFILE.format(jobs=jobs))
        command = [sys.executable, "-m", "snakemake", "--profile", str(ROOT / "profiles/slurm")]
        shorter = ["--slurm-init-seconds-before-status-checks", "4", "--latency-wait", "5"]
        began = time.monotonic()
        done = subprocess.run(
            [*command, *shorter, "--cores", "all", "--retries", "0"],
            cwd=work,
            env=cluster.environment(),
            capture_output=True,
            text=True,
        )
        seconds = time.monotonic() - began
        log = Path(folder, "log/slurmctld.log").read_text()
        submitted = len(re.findall("_slurm_rpc_submit_batch_job: JobId=", log))
        runs = [path.read_text().split() for path in (work / "done").glob("*")]
        once = sum(len(run) == 1 for run in runs)
        different = len({run[0] for run in runs})
    print(f"jobs {jobs}, submitted {submitted}, ran once {once}, different job ids {different}")
    print(f"{seconds:.0f} s, {60 * jobs / seconds:.0f} jobs a minute; {os.cpu_count()} cores, "
          f"load {os.getloadavg()[0]:.1f}")  # fmt: skip
    if done.returncode != 0:
        print(done.stderr[-2000:])
    return int(not (done.returncode == 0 and submitted == once == different == jobs))


if __name__ == "__main__":
    sys.exit(main())
