"""The table says what the runs say."""

import json
import statistics
from pathlib import Path
from typing import Any

import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.files import write_json
from deepsphere.stages.summarize import run

ERRORS = {"0": 8.5, "1": 8.0, "2": 9.75}


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, Any]:
    """Return the settings of a table of one task, a variant of three seeds and one of one seed."""
    store = {"digest": "d" * 64, "simulated": False, "report": {}}
    write_json(tmp_path / "store.json", store)
    baselines = {
        "inputs": {"store": store["digest"]},
        "unit": "degC",
        "metrics": ["mse", "mae", "r2"],
        "pixels": 5,
        "samples": {"train": 10, "validation": 0, "test": 4},
        "baselines": {"persistence": {"description": "", "parameters": 0, "metrics": {"mse": 9}}},
    }
    write_json(tmp_path / "baselines.json", baselines)

    def evaluation(seed: str, mse: float) -> str:
        path = tmp_path / f"evaluation-{seed}-{mse}.json"
        metrics = {"mse": mse, "mae": mse / 4} | ({"r2": 0.5} if seed != "2" else {})
        value = {
            "seed": int(seed),
            "metrics": metrics,
            "parameters": 77000,
            "inputs": {"store": store["digest"]},
        }
        write_json(path, value)
        return str(path)

    variant = {
        "title": "Order 4",
        "protocol": "sound",
        "task": "next",
        "graph": "near",
        "model": {"kind": "dense-regressor"},
        "published": {"metrics": {"mse": 8.2}, "source": "a paper", "note": None},
    }
    return {
        "name": "trial",
        "title": "Trial",
        "tasks": {
            "next": {
                "title": "",
                "store": "maps",
                "store_manifest": str(tmp_path / "store.json"),
                "baselines": str(tmp_path / "baselines.json"),
                "published": {},
            }
        },
        "variants": {
            "z-first": {**variant, "evaluations": [evaluation(*item) for item in ERRORS.items()]},
            "a-second": {**variant, "published": None, "evaluations": [evaluation("0", 7.0)]},
        },
        "metrics": str(tmp_path / "metrics.json"),
    }


def table(settings: dict[str, Any]) -> Any:
    run(settings)
    return json.loads(Path(settings["metrics"]).read_text())


def test_mean_and_sample_deviation_over_the_seeds(settings: dict[str, Any]) -> None:
    mse = table(settings)["variants"]["z-first"]["metrics"]["mse"]
    assert mse["values"] == ERRORS
    assert mse["mean"] == pytest.approx(8.75, rel=1e-12)
    # Squared distances from 8.75: 0.0625 + 0.5625 + 1 = 1.625, over 3 - 1 seeds.
    assert mse["std"] == pytest.approx(0.8125**0.5, rel=1e-12)
    assert mse["std"] == pytest.approx(statistics.stdev(ERRORS.values()))


def test_one_seed_has_no_deviation(settings: dict[str, Any]) -> None:
    mse = table(settings)["variants"]["a-second"]["metrics"]["mse"]
    assert mse == {"mean": 7.0, "std": None, "values": {"0": 7.0}}


def test_a_metric_that_a_seed_lacks_has_no_mean(settings: dict[str, Any]) -> None:
    variants = table(settings)["variants"]
    assert "r2" not in variants["z-first"]["metrics"]
    assert variants["a-second"]["metrics"]["r2"]["mean"] == 0.5


def test_the_rows_keep_their_order_and_their_published_numbers(settings: dict[str, Any]) -> None:
    found = table(settings)
    assert list(found["variants"]) == ["z-first", "a-second"]
    assert found["variants"]["z-first"]["published"]["metrics"] == {"mse": 8.2}
    assert found["variants"]["z-first"]["parameters"] == 77000
    assert found["tasks"]["next"]["title"] == "next"
    assert found["tasks"]["next"]["baselines"]["persistence"]["metrics"] == {"mse": 9}


def test_baselines_have_their_published_numbers_and_those_not_computed_come_last(
    settings: dict[str, Any],
) -> None:
    printed = {"metrics": {"mse": 9.5}, "source": "a thesis", "note": None}
    settings["tasks"]["next"]["published"] = {"guess": printed, "persistence": printed}
    found = table(settings)["tasks"]["next"]["baselines"]
    assert list(found) == ["persistence", "guess"]
    assert found["persistence"] == {
        "description": "",
        "parameters": 0,
        "metrics": {"mse": 9},
        "published": printed,
    }
    assert found["guess"].pop("description") == "as published; it was not computed here"
    assert found["guess"] == {"parameters": None, "metrics": {}, "published": printed}


def test_a_baseline_without_published_numbers_says_so(settings: dict[str, Any]) -> None:
    assert table(settings)["tasks"]["next"]["baselines"]["persistence"]["published"] is None


@pytest.mark.parametrize("of", ["baselines", "evaluation"])
def test_results_of_another_store_are_refused(of: str, settings: dict[str, Any]) -> None:
    task = settings["tasks"]["next"]
    path = Path(
        task["baselines"]
        if of == "baselines"
        else settings["variants"]["a-second"]["evaluations"][0]
    )
    value = json.loads(path.read_text())
    value["inputs"]["store"] = "e" * 64
    write_json(path, value)
    with pytest.raises(DeepsphereError, match=rf"{path.name} is of another store"):
        run(settings)
