"""Make a store of the raw files of a source."""

import logging
import shutil
from pathlib import Path
from typing import Any

from deepsphere.errors import DeepsphereError
from deepsphere.files import open_scratch, read_json, sha256_file, write_json
from deepsphere.provenance import code_digest
from deepsphere.registry import load, module_name
from deepsphere.stores.reader import Store, open_store
from deepsphere.stores.statistics import statistics
from deepsphere.stores.writer import write_store
from deepsphere.workers import Workers

_LOG = logging.getLogger(__name__)
_TOLERANT = ("quarantine", "time_limit", "memory_limit")
"""Settings that decide which files are broken and how many may be, not what the others become."""


def run(settings: dict[str, Any], workers: Workers) -> None:
    """Read the raw files and write the store and its manifest.

    Parameters
    ----------
    settings : dict
        See :meth:`deepsphere.plan.Plan.store`.
    workers : Workers
        Where the samples are read and written.

    Raises
    ------
    DeepsphereError
        If a raw file is not the one that was fetched, or the source cannot make samples of them.
    """
    raw = Path(settings["raw"])
    promised = read_json(Path(settings["raw_manifest"]), "manifest of the raw files")
    _check_raw(raw, promised["files"])
    folder = Path(settings["folder"])
    kind = settings["store"]["kind"]
    modules = ["deepsphere.stages.store", module_name("sources", kind, "samples")]
    if "sampling" in settings["store"]:
        modules.append(module_name("samplings", settings["store"]["sampling"].partition(":")[0]))
    fingerprint = {
        "store": {key: settings["store"][key] for key in settings["store"] if key not in _TOLERANT},
        "source": settings["source"],
        "raw": promised["digest"],
        "code": code_digest(modules),
    }
    reading = open_scratch(folder.with_name(f"{folder.name}.reading"), fingerprint)
    samples = load("sources", kind, "samples")
    listed = {file["name"] for file in promised["files"]}
    dataset, report = samples.open_samples(
        raw, listed, settings["source"], settings["store"], reading, workers
    )
    if promised["source"]["simulate"] is not None:
        # Whoever opens the store by itself must not take it for observations.
        title, origin = (dataset.attrs.get(name, "") for name in ("title", "source"))
        dataset.attrs |= {"title": f"Simulated: {title}", "source": f"deepsphere, after: {origin}"}
    content = write_store(dataset, folder, fingerprint=fingerprint, workers=workers)
    store = open_store(folder, content["digest"])
    manifest = {
        "stage": "store",
        "name": settings["name"],
        "settings": settings["store"],
        "inputs": {"raw": promised["digest"]},
        "content": content,
        "digest": content["digest"],
        "statistics": _statistics(store),
        "split": {name: len(part) for name, part in store.split.items()},
        "report": report(),
        "simulated": promised["source"]["simulate"] is not None,
    }
    write_json(Path(settings["manifest"]), manifest)
    shutil.rmtree(reading)
    _LOG.info("store %s: %s samples, %s pixels, %s channels", settings["name"], *store.shape)


def _statistics(store: Store) -> dict[str, Any]:
    """Return the statistics of the training samples: as the source found them, or channel by
    channel.
    """
    if "statistics" in store.attrs:
        of_source: dict[str, Any] = store.attrs["statistics"]
        return of_source
    found = statistics(store, store.split["train"])
    return {
        channel: {"mean": float(mean), "deviation": float(deviation)}
        for channel, mean, deviation in zip(
            store.channels, found.mean, found.deviation, strict=True
        )
    }


def _check_raw(raw: Path, files: list[dict[str, Any]]) -> None:
    """Raise DeepsphereError if a raw file is not the one that was fetched."""
    for file in files:
        path = raw / file["name"]
        if not path.is_file():
            raise DeepsphereError(
                f"store: {path} is missing, but was fetched; run the fetch stage again "
                f"(delete {raw}.json)"
            )
        found = sha256_file(path)
        if found != file["sha256"]:
            raise DeepsphereError(
                f"store: {path} has SHA-256 {found[:12]}, but {file['sha256'][:12]} was fetched; "
                f"run the fetch stage again (delete {raw}.json)"
            )
