"""What a configuration may say, and what is said about one that is wrong."""

import copy
import re
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from deepsphere.config.configuration import (
    Configuration,
    check_configuration,
    load_configuration,
)
from deepsphere.config.experiments import merge
from deepsphere.errors import DeepsphereError

ROOT = Path(__file__).parents[2]

SMALL = """
standalone: true
sources:
  records: {kind: ghcn, years: [2010, 2011]}
stores:
  maps: {kind: ghcn, source: records, elements: [TMIN, TMAX], split: {train: 0.7, test: 0.3}}
  others:
    kind: ghcn
    source: records
    elements: [TMAX]
    split: {train: 0.6, validation: 0.1, test: 0.3}
graphs:
  near: {store: maps, neighbours: 5}
  elsewhere: {store: others, neighbours: 5}
  sphere: {sampling: healpix:4, levels: 2}
experiments:
  trial:
    title: Trial
    seeds: [0, 1]
    tasks:
      next: {kind: forecast, store: maps, channels: [TMIN], window: 2}
      day: {kind: day-of-year, store: maps, channels: [TMIN]}
    base:
      protocol: published
      task: next
      graph: near
      model: {kind: dense-regressor, kernel_size: 3, widths: [4]}
      training: {epochs: 2, batch_size: 8, learning_rate: 0.01}
    variants:
      plain: {title: Plain}
      wide: {title: Wide, model: {widths: [8, 8]}}
      day: {title: Day, task: day, model: {kind: global-regressor, kernel_size: 3}}
"""


@pytest.fixture
def small() -> dict[str, Any]:
    return yaml.safe_load(SMALL)


