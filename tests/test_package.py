"""What ``import deepsphere`` gives, and what it does not load for it."""

import json
import subprocess
import sys

import pytest

import deepsphere
from deepsphere.conversion import regridding
from deepsphere.inference import trained


def test_it_loads_trained_models_and_regrids_fields() -> None:
    assert deepsphere.load is trained.load
    assert deepsphere.regrid is regridding.regrid
    assert deepsphere.__all__ == ["load", "regrid"]


def test_it_has_nothing_else() -> None:
    with pytest.raises(AttributeError, match="module 'deepsphere' has no attribute 'save'"):
        deepsphere.save  # noqa: B018


def test_importing_it_loads_nothing_else() -> None:
    script = "import deepsphere, json, sys; print(json.dumps(list(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    loaded = json.loads(done.stdout)
    assert [name for name in loaded if name.startswith("deepsphere")] == ["deepsphere"]
    assert not {"torch", "numpy"} & set(loaded)
