"""How loops are compiled: without the interpreter's lock, once, and kept on disk.

numba compiles a function again when its own file has changed, but not when a file has from which it
takes its parts. So the name under which it keeps a loop says which version of this package's
kernels it belongs to.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba

_FOLDER = Path(__file__).parent


def _version() -> str:
    digest = hashlib.sha256()
    for path in sorted(_FOLDER.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


_VERSION = _version()


def loop(function: Callable[..., Any]) -> Any:
    """Return a function that numba compiles when it is first called.

    A product and a sum may become one operation; nothing else may be rearranged.
    """
    function.__qualname__ = f"{function.__qualname__}_{_VERSION}"
    return numba.njit(nogil=True, cache=True, fastmath={"contract"})(function)


def inlined(function: Callable[..., Any]) -> Any:
    """Return a function that becomes a part of whatever loop calls it.

    A loop that another one calls is compiled for itself, and again as a part of that, which takes
    as long each time.
    """
    return numba.njit(nogil=True, inline="always")(function)
