"""What is imported at every call is there in an instant.

The configuration is read by every Snakemake call, twice in each Slurm job; the command line is what
each of its commands begins with.
"""

import json
import subprocess
import sys

HEAVY = {"dask", "numba", "pandas", "scipy", "torch", "trimesh", "xarray", "zarr"}


def loaded_by(script: str) -> set[str]:
    """Return the names of the modules that a program has loaded in the end."""
    command = [
        sys.executable,
        "-c",
        f"{script}\nimport json, sys\nprint(json.dumps([*sys.modules]))",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


def test_settings_load_nothing_that_reads_or_computes() -> None:
    """The names of all samplings are checked too, which loads their modules."""
    loaded = loaded_by(
        "import deepsphere.config.configuration\n"
        "from deepsphere.config.graphs import SAMPLINGS\n"
        "from deepsphere.registry import load\n"
        "for kind in SAMPLINGS: load('samplings', kind)\n"
    )
    assert {"deepsphere.tasks.segmentation", "deepsphere.sources.cosmo.settings"} <= loaded
    assert not HEAVY & loaded


def test_the_command_line_loads_what_a_command_calls_only_when_it_is_called() -> None:
    loaded = loaded_by("import deepsphere.cli.main")
    assert {"deepsphere.cli.own_files", "deepsphere.cli.stages"} <= loaded
    assert not (HEAVY | {"matplotlib", "numpy", "deepsphere.workers"}) & loaded