def put(values: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Return a copy with the key at a path set, or removed if the value is ``...``."""
    result = copy.deepcopy(values)
    *parents, last = path.split("/")
    section = result
    for key in parents:
        section = section.setdefault(key, {})
    if value is ...:
        del section[last]
    else:
        section[last] = value
    return result


def message_of(values: dict[str, Any]) -> str:
    with pytest.raises(DeepsphereError) as caught:
        check_configuration(values)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith("configuration: ")
    return message.removeprefix("configuration: ")


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        for field in annotation.model_fields.values():
            yield from models_in(field.annotation)
    elif get_origin(annotation) in (Annotated, Union, UnionType, tuple, list, dict):
        for part in get_args(annotation):
            yield from models_in(part)


MODELS = sorted(set(models_in(Configuration)), key=lambda model: (model.__module__, model.__name__))


@pytest.mark.parametrize("name", ["config.yaml", "demo.yaml"])
def test_our_own_files_are_right(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    configuration = load_configuration([Path("config", name)])
    assert configuration.experiments["ghcn"].variants["p4"].model.kernel_size == 5


def test_the_controlled_experiment_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    configuration = load_configuration([Path("config/mock.yaml")])
    experiment = configuration.experiments["mock"]
    assert len(experiment.seeds) == 5
    # Spectra tell nothing, and no map of a seed is trained on and tested on.
    assert configuration.sources["mock"].simulate.match_variance
    assert configuration.stores["mock-n256"].split.kind == "seed-grouped"
    for name, noise in (("little", 0.5), ("much", 1)):
        task = experiment.tasks[name]
        assert (task.noise, task.parts, len(task.map_baselines)) == (noise, 12, 3)


def test_all_sections_are_found() -> None:
    names = {model.__name__ for model in MODELS}
    assert {"Configuration", "Paths", "Source", "Simulation", "Store", "Selection"} <= names
    assert {"Split", "GraphSettings", "Experiment", "Variant", "Published", "Training"} <= names
    assert {"Classifier", "DenseRegressor", "GlobalRegressor", "Task"} <= names


@pytest.mark.parametrize("model", MODELS, ids=lambda model: f"{model.__module__}.{model.__name__}")
def test_every_field_is_described_and_other_keys_are_refused(model: type[BaseModel]) -> None:
    assert model.model_config["extra"] == "forbid"
    assert model.model_config["frozen"]
    assert model.__doc__
    for name, field in model.model_fields.items():
        assert field.description, f"{model.__name__}.{name}"


def test_the_small_configuration_is_right(small: dict[str, Any]) -> None:
    trial = check_configuration(small).experiments["trial"]
    assert trial.variants["wide"].model.widths == (8, 8)
    assert trial.variants["wide"].model.kernel_size == 3
    assert trial.variants["day"].model.widths == (50, 100, 100)


WRONG = [
    # A key that is not known, at every level.
    ("store", {}, "store: unknown key, did you mean 'stores'? allowed: "),
    ("paths/figures", "here", "paths.figures: unknown key; allowed: raw, stores, graphs"),
    ("sources/records/year", 2010, "sources.records.year: unknown key, did you mean 'years'?"),
    ("stores/maps/spilt", {}, "stores.maps.spilt: unknown key, did you mean 'split'? allowed:"),
    ("stores/maps/split/valid", 0, "stores.maps.split.valid: unknown key, did you mean 'validat"),
    ("stores/maps/stations/q", 0, "stores.maps.stations.q: unknown key; allowed: share, period"),
    ("graphs/near/neighbors", 5, "graphs.near.neighbors: unknown key, did you mean 'neighbours'?"),
    ("experiments/trial/seed", [0], "experiments.trial.seed: unknown key, did you mean 'seeds'?"),
    (
        "experiments/trial/tasks/next/windows",
        3,
        "experiments.trial.tasks.next.windows: unknown key, did you mean 'window'? allowed: ",
    ),
    (
        "experiments/trial/variants/wide/colour",
        "red",
        "experiments.trial.variants.wide.colour: unknown key; allowed: ",
    ),
    (
        "experiments/trial/variants/wide/model/kernel",
        3,
        "experiments.trial.variants.wide.model.kernel: unknown key, did you mean 'kernel_size'?",
    ),
    (
        "experiments/trial/base/training/epoch",
        3,
        "experiments.trial.base.training.epoch: unknown key, did you mean 'epochs'?",
    ),
    ("experiments/trial/base/grahp", "a", "experiments.trial.base.grahp: unknown key, did you m"),
    # A value of the wrong type.
    ("graphs/near/neighbours", "many", 'graphs.near.neighbours: found "many"; input should be a v'),
    ("graphs/near/neighbours", True, "graphs.near.neighbours: found true or false; give a number"),
    ("sources/records/years", 2010, "sources.records.years: found 2010; input should be a valid l"),
    ("sources/records", None, "sources.records: found null; input should be a valid mapping"),
    ("stores", ["maps"], 'stores: found ["maps"]; input should be a valid mapping'),
    ("experiments/trial/base", 3, "experiments.trial.base: found 3; input should be a valid mapp"),
    (
        "experiments/trial/base/training/learning_rate",
        "fast",
        'experiments.trial.base.training.learning_rate: found "fast"; input should be a valid num',
    ),
    ("experiments/trial/seeds", [0, True], "experiments.trial.seeds: found true or false; give a"),
    # A value out of its range.
    ("stores/maps/split/train", 2, "stores.maps.split.train: found 2; input should be less than 1"),
    ("graphs/near/width", float("nan"), "graphs.near.width: found NaN; input should be a finite n"),
    ("graphs/sphere/levels", 0, "graphs.sphere.levels: found 0; input should be greater than or e"),
    (
        "experiments/trial/variants/wide/model/widths",
        [8, 0],
        "experiments.trial.variants.wide.model.widths.1: found 0; input should be greater than or",
    ),
    (
        "experiments/trial/base/model/kernel_size",
        0,
        "experiments.trial.base.model.kernel_size: found 0; input should be greater than or equal",
    ),
    ("experiments/trial/seeds", [], "experiments.trial.seeds: found []; list should have at leas"),
    ("experiments/trial/seeds", [1, 1], "experiments.trial.seeds: found [1, 1]; give different"),
    ("experiments/trial/seeds", [-1], "experiments.trial.seeds.0: found -1; input should be grea"),
    ("experiments/trial/variants", {}, "experiments.trial.variants: found {}; mapping should hav"),
    ("sources/records/years", [2014, 2010], "sources.records.years: found [2014, 2010]; give the"),
    # A value that is none of those allowed.
    (
        "graphs/near/weights",
        "none",
        "graphs.near.weights: found \"none\"; allowed: 'gaussian', 'unweighted', 'inverse-",
    ),
    (
        "graphs/sphere/sampling",
        "healpix:abc",
        'graphs.sphere.sampling: found "healpix:abc"; healpix: give an nside, as in "healpix:32"',
    ),
    (
        "graphs/sphere/sampling",
        "sphere",
        'graphs.sphere.sampling: found "sphere"; the kinds are healpix, icosahedral, ugscnn, equ',
    ),
    (
        "experiments/trial/tasks/next/kind",
        "guess",
        "experiments.trial.tasks.next.kind: found \"guess\"; allowed: 'forecast', 'day-of-year'",
    ),
    (
        "experiments/trial/base/model/kind",
        "cnn",
        'experiments.trial.base.model.kind: found "cnn"; allowed: '
        "'dense-regressor', 'global-regressor'",
    ),
    ("stores/maps/kind", "era5", "stores.maps.kind: found \"era5\"; allowed: 'ghcn'"),
    (
        "stores/maps/elements",
        ["TMEAN"],
        "stores.maps.elements: found [\"TMEAN\"]; unknown GHCN element 'TMEAN'; known are ACMH",
    ),
    # A key that is missing.
    ("graphs", ..., "graphs: missing"),
    ("stores/maps/split", ..., "stores.maps.split: missing"),
    ("experiments/trial/tasks/next/kind", ..., "experiments.trial.tasks.next.kind: missing"),
    (
        "experiments/trial/variants/plain/title",
        ...,
        "experiments.trial.variants.plain.title: missing; give it here or in experiments.trial.bas",
    ),
    (
        "experiments/trial/base/training/epochs",
        ...,
        "experiments.trial.variants.plain.training.epochs: missing; give it here or in experiments",
    ),
    # A name that nothing has.
    ("stores/maps/source", "ghcn", "stores.maps.source: found 'ghcn'; the sources are records"),
    ("graphs/near/store", "mops", "graphs.near.store: found 'mops'; the stores are maps, others"),
    (
        "experiments/trial/tasks/next/store",
        "mops",
        "experiments.trial.tasks.next.store: found 'mops'; the stores are maps, others",
    ),
    (
        "experiments/trial/tasks/next/channels",
        ["PRCP"],
        "experiments.trial.tasks.next.channels: found 'PRCP'; its store has TMIN, TMAX",
    ),
    (
        "experiments/trial/variants/wide/task",
        "yesterday",
        "experiments.trial.variants.wide.task: found 'yesterday'; the tasks are next, day",
    ),
    (
        "experiments/trial/base/graph",
        "far",
        "experiments.trial.base.graph: found 'far'; the graphs are near, elsewhere, sphere",
    ),
    # Parts that do not fit together.
    ("graphs/near/sampling", "healpix:4", "graphs.near.store: give a store or a sampling, and not"),
    (
        "graphs/sphere/sampling",
        ...,
        "graphs.sphere.store: give a store or a sampling, and not both",
    ),
    ("graphs/near/radius", 0.1, "graphs.near.radius: goes with edges: radius; give both or neith"),
    (
        "graphs/near",
        {"store": "maps", "laplacian": "normalized", "areas": True},
        "graphs.near.areas: is for the combinatorial Laplacian; leave it out with the normalized",
    ),
    (
        "experiments/trial/variants/plain/graph",
        "sphere",
        "experiments.trial.variants.plain.graph: found 'sphere', a graph on the sampling "
        "'healpix:4'; the task 'next' uses 'maps'",
    ),
    (
        "experiments/trial/variants/plain/graph",
        "elsewhere",
        "experiments.trial.variants.plain.graph: found 'elsewhere', a graph on the store 'others'; "
        "the task 'next' uses 'maps'",
    ),
    (
        "graphs/near/parts",
        12,
        "graphs.near.parts: found 12 on stations; it is for healpix",
    ),
    (
        "experiments/trial/variants/day/model",
        {"kind": "dense-regressor", "kernel_size": 3},
        "experiments.trial.variants.day.model.kind: found 'dense-regressor'; "
        "a task of kind 'day-of-year' takes global-regressor",
    ),
    (
        "experiments/trial/variants/plain/training",
        {"select": "best"},
        "experiments.trial.variants.plain.training.select: found 'best'; the store 'maps' has no "
        "validation samples to select on",
    ),
    ("stores/maps/split/test", 0.2, 'stores.maps.split: found {"train": 0.7, "test": 0.2}; the s'),
    # Names and paths that would end outside their folder, in a shell or in each other.
    ("stores/a|b", {}, "stores.a|b: this is no name; use letters, digits, underscore and hyphen"),
    ("graphs/..", {}, "graphs...: this is no name"),
    ("graphs/-n", {}, "graphs.-n: this is no name"),
    ("experiments/figures", ..., "experiments.figures: this name is taken"),
    (
        "experiments/trial/variants/baselines",
        ...,
        "experiments.trial.variants.baselines: this name",
    ),
    ("paths/logs", "logs; rm -rf .", 'paths.logs: found "logs; rm -rf ."; use letters, digits and'),
    ("paths/raw", "{source}", 'paths.raw: found "{source}"; use letters'),
    ("paths/raw", "~/data", 'paths.raw: found "~/data"; use letters'),
    ("paths/stores", "data/raw/", "paths.stores: found 'data/raw', which is raw too; give each"),
]


@pytest.mark.parametrize(("path", "value", "expected"), WRONG, ids=[path for path, _, _ in WRONG])
def test_what_is_wrong_is_said_in_one_line_with_its_path(
    small: dict[str, Any], path: str, value: Any, expected: str
) -> None:
    copies = {
        "experiments/figures": small["experiments"]["trial"],
        "experiments/trial/variants/baselines": {"title": "Taken"},
    }
    assert message_of(put(small, path, copies.get(path, value))).startswith(expected)


def test_name_with_a_slash_is_refused_everywhere(small: dict[str, Any]) -> None:
    for section in (
        small["sources"],
        small["stores"],
        small["graphs"],
        small["experiments"],
        small["experiments"]["trial"]["tasks"],
        small["experiments"]["trial"]["variants"],
    ):
        values = copy.deepcopy(small)
        first = next(iter(section))
        section["../up"] = section[first]
        assert "../up: this is no name" in message_of(small)
        del section["../up"]
        assert small == values


def test_an_error_of_the_base_is_told_once(small: dict[str, Any]) -> None:
    message = message_of(put(small, "experiments/trial/base/training/epochs", 0))
    path = "experiments.trial.base.training.epochs"
    assert message == f"{path}: found 0; input should be greater than or equal to 1"


def test_a_variant_that_says_so_itself_is_blamed_itself(small: dict[str, Any]) -> None:
    values = put(small, "experiments/trial/variants/wide/training/epochs", 0)
    assert message_of(values).startswith("experiments.trial.variants.wide.training.epochs: found 0")


def test_only_graph_convolutions_are_computed_again(small: dict[str, Any]) -> None:
    put_at = "experiments/trial/variants/wide"
    changed = put(small, f"{put_at}/training", {"recompute": True})
    assert check_configuration(changed).experiments["trial"].variants["wide"].training.recompute
    changed = put(changed, f"{put_at}/model", {"kind": "planar-classifier"})
    assert message_of(changed) == (
        "experiments.trial.variants.wide.training.recompute: found true; only graph convolutions "
        "are computed again, and 'planar-classifier' has none: leave it out"
    )


def test_errors_are_counted(small: dict[str, Any]) -> None:
    values = put(put(small, "graphs/near/neighbours", 0), "graphs/near/width", 0)
    assert message_of(values) == (
        "graphs.near.neighbours: found 0; input should be greater than or equal to 1 (and 1 more)"
    )


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 9) | st.floats() | st.text(max_size=5),
    lambda children: (
        st.lists(children, max_size=2) | st.dictionaries(st.text(max_size=5), children, max_size=2)
    ),
    max_leaves=4,
)


def paths_of(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    items = value.items() if isinstance(value, dict) else ()
    for key, part in items:
        yield from paths_of(part, (*path, key))


@settings(derandomize=True, max_examples=300, deadline=None)
@given(path=st.sampled_from(sorted(paths_of(yaml.safe_load(SMALL)))[1:]), junk=JUNK)
def test_junk_anywhere_is_accepted_or_refused_in_one_line(path: tuple[str, ...], junk: Any) -> None:
    values = yaml.safe_load(SMALL)
    section = values
    for key in path[:-1]:
        section = section[key]
    section[path[-1]] = junk
    try:
        check_configuration(values)
    except DeepsphereError as error:
        assert "\n" not in str(error)


def test_null_removes_a_variant(small: dict[str, Any]) -> None:
    trial = check_configuration(put(small, "experiments/trial/variants/day", None))
    assert list(trial.experiments["trial"].variants) == ["plain", "wide"]


def test_whole_paths_are_kept_and_tidied(small: dict[str, Any]) -> None:
    paths = {"raw": "/scratch/me/raw/", "stores": "./a//b", "graphs": "../graphs"}
    found = check_configuration({**small, "paths": paths}).paths
    assert (found.raw, found.stores, found.graphs) == ("/scratch/me/raw", "a/b", "../graphs")


def test_merging() -> None:
    under = {"a": {"b": 1, "c": [1, 2]}, "d": {"kind": "x", "only": 1, "both": 1}}
    assert merge(under, {"a": {"c": [3]}}) == {**under, "a": {"b": 1, "c": [3]}}
    assert merge(under, {"d": {"both": 2}})["d"] == {"kind": "x", "only": 1, "both": 2}
    assert merge(under, {"d": {"kind": "x", "both": 2}})["d"]["only"] == 1
    assert merge(under, {"d": {"kind": "y", "both": 2}})["d"] == {"kind": "y", "both": 2}
    assert merge(under, {"a": None})["a"] is None
    assert under == {"a": {"b": 1, "c": [1, 2]}, "d": {"kind": "x", "only": 1, "both": 1}}


TREES = st.recursive(
    st.integers(0, 3),
    lambda children: st.dictionaries(st.sampled_from("abc"), children, max_size=3),
    max_leaves=8,
)
SECTIONS = st.dictionaries(st.sampled_from("abc"), TREES, max_size=3)


@settings(derandomize=True, max_examples=200)
@given(SECTIONS, SECTIONS, SECTIONS)
def test_laying_files_over_one_another_does_not_depend_on_the_grouping(
    first: dict[str, Any], second: dict[str, Any], third: dict[str, Any]
) -> None:
    assert merge(first, {}) == merge({}, first) == merge(first, first) == first
    onto_one = merge(merge(first, second), third)
    if all(isinstance(part, dict) for tree in (first, second, third) for part in tree.values()):
        assert set(onto_one) == {*first, *second, *third}
    for key, value in third.items():
        if not isinstance(value, dict):
            assert onto_one[key] == value


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a ``config/config.yaml`` of its own."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config/config.yaml").write_text(SMALL.replace("standalone: true", ""))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_three_lines_of_the_readme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    block = re.search(r"```yaml\n# mine\.yaml\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    assert block
    assert block[1].count("\n") == 3
    overlay = tmp_path / "mine.yaml"
    overlay.write_text(block[1])
    mine, published = load_configuration([overlay]), load_configuration([])
    assert mine.sources["ghcn"].mirrors == ("/data/ghcn",)
    assert mine.sources["ghcn"].records == "ghcnd_hcn.tar.gz"
    assert mine.sources["ghcn"].years == published.sources["ghcn"].years
    assert mine.experiments == published.experiments
    assert mine.stores == published.stores


def test_later_files_lie_on_top(project: Path) -> None:
    first, second = project / "a.yaml", project / "b.yaml"
    first.write_text("graphs: {near: {neighbours: 7, laplacian: normalized}}")
    second.write_text("graphs: {near: {neighbours: 8}}")
    near = load_configuration([first, second]).graphs["near"]
    assert (near.neighbours, near.laplacian, near.store) == (8, "normalized", "maps")
    assert load_configuration([second, first]).graphs["near"].neighbours == 7


def test_a_standalone_file_lies_over_nothing(project: Path) -> None:
    alone = project / "alone.yaml"
    text = SMALL.replace("wide:", "other:")
    alone.write_text(text)
    assert list(load_configuration([alone]).experiments["trial"].variants)[1] == "other"
    alone.write_text(text.replace("standalone: true", ""))
    assert list(load_configuration([alone]).experiments["trial"].variants)[-1] == "other"


def test_the_default_file_named_in_full_is_the_default_file(project: Path) -> None:
    named = [
        Path("config/config.yaml"),
        Path("./config/config.yaml"),
        project / "config/config.yaml",
    ]
    assert all(load_configuration([path]) == load_configuration([]) for path in named)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"- a\n- b\n", "holds a list, not a mapping of keys"),
        (b"", "holds a NoneType, not a mapping of keys"),
        (b"a: [1, 2\n", "is not YAML: .*line 2"),
        (b"a: \xff\xfe", "is not YAML"),
        (
            b"a: !!python/object/apply:os.getcwd []",
            "is not YAML: could not determine a constructor",
        ),
    ],
)
def test_a_file_that_is_no_mapping(project: Path, content: bytes, message: str) -> None:
    (project / "bad.yaml").write_bytes(content)
    with pytest.raises(DeepsphereError, match=f"configuration: .*bad.yaml {message}") as caught:
        load_configuration([project / "bad.yaml"])
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        DeepsphereError, match=r"config/config\.yaml does not exist; run in the folder"
    ):
        load_configuration([])
    with pytest.raises(DeepsphereError, match="folder cannot be read: Is a directory"):
        (tmp_path / "folder").mkdir()
        load_configuration([tmp_path / "folder"])
