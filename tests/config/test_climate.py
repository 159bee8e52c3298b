"""The experiment on climate: its variants are those that numbers were printed of."""

from pathlib import Path
from typing import Any

import pytest

from deepsphere.config.configuration import load_configuration
from deepsphere.config.experiments import Experiment, Variant
from deepsphere.config.models import UNet

ROOT = Path(__file__).parents[2]
EVENTS = ("tropical_cyclone", "atmospheric_river")


@pytest.fixture(scope="module")
def climate() -> Experiment:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        return load_configuration([]).experiments["climate"]


def test_the_printed_means_are_those_of_the_printed_numbers(climate: Experiment) -> None:
    """As far as both are rounded to tenths of a percent."""
    printed = {
        name: variant.published.metrics
        for name, variant in climate.variants.items()
        if variant.published
    }
    assert set(printed) == {
        *("plain", "weighted", "jiang", "jiang-weighted", "wide", "wide-weighted", "full")
    }
    for metrics in printed.values():
        accuracies = [metrics[f"accuracy_{name}"] for name in ("background", *EVENTS)]
        areas = [metrics[f"average_precision_{name}"] for name in EVENTS]
        assert metrics["mean_accuracy"] == pytest.approx(sum(accuracies) / 3, abs=1e-3)
        assert metrics["map"] == pytest.approx(sum(areas) / 2, abs=1e-3)


WIDTHS = ((32, 64), (128,), (256,), (512,), (512,), (512,))
NETWORKS: dict[str, dict[str, Any]] = {
    "plain": {"wiring": "published", "widths": WIDTHS},
    "latest": {"wiring": "latest", "widths": WIDTHS},
    "paper": {"wiring": "paper", "widths": WIDTHS},
    "jiang": {"wiring": "jiang", "widths": ((8,), (16,), (32,), (64,), (128,), (128,))},
    "wide": {"wiring": "latest", "widths": ((64, 128), (256,), (512,), (1024,), (1024,), (1024,))},
}
"""Those whose parameters were counted; the tests of the models count them, too."""


@pytest.mark.parametrize("name", NETWORKS)
def test_the_networks_are_the_published_ones_however_classes_weigh(
    climate: Experiment, name: str
) -> None:
    pooling = {"pool": "stride", "unpool": "fill", "fill": 1.0}
    model = UNet.model_validate({"kind": "unet", "kernel_size": 4, **pooling, **NETWORKS[name]})
    assert climate.variants[name].model == model
    weighted = climate.variants["weighted" if name == "plain" else f"{name}-weighted"]
    assert weighted.model == model
    assert climate.tasks[weighted.task].class_weights == "published"


def settings_of(climate: Experiment, variant: Variant) -> dict[str, Any]:
    of_task: dict[str, Any] = climate.tasks[variant.task].model_dump()
    return of_task | variant.model_dump(exclude={"task"})


@pytest.mark.parametrize("begin", ["", "sound-"])
def test_windows_and_single_states_are_compared_on_the_same_states(
    climate: Experiment, begin: str
) -> None:
    """They differ in what the model sees, and in nothing that decides which states count."""
    single, stacked = (
        settings_of(climate, climate.variants[f"{begin}temporal-{name}"])
        for name in ("single", "stacked")
    )
    assert single["predecessors"] == stacked["window"] - 1 == 2
    differing = {key for key in single if single[key] != stacked[key]}
    assert differing == {"window", "predecessors", "title"}
    recurrent = climate.variants[f"{begin}temporal-recurrent"]
    assert recurrent.task == climate.variants[f"{begin}temporal-stacked"].task
