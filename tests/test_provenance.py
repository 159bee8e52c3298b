"""The code of a stage is what it imports, all the way down, and no more."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from deepsphere import provenance
from deepsphere.config.configuration import check_configuration
from deepsphere.plan import Plan
from deepsphere.provenance import code_digest, source_files

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src/deepsphere"

JOBS: dict[str, tuple[str, Any]] = {
    "fetch": ("config.yaml", ["ghcn"]),
    "simulate": ("demo.yaml", ["ghcn"]),
    "store": ("config.yaml", ["ghcn-temperature"]),
    "graph": ("config.yaml", ["ghcn-temperature-k10"]),
    "graph of a grid": ("config.yaml", ["equiangular-128"]),
    "train": ("config.yaml", ["ghcn", "p4", 0]),
    "train day": ("config.yaml", ["ghcn", "day-temperature-p4", 0]),
    "evaluate": ("config.yaml", ["ghcn", "p4", 0]),
    "baseline": ("config.yaml", ["ghcn", "temperature"]),
    "baseline of classes": ("config.yaml", ["shrec17", "both"]),
    "baseline of states": ("config.yaml", ["climate", "plain"]),
    "summarize": ("config.yaml", ["ghcn"]),
    "report": ("config.yaml", []),
}


def modules_of(job: str) -> tuple[str, ...]:
    name, arguments = JOBS[job]
    values = yaml.safe_load((ROOT / "config" / name).read_text())
    stage = {"simulate": "fetch"}.get(job, job.split()[0])
    return getattr(Plan(check_configuration(values)), stage)(*arguments).modules


def code_of(job: str) -> set[str]:
    return {path.relative_to(PACKAGE).as_posix() for path in source_files(modules_of(job))}


def test_training_is_made_of_its_network_and_its_task() -> None:
    code = code_of("train")
    assert {
        "__init__.py",
        "errors.py",
        "files.py",
        "stages/train.py",
        "tasks/forecast.py",
        "tasks/samples.py",
        "training/loop.py",
        "nn/__init__.py",
        "nn/chebyshev.py",
        "nn/models/__init__.py",
        "nn/models/dense_regressor.py",
        "graphs/laplacian.py",
        "stores/reader.py",
        "config/training.py",
    } <= code
    assert not {"tasks/day_of_year.py", "nn/models/global_regressor.py"} & code
    assert "tasks/forecast.py" not in code_of("train day")


def test_a_source_concerns_only_what_reads_it() -> None:
    for job in ("graph", "train", "train day", "evaluate", "baseline", "summarize", "report"):
        assert not [path for path in code_of(job) if path.startswith("sources/")], job
    assert "sources/ghcn/reader.py" in code_of("store")
    assert "sources/ghcn/simulator.py" not in code_of("store")
    assert "sources/download.py" not in code_of("simulate")
    assert "sources/ghcn/reader.py" not in code_of("fetch")


def test_the_report_concerns_nothing_else() -> None:
    assert "report/page.py" in code_of("report")
    for job in JOBS.keys() - {"report"}:
        assert not [path for path in code_of(job) if path.startswith("report/")], job


@pytest.mark.parametrize("job", JOBS)
def test_the_whole_configuration_and_the_command_line_concern_no_stage(job: str) -> None:
    aloof = {"plan.py", "config/configuration.py", "config/kinds.py", "config/schema.py"}
    aloof |= {path.relative_to(PACKAGE).as_posix() for path in (PACKAGE / "cli").glob("*.py")}
    assert "cli/stages.py" in aloof
    assert not aloof & code_of(job)
    assert not {"config/experiments.py", "config/explanation.py", "config/models.py"} & code_of(job)


@pytest.mark.parametrize("job", ["fetch", "simulate", "store", "summarize"])
def test_what_trains_nothing_needs_no_torch(job: str) -> None:
    users = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if "import torch" in path.read_text() or "from torch" in path.read_text()
    }
    assert "nn/chebyshev.py" in users
    assert not users & code_of(job)


@pytest.mark.parametrize("job", JOBS)
def test_no_module_is_loaded_that_is_not_counted(job: str) -> None:
    """Python itself is the oracle: what importing the roots loads, and what calling them may load.

    A module that is counted and not loaded is one that is imported inside a function.
    """
    roots = modules_of(job)
    script = (
        "import importlib, json, sys\n"
        f"for name in {roots!r}: importlib.import_module(name)\n"
        f"for caller, names in {CALLED!r}.items():\n"
        "    if caller in sys.modules:\n"
        "        for name in names: importlib.import_module(name)\n"
        "print(json.dumps([module.__file__ for name, module in sys.modules.items()\n"
        "                  if name.partition('.')[0] == 'deepsphere']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )
    loaded = {Path(file).relative_to(PACKAGE).as_posix() for file in json.loads(done.stdout)}
    assert loaded <= code_of(job)
    assert code_of(job) - loaded <= LATE


CALLED = {
    "deepsphere.tasks.classification": [
        "deepsphere.tasks.class_samples",
        "deepsphere.tasks.class_baselines",
        "deepsphere.tasks.map_baselines",
    ],
    "deepsphere.tasks.segmentation": ["deepsphere.tasks.segmentation_baselines"],
    "deepsphere.samplings.equiangular": ["deepsphere.samplings.overlap"],
}
"""What methods import when a stage calls them: settings and names of samplings do without."""

LATE = {
    f"nn/kernels/{name}.py"
    for name in (
        "arrays",
        "compiled",
        "direct",
        "elements",
        "gpu",
        "gpu_hop",
        "hops",
        "loops",
        "dot_instructions",
        "matrix_instructions",
        "pair_products",
        "pairs",
        "memory",
        "mixing",
        "neighbours",
        "normalization",
        "normalization_loops",
        "plans",
        "openmp",
        "pools",
        "registers",
        "terms",
        "threads",
        "tiles",
        "vectors",
        "workspaces",
    )
}
"""Modules that some stage imports only when it needs them: numba and Triton take long to import."""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty package that stands for ours."""
    folder = tmp_path / "deepsphere"
    (folder / "inner").mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "inner/__init__.py").write_text("")
    monkeypatch.setattr(provenance, "_ROOT", folder)
    provenance._find_file.cache_clear()
    provenance._imports.cache_clear()
    yield folder
    provenance._find_file.cache_clear()
    provenance._imports.cache_clear()


