"""Options that commands share, and the settings and the plan that they lead to."""

import ast
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepsphere.errors import DeepsphereError

if TYPE_CHECKING:
    from deepsphere.plan import Plan

Settings = Annotated[
    str | None,
    typer.Option(help="Settings of the stage, as JSON or as a Python literal, instead of names."),
]
Config = Annotated[
    list[Path] | None,
    typer.Option(help="Configuration file; later ones lie on top of config/config.yaml."),
]
Threads = Annotated[int, typer.Option(min=1, help="Threads to use.")]


def load_plan(config: Config) -> "Plan":
    """Return the plan of the configuration.

    Raises
    ------
    DeepsphereError
        If a file is missing or wrong.
    """
    from deepsphere.config.configuration import load_configuration
    from deepsphere.plan import Plan

    return Plan(load_configuration(config or []))


def find_settings(
    stage: str, names: Sequence[str | int | None], settings: Settings, config: Config
) -> dict[str, Any]:
    """Return the settings of a stage, given as such or looked up by the names of what it makes.

    Parameters
    ----------
    stage : str
    names : sequence of str, int or None
        All that the stage takes; None are those that were not given.
    settings : str, optional
    config : list of Path, optional

    Raises
    ------
    DeepsphereError
        If both or neither are given, the settings are no mapping, or nothing has these names.
        What is missing in the settings is said when it is looked up.
    """
    given = [name for name in names if name is not None]
    if settings is not None:
        if given or config:
            raise DeepsphereError(f"{stage}: give --settings, or names and --config, not both")
        return _parse(stage, settings)
    if len(given) < len(names):
        raise DeepsphereError(
            f"{stage}: found {len(given)} of {len(names)} names; see deepsphere {stage} --help"
        )
    values: dict[str, Any] = getattr(load_plan(config), stage)(*given).settings
    return values


def _parse(stage: str, text: str) -> dict[str, Any]:
    try:
        values = json.loads(text)
    except json.JSONDecodeError:
        try:
            values = ast.literal_eval(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            values = None
    if not isinstance(values, dict):
        raise DeepsphereError(f"{stage}: --settings is no mapping in JSON: found {text[:60]!r}")
    settings: dict[str, Any] = _given(values)
    return settings


class _Given(dict[str, Any]):
    """Settings typed by a person, who may have left something out."""

    def __missing__(self, key: str) -> Any:
        raise DeepsphereError(f"--settings: found no {key!r} among {', '.join(self) or 'nothing'}")


def _given(value: Any) -> Any:
    if isinstance(value, dict):
        return _Given({key: _given(part) for key, part in value.items()})
    return [_given(part) for part in value] if isinstance(value, list) else value
