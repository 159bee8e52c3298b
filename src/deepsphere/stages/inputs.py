"""What training and evaluation both begin with: the samples of a run and its untrained model."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from deepsphere.files import read_json
from deepsphere.graphs.storage import StoredGraph, load_graph
from deepsphere.nn.hierarchy import graph_hierarchy
from deepsphere.registry import load
from deepsphere.stores.reader import Store, open_store
from deepsphere.tasks.samples import Samples
from deepsphere.training.models import build_model


@dataclass(frozen=True)
class RunInputs:
    """The inputs of a run, checked against their manifests.

    Attributes
    ----------
    store : Store
    samples : Samples
        The samples of the task on the store.
    graph : StoredGraph
    build : callable
        Makes the model with random weights.
    digests : dict of str to str
        SHA-256 of the contents of store and graph.
    """

    store: Store
    samples: Samples
    graph: StoredGraph
    build: Callable[[], nn.Module]
    digests: dict[str, str]


def open_run(settings: dict[str, Any]) -> RunInputs:
    """Open the store and the graph of a run.

    Parameters
    ----------
    settings : dict
        See :meth:`deepsphere.plan.Plan.train`.

    Raises
    ------
    DeepsphereError
        If the store or the graph is missing or is not what its manifest promises.
    """
    digests = {
        name: read_json(Path(settings[f"{name}_manifest"]), f"manifest of the {name}")["digest"]
        for name in ("store", "graph")
    }
    store = open_store(Path(settings["store"]), digests["store"])
    graph = load_graph(Path(settings["graph"]), digests["graph"])
    task = load("tasks", settings["task"]["kind"]).Task.model_validate(settings["task"])
    samples: Samples = task.samples(store)

    def build() -> nn.Module:
        return build_model(
            settings["model"],
            samples.input_channels,
            graph_hierarchy(graph),
            None if samples.outputs is None else len(samples.outputs),
            samples.input_times,
        )

    return RunInputs(store, samples, graph, build, digests)