@pytest.mark.parametrize(
    "statement",
    [
        "import deepsphere.inner.leaf",
        "import os, deepsphere.inner.leaf as leaf",
        "from deepsphere.inner import leaf",
        "from deepsphere.inner.leaf import VALUE",
        "from deepsphere.inner.leaf import *",
        "def later():\n    from deepsphere.inner import leaf",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import deepsphere.inner.leaf",
        "class A:\n    def b(self):\n        if self:\n            import deepsphere.inner.leaf",
        "try:\n    import nothing\nexcept ImportError:\n    from deepsphere.inner import leaf",
        "from .inner import leaf",
        "from .inner.leaf import VALUE",
    ],
)
def test_every_form_of_import_counts(package: Path, statement: str) -> None:
    (package / "inner/leaf.py").write_text("VALUE = 1\n")
    (package / "root.py").write_text(statement)
    names = [path.relative_to(package).as_posix() for path in source_files(["deepsphere.root"])]
    assert names == ["__init__.py", "inner/__init__.py", "inner/leaf.py", "root.py"]


def test_relative_imports_within_a_package(package: Path) -> None:
    (package / "inner/leaf.py").write_text("from . import twig\nfrom .. import root\n")
    (package / "inner/twig.py").write_text("from ..other import value\n")
    (package / "root.py").write_text("")
    (package / "other.py").write_text("value = 1")
    (package / "alone.py").write_text("")
    files = {path.name for path in source_files(["deepsphere.inner.leaf"])}
    assert files == {"__init__.py", "leaf.py", "twig.py", "root.py", "other.py"}


def test_circles_end_and_others_do_not_count(package: Path) -> None:
    (package / "one.py").write_text("import deepsphere.two\nimport numpy, deepsphere_other.two\n")
    (package / "two.py").write_text("from deepsphere import one\n'import deepsphere.three'\n")
    (package / "three.py").write_text("")
    names = [path.name for path in source_files(["deepsphere.one", "deepsphere.two"])]
    assert names == ["__init__.py", "one.py", "two.py"]


@pytest.mark.parametrize("name", ["deepsphere.nowhere", "numpy", "deepsphere.inner.nowhere"])
def test_a_root_that_is_no_module_of_ours(package: Path, name: str) -> None:
    with pytest.raises(ModuleNotFoundError, match=f"no module {name} below"):
        source_files([name])


def test_the_digest_follows_content_and_names(package: Path) -> None:
    (package / "root.py").write_text("from deepsphere import leaf\n")
    (package / "leaf.py").write_text("VALUE = 1\n")
    first = code_digest(["deepsphere.root"])
    os.utime(package / "leaf.py", (0, 0))
    assert code_digest(["deepsphere.root", "deepsphere.leaf"]) == first
    (package / "leaf.py").write_text("VALUE = 2\n")
    assert code_digest(["deepsphere.root"]) != first
    (package / "leaf.py").write_text("VALUE = 1\n")
    assert code_digest(["deepsphere.root"]) == first
    # One line more in one file and one less in another is not the same code.
    (package / "leaf.py").write_text("")
    (package / "root.py").write_text("from deepsphere import leaf\nVALUE = 1\n")
    assert code_digest(["deepsphere.root"]) != first
