"""Graph convolutional networks on the sphere, from raw data to honest tables.

:func:`~deepsphere.inference.trained.load` takes a trained model from a run's folder::

    trained = deepsphere.load("results/ghcn/p4/seed-0")

:func:`~deepsphere.conversion.regridding.regrid` puts fields of any file on a sampling::

    fields = deepsphere.regrid("era5.nc", "healpix:64")

Import everything else from the subpackages: :mod:`deepsphere.samplings`, :mod:`deepsphere.graphs`,
:mod:`deepsphere.nn`, :mod:`deepsphere.stores`. This module has no import statement for any of ours,
so that a stage of the pipeline depends on exactly the modules that it names.
"""

import importlib
from typing import Any

__all__ = ["load", "regrid"]

_HOMES = {
    "load": "deepsphere.inference.trained",
    "regrid": "deepsphere.conversion.regridding",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
