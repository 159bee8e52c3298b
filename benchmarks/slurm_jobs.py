"""How fast small jobs go through the queue of a real Slurm; none may fail or be submitted twice.

    python benchmarks/slurm_jobs.py [--jobs 200]

Starts the emulated cluster of tests/slurm. A job is two processes of Snakemake (one in the batch
script, one in the step), so on one machine their start is what the rate measures. The exit status
is 1 where a count differs from the number of jobs, which tests/slurm checks with fewer of them, or
with SLURM_TEST_JOBS.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests/slurm"))

from cluster import Cluster
from small_jobs import Counts, run_small_jobs


def main() -> int:
    """Run the jobs and print what was counted; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--jobs", type=int, default=200)
    jobs = parser.parse_args().jobs
    with tempfile.TemporaryDirectory(prefix="slurm-") as folder, Cluster(Path(folder)) as cluster:
        work = Path(folder, "work")
        work.mkdir()
        began = time.monotonic()
        counts = run_small_jobs(cluster, work, jobs)
        seconds = time.monotonic() - began
    print(f"jobs {jobs}, {counts}")
    print(f"{seconds:.0f} s, {60 * jobs / seconds:.0f} jobs a minute; {os.cpu_count()} cores, "
          f"load {os.getloadavg()[0]:.1f}")  # fmt: skip
    return int(counts != Counts(jobs, jobs, jobs))


if __name__ == "__main__":
    sys.exit(main())
