"""A stage's settings hold what decides its output, and nothing else."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from deepsphere.config.configuration import check_configuration
from deepsphere.errors import DeepsphereError
from deepsphere.plan import Job, Plan
from deepsphere.provenance import source_files

ROOT = Path(__file__).parents[1]
STAGES = ("fetch", "store", "graph", "train", "evaluate", "baseline", "summarize", "report")
OF_A_RUN = {"train", "evaluate"}


def values(name: str = "config.yaml") -> dict[str, Any]:
    return yaml.safe_load((ROOT / "config" / name).read_text())


def jobs(settings: dict[str, Any]) -> dict[tuple[Any, ...], Job]:
    """Return all jobs of a configuration by stage and names."""
    plan = Plan(check_configuration(settings))
    configuration = plan.configuration
    found: dict[tuple[Any, ...], Job] = {("report",): plan.report()}
    for stage in ("fetch", "store", "graph"):
        for name in getattr(configuration, {"fetch": "sources"}.get(stage, f"{stage}s")):
            found[stage, name] = getattr(plan, stage)(name)
    for name, experiment in configuration.experiments.items():
        found["summarize", name] = plan.summarize(name)
        for task in experiment.tasks:
            found["baseline", name, task] = plan.baseline(name, task)
        for variant in experiment.variants:
            for seed in experiment.seeds:
                for stage in OF_A_RUN:
                    found[stage, name, variant, seed] = getattr(plan, stage)(name, variant, seed)
    return found


@pytest.fixture(scope="module")
def published() -> dict[tuple[Any, ...], Job]:
    return jobs(values())


def parts_of(value: Any) -> Iterator[Any]:
    yield value
    if type(value) is dict:
        for key, part in value.items():
            yield key
            yield from parts_of(part)
    elif type(value) is list:
        for part in value:
            yield from parts_of(part)


def keys_of(value: Any) -> set[str]:
    return {key for part in parts_of(value) if isinstance(part, dict) for key in part}


@pytest.mark.parametrize("name", ["config.yaml", "demo.yaml", "mock.yaml"])
def test_every_stage_has_jobs_of_builtin_types_only(name: str) -> None:
    found = jobs(values(name))
    assert {stage for stage, *_ in found} == set(STAGES)
    allowed = (dict, list, str, int, float, bool, type(None))
    for key, job in found.items():
        others = {type(part) for part in parts_of(job.settings)} - set(allowed)
        assert not others, key
        assert source_files(job.modules)


def test_no_two_jobs_write_the_same_file(published: dict[tuple[Any, ...], Job]) -> None:
    outputs = [
        job.settings[key]
        for (stage, *_), job in published.items()
        for key in {
            "baseline": ["output"],
            "evaluate": ["evaluation", "predictions", "filters"],
        }.get(stage, ["manifest", "folder", "metrics", "report", "figures"])
        if key in job.settings
    ]
    assert len(outputs) == len(set(outputs)) > len(published)


def test_what_is_computed_has_no_title(published: dict[tuple[Any, ...], Job]) -> None:
    for (stage, *_), job in published.items():
        has_titles = {"title", "published", "protocol"} & keys_of(job.settings)
        assert bool(has_titles) == (stage == "summarize"), stage


def change(settings: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Return a copy with the keys at a path, separated by slashes, set; ``...`` removes."""
    result = copy.deepcopy(settings)
    *parents, last = path.split("/")
    section = result
    for key in parents:
        section = section.setdefault(key, {})
    if value is ...:
        del section[last]
    else:
        section[last] = value
    return result


TASK = "experiments/ghcn/tasks/temperature-w2"
VARIANT = "experiments/ghcn/variants/p1"
RANKED = "experiments/shrec17/tasks/sound"
NOISY = "experiments/cosmo/tasks/o1-n2"
PRINTED = {"linear": {"metrics": {"mse": 9.5}, "source": "a thesis"}}
BASE = "experiments/ghcn/base"
STORE = "stores/ghcn-precipitation-sound"

