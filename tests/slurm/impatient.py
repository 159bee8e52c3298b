"""Snakemake, which asks after its jobs every second.

The plugin asks ten seconds later each time that nothing has ended: right where jobs take hours, and
most of the time of a test whose jobs take seconds.
"""

import sys

from snakemake.cli import main
from snakemake_executor_plugin_slurm import Executor

Executor.next_seconds_between_status_checks = property(lambda _: 1.0, lambda _, seconds: None)

if __name__ == "__main__":
    sys.exit(main())
