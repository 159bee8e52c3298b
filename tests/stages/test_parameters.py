"""A regression of cosmological parameters from simulated tomographic maps, from fetch to report."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from deepsphere.config.configuration import check_configuration
from deepsphere.inference.trained import load
from deepsphere.plan import Plan
from deepsphere.sources.cosmo import simulator
from deepsphere.sources.cosmo.theory import Cosmology, LightCone, Spectra
from deepsphere.stages import baseline, evaluate, fetch, graph, report, store, summarize, train
from deepsphere.stores.reader import open_store
from deepsphere.workers import Workers

pytest.importorskip("healpy")
pytest.importorskip("glass")

TARGETS = ("Omega_m", "sigma_8")
TRAINING = {"epochs": 12, "batch_size": 16, "learning_rate": 0.02, "device": "cpu"}
CONFIGURATION: dict[str, Any] = {
    "standalone": True,
    "sources": {
        "skies": {
            "kind": "cosmo",
            "edition": "maps",
            "labels": "labels.csv",
            "simulate": {"nside": 8, "maps": 3, "cosmologies": 11, "redshifts": [0.4, 0.8]},
        }
    },
    "stores": {
        "patches": {
            "kind": "cosmo",
            "source": "skies",
            "nside": 8,
            "order": 1,
            "smoothing": 0,
            "channels": ["near", "far"],
            "split": {"kind": "seed-grouped", "validation": 0.5},
        }
    },
    "graphs": {"patch": {"store": "patches", "levels": 3, "neighbours": 8}},
    "experiments": {
        "universes": {
            "title": "Universes",
            "seeds": [0],
            "tasks": {
                "parameters": {
                    "kind": "parameters",
                    "store": "patches",
                    "channels": ["near", "far"],
                    "targets": list(TARGETS),
                    "noise": 0.1,
                }
            },
            "base": {
                "protocol": "sound",
                "task": "parameters",
                "graph": "patch",
                "training": {**TRAINING, "select": "best", "monitor_every": 4},
            },
            "variants": {
                "graph": {
                    "title": "Graph",
                    "model": {
                        "kind": "classifier",
                        "widths": [8, 8],
                        "statistics": "mean-variance",
                    },
                },
                "plane": {
                    "title": "Plane",
                    "model": {
                        "kind": "planar-classifier",
                        "widths": [8, 8],
                        "fully_convolutional": True,
                    },
                },
            },
        }
    },
}


def power_laws(cosmology: Cosmology, cone: LightCone, degrees: int) -> Spectra:
    """Return spectra as simple as can be, that CAMB need not be asked for."""
    degree = np.arange(degrees)
    shell = 0.05 * cosmology.sigma_8**2 / (1 + degree) ** 2
    shells = np.tile(shell, (cone.shells, 1))
    weights = np.full(cone.shells, 0.01 * cosmology.matter)
    return Spectra(shells, weights, weights**2 @ shells)


def read(path: Path) -> Any:
    return json.loads(path.read_text())


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a function that gives a path of a project that ran to its table."""
    folder = tmp_path_factory.mktemp("project")
    plan = Plan(check_configuration(CONFIGURATION))
    threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(simulator, "light_cone_spectra", power_laws)
        fetch.run(plan.fetch("skies").settings)
        store.run(plan.store("patches").settings, Workers())
        graph.run(plan.graph("patch").settings)
        for variant in ("graph", "plane"):
            train.run(plan.train("universes", variant, 0).settings)
            evaluate.run(plan.evaluate("universes", variant, 0).settings)
        baseline.run(plan.baseline("universes", "parameters").settings)
        summarize.run(plan.summarize("universes").settings)
    torch.set_num_threads(threads)
    return lambda path: folder / path


def test_universes_of_the_test_are_not_those_of_the_training(
    finished: Callable[[str], Path],
) -> None:
    """Of nine drawn ones each third is tested on, with one map; each map is 12 patches."""
    with np.load(finished("results/universes/graph/seed-0/predictions.npz")) as found:
        assert found["targets"].tolist() == list(TARGETS)
        assert found["prediction"].shape == found["target"].shape == (5 * 12, 2)
        assert found["known"].all()
        assert len(found["sample"]) == 5 * 12
        tested = {tuple(row) for row in found["target"].astype(float).round(4).tolist()}
    manifest = read(finished("results/universes/graph/seed-0/training.json"))
    assert manifest["samples"] == {"train": 8 * 12, "validation": 8 * 12, "test": 5 * 12}
    assert len(tested) == 5
    assert {(0.26, 0.91), (0.31, 0.82)} < tested


def test_the_table_has_every_target(finished: Callable[[str], Path]) -> None:
    table = read(finished("results/universes/metrics.json"))
    names = ["mse", "mae", "r2"]
    names += [f"{metric}_{target}" for target in TARGETS for metric in ("mae", "r2")]
    assert table["metrics"] == names
    for variant in ("graph", "plane"):
        assert list(table["variants"][variant]["metrics"]) == names
    baselines = table["tasks"]["parameters"]["baselines"]
    assert baselines.keys() == {"constant", "linear"}
    assert baselines["constant"]["metrics"]["r2"] <= 0


def test_more_of_sigma_8_is_found_than_the_mean(finished: Callable[[str], Path]) -> None:
    """In universes that were not trained on, and patches of 64 pixels with noise."""
    table = read(finished("results/universes/metrics.json"))
    baselines = table["tasks"]["parameters"]["baselines"]
    constant = baselines["constant"]["metrics"]["mae_sigma_8"]
    assert baselines["linear"]["metrics"]["mae_sigma_8"] < 0.8 * constant
    assert table["variants"]["graph"]["metrics"]["mae_sigma_8"]["mean"] < 0.8 * constant


@pytest.mark.parametrize("variant", ["graph", "plane"])
def test_the_trained_model_says_what_the_evaluation_kept(
    finished: Callable[[str], Path], variant: str
) -> None:
    """In the units of the parameters, of maps in theirs, with the noise of the evaluation."""
    trained = load(finished(f"results/universes/{variant}/seed-0"))
    assert (trained.outputs, trained.classes) == (TARGETS, None)
    with np.load(finished(f"results/universes/{variant}/seed-0/predictions.npz")) as kept:
        expected, numbers = kept["prediction"], kept["sample"]
    task = check_configuration(CONFIGURATION).experiments["universes"].tasks["parameters"]
    samples = task.samples(open_store(finished("data/stores/patches")))
    maps = samples.batch(numbers).inputs * samples.deviation + samples.mean
    found = trained.predict(maps)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5)
    with pytest.raises(ValueError, match="expected a model of classes, found one of a regression"):
        trained.probabilities(maps)


def test_the_report_shows_it(
    finished: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(finished("."))
    report.run(Plan(check_configuration(CONFIGURATION)).report().settings)
    assert "MAE Omega_m" in finished("results/report.html").read_text()
    drawn = {path.stem for path in finished("results/figures/universes").glob("*.png")}
    assert {name for name in drawn if not name.startswith("filters-")} == {
        "comparison-parameters",
        "learning-curves-parameters",
        *(
            f"predicted-observed-{variant}-{target}"
            for variant in ("graph", "plane")
            for target in TARGETS
        ),
    }
