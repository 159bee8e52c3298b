"""Make a store of the raw files of a source."""

import logging
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from deepsphere.config.split import Split
from deepsphere.errors import DeepsphereError
from deepsphere.files import open_scratch, read_json, sha256_file, write_json
from deepsphere.provenance import code_digest
from deepsphere.registry import load, module_name
from deepsphere.stores.reader import open_store
from deepsphere.stores.statistics import statistics
from deepsphere.stores.writer import write_store

_LOG = logging.getLogger(__name__)


def run(settings: dict[str, Any], threads: int = 1) -> None:
    """Read the raw files and write the store and its manifest.

    Parameters
    ----------
    settings : dict
        See :meth:`deepsphere.plan.Plan.store`.
    threads : int
        Workers of Dask.
    """
    raw = Path(settings["raw"])
    promised = read_json(Path(settings["raw_manifest"]), "manifest of the raw files")
    _check_raw(raw, promised["files"])
    folder = Path(settings["folder"])
    kind = settings["store"]["kind"]
    fingerprint = {
        "store": settings["store"],
        "source": settings["source"],
        "raw": promised["digest"],
        "code": code_digest(["deepsphere.stages.store", module_name("sources", kind, "samples")]),
    }
    reading = open_scratch(folder.with_name(f"{folder.name}.reading"), fingerprint)
    samples = load("sources", kind, "samples")
    listed = {file["name"] for file in promised["files"]}
    dataset, report = samples.open_samples(
        raw, listed, settings["source"], settings["store"], reading, threads
    )
    content = write_store(dataset, folder, fingerprint=fingerprint, workers=threads)
    store = open_store(folder, content["digest"])
    split = Split.model_validate(settings["store"]["split"]).ranges(len(store.times))
    found = statistics(store, np.asarray(split["train"]))
    manifest = {
        "stage": "store",
        "name": settings["name"],
        "settings": settings["store"],
        "inputs": {"raw": promised["digest"]},
        "content": content,
        "digest": content["digest"],
        "statistics": {
            channel: {"mean": float(mean), "deviation": float(deviation)}
            for channel, mean, deviation in zip(
                store.channels, found.mean, found.deviation, strict=True
            )
        },
        "split": {name: len(part) for name, part in split.items()},
        "report": report,
        "simulated": promised["source"]["simulate"] is not None,
    }
    write_json(Path(settings["manifest"]), manifest)
    shutil.rmtree(reading)
    _LOG.info("store %s: %s samples, %s pixels, %s channels", settings["name"], *store.shape)


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
