"""Graphs of several parts, and tasks that answer for as many."""

import copy
from typing import Any

import pytest
import yaml

from deepsphere.config.configuration import Configuration, check_configuration
from deepsphere.errors import DeepsphereError
from deepsphere.plan import Plan

SMALL = """
standalone: true
sources:
  shapes: {kind: meshes, mirrors: [data]}
stores:
  signals: {kind: meshes, source: shapes, sampling: healpix:8, copies: {up: {}}}
graphs:
  patches: {store: signals, levels: 3, parts: 12}
  whole: {sampling: healpix:8, levels: 3}
experiments:
  trial:
    title: Trial
    seeds: [0]
    tasks:
      shape: {kind: classification, store: signals, channels: [distance], parts: 12}
    variants:
      plain:
        title: Plain
        protocol: sound
        task: shape
        graph: patches
        model: {kind: classifier, widths: [4, 8]}
        training: {epochs: 2, batch_size: 8, learning_rate: 0.01}
"""


def check(graph: str = "patches", parts: int = 12, **settings: Any) -> Configuration:
    values = copy.deepcopy(yaml.safe_load(SMALL))
    trial = values["experiments"]["trial"]
    trial["variants"]["plain"]["graph"] = graph
    trial["tasks"]["shape"]["parts"] = parts
    values["graphs"]["patches"] |= settings
    return check_configuration(values)


def test_a_graph_of_a_store_keeps_its_parts_on_the_way_to_the_stage() -> None:
    graph = Plan(check()).graph("patches").settings["graph"]
    assert (graph["sampling"], graph["parts"]) == ("healpix:8", 12)
    assert check("whole", 1).graphs["whole"].parts == 1


@pytest.mark.parametrize(
    ("graph", "parts", "found"), [("patches", 1, 12), ("patches", 48, 12), ("whole", 12, 1)]
)
def test_a_task_and_its_graph_have_as_many_parts(graph: str, parts: int, found: int) -> None:
    with pytest.raises(DeepsphereError) as caught:
        check(graph, parts)
    assert str(caught.value) == (
        f"configuration: experiments.trial.variants.plain.graph: found '{graph}', of parts: "
        f"{found}; the task 'shape' has parts: {parts}; give both the same"
    )


def test_the_sampling_of_a_store_falls_into_the_parts_on_all_levels() -> None:
    with pytest.raises(DeepsphereError) as caught:
        check(levels=5)
    assert str(caught.value) == (
        "configuration: graphs.patches.parts: found 12, and 3 pixels of healpix:8 on the coarsest "
        "level; give a number that divides them, or fewer levels"
    )
