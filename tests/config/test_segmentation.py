"""Segmentations in the configuration: their models, graphs and protocols."""

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
  states: {kind: meshes, mirrors: [data]}
stores:
  weather: {kind: meshes, source: states, sampling: healpix:8, copies: {only: {}}}
graphs:
  sphere: {sampling: healpix:8, levels: 3}
experiments:
  trial:
    title: Trial
    seeds: [0]
    tasks:
      one: {kind: segmentation, store: weather, channels: [distance, cosine]}
      three: {kind: segmentation, store: weather, channels: [distance], window: 3}
    base:
      protocol: sound
      task: one
      graph: sphere
      model: {kind: unet, widths: [[4, 8], [8], [8]]}
      training: {epochs: 2, batch_size: 8, learning_rate: 0.01}
    variants:
      plain: {title: Plain}
      jiang: {title: Jiang, model: {wiring: jiang, pool: stride, unpool: fill, fill: 1}}
      stacked: {title: Stacked, task: three}
      recurrent: {title: Recurrent, task: three, model: {kind: recurrent-unet, widths: [[4], [4]]}}
"""
TASK, VARIANT = "experiments/trial/tasks/one", "experiments/trial/variants/plain"


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
        "jiang": 3,
        "stacked": 3,
        "recurrent": 2,
    }


def test_the_code_of_a_segmentation_is_that_of_its_kinds() -> None:
    plan = Plan(check_configuration(yaml.safe_load(SMALL)))
    assert plan.train("trial", "recurrent", 0).modules[1:] == (
        "deepsphere.tasks.segmentation",
        "deepsphere.nn.models.recurrent_unet",
    )


WRONG = [
    (
        f"{VARIANT}/model",
        {"kind": "recurrent-unet", "widths": [[4], [4]]},
        f"{VARIANT}/model/kind: found 'recurrent-unet'; a task of kind 'segmentation' takes unet",
    ),
    (
        f"{VARIANT}/model",
        {"widths": [[4], [4], [4], [4]]},
        "experiments/trial/base/graph: found 'sphere', of levels: 3; the model works on 4: give",
    ),
    (f"{VARIANT}/model", {"widths": [[4]]}, f"{VARIANT}/model/widths: "),
    (
        f"{VARIANT}/model",
        {"pool": "mean", "unpool": "max"},
        f"{VARIANT}/model/unpool: found 'max' with pool: mean; maxima are put back, so pool: max",
    ),
    (f"{VARIANT}/model", {"fill": 1.0}, f"{VARIANT}/model/fill: goes with unpool: fill; leave it"),
    (
        f"{TASK}/normalization",
        "published",
        "experiments/trial/base/protocol: found 'sound', but normalization: published uses",
    ),
    (
        f"{TASK}/class_weights",
        "published",
        "experiments/trial/base/protocol: found 'sound', but class_weights: published uses",
    ),
    (f"{TASK}/predecessors", -1, f"{TASK}/predecessors: "),
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
    assert message.startswith(f"configuration: {place.replace('/', '.')}: {words}")
