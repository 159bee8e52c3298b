"""Build the graphs of a sampling and its coarser levels."""

import logging
import shutil
from pathlib import Path
from typing import Any

from deepsphere.config.graphs import GraphSettings
from deepsphere.files import open_scratch, publish_folder, read_json, write_json
from deepsphere.graphs.hierarchy import build_hierarchy
from deepsphere.graphs.levels import build_levels
from deepsphere.graphs.recipe import Recipe
from deepsphere.graphs.storage import save_graph
from deepsphere.registry import load
from deepsphere.samplings.sampling import Sampling
from deepsphere.samplings.stations import Stations
from deepsphere.stores.reader import open_store

_LOG = logging.getLogger(__name__)


def run(settings: dict[str, Any], threads: int = 1) -> None:
    """Build the graphs and write them and their manifest.

    Parameters
    ----------
    settings : dict
        See :meth:`deepsphere.plan.Plan.graph`.
    threads : int
        For the search for neighbours, the fit and the diagnostics.
    """
    graph_settings = GraphSettings.model_validate(settings["graph"])
    recipe = Recipe(
        neighbours=(
            "adjacent" if graph_settings.edges == "adjacent" else graph_settings.neighbours
        ),
        radius=graph_settings.radius,
        weights=graph_settings.weights,
        width=graph_settings.width or graph_settings.width_rule,
        symmetrization=graph_settings.symmetrization,
        areas=graph_settings.areas,
        refinement=graph_settings.refinement,
        laplacian=graph_settings.laplacian,
        parts=graph_settings.parts,
    )
    sampling, inputs = _sampling(settings, graph_settings)
    hierarchy = build_hierarchy(sampling, graph_settings.levels)
    stored, descriptions = build_levels(hierarchy, recipe, graph_settings.rescaling, threads)
    folder = Path(settings["folder"])
    scratch = open_scratch(folder, {})
    content = scratch / "content"
    if content.exists():
        shutil.rmtree(content)
    save_graph(stored, content)
    publish_folder(content, folder)
    shutil.rmtree(scratch)
    manifest = {
        "stage": "graph",
        "name": settings["name"],
        "settings": settings["graph"],
        "inputs": inputs,
        "digest": stored.digest(),
        "padding": len(stored.padding),
        "levels": descriptions,
    }
    write_json(Path(settings["manifest"]), manifest)
    for description in descriptions:
        pieces = description["components"]["count"]
        if pieces > graph_settings.parts:
            _LOG.warning(
                "graph %s: %s falls into %d pieces, which a convolution cannot see across; give it "
                "more neighbours, a wider kernel, or another sampling",
                settings["name"],
                description["sampling"],
                pieces,
            )
        _LOG.info(
            "graph %s: %s, %d pixels, %d edges, %d components, lmax %g",
            settings["name"],
            description["sampling"],
            description["pixels"],
            description["edges"],
            description["components"]["count"],
            description["lmax"],
        )


def _sampling(
    settings: dict[str, Any], graph_settings: GraphSettings
) -> tuple[Sampling, dict[str, str]]:
    """Return the sampling and the digests of what it was taken from."""
    if graph_settings.sampling is not None:
        kind, _, parameters = graph_settings.sampling.partition(":")
        sampling: Sampling = load("samplings", kind).parse(parameters)
        return sampling, {}
    promised = read_json(Path(settings["store_manifest"]), "manifest of the store")
    store = open_store(Path(settings["store"]), promised["digest"])
    return Stations(store.longitude, store.latitude), {"store": promised["digest"]}
