"""A copy of the project that a test may edit, run and kill, with an experiment of seconds; and how
tests are named.
"""

import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
COPIED = ("src", "workflow", "profiles", "config", "Snakefile", "environment.yml")

STAGES = {
    "Fetch": "fetch",
    "Read": "store",
    "Build": "graph",
    "Train": "train",
    "Evaluate": "evaluate",
    "Score": "baseline",
    "Gather": "summarize",
    "Draw": "report",
}
"""The stage by the first word of its rule's message."""

CONFIGURATION: dict[str, Any] = {
    "standalone": True,
    "sources": {
        "weather": {
            "kind": "ghcn",
            "records": "ghcnd_hcn.tar.gz",
            "years": [2010, 2011],
            "simulate": {"stations": 30, "seed": 1},
        }
    },
    "stores": {
        "complete": {
            "kind": "ghcn",
            "source": "weather",
            "elements": ["TMIN", "TMAX"],
            "split": {"train": 0.6, "validation": 0.1, "test": 0.3},
        }
    },
    "graphs": {
        "near": {"store": "complete", "neighbours": 4},
        "sphere": {"sampling": "icosahedral:2", "levels": 2},
    },
    "experiments": {
        "small": {
            "title": "Small",
            "seeds": [0],
            "tasks": {
                "next": {
                    "kind": "forecast",
                    "store": "complete",
                    "channels": ["TMIN"],
                    "window": 2,
                },
                "season": {"kind": "day-of-year", "store": "complete", "channels": ["TMAX"]},
            },
            "base": {
                "protocol": "sound",
                "graph": "near",
                "training": {"epochs": 2, "batch_size": 64, "learning_rate": 0.001},
            },
            "variants": {
                "dense": {
                    "title": "Dense",
                    "task": "next",
                    "model": {"kind": "dense-regressor", "kernel_size": 3, "widths": [4]},
                },
                "global": {
                    "title": "Global",
                    "task": "season",
                    "model": {"kind": "global-regressor", "kernel_size": 2, "widths": [4]},
                },
            },
        }
    },
}


@dataclass(frozen=True)
class Project:
    """A copy of the project in a folder of its own, and what Python starts Snakemake by."""

    folder: Path
    snakemake: tuple[str, ...] = ("-m", "snakemake")

    def write(self, configuration: dict[str, Any]) -> None:
        """Write the configuration that :meth:`run` uses."""
        (self.folder / "small.yaml").write_text(yaml.safe_dump(configuration))

    def configuration(self) -> Any:
        """Return the configuration that :meth:`run` uses."""
        return yaml.safe_load((self.folder / "small.yaml").read_text())

    def environment(self) -> dict[str, str]:
        """Return the environment in which the copy's own code is run by hand."""
        return {**os.environ, "PYTHONPATH": str(self.folder / "src")}

    def start(
        self, *arguments: str, environment: dict[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """Start snakemake in a process group of its own."""
        return subprocess.Popen(
            [sys.executable, *self.snakemake, *arguments, "--cores", "2"],
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(
        self, *arguments: str, configured: bool = True, environment: dict[str, str] | None = None
    ) -> str:
        """Run snakemake to its end and return what it printed."""
        if configured:
            arguments = (*arguments, "--configfile", "small.yaml")
        process = self.start(*arguments, environment=environment)
        try:
            output, _ = process.communicate(timeout=1000)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
        assert process.returncode == 0, output
        return output

    def deepsphere(
        self, *arguments: str, environment: dict[str, str] | None = None, timeout: float = 120
    ) -> "subprocess.CompletedProcess[str]":
        """Run one command of the command line."""
        return subprocess.run(
            [sys.executable, "-m", "deepsphere", *arguments],
            cwd=self.folder,
            env={**self.environment(), **(environment or {})},
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    def start_deepsphere(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start one command of the command line in a process group of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "deepsphere", *arguments],
            cwd=self.folder,
            env=self.environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def stale(self, *arguments: str) -> set[str]:
        """Return the stages that a dry run would run."""
        output = self.run("-n", *arguments)
        found = {STAGES[word] for word in re.findall(r"\nJob \d+: (\w+)", output)}
        assert bool(found) != ("Nothing to be done" in output), output
        return found

    def json(self, path: str) -> Any:
        """Read a JSON file of the copy."""
        return json.loads((self.folder / path).read_text())


def copy_project(folder: Path) -> Project:
    """Copy the project's files into a new folder, without what was made of them."""
    folder.mkdir()
    for name in COPIED:
        origin = ROOT / name
        if origin.is_dir():
            shutil.copytree(
                origin, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
            )
        else:
            shutil.copy(origin, folder / name)
    project = Project(folder)
    project.write(CONFIGURATION)
    return project


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name bytes by their argument and number: what is compressed holds the time it was made at,
    and all workers must collect the same names.
    """
    return argname if isinstance(val, bytes) else None


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return a project whose pipeline ran to the end. Leave it as it is.

    All workers of a test run have the same one: the first makes it, and the others wait.
    """
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "finished"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            made = copy_project(folder.with_suffix(".scratch"))
            made.run()
            made.folder.rename(folder)
    return Project(folder)


@pytest.fixture
def project(finished: Project, tmp_path: Path) -> Project:
    """Return a finished project of the test's own, with Snakemake's memory of how it was made."""
    shutil.copytree(finished.folder, tmp_path / "project", symlinks=True)
    return Project(tmp_path / "project")


@pytest.fixture
def fresh(tmp_path: Path) -> Project:
    """Return a project in which nothing was run."""
    return copy_project(tmp_path / "project")
