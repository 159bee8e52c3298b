"""The configuration is read in an instant: by every Snakemake call, twice in each Slurm job."""

import json
import subprocess
import sys

HEAVY = {"dask", "numba", "pandas", "scipy", "torch", "trimesh", "xarray", "zarr"}


def test_settings_load_nothing_that_reads_or_computes() -> None:
    """The names of all samplings are checked too, which loads their modules."""
    script = (
        "import json, sys\n"
        "import deepsphere.config.configuration\n"
        "from deepsphere.config.graphs import SAMPLINGS\n"
        "from deepsphere.registry import load\n"
        "for kind in SAMPLINGS: load('samplings', kind)\n"
        "print(json.dumps(list(sys.modules)))\n"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout))
    assert {"deepsphere.tasks.segmentation", "deepsphere.sources.cosmo.settings"} <= loaded
    assert not HEAVY & loaded
