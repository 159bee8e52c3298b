"""Build a graph on the sampling of a store."""

import logging
import shutil
from pathlib import Path
from typing import Any

from deepsphere.config.graphs import GraphSettings
from deepsphere.files import open_scratch, publish_folder, read_json, write_json
from deepsphere.graphs.diagnostics import describe_graph
from deepsphere.graphs.graph import build_graph
from deepsphere.graphs.storage import StoredGraph, save_graph
from deepsphere.samplings.stations import Stations
from deepsphere.stores.reader import open_store

_LOG = logging.getLogger(__name__)


def run(settings: dict[str, Any], threads: int = 1) -> None:
    """Build a graph and write it and its manifest.

    Parameters
    ----------
    settings : dict
        See :meth:`deepsphere.plan.Plan.graph`.
    threads : int
        Not used.
    """
    graph_settings = GraphSettings.model_validate(settings["graph"])
    promised = read_json(Path(settings["store_manifest"]), "manifest of the store")
    store = open_store(Path(settings["store"]), promised["digest"])
    graph = build_graph(
        Stations(store.longitude, store.latitude).positions,
        graph_settings.neighbours,
        graph_settings.weights,
        graph_settings.width,
        graph_settings.symmetrization,
    )
    description = describe_graph(graph, graph_settings.laplacian)
    stored = StoredGraph(
        graph, graph_settings.laplacian, description["lmax"], graph_settings.rescaling
    )
    folder = Path(settings["folder"])
    scratch = open_scratch(folder, {})
    save_graph(stored, scratch / "content")
    publish_folder(scratch / "content", folder)
    shutil.rmtree(scratch)
    manifest = {
        "stage": "graph",
        "name": settings["name"],
        "settings": settings["graph"],
        "inputs": {"store": promised["digest"]},
        "digest": stored.digest(),
        "description": description,
    }
    write_json(Path(settings["manifest"]), manifest)
    _LOG.info(
        "graph %s: %d vertices, %d edges, %d components, lmax %g",
        settings["name"],
        description["vertices"],
        description["edges"],
        description["components"]["count"],
        description["lmax"],
    )
