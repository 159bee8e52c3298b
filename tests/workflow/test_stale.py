"""Stale is what changed in content: no more, and no less."""

import copy
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from deepsphere.config.configuration import check_configuration
from deepsphere.plan import Plan

SOURCE = Path(__file__).parents[2] / "src"
SPHERE = "data/graphs/sphere.json"
FOLLOWING = {
    "fetch": {"store"},
    "store": {"graph", "train", "evaluate", "baseline", "summarize"},
    "graph": {"train", "evaluate"},
    "train": {"evaluate"},
    "evaluate": {"summarize", "report"},
    "baseline": {"summarize"},
    "summarize": {"report"},
    "report": set(),
}
"""Which stages take what a stage makes."""

RUNS = ["results/small/dense/seed-0", "results/small/global/seed-0"]
OUTPUTS = {
    "fetch": ["data/raw/weather.json"],
    "store": ["data/stores/complete.json"],
    "graph": ["data/graphs/near.json"],
    "train": [f"{run}/training.json" for run in RUNS],
    "evaluate": [f"{run}/evaluation.json" for run in RUNS],
    "baseline": [f"results/small/baselines/{task}.json" for task in ("next", "season")],
    "summarize": ["results/small/metrics.json"],
    "report": ["results/report.html"],
}
"""One output of each job of a stage."""


def with_what_follows(stages: set[str]) -> set[str]:
    """Return stages and all that take, directly or not, what they make."""
    found = set(stages)
    while (more := found.union(*(FOLLOWING[stage] for stage in found))) != found:
        found = more
    return found


def all_modules() -> list[str]:
    """Return the names of all modules of the package."""
    paths = [path.relative_to(SOURCE).with_suffix("") for path in SOURCE.rglob("*.py")]
    return sorted(".".join(path.parts).removesuffix(".__init__") for path in paths)


