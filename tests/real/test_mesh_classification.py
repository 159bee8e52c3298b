"""On real meshes, turned anyhow, a network tells classes that the mean signal does not."""

from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
MESHES = ROOT.parent / "shared" / "data" / "meshes"

CHANNELS = ["distance", "cosine", "sine", "hull-distance", "hull-cosine", "hull-sine"]

CONFIGURATION: dict[str, Any] = {
    "standalone": True,
    "sources": {
        "shapes": {
            "kind": "meshes",
            "mirrors": [str(MESHES)],
            "files": ["shapedb_obj.zip"],
            "labels": "shapedb_obj.zip/shapedb_obj/labels_shrec17_style.csv",
        }
    },
    "stores": {
        "shapes": {
            "kind": "meshes",
            "source": "shapes",
            "sampling": "healpix:8",
            "copies": {
                "train": {"rotation": "so3", "translation": 0.1, "count": 16},
                "test": {"rotation": "so3", "count": 4},
            },
        }
    },
    "graphs": {"shapes": {"store": "shapes", "levels": 4, "neighbours": 8}},
    "experiments": {
        "shapes": {
            "title": "Shapes",
            "seeds": [0],
            "tasks": {
                "classes": {
                    "kind": "classification",
                    "store": "shapes",
                    "channels": CHANNELS,
                    "train_copies": ["train"],
                    "test_copies": ["test"],
                }
            },
            "variants": {
                "three": {
                    "title": "Three layers",
                    "protocol": "sound",
                    "task": "classes",
                    "graph": "shapes",
                    "model": {"kind": "classifier", "widths": [16, 32, 64]},
                    "training": {
                        "epochs": 12,
                        "batch_size": 32,
                        "optimizer": "adamw",
                        "learning_rate": 0.005,
                        "weight_decay": 0.05,
                        "schedule": "cosine",
                    },
                }
            },
        }
    },
}


@pytest.mark.slow
@pytest.mark.skipif(not MESHES.is_dir(), reason="needs the meshes of ../shared/data/meshes")
def test_a_network_beats_the_nearest_mean_signal_on_turned_meshes(fresh: Any) -> None:
    (fresh.folder / "small.yaml").write_text(yaml.safe_dump(CONFIGURATION))
    fresh.run("results/shapes/metrics.json")
    table = fresh.json("results/shapes/metrics.json")
    baselines = table["tasks"]["classes"]["baselines"]
    nearest = baselines["nearest"]["metrics"]["accuracy"]
    accuracy = table["variants"]["three"]["metrics"]["accuracy"]["mean"]
    assert accuracy > nearest + 0.05
    manifest = fresh.json("data/stores/shapes.json")
    assert manifest["report"]["quarantined"] == {"count": 0, "first": []}
    assert manifest["report"]["meshes"] == 168
