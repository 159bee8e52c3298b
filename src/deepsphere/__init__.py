"""Graph convolutional networks on the sphere, from raw data to honest tables.

:func:`~deepsphere.inference.trained.load` takes a trained model from a run's folder::

    trained = deepsphere.load("results/ghcn/p4/seed-0")

Import everything else from the subpackages: :mod:`deepsphere.samplings`, :mod:`deepsphere.graphs`,
:mod:`deepsphere.nn`, :mod:`deepsphere.stores`. This module has no import statement for any of ours,
so that a stage of the pipeline depends on exactly the modules that it names.
"""

import importlib
from typing import Any

__all__ = ["load"]


def __getattr__(name: str) -> Any:
    if name == "load":
        return importlib.import_module("deepsphere.inference.trained").load
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