def module_file(folder: Path, module: str) -> Path:
    """Return the file of a module in a copy of the project."""
    path = folder / "src" / Path(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


FIRST_CALLED = [f"deepsphere.nn.kernels.{name}" for name in ("compiled", "gpu", "normalization")]
"""What networks load when they are first called, on one machine or another."""


@pytest.fixture(scope="module")
def loaded(finished: Any) -> dict[str, set[str]]:
    """Return the modules that Python really loads for each stage: the oracle.

    Importing the stage and what its settings name executes the imports, and ``sys.modules`` then
    says which modules of ours were loaded.
    """
    values = yaml.safe_load((finished.folder / "small.yaml").read_text())
    plan = Plan(check_configuration(values))
    runs = [("small", "dense", 0), ("small", "global", 0)]
    jobs = {
        "fetch": [plan.fetch("weather")],
        "store": [plan.store("complete")],
        "graph": [plan.graph("near")],
        "train": [plan.train(*run) for run in runs],
        "evaluate": [plan.evaluate(*run) for run in runs],
        "baseline": [plan.baseline("small", task) for task in ("next", "season")],
        "summarize": [plan.summarize("small")],
        "report": [plan.report()],
    }
    found = {}
    for stage, stage_jobs in jobs.items():
        roots = sorted({module for job in stage_jobs for module in job.modules})
        script = (
            "import importlib, sys\n"
            f"for name in {roots!r}: importlib.import_module(name)\n"
            "if 'deepsphere.nn.convolution' in sys.modules:\n"
            f"    for name in {FIRST_CALLED!r}: importlib.import_module(name)\n"
            "print(*(name for name in sys.modules if name.split('.')[0] == 'deepsphere'))"
        )
        command = [sys.executable, "-c", script]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        found[stage] = set(output.split())
    return found


def test_a_second_run_does_nothing(finished: Any) -> None:
    assert "Nothing to be done" in finished.run()


def test_each_stage_is_stale_where_a_module_is_edited_that_it_loads_and_nowhere_else(
    project: Any, loaded: dict[str, set[str]]
) -> None:
    """All modules are edited at once, and Snakemake names those that make a job stale.

    It does so where a job is stale for no other reason: each stage is planned by its rule alone.
    """
    modules = all_modules()
    files = {module: module_file(project.folder, module) for module in modules}
    before = {path: path.read_bytes() for path in files.values()}
    for path, content in before.items():
        path.write_bytes(content + b"\n# edited\n")
    for stage, outputs in OUTPUTS.items():
        planned = project.run(*outputs, "--allowed-rules", stage, "-n")
        reasons = re.findall(r"\nReason: Updated input files: (.*)", planned)
        assert len(reasons) == len(outputs), planned
        found = {name for reason in reasons for name in reason.split(", ")}
        expected = loaded[stage] & set(modules)
        assert found == {str(files[module].relative_to(project.folder)) for module in expected}, (
            stage
        )
    for path, content in before.items():
        path.write_bytes(content)
    assert project.stale() == set(), "reverting the edits must make everything fresh again"


@pytest.mark.parametrize(
    ("module", "stages"),
    [
        ("sources.ghcn.simulated_waves", {"fetch"}),
        ("sources.meshes.off", set()),
        ("tasks.day_of_year", {"train", "evaluate", "baseline"}),
        ("report.table", {"report"}),
    ],
)
def test_editing_a_module_reruns_what_follows_from_it(
    project: Any, module: str, stages: set[str]
) -> None:
    path = module_file(project.folder, f"deepsphere.{module}")
    path.write_bytes(path.read_bytes() + b"\n# edited\n")
    assert project.stale() == with_what_follows(stages)


def test_touching_and_checking_out_again_reruns_nothing(project: Any) -> None:
    for path in (*project.folder.rglob("*.py"), *project.folder.rglob("*.smk")):
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(content)
    for manifest in project.folder.rglob("data/*/*.json"):
        os.utime(manifest)
    assert project.stale() == set()


def change(configuration: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Return a configuration with another value at a dotted path."""
    changed = copy.deepcopy(configuration)
    *parents, last = path.split(".")
    place = changed
    for parent in parents:
        place = place.setdefault(parent, {})
    place[last] = value
    return changed


@pytest.mark.parametrize(
    ("path", "value", "stale"),
    [
        ("experiments.small.base.training.learning_rate", 0.002, {"train"}),
        (
            "experiments.small.variants.dense.model.kernel_size",
            2,
            {"train", "evaluate", "summarize"},
        ),
        ("experiments.small.variants.dense.title", "Renamed", {"summarize"}),
        ("experiments.small.tasks.next.title", "Renamed", {"summarize"}),
        ("experiments.small.tasks.season.channels", ["TMIN"], {"train", "evaluate", "baseline"}),
        ("graphs.near.neighbours", 5, {"graph"}),
        ("stores.complete.stations.share", 0.9, {"store"}),
        ("sources.weather.simulate.seed", 2, {"fetch"}),
        ("sources.weather.mirrors", ["https://example.org"], {"fetch"}),
    ],
)
def test_changing_a_setting_makes_the_stages_stale_that_use_it(
    project: Any, path: str, value: Any, stale: set[str]
) -> None:
    before = yaml.safe_load((project.folder / "small.yaml").read_text())
    project.write(change(before, path, value))
    assert project.stale() == with_what_follows(stale)


def test_swapping_two_values_is_seen(project: Any) -> None:
    before = yaml.safe_load((project.folder / "small.yaml").read_text())
    split = {"train": 0.6, "validation": 0.3, "test": 0.1}
    project.write(change(before, "stores.complete.split", split))
    assert project.stale() == with_what_follows({"store"})


def test_an_identical_rebuild_changes_no_manifest(project: Any) -> None:
    paths = [*project.folder.glob("data/*/*.json"), *project.folder.rglob("seed-0/*.json")]
    paths += list(project.folder.rglob("metrics.json"))
    before = {path: path.read_bytes() for path in paths}
    assert len(before) == 8
    project.run("--forceall")
    assert {path: path.read_bytes() for path in paths} == before


@pytest.fixture(scope="module")
def sphere(finished: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return a finished project in which a graph was built that no experiment asks for."""
    folder = tmp_path_factory.mktemp("sphere") / "project"
    shutil.copytree(finished.folder, folder, symlinks=True)
    project = type(finished)(folder)
    project.run(SPHERE)
    return project


def test_a_graph_that_no_experiment_uses_is_built_when_it_is_asked_for(
    sphere: Any, finished: Any
) -> None:
    assert not (finished.folder / SPHERE).exists()
    assert (sphere.folder / "data/graphs/sphere/graph.zarr/level-1/zarr.json").exists()
    levels = sphere.json(SPHERE)["levels"]
    assert [level["sampling"] for level in levels] == ["icosahedral:2", "icosahedral:1"]
    assert sphere.stale() == sphere.stale(SPHERE) == set()


@pytest.mark.parametrize(
    ("module", "stale"), [("samplings.cubed", set()), ("samplings.icosahedral", {"graph"})]
)
def test_a_graph_on_a_sampling_is_stale_where_its_own_family_is_edited(
    sphere: Any, module: str, stale: set[str]
) -> None:
    path = module_file(sphere.folder, f"deepsphere.{module}")
    before = path.read_bytes()
    path.write_bytes(before + b"\n# edited\n")
    found = sphere.stale(SPHERE)
    path.write_bytes(before)
    assert found == stale


def test_an_identical_rebuild_of_a_graph_changes_no_byte(sphere: Any) -> None:
    paths = [path for path in sphere.folder.glob("data/graphs/sphere/**/*") if path.is_file()]
    paths.append(sphere.folder / SPHERE)
    before = {path: path.read_bytes() for path in paths}
    assert len(before) > 20
    sphere.run(SPHERE, "--force")
    assert {path: path.read_bytes() for path in paths} == before
