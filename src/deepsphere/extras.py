"""Optional packages: what is not installed is said in one line, where it is first needed."""

import importlib
from typing import Any

from deepsphere.errors import DeepsphereError


def import_extra(name: str, extra: str) -> Any:
    """Return a module of an optional package.

    Parameters
    ----------
    name : str
        ``healpy``, or a module of what that needs itself, such as ``astropy.io.fits``.
    extra : str
        The extra of ``deepsphere-pipeline`` that it comes with, such as ``cosmology``.

    Raises
    ------
    DeepsphereError
        If it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        raise DeepsphereError(
            f"{name} is not installed; run: pip install 'deepsphere-pipeline[{extra}]'"
        ) from None
