"""Fetch the raw files of a source, or simulate them, and list them in a manifest."""

import logging
import shutil
from pathlib import Path
from typing import Any

from deepsphere.errors import DeepsphereError
from deepsphere.files import (
    digest_json,
    open_scratch,
    publish_folder,
    sha256_file,
    write_bytes,
    write_json,
)
from deepsphere.provenance import code_digest
from deepsphere.registry import load, module_name

_LOG = logging.getLogger(__name__)
_SIMULATED = "SIMULATED"


def run(settings: dict[str, Any], threads: int = 1) -> None:
    """Make the raw folder and its manifest.

    Parameters
    ----------
    settings : dict
        See :meth:`deepsphere.plan.Plan.fetch`.
    threads : int
        Not used.
    """
    source = settings["source"]
    folder = Path(settings["folder"])
    files = _simulate(source, folder) if source["simulate"] else _fetch(source, folder)
    total = sum(file["size"] for file in files)
    _LOG.info("%d files, %.1f MB in %s", len(files), total / 1e6, folder)
    # Where a file came from and when stays in the folder's own records: another mirror with the
    # same bytes must not make anything stale.
    manifest = {
        "stage": "fetch",
        "source": {key: value for key, value in source.items() if key not in ("mirrors", "hashes")},
        "files": files,
        "digest": digest_json({file["name"]: file["sha256"] for file in files}),
    }
    write_json(Path(settings["manifest"]), manifest)


def _fetch(source: dict[str, Any], folder: Path) -> list[dict[str, Any]]:
    if (folder / _SIMULATED).exists():
        raise DeepsphereError(
            f"fetch: {folder} holds simulated records; delete it, or set paths.raw elsewhere"
        )
    fetched = load("sources", source["kind"], "raw").fetch_raw(source, folder)
    return [{"name": file.name, "size": file.size, "sha256": file.sha256} for file in fetched]


def _simulate(source: dict[str, Any], folder: Path) -> list[dict[str, Any]]:
    if folder.exists() and any(folder.iterdir()) and not (folder / _SIMULATED).exists():
        raise DeepsphereError(
            f"fetch: {folder} holds files that were not simulated, which a simulation would "
            "replace; delete it, or set paths.raw to another folder"
        )
    part = module_name("sources", source["kind"], "simulator")
    scratch = open_scratch(folder, {"source": source, "code": code_digest([part])})
    content = scratch / "raw"
    shutil.rmtree(content, ignore_errors=True)
    load("sources", source["kind"], "simulator").simulate_raw(source, content)
    write_bytes(content / _SIMULATED, b"Made by deepsphere. These are not observations.\n")
    publish_folder(content, folder)
    shutil.rmtree(scratch)
    return [
        {
            "name": path.relative_to(folder).as_posix(),
            "size": path.stat().st_size,
            "sha256": sha256_file(path),
        }
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != _SIMULATED and not path.name.startswith(".")
    ]
