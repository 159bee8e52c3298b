"""Which source files decide what a stage does.

A module's code is its own file and those of the first-party modules it imports, all the way down,
packages' ``__init__`` included. The imports are read from the text (with :mod:`ast`), so nothing is
executed, and imports inside functions count too, as do those for type checkers alone. Modules that
are reached by name (:mod:`deepsphere.registry`) do not follow from the text; the plan names them as
roots of their own.
"""

import ast
import functools
import hashlib
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from deepsphere.errors import DeepsphereError

_PACKAGE = "deepsphere"
_ROOT = Path(__file__).resolve().parent


def source_files(modules: Iterable[str]) -> list[Path]:
    """Return the source files of modules and of all first-party modules that they import.

    Parameters
    ----------
    modules : iterable of str
        Full names, such as ``"deepsphere.stages.train"``.

    Returns
    -------
    list of Path
        Absolute paths, sorted.

    Raises
    ------
    ModuleNotFoundError
        If a name is not that of a module of this package.
    """
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(_imports(name))
    return sorted({_file(name) for name in found})


def code_digest(modules: Iterable[str]) -> str:
    """Return the SHA-256 of the content of :func:`source_files`."""
    digest = hashlib.sha256()
    for path in source_files(modules):
        digest.update(path.relative_to(_ROOT).as_posix().encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


@contextmanager
def unchanged_code() -> Iterator[None]:
    """Raise DeepsphereError at the end if a module in use was edited in the meantime.

    A process runs the code that it loaded, while Snakemake compares the files as they are when the
    process has ended: without this, the output of old code would count as that of the new.
    """
    before = {path: path.read_bytes() for path in _ROOT.rglob("*.py")}
    yield
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] == _PACKAGE and module.__file__ is not None:
            path = Path(module.__file__)
            if not path.is_file() or before.get(path) != path.read_bytes():
                raise DeepsphereError(
                    f"{path} was edited while it was in use; run the stage again, as its output "
                    "may be that of either version"
                )


def _file(module: str) -> Path:
    path = _find_file(module)
    if path is None:
        raise ModuleNotFoundError(f"no module {module} below {_ROOT}", name=module)
    return path


@functools.cache
def _find_file(module: str) -> Path | None:
    parts = module.split(".")
    if parts[0] != _PACKAGE:
        return None
    base = _ROOT.joinpath(*parts[1:])
    candidates = (base / "__init__.py", base.with_name(f"{base.name}.py"))
    return next((path for path in candidates if path.is_file()), None)


@functools.cache
def _imports(module: str) -> frozenset[str]:
    """Return the first-party modules that a module names in import statements, and its parents."""
    path, parts = _file(module), module.split(".")
    package = parts if path.name == "__init__.py" else parts[:-1]
    names = {".".join(parts[:length]) for length in range(1, len(parts))}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*above, *filter(None, [node.module])])
            names |= {origin, *(f"{origin}.{alias.name}" for alias in node.names)}
    return frozenset(name for name in names if _find_file(name) is not None)
