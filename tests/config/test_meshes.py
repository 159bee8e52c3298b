"""Stores on a sampling, their graphs, and the classifications on them."""

import copy
from typing import Any

import pytest
import yaml

from deepsphere.config.configuration import check_configuration
from deepsphere.errors import DeepsphereError
from deepsphere.plan import Plan

SMALL = """
standalone: true
sources:
  shapes: {kind: meshes, mirrors: [data]}
stores:
  signals:
    kind: meshes
    source: shapes
    sampling: healpix:8
    copies: {up: {}, turned: {rotation: so3, count: 3}}
graphs:
  sphere: {sampling: healpix:8, levels: 3}
  same: {store: signals, levels: 3}
  finer: {sampling: healpix:16, levels: 3}
  flat: {sampling: healpix:8}
experiments:
  trial:
    title: Trial
    seeds: [0]
    tasks:
      shape:
        kind: classification
        store: signals
        channels: [distance, cosine]
        train_copies: [turned]
        test_copies: [up]
    base:
      protocol: sound
      task: shape
      graph: sphere
      model: {kind: classifier, widths: [4, 8]}
      training: {epochs: 2, batch_size: 8, learning_rate: 0.01, select: best}
    variants:
      plain: {title: Plain}
      on-its-store: {title: On its store, graph: same}
      deep: {title: Deep, model: {widths: [4, 4, 8], levels: [0, 0, 1, 2]}}
      flat: {title: Flat, graph: flat, model: {widths: [4], levels: [0, 0]}}
"""
VARIANTS = "experiments/trial/variants"


def changed(path: str, value: Any) -> dict[str, Any]:
    """Return the configuration with the key at a path set."""
    result = copy.deepcopy(yaml.safe_load(SMALL))
    *parents, last = path.split("/")
    section = result
    for key in parents:
        section = section[key]
    section[last] = value
    return result


def test_the_small_configuration_is_right() -> None:
    variants = check_configuration(yaml.safe_load(SMALL)).experiments["trial"].variants
    assert {name: variant.model.depth for name, variant in variants.items()} == {
        "plain": 3,
        "on-its-store": 3,
        "deep": 3,
        "flat": 1,
    }


def test_the_graph_of_a_store_on_a_sampling_is_that_of_the_sampling() -> None:
    """It is the same graph, and it does not wait for the samples."""
    plan = Plan(check_configuration(yaml.safe_load(SMALL)))
    same, sphere = plan.graph("same"), plan.graph("sphere")
    assert same.settings["graph"] == sphere.settings["graph"]
    assert same.settings.keys() == sphere.settings.keys() == {"name", "graph", "folder", "manifest"}
    assert (
        same.modules
        == sphere.modules
        == ("deepsphere.stages.graph", "deepsphere.samplings.healpix")
    )


def test_the_code_of_a_classification_is_that_of_its_kind() -> None:
    modules = Plan(check_configuration(yaml.safe_load(SMALL))).train("trial", "plain", 0).modules
    assert modules[1:] == (
        "deepsphere.tasks.classification",
        "deepsphere.nn.models.classifier",
    )


def test_nothing_is_selected_on_validation_meshes_that_there_are_not() -> None:
    values = yaml.safe_load(SMALL)
    values["sources"]["shapes"] = {"kind": "modelnet40"}
    values["stores"]["signals"]["kind"] = "modelnet40"
    with pytest.raises(DeepsphereError, match="the store 'signals' has no validation samples to s"):
        check_configuration(values)
    values["sources"]["shapes"]["validation"] = 0.1
    check_configuration(values)


WRONG = [
    (
        f"{VARIANTS}/plain/graph",
        "finer",
        f"{VARIANTS}/plain/graph: found 'finer', a graph on the sampling 'healpix:16'; the task "
        "'shape' uses 'signals', which is on 'healpix:8'",
    ),
    (
        f"{VARIANTS}/plain/graph",
        "flat",
        f"{VARIANTS}/plain/graph: found 'flat', of levels: 1; the model works on 3: give the graph "
        "more levels, or the model fewer layers",
    ),
    (
        f"{VARIANTS}/plain/model",
        {"kind": "dense-regressor", "kernel_size": 3},
        f"{VARIANTS}/plain/model/kind: found 'dense-regressor'; a task of kind 'classification' "
        "takes classifier",
    ),
    (
        f"{VARIANTS}/deep/model",
        {"widths": [4, 4, 8], "levels": [0, 1, 0, 2]},
        f"{VARIANTS}/deep/model/levels: found [0, 1, 0, 2]; 3 layers need 4 levels, from 0",
    ),
    (
        f"{VARIANTS}/plain/model",
        {"statistics": None, "fully_convolutional": True},
        f"{VARIANTS}/plain/model/statistics: found null; a last convolution goes with mean or max",
    ),
    (
        "experiments/trial/tasks/shape/train_copies",
        ["turned", "z"],
        "experiments/trial/tasks/shape/train_copies: found 'z'; its store has up, turned",
    ),
    (
        "experiments/trial/tasks/shape/channels",
        ["height"],
        "experiments/trial/tasks/shape/channels: found 'height'; its store has distance, cosine",
    ),
    (
        "experiments/trial/tasks/shape/normalization",
        "own-split",
        f"{VARIANTS}/plain/protocol: found 'sound', but normalization: own-split uses knowledge of "
        "the test samples; change that, or the protocol",
    ),
]


@pytest.mark.parametrize(("path", "value", "expected"), WRONG)
def test_what_does_not_fit_together_is_said_in_one_line(
    path: str, value: Any, expected: str
) -> None:
    with pytest.raises(DeepsphereError) as caught:
        check_configuration(changed(path, value))
    place, _, words = expected.partition(": ")
    message = str(caught.value)
    assert "\n" not in message
    # The protocol is that of the base, where it was written.
    where = place.replace(f"{VARIANTS}/plain/protocol", "experiments/trial/base/protocol")
    assert message.startswith(f"configuration: {where.replace('/', '.')}: {words}")
