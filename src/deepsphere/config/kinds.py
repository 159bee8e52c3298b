"""The kinds of source and task there are, and how the configuration speaks of each.

A new kind adds its name here. The modules are found by name (:mod:`deepsphere.registry`), so that
a stage depends on the kinds that its configuration names and on no other.
"""

import operator
from functools import reduce
from typing import Annotated, Any

from pydantic import Field

from deepsphere.registry import load

SOURCES = (
    "ghcn",
    "meshes",
    "modelnet40",
    "shrec17",
    "climate",
    "climatenet",
    "deepcam",
    "cosmo",
)
TASKS = ("forecast", "day-of-year", "classification", "segmentation", "parameters")


def _union(classes: list[Any]) -> Any:
    if len(classes) == 1:
        return classes[0]
    return Annotated[reduce(operator.or_, classes), Field(discriminator="kind")]


Source = _union([load("sources", kind, "settings").Source for kind in SOURCES])
Store = _union([load("sources", kind, "settings").Store for kind in SOURCES])
Task = _union([load("tasks", kind).Task for kind in TASKS])
