"""The whole configuration: reading its files, checking them, saying what is wrong.

The files are laid over one another, later ones on top: first ``config/config.yaml`` (unless a
file says ``standalone: true``), then the others in the order given.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError, model_validator

from deepsphere.config.base import Name, StrictModel, wrong
from deepsphere.config.dask import Dask
from deepsphere.config.experiments import Experiment, Variant, merge
from deepsphere.config.explanation import explain
from deepsphere.config.graphs import GraphSettings
from deepsphere.config.kinds import Source, Store
from deepsphere.config.paths import Paths
from deepsphere.errors import DeepsphereError

DEFAULT_FILE = Path("config/config.yaml")

_FIGURES = "figures"
_BASELINES = "baselines"


class Configuration(StrictModel):
    """Sources, stores, graphs and experiments, each by its name."""

    standalone: bool = Field(
        default=False, description="true: this file is complete, and lies over no other"
    )
    paths: Paths = Field(default_factory=Paths, description="where the files go")
    dask: Dask = Field(default_factory=Dask, description="where stores are made")
    sources: dict[Name, Source] = Field(description="data sets as their publishers ship them")
    stores: dict[Name, Store] = Field(description="samples on one sampling, made of a source")
    graphs: dict[Name, GraphSettings] = Field(description="graphs on the samplings of stores")
    experiments: dict[Name, Experiment] = Field(description="what is trained and compared")

    @model_validator(mode="after")
    def _references_exist(self) -> "Configuration":
        for name, store in self.stores.items():
            where = ["stores", name]
            source = _known("source", store.source, self.sources, [*where, "source"])
            if source.kind != store.kind:
                raise wrong(
                    [*where, "kind"],
                    f"found {store.kind!r}; its source {store.source!r} is of kind {source.kind!r}",
                )
        for name, graph in self.graphs.items():
            if graph.store is not None:
                store = _known("store", graph.store, self.stores, ["graphs", name, "store"])
                try:
                    graph.check_parts(_sampling(store))
                except ValueError as error:
                    raise wrong(["graphs", name, "parts"], str(error)) from None
        for name, experiment in self.experiments.items():
            self._check_experiment(["experiments", name], experiment)
        if _FIGURES in self.experiments:
            raise wrong(
                ["experiments", _FIGURES], "this name is taken: the report puts its figures there"
            )
        return self

    def _check_experiment(self, where: list[str], experiment: Experiment) -> None:
        for name, task in experiment.tasks.items():
            of_task = [*where, "tasks", name]
            store = _known("store", task.store, self.stores, [*of_task, "store"])
            try:
                # Only stores of meshes have copies.
                task.check_store(store.channels, getattr(store, "copies", ()))
            except ValueError as error:
                key, _, message = str(error).partition(": ")
                raise wrong([*of_task, key], message) from None
        for name, variant in experiment.variants.items():
            self._check_variant([*where, "variants", name], variant, experiment)
        if _BASELINES in experiment.variants:
            raise wrong(
                [*where, "variants", _BASELINES],
                "this name is taken: the baselines of the tasks are put there",
            )

    def _check_variant(self, where: list[str], variant: Variant, experiment: Experiment) -> None:
        task = _known("task", variant.task, experiment.tasks, [*where, "task"])
        graph = _known("graph", variant.graph, self.graphs, [*where, "graph"])
        store = self.stores[task.store]
        sampling = _sampling(store)
        if graph.store != task.store and (sampling is None or graph.sampling != sampling):
            on = "" if sampling is None else f", which is on {sampling!r}"
            raise wrong(
                [*where, "graph"],
                f"found {variant.graph!r}, a graph on {_place(graph)}; "
                f"the task {variant.task!r} uses {task.store!r}{on}",
            )
        # Only tasks that answer for whole maps have parts.
        parts = getattr(task, "parts", 1)
        if graph.parts != parts:
            raise wrong(
                [*where, "graph"],
                f"found {variant.graph!r}, of parts: {graph.parts}; the task {variant.task!r} has "
                f"parts: {parts}; give both the same",
            )
        if variant.model.depth > graph.levels:
            raise wrong(
                [*where, "graph"],
                f"found {variant.graph!r}, of levels: {graph.levels}; the model works on "
                f"{variant.model.depth}: give the graph more levels, or the model fewer layers",
            )
        if variant.model.kind not in task.accepted_models:
            raise wrong(
                [*where, "model", "kind"],
                f"found {variant.model.kind!r}; "
                f"a task of kind {task.kind!r} takes {' or '.join(task.accepted_models)}",
            )
        if variant.training.select == "best" and self._validation_share(store) == 0:
            raise wrong(
                [*where, "training", "select"],
                f"found 'best'; the store {task.store!r} has no validation samples to select on: "
                "set the share of validation in its split, or in its source; or select last",
            )
        ahead = store.looks_ahead or task.looks_ahead
        if variant.protocol == "sound" and ahead:
            raise wrong(
                [*where, "protocol"],
                f"found 'sound', but {ahead} uses knowledge of the test samples; "
                "change that, or the protocol",
            )

    def _validation_share(self, store: Any) -> float | None:
        """Return the share of the samples to select on; None if the raw files tell."""
        divided = getattr(store, "split", self.sources[store.source])
        share: float | None = getattr(divided, "validation", None)
        return share


def load_configuration(
    files: Sequence[Path], overrides: Mapping[str, Any] | None = None
) -> Configuration:
    """Read configuration files, lay them over one another and check the result.

    Parameters
    ----------
    files : sequence of Path
        YAML files, later ones on top. ``config/config.yaml`` lies below them all, unless one of
        them is ``standalone`` or is that file itself.
    overrides : mapping, optional
        Settings that lie on top of all files.

    Raises
    ------
    DeepsphereError
        If a file is missing or is no YAML mapping, or if a key or value is wrong.
    """
    layers = [_read_yaml(path) for path in files]
    if not any(layer.get("standalone") for layer in layers) and DEFAULT_FILE not in files:
        layers.insert(0, _read_yaml(DEFAULT_FILE))
    merged: dict[str, Any] = {}
    for layer in (*layers, dict(overrides or {})):
        merged = merge(merged, layer)
    return check_configuration(merged)


def check_configuration(values: dict[str, Any]) -> Configuration:
    """Check plain data against the schema.

    Raises
    ------
    DeepsphereError
        One line: the path of the first wrong key, what was found and what is allowed.
    """
    try:
        return Configuration.model_validate(values)
    except ValidationError as error:
        raise DeepsphereError(f"configuration: {explain(error, values)}") from None


class _Loader(yaml.SafeLoader):
    """Refuses a key that stands twice in one mapping, of which YAML readers keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Return the mapping of a node; see :class:`yaml.SafeLoader`."""
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen and key.tag != "tag:yaml.org,2002:merge":
                raise yaml.MarkedYAMLError(
                    problem=f"the key {key.value!r} stands twice", problem_mark=key.start_mark
                )
            seen.add(key.value)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        # A safe loader: it makes plain data only.
        values = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506
    except FileNotFoundError:
        advice = "; run in the folder of the project" if path == DEFAULT_FILE else ""
        raise DeepsphereError(f"configuration: {path} does not exist{advice}") from None
    except OSError as error:
        raise DeepsphereError(f"configuration: {path} cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DeepsphereError(f"configuration: {path} is not YAML: {error}") from None
    if not isinstance(values, dict):
        found = type(values).__name__
        raise DeepsphereError(f"configuration: {path} holds a {found}, not a mapping of keys")
    return values


def _sampling(store: Any) -> str | None:
    """Return the name of the sampling that a store is on, or None if it is on stations."""
    name: str | None = getattr(store, "sampling", None)
    return name


def _place(graph: GraphSettings) -> str:
    if graph.store is None:
        return f"the sampling {graph.sampling!r}"
    return f"the store {graph.store!r}"


def _known(what: str, name: str, known: dict[str, Any], where: list[str]) -> Any:
    if name not in known:
        raise wrong(where, f"found {name!r}; the {what}s are {', '.join(known)}")
    return known[name]
