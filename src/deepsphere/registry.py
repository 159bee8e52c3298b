"""Samplings, sources, tasks and models are reached by the name that the configuration gives them.

The module of a kind follows from its name ("day-of-year" among the tasks is
``deepsphere.tasks.day_of_year``), so no module has to list them, and a stage depends only on the
kinds that its settings name.
"""

import importlib
import re
from types import ModuleType
from typing import Literal

from deepsphere.errors import DeepsphereError

Group = Literal["samplings", "sources", "tasks", "models"]
_PACKAGES = {
    "samplings": "deepsphere.samplings",
    "sources": "deepsphere.sources",
    "tasks": "deepsphere.tasks",
    "models": "deepsphere.nn.models",
}


def module_name(group: Group, kind: str, part: str | None = None) -> str:
    """Return the name of the module of a kind.

    Parameters
    ----------
    group : {"samplings", "sources", "tasks", "models"}
        What the kind is a kind of.
    kind : str
        Its name in the configuration, such as ``"day-of-year"``.
    part : str, optional
        A module of the kind's package, such as ``"reader"``.

    Raises
    ------
    DeepsphereError
        If the name cannot be that of a module.
    """
    if not re.fullmatch(r"[a-z][a-z0-9-]*", kind):
        raise DeepsphereError(f"{kind!r} is no name of a kind of {group}: use a-z, 0-9 and hyphens")
    name = f"{_PACKAGES[group]}.{kind.replace('-', '_')}"
    return f"{name}.{part}" if part else name


def load(group: Group, kind: str, part: str | None = None) -> ModuleType:
    """Import the module of a kind; see :func:`module_name`."""
    name = module_name(group, kind, part)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        raise DeepsphereError(f"there is no kind {kind!r} of {group} (no module {name})") from None