CHANGES = [
    ("sources/ghcn/mirrors", ["/data/ghcn"], {"fetch"}),
    ("sources/ghcn/hashes", {"by_year/2010.csv.gz": "0" * 64}, {"fetch"}),
    ("sources/ghcn/simulate", {"stations": 50}, {"fetch"}),
    ("sources/ghcn/years", [2010, 2015], {"fetch", "store"}),
    ("sources/ghcn/records", "parquet", {"fetch", "store"}),
    (f"{STORE}/stations/share", 0.95, {"store"}),
    (f"{STORE}/split", {"train": 0.5, "validation": 0.2, "test": 0.3}, {"store"}),
    ("graphs/ghcn-temperature-k5/neighbours", 4, {"graph"}),
    ("graphs/ghcn-temperature-k5/laplacian", "normalized", {"graph"}),
    ("graphs/ghcn-temperature-k5/levels", 2, {"graph"}),
    ("experiments/ghcn/title", "Weather", {"summarize"}),
    (f"{TASK}/title", "Two days", {"summarize"}),
    (f"{TASK}/published", PRINTED, {"summarize"}),
    (f"{NOISY}/published", ..., {"summarize"}),
    (f"{TASK}/normalization", "train", {"train", "evaluate", "baseline"}),
    (f"{TASK}/window", 3, {"train", "evaluate", "baseline"}),
    (f"{RANKED}/ranking", "thresholds", {"evaluate", "baseline"}),
    (f"{RANKED}/triplet", 0.5, {"train", "evaluate", "baseline"}),
    (f"{VARIANT}/title", "First order", {"summarize"}),
    ("experiments/ghcn/variants/p4-sound/protocol", "published", {"summarize"}),
    (f"{VARIANT}/published", ..., {"summarize"}),
    (f"{VARIANT}/training", {"learning_rate": 0.01}, {"train"}),
    (f"{VARIANT}/training", {"epochs": 3}, {"train"}),
    (f"{VARIANT}/training", {"device": "cpu"}, {"train", "evaluate"}),
    (f"{VARIANT}/model", {"kernel_size": 3}, {"train", "evaluate", "summarize"}),
    (f"{VARIANT}/graph", "ghcn-temperature-k5", {"train", "evaluate", "summarize"}),
    (f"{BASE}/training/learning_rate", 0.01, {"train"}),
    ("paths/logs", "elsewhere", set()),
]


@pytest.mark.parametrize(("path", "value", "stages"), CHANGES, ids=[path for path, _, _ in CHANGES])
def test_a_change_reaches_the_stages_that_it_concerns(
    published: dict[tuple[Any, ...], Job], path: str, value: Any, stages: set[str]
) -> None:
    changed = jobs(change(values(), path, value))
    assert changed.keys() == published.keys()
    reached = [key for key, job in changed.items() if job.settings != published[key].settings]
    assert {stage for stage, *_ in reached} == stages
    *_, section, name = path.split("/")[:4]
    for key in reached:
        if key[0] in ("store", "graph") and path.split("/")[0] != "sources":
            assert key[1] == path.split("/")[1]
        if section == "variants" and key[0] in OF_A_RUN:
            assert key[2] == name


def test_published_baselines_go_to_the_table_of_their_task() -> None:
    tasks = jobs(change(values(), f"{TASK}/published", PRINTED))["summarize", "ghcn"].settings[
        "tasks"
    ]
    printed = {"linear": {"metrics": {"mse": 9.5}, "source": "a thesis", "note": None}}
    assert tasks.pop("temperature-w2")["published"] == printed
    assert all(task["published"] == {} for task in tasks.values())


def test_a_learning_rate_of_one_variant_trains_its_seeds_only(
    published: dict[tuple[Any, ...], Job],
) -> None:
    changed = jobs(change(values(), f"{VARIANT}/training", {"learning_rate": 0.01}))
    reached = {key for key, job in changed.items() if job.settings != published[key].settings}
    assert reached == {("train", "ghcn", "p1", seed) for seed in (0, 1, 2)}


def test_one_more_seed_leaves_the_others_alone(published: dict[tuple[Any, ...], Job]) -> None:
    changed = jobs(change(values(), "experiments/ghcn/seeds", [0, 1, 2, 3]))
    assert {key[3] for key in changed.keys() - published.keys()} == {3}
    reached = {key for key, job in published.items() if job.settings != changed[key].settings}
    assert reached == {("summarize", "ghcn"), ("report",)}


def test_one_variant_less_leaves_the_others_alone(published: dict[tuple[Any, ...], Job]) -> None:
    changed = jobs(change(values(), VARIANT, None))
    assert {key[2] for key in published.keys() - changed.keys()} == {"p1"}
    reached = {key for key, job in changed.items() if job.settings != published[key].settings}
    assert reached == {("summarize", "ghcn"), ("report",)}


def test_the_order_of_keys_does_not_matter_to_what_is_computed(
    published: dict[tuple[Any, ...], Job],
) -> None:
    backwards = values()
    for section in ("sources", "stores", "graphs"):
        backwards[section] = {
            name: dict(reversed(part.items()))
            for name, part in reversed(backwards[section].items())
        }
    assert {key: job.settings for key, job in jobs(backwards).items()} == {
        key: job.settings for key, job in published.items()
    }


