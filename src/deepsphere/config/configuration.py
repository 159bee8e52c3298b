"""The whole configuration: reading its files, checking them, saying what is wrong.

The files are laid over one another, later ones on top: first ``config/config.yaml`` (unless a
file says ``standalone: true``), then the others in the order given.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError, model_validator

from deepsphere.config.base import Name, StrictModel
from deepsphere.config.experiments import Experiment, merge
from deepsphere.config.graphs import GraphSettings
from deepsphere.config.kinds import Source, Store
from deepsphere.config.paths import Paths
from deepsphere.errors import DeepsphereError

DEFAULT_FILE = Path("config/config.yaml")


class Configuration(StrictModel):
    """Sources, stores, graphs and experiments, each by its name."""

    standalone: bool = Field(
        default=False, description="true: this file is complete, and lies over no other"
    )
    paths: Paths = Field(default_factory=Paths, description="where the files go")
    sources: dict[Name, Source] = Field(description="data sets as their publishers ship them")
    stores: dict[Name, Store] = Field(description="samples on one sampling, made of a source")
    graphs: dict[Name, GraphSettings] = Field(description="graphs on the samplings of stores")
    experiments: dict[Name, Experiment] = Field(description="what is trained and compared")

    @model_validator(mode="after")
    def _references_exist(self) -> "Configuration":
        for name, store in self.stores.items():
            source = self._known("source", store.source, self.sources, f"stores.{name}.source")
            if source.kind != store.kind:
                raise ValueError(
                    f"stores.{name}.kind: found {store.kind!r}; "
                    f"its source {store.source!r} is of kind {source.kind!r}"
                )
        for name, graph in self.graphs.items():
            self._known("store", graph.store, self.stores, f"graphs.{name}.store")
        for name, experiment in self.experiments.items():
            for task_name, task in experiment.tasks.items():
                where = f"experiments.{name}.tasks.{task_name}"
                store = self._known("store", task.store, self.stores, f"{where}.store")
                try:
                    task.check_channels(store.channels)
                except ValueError as error:
                    raise ValueError(f"{where}: {error}") from None
            for variant_name, variant in experiment.variants.items():
                where = f"experiments.{name}.variants.{variant_name}"
                graph = self._known("graph", variant.graph, self.graphs, f"{where}.graph")
                task = experiment.tasks[variant.task]
                if graph.store != task.store:
                    raise ValueError(
                        f"{where}.graph: found {variant.graph!r}, a graph on the store "
                        f"{graph.store!r}; the task {variant.task!r} uses {task.store!r}"
                    )
                if variant.model.kind not in task.model_kinds:
                    raise ValueError(
                        f"{where}.model.kind: found {variant.model.kind!r}; "
                        f"a task of kind {task.kind!r} takes {' or '.join(task.model_kinds)}"
                    )
                validation = self.stores[task.store].split.validation
                if variant.training.select == "best" and validation == 0:
                    raise ValueError(
                        f"{where}.training.select: found 'best'; the store {task.store!r} has no "
                        "validation samples to select on: set its split.validation, or select last"
                    )
        return self

    @staticmethod
    def _known(what: str, name: str, known: dict[str, Any], where: str) -> Any:
        if name not in known:
            raise ValueError(f"{where}: found {name!r}; the {what}s are {', '.join(known)}")
        return known[name]


def load_configuration(files: Sequence[Path]) -> Configuration:
    """Read configuration files, lay them over one another and check the result.

    Parameters
    ----------
    files : sequence of Path
        YAML files, later ones on top. ``config/config.yaml`` lies below them all, unless one of
        them is ``standalone`` or is that file itself.

    Raises
    ------
    DeepsphereError
        If a file is missing or is no YAML mapping, or if a key or value is wrong.
    """
    layers = [_read_yaml(path) for path in files]
    if not any(layer.get("standalone") for layer in layers) and DEFAULT_FILE not in files:
        layers.insert(0, _read_yaml(DEFAULT_FILE))
    merged: dict[str, Any] = {}
    for layer in layers:
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
        raise DeepsphereError(_explain(error, values)) from None


def schema() -> str:
    """Return the JSON schema of the configuration, as ``config/schema.json`` holds it."""
    return json.dumps(Configuration.model_json_schema(), indent=2, sort_keys=True) + "\n"


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DeepsphereError(f"configuration: {path} does not exist") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DeepsphereError(f"configuration: {path} is not YAML: {error}") from None
    if not isinstance(values, dict):
        found = type(values).__name__
        raise DeepsphereError(f"configuration: {path} holds a {found}, not a mapping of keys")
    return values


def _explain(error: ValidationError, values: dict[str, Any]) -> str:
    """Say the first error in one line: path of the key, what was found, what is allowed."""
    first = error.errors(include_url=False)[0]
    path, found = _locate(first["loc"], values)
    message = first["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    where = ".".join(path)
    if first["type"] == "value_error":
        text = f"{where}: {message}" if where else message
    elif first["type"] == "missing":
        text = f"{where}: missing; give a value"
    else:
        text = f"{where}: found {_short(found)}; {message}"
    others = error.error_count() - 1
    more = f" (and {others} more)" if others else ""
    return f"configuration: {text}{more}"


def _locate(location: tuple[int | str, ...], values: Any) -> tuple[list[str], Any]:
    """Return the path of a key as the user wrote it, without the tags of pydantic's unions."""
    path: list[str] = []
    current = values
    for step, key in enumerate(location):
        if isinstance(current, dict) and key not in current and current.get("kind") == key:
            continue
        if isinstance(current, dict) and key in current:
            current = current[key]
            if step and location[step - 1] == "variants" and location[0] == "experiments":
                current = merge(_base_of(location, values), current)
        elif isinstance(current, list) and isinstance(key, int) and key < len(current):
            current = current[key]
        else:
            current = None
        path.append(str(key))
    return path, current


def _base_of(location: tuple[int | str, ...], values: dict[str, Any]) -> dict[str, Any]:
    base = values["experiments"][location[1]].get("base")
    return base if isinstance(base, dict) else {}


def _short(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."
