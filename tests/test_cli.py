"""The command line: one line for bad input, and the same results by name as by settings."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from deepsphere.config.configuration import check_configuration
from deepsphere.config.schema import schema
from deepsphere.plan import Plan

ROOT = Path(__file__).parents[1]

SMALL = """
standalone: true
paths: {raw: data/raw, stores: data/stores, graphs: data/graphs, results: results, logs: logs}
sources:
  made-up: {kind: ghcn, years: [2010, 2010], simulate: {stations: 20, seed: 3}}
stores:
  maps:
    kind: ghcn
    source: made-up
    elements: [TMIN, TMAX]
    split: {train: 0.7, test: 0.3}
graphs:
  near: {store: maps, neighbours: 4}
experiments:
  trial:
    title: Trial
    seeds: [0]
    tasks: {next: {kind: forecast, store: maps, channels: [TMIN], window: 2}}
    variants:
      plain:
        title: Plain
        protocol: sound
        task: next
        graph: near
        model: {kind: dense-regressor, kernel_size: 2, widths: [4]}
        training: {epochs: 1, batch_size: 64, learning_rate: 0.01}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "small.yaml").write_text(SMALL)
    return tmp_path


def deepsphere(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "deepsphere", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "COLUMNS": "100", "NO_COLOR": "1"},
    )


def plan() -> Plan:
    return Plan(check_configuration(yaml.safe_load(SMALL)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["check"], "configuration: config/config.yaml does not exist; run in the folder of"),
        (["check", "--config", "none.yaml"], "configuration: none.yaml does not exist"),
        (
            ["check", "--config", "wrong.yaml"],
            "configuration: graphs.near.neighbours: found 0; inp",
        ),
        (
            ["store", "--config", "small.yaml"],
            "store: found 0 of 1 names; see deepsphere store --h",
        ),
        (["train", "trial", "--config", "small.yaml"], "train: found 1 of 3 names; see deepsphere"),
        (
            ["store", "mops", "--config", "small.yaml"],
            "there is no store 'mops'; the configuration",
        ),
        (
            ["train", "trial", "plain", "5", "--config", "small.yaml"],
            "trial has no seed 5; its see",
        ),
        (
            ["store", "maps", "--config", "small.yaml"],
            "manifest of the raw files: data/raw/made-up",
        ),
        (["table", "metrics.json"], "table of an experiment: metrics.json does not exist; run the"),
        (
            ["store", "maps", "--settings", "{}"],
            "store: give --settings, or names and --config, no",
        ),
        (
            ["store", "--settings", "[1, 2]"],
            "store: --settings is no mapping in JSON: found '[1, 2]",
        ),
        (
            ["store", "--settings", "{1: 2"],
            "store: --settings is no mapping in JSON: found '{1: 2'",
        ),
        (["store", "--settings", "{[]: 2}"], "store: --settings is no mapping in JSON: found '{[]"),
        (["store", "--settings", "{}"], "--settings: found no 'raw' among nothing"),
        (
            ["fetch", "--settings", '{"source": {"kind": "ghcn"}}'],
            "--settings: found no 'folder' am",
        ),
    ],
)
def test_bad_input_is_said_in_one_line(project: Path, arguments: list[str], message: str) -> None:
    (project / "wrong.yaml").write_text(SMALL.replace("neighbours: 4", "neighbours: 0"))
    done = deepsphere(*arguments, folder=project)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {message}")
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


@pytest.mark.parametrize(
    "code",
    [
        "__import__('pathlib').Path('made').touch()",
        "{'source': __import__('pathlib').Path('made').touch()}",
        "open('made', 'w')",
        "{'a': [x for x in ().__class__.__bases__]}",
        "dict(a=1)",
    ],
)
def test_settings_are_never_run(project: Path, code: str) -> None:
    done = deepsphere("fetch", "--settings", code, folder=project)
    assert done.returncode == 1
    assert done.stderr.startswith("error: fetch: --settings is no mapping in JSON: found ")
    assert not (project / "made").exists()


def test_debug_shows_where_it_happened(project: Path) -> None:
    done = deepsphere("--debug", "store", "mops", "--config", "small.yaml", folder=project)
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback (most recent call last):")
    assert "plan.py" in done.stderr
    assert done.stderr.rstrip().endswith("the configuration has maps")


def test_misuse_says_how_to_get_help(project: Path) -> None:
    for arguments in (["trian"], ["store", "--theads", "2"], ["train", "a", "b", "first"]):
        done = deepsphere(*arguments, folder=project)
        assert done.returncode == 2
        assert "--help" in done.stderr
        assert "Traceback" not in done.stderr


def test_help_names_every_stage(project: Path) -> None:
    done = deepsphere("--help", folder=project)
    assert done.returncode == 0
    for command in ("fetch", "store", "graph", "train", "evaluate", "baseline", "summarize"):
        assert command in done.stdout
        assert deepsphere(command, "--help", folder=project).returncode == 0


def test_check_lists_what_there_is(project: Path) -> None:
    done = deepsphere("check", "--config", "small.yaml", folder=project)
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "sources: made-up",
        "stores: maps",
        "graphs: near",
        "experiments: trial",
        "trial: 1 variants, 1 runs",
    ]
    assert [path.name for path in project.iterdir()] == ["small.yaml"]


def test_schema_is_printed(project: Path) -> None:
    assert deepsphere("schema", folder=project).stdout == schema()


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "small.yaml"
    }


def test_by_name_and_by_settings_are_the_same(project: Path, tmp_path: Path) -> None:
    """Records are simulated and a store is made of them, here by name, there by settings."""
    there = tmp_path / "there"
    there.mkdir()
    here = tmp_path / "here"
    here.mkdir()
    (here / "small.yaml").write_text(SMALL)
    for stage, name, write in (("fetch", "made-up", json.dumps), ("store", "maps", repr)):
        settings = getattr(plan(), stage)(name).settings
        first = deepsphere(stage, name, "--config", "small.yaml", folder=here)
        second = deepsphere(stage, "--settings", write(settings), folder=there)
        assert (first.returncode, second.returncode) == (0, 0), first.stderr
    assert content(here) == content(there)
    manifest = json.loads((here / "data/stores/maps.json").read_text())
    assert manifest["settings"]["elements"] == ["TMIN", "TMAX"]