def test_the_roots_of_the_code_follow_the_kinds(published: dict[tuple[Any, ...], Job]) -> None:
    assert published["train", "ghcn", "p4", 0].modules == (
        "deepsphere.stages.train",
        "deepsphere.tasks.forecast",
        "deepsphere.nn.models.dense_regressor",
    )
    assert published["evaluate", "ghcn", "day-temperature-p4", 0].modules[1:] == (
        "deepsphere.tasks.day_of_year",
        "deepsphere.nn.models.global_regressor",
    )
    assert published["fetch", "ghcn"].modules[1] == "deepsphere.sources.ghcn.raw"
    simulated = jobs(values("demo.yaml"))["fetch", "ghcn"]
    assert simulated.modules[1] == "deepsphere.sources.ghcn.simulator"


def with_graph(graph: dict[str, Any]) -> Plan:
    return Plan(check_configuration(change(values(), "graphs/sphere", graph)))


def test_a_graph_on_a_sampling_takes_nothing_but_the_family_that_it_names() -> None:
    job = with_graph({"sampling": "gauss-legendre:6x12", "levels": 2}).graph("sphere")
    assert job.settings.keys() == {"name", "graph", "folder", "manifest"}
    assert job.settings["graph"]["sampling"] == "gauss-legendre:6x12"
    assert job.settings["graph"]["store"] is None
    assert job.settings["folder"] == "data/graphs/sphere"
    assert job.settings["manifest"] == "data/graphs/sphere.json"
    assert job.modules == ("deepsphere.stages.graph", "deepsphere.samplings.gauss_legendre")


def test_a_graph_on_a_store_takes_its_stations(published: dict[tuple[Any, ...], Job]) -> None:
    job = published["graph", "ghcn-temperature-k10"]
    assert job.settings["store"] == "data/stores/ghcn-temperature"
    assert job.settings["store_manifest"] == "data/stores/ghcn-temperature.json"
    assert job.settings["graph"]["sampling"] is None
    assert job.modules == ("deepsphere.stages.graph",)


FAMILIES = {
    "healpix:4": "healpix",
    "healpix:8:3/192": "healpix",
    "icosahedral:2": "icosahedral",
    "ugscnn:2": "ugscnn",
    "equiangular:8x16": "equiangular",
    "gauss-legendre:6x12": "gauss_legendre",
    "octahedral:4": "octahedral",
    "cubed:4": "cubed",
    "fibonacci:50": "fibonacci",
}
"""Modules of families, by a sampling of each."""


@pytest.mark.parametrize("sampling", FAMILIES)
def test_the_code_of_a_graph_on_a_sampling_is_that_of_its_family(sampling: str) -> None:
    """Editing one family leaves the graphs on others alone, unless one is made of the other."""
    job = with_graph({"sampling": sampling}).graph("sphere")
    code = {path.stem for path in source_files(job.modules) if path.parent.name == "samplings"}
    family = FAMILIES[sampling]
    # The rings of an octahedral grid are at the nodes of Gauss and Legendre.
    made_of = {"octahedral": {"octahedral", "gauss_legendre"}}.get(family, {family})
    assert code & set(FAMILIES.values()) == made_of
    assert {"sampling", "masked", "stations"} <= code


def test_the_code_of_a_graph_on_a_store_has_no_other_family(
    published: dict[tuple[Any, ...], Job],
) -> None:
    code = {path.stem for path in source_files(published["graph", "ghcn-temperature-k10"].modules)}
    assert not code & set(FAMILIES.values())
    assert "reader" in code


@pytest.mark.parametrize(
    ("stage", "names", "message"),
    [
        ("fetch", ["era5"], "there is no source 'era5'; the configuration has ghcn"),
        ("store", ["maps"], "there is no store 'maps'; the configuration has ghcn-temperature, gh"),
        ("graph", ["k3"], "there is no graph 'k3'; the configuration has ghcn-temperature-k10, gh"),
        ("train", ["shrec", "p4", 0], "there is no experiment 'shrec'; the configuration has ghcn"),
        ("train", ["ghcn", "p5", 0], "there is no variant of ghcn 'p5'; the configuration has p0,"),
        ("evaluate", ["ghcn", "p4", 7], "ghcn has no seed 7; its seeds are 0, 1, 2"),
        ("baseline", ["ghcn", "wind"], "there is no task 'wind'; the configuration has temperatur"),
        ("summarize", ["shrec"], "there is no experiment 'shrec'; the configuration has ghcn"),
    ],
)
def test_a_name_that_nothing_has(stage: str, names: list[Any], message: str) -> None:
    plan = Plan(check_configuration(values()))
    with pytest.raises(DeepsphereError) as caught:
        getattr(plan, stage)(*names)
    assert str(caught.value).startswith(message)
