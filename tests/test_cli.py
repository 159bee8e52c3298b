"""The command line: one line for bad input, and the same results by name as by settings."""

import json
import os
import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
import yaml

from deepsphere.cli.main import main
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
  sphere: {sampling: healpix:4, levels: 2, neighbours: 8}
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
        (
            ["graph", "--describe", "--config", "small.yaml"],
            "graph --describe: give the name of a graph of the configuration",
        ),
        (
            ["graph", "sphere", "--describe", "--config", "small.yaml"],
            "graph: sphere is not built (data/graphs/sphere.json); run deepsphere graph sphere",
        ),
        (
            ["graph", "spere", "--describe", "--config", "small.yaml"],
            "there is no graph 'spere'; the configuration has near, sphere",
        ),
        (
            ["graph", "near", "--plot", "near.png", "--config", "small.yaml"],
            "graph: --plot goes with --describe; give both",
        ),
        (
            ["graph", "near", "--config", "small.yaml"],
            "manifest of the store: data/stores/maps.json does not exist; run the",
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
        (["store", "--settings", "{}"], "--settings: found no 'folder' among nothing"),
        (
            ["fetch", "--settings", '{"source": {"kind": "ghcn"}}'],
            "--settings: found no 'manifest' among source",
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


def test_the_program_that_is_installed_is_the_same() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    ((name, place),) = project["scripts"].items()
    assert EntryPoint(name, place, "console_scripts").load() is main


def test_check_lists_what_there_is(project: Path) -> None:
    done = deepsphere("check", "--config", "small.yaml", folder=project)
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "sources: made-up",
        "stores: maps",
        "graphs: near, sphere",
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


@pytest.fixture(scope="module")
def with_graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project in which the graph on healpix:4 was built."""
    folder = tmp_path_factory.mktemp("built")
    (folder / "small.yaml").write_text(SMALL)
    done = deepsphere("graph", "sphere", "--config", "small.yaml", "--threads", "2", folder=folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "graph sphere: healpix:4, 192 pixels, " in done.stderr
    assert "graph sphere: healpix:2, 48 pixels, " in done.stderr
    return folder


def test_a_graph_is_described_and_drawn(with_graph: Path) -> None:
    arguments = ["graph", "sphere", "--describe", "--config", "small.yaml"]
    done = deepsphere(*arguments, "--plot", "figures/sphere.png", folder=with_graph)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    titles = [line.strip() for line in done.stdout.splitlines() if line[:1].strip()]
    assert titles == [
        "Graph sphere",
        "healpix:4: relative equivariance error by degree",
        "healpix:4: eigenvalues in groups of 2l + 1",
        "healpix:2: relative equivariance error by degree",
        "healpix:2: eigenvalues in groups of 2l + 1",
    ]
    manifest = json.loads((with_graph / "data/graphs/sphere.json").read_text())
    for level in manifest["levels"]:
        line = next(
            line for line in done.stdout.splitlines() if line.split()[:1] == [level["sampling"]]
        )
        assert line.split()[1:3] == [str(level["pixels"]), str(level["edges"])]
        assert line.split()[-1] == f"{level['lmax']:.3g}"
    image = (with_graph / "figures/sphere.png").read_bytes()
    assert image.startswith(b"\x89PNG\r\n\x1a\n")
    assert len(image) > 10_000
    assert deepsphere(*arguments, folder=with_graph).stdout == done.stdout


@pytest.mark.parametrize("text", ["[]", '{"stage": "graph", "description": {}}'])
def test_a_manifest_of_something_else_is_not_described(project: Path, text: str) -> None:
    (project / "data/graphs").mkdir(parents=True)
    (project / "data/graphs/sphere.json").write_text(text)
    done = deepsphere("graph", "sphere", "--describe", "--config", "small.yaml", folder=project)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert "data/graphs/sphere.json" in done.stderr
    assert done.stdout == ""


def test_a_graph_that_was_built_with_other_settings_is_not_described(with_graph: Path) -> None:
    (with_graph / "changed.yaml").write_text("graphs: {sphere: {neighbours: 9}}\n")
    files = ("--config", "small.yaml", "--config", "changed.yaml")
    done = deepsphere("graph", "sphere", "--describe", *files, folder=with_graph)
    assert done.returncode == 1
    assert done.stderr == (
        "error: graph: data/graphs/sphere.json was built with other settings; "
        "run deepsphere graph sphere\n"
    )
