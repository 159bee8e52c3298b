"""A loop that is kept on disk is not used once any file of the kernels is another one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import deepsphere

PACKAGE = Path(deepsphere.__file__).parent
SCRIPT = """
import numpy
from deepsphere.nn.kernels.mixing import pack
one, panel = numpy.ones(1, dtype=numpy.float32), numpy.zeros(16, dtype=numpy.float32)
pack(one, (1, 1, 1), (1, 1, 1), 1, panel)
"""


def test_a_change_of_another_file_is_noticed(tmp_path):
    shutil.copytree(PACKAGE, tmp_path / "deepsphere", ignore=shutil.ignore_patterns("__pycache__"))
    places = {"PYTHONPATH": str(tmp_path), "NUMBA_CACHE_DIR": str(tmp_path / "kept")}

    def kept_after_a_run():
        environment = {**os.environ, **places, "PYTHONDONTWRITEBYTECODE": "1"}
        subprocess.run([sys.executable, "-c", SCRIPT], check=True, env=environment)
        return {path.name for path in (tmp_path / "kept").rglob("*pack*.nbi")}

    first = kept_after_a_run()
    assert len(first) == 1
    assert kept_after_a_run() == first
    with (tmp_path / "deepsphere/nn/kernels/registers.py").open("a") as file:
        file.write("# Another version.\n")
    assert len(kept_after_a_run() - first) == 1
