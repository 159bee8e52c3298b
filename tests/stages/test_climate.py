"""Simulated weather, from its files to the table: a network against what sees one pixel alone."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from deepsphere.config.configuration import check_configuration
from deepsphere.plan import Plan
from deepsphere.stages import baseline, evaluate, fetch, graph, store, train
from deepsphere.stores.reader import open_store
from deepsphere.workers import Workers

CONFIGURATION: dict[str, Any] = {
    "standalone": True,
    "sources": {
        "weather": {
            "kind": "deepcam",
            "simulate": {"samples": 112, "runs": 2, "grid": [48, 72]},
        }
    },
    "stores": {
        "weather": {
            "kind": "deepcam",
            "source": "weather",
            "sampling": "healpix:16",
            "split": {"kind": "leak-free", "gap": 1},
        }
    },
    "graphs": {"sphere": {"sampling": "healpix:16", "levels": 3, "neighbours": 8}},
    "experiments": {
        "climate": {
            "title": "Extreme events",
            "seeds": [0],
            "tasks": {
                "events": {
                    "kind": "segmentation",
                    "store": "weather",
                    "channels": ["TMQ", "U850", "V850", "PSL", "PRECT", "Z200"],
                    "class_weights": "balanced",
                }
            },
            "base": {
                "protocol": "sound",
                "task": "events",
                "graph": "sphere",
                "model": {"kind": "unet", "widths": [[8], [16], [32]], "wiring": "jiang"},
                "training": {
                    "epochs": 8,
                    "batch_size": 4,
                    "optimizer": "adamw",
                    "weight_decay": 0.01,
                    "learning_rate": 0.01,
                    "schedule": "cosine",
                    "device": "cpu",
                },
            },
            "variants": {"unet": {"title": "U-Net"}},
        }
    },
}


def read(path: Path) -> Any:
    return json.loads(path.read_text())


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a project whose network and baselines are scored."""
    folder = tmp_path_factory.mktemp("project")
    plan = Plan(check_configuration(CONFIGURATION))
    threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        fetch.run(plan.fetch("weather").settings)
        store.run(plan.store("weather").settings, Workers(1))
        graph.run(plan.graph("sphere").settings)
        train.run(plan.train("climate", "unet", 0).settings)
        evaluate.run(plan.evaluate("climate", "unet", 0).settings)
        baseline.run(plan.baseline("climate", "events").settings)
    torch.set_num_threads(threads)
    return folder


def test_the_network_beats_what_sees_one_pixel_alone_by_far(finished: Path) -> None:
    """Its average precision, the mean over both kinds of event, is at least twice as high."""
    found = read(finished / "results/climate/unet/seed-0/evaluation.json")["metrics"]
    baselines = read(finished / "results/climate/baselines/events.json")["baselines"]
    precisions = {name: one["metrics"]["map"] for name, one in baselines.items()}
    assert max(precisions, key=precisions.__getitem__) == "linear"
    assert found["map"] > 2 * precisions["linear"] > 0


def test_no_test_state_is_near_a_training_state(finished: Path) -> None:
    weather = open_store(finished / "data/stores/weather")
    time = {name: weather.coordinates["time"][part] for name, part in weather.split.items()}
    assert time["train"].max() + np.timedelta64(1, "D") < time["test"].min()
