"""A classification from its store to the report, where only the shape of a signal tells classes."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr

from deepsphere.config.configuration import check_configuration
from deepsphere.files import write_json
from deepsphere.inference.trained import load
from deepsphere.lists import write_run_lists
from deepsphere.plan import Plan
from deepsphere.samplings.healpix import Healpix
from deepsphere.stages import baseline, evaluate, graph, report, summarize, train
from deepsphere.stores.reader import open_store
from deepsphere.stores.writer import write_store
from deepsphere.tasks.class_scores import retrieval_scores
from deepsphere.tasks.retrieval_files import read_lists

CLASSES = ("broad", "narrow", "ragged")
OBJECTS, COPIES = 60, 2
DRAWN = {
    "comparison-shape",
    "learning-curves-shape",
    "filters-plain-blocks-0-convolution",
    "filters-plain-blocks-1-convolution",
    "confusion-plain",
    "accuracies-plain",
}
CONFIGURATION: dict[str, Any] = {
    "standalone": True,
    "sources": {"shapes": {"kind": "meshes", "mirrors": ["."]}},
    "stores": {
        "signals": {
            "kind": "meshes",
            "source": "shapes",
            "sampling": "healpix:4",
            "channels": ["distance", "cosine"],
            "copies": {"turned": {"rotation": "so3", "count": COPIES}},
        }
    },
    "graphs": {"sphere": {"sampling": "healpix:4", "levels": 3, "neighbours": 8}},
    "experiments": {
        "trial": {
            "title": "Trial",
            "seeds": [0, 1],
            "tasks": {
                "shape": {
                    "kind": "classification",
                    "title": "Shapes",
                    "store": "signals",
                    "channels": ["distance", "cosine"],
                    "retrieval": True,
                },
            },
            "base": {
                "protocol": "sound",
                "task": "shape",
                "graph": "sphere",
                "model": {"kind": "classifier", "widths": [8, 8]},
                "training": {
                    "epochs": 12,
                    "batch_size": 8,
                    "learning_rate": 0.02,
                    "monitor_every": 4,
                    "select": "best",
                    "device": "cpu",
                },
            },
            "variants": {
                "plain": {
                    "title": "Plain",
                    "published": {"metrics": {"accuracy": 0.9}, "source": "a paper"},
                }
            },
        }
    },
}


def signals() -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return maps (sample, pixel, channel) and their labels.

    The classes are sums of exp((cos - 1) / width) around random places; each channel of each map
    has mean 0 and deviation 1, so nothing but neighbours tells them apart.
    """
    random = np.random.default_rng(0)
    positions = Healpix(4).positions
    labels = np.repeat(np.arange(OBJECTS) % len(CLASSES), COPIES)
    values = np.empty((len(labels), len(positions), 2))
    for sample, label in enumerate(labels):
        places = random.normal(size=(2, 40, 3))
        places /= np.linalg.norm(places, axis=-1, keepdims=True)
        width = (0.5, 0.1, 0.01)[label]
        heights = random.normal(size=(2, 1, 40))
        values[sample] = (heights * np.exp((positions @ places.mT - 1) / width)).sum(axis=-1).T
    values -= values.mean(axis=1, keepdims=True)
    values /= values.std(axis=1, keepdims=True)
    return values.astype(np.float32), labels


def write_signals(folder: Path) -> None:
    """Write a store as that of meshes, of which one of each split is broken, and its manifest."""
    values, labels = signals()
    number = np.repeat(np.arange(OBJECTS), COPIES)
    split = np.select([number % 10 < 6, number % 10 < 7], [0, 1], 2).astype(np.uint8)
    valid = ~np.isin(number, [3, 16, 29])
    values[~valid] = np.nan
    positions = Healpix(4).positions
    dataset = xr.Dataset(
        {"data": (("sample", "cell", "channel"), values)},
        coords={
            "longitude": ("cell", np.degrees(np.arctan2(positions[:, 1], positions[:, 0])) % 360),
            "latitude": ("cell", np.degrees(np.arcsin(positions[:, 2]))),
            "split": ("sample", split),
            "label": ("sample", labels.astype(np.int16)),
            "object": ("sample", number.astype(np.int32)),
            "copies": ("sample", np.zeros(len(number), np.uint8)),
            "copy": ("sample", np.tile(np.arange(COPIES), OBJECTS).astype(np.uint8)),
            "valid": ("sample", valid),
        },
        attrs={
            "channels": ["distance", "cosine"],
            "units": ["1", "1"],
            "ids": [f"thing_{number:04d}" for number in range(OBJECTS)],
            "class_names": list(CLASSES),
            "copies": ["turned"],
        },
    )
    content = write_store(dataset, folder / "signals", fingerprint={})
    manifest = {"digest": content["digest"], "simulated": True, "report": {}}
    write_json(folder / "signals.json", manifest)


def read(path: str) -> Any:
    return json.loads(Path(path).read_text())


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Return a function that gives the settings of a stage of a project that ran to its report."""
    folder = tmp_path_factory.mktemp("project")
    plan = Plan(check_configuration(CONFIGURATION))
    threads = torch.get_num_threads()

    def settings(stage: str, *names: Any) -> Any:
        return getattr(plan, stage)(*names).settings

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_signals(Path("data/stores"))
        graph.run(settings("graph", "sphere"))
        for seed in (0, 1):
            train.run(settings("train", "trial", "plain", seed))
            evaluate.run(settings("evaluate", "trial", "plain", seed))
        baseline.run(settings("baseline", "trial", "shape"))
        summarize.run(settings("summarize", "trial"))
        report.run(settings("report"))
    torch.set_num_threads(threads)
    return lambda path: folder / path


def test_the_network_beats_what_does_not_see_neighbours(finished: Callable[..., Any]) -> None:
    table = read(finished("results/trial/metrics.json"))
    accuracy = table["variants"]["plain"]["metrics"]["accuracy"]["mean"]
    baselines = table["tasks"]["shape"]["baselines"]
    assert baselines.keys() == {"majority", "nearest", "linear"}
    others = [found["metrics"]["accuracy"] for found in baselines.values()]
    # A third is chance; one in twenty test objects is broken.
    assert max(others) < 0.6
    assert accuracy > 0.8


def test_the_table_has_the_metrics_of_the_task(finished: Callable[..., Any]) -> None:
    table = read(finished("results/trial/metrics.json"))
    assert table["metrics"][:3] == ["accuracy", "weighted_f1", "macro_f1"]
    assert table["metrics"][-1] == "macro_ndcg_as_evaluated"
    assert set(table["variants"]["plain"]["metrics"]) == set(table["metrics"])
    assert table["tasks"]["shape"]["samples"] == {"train": 70, "validation": 12, "test": 36}


def test_the_predictions_are_those_that_were_scored(finished: Callable[..., Any]) -> None:
    evaluation = read(finished("results/trial/plain/seed-0/evaluation.json"))
    with np.load(finished("results/trial/plain/seed-0/predictions.npz")) as found:
        assert found["prediction"].shape == (36, 3)
        np.testing.assert_allclose(found["prediction"].sum(axis=1), 1, rtol=1e-5)
        right = found["prediction"].argmax(axis=1) == found["target"]
        assert right.mean() == pytest.approx(evaluation["metrics"]["accuracy"])
        assert found["known"].all()
        assert found["classes"].tolist() == list(CLASSES)
        assert found["id"][:2].tolist() == ["thing_0007", "thing_0007"]
        assert found["descriptors"].shape == (36, 8)
        # What is broken is answered for with what a constant map gives.
        broken = found["id"] == "thing_0029"
        assert broken.sum() == COPIES
        assert np.ptp(found["prediction"][broken], axis=0).max() == 0


def test_a_trained_run_gives_the_same_probabilities_without_its_store(
    finished: Callable[..., Any],
) -> None:
    folder = finished("results/trial/plain/seed-0")
    trained = load(folder)
    assert trained.classes == CLASSES
    store = open_store(finished("data/stores/signals"))
    with np.load(folder / "predictions.npz") as found:
        logits = trained.predict(store.read(found["sample"]))
        chances = torch.from_numpy(logits).softmax(dim=1).numpy()
        np.testing.assert_allclose(chances, found["prediction"], atol=1e-6)


def test_the_report_shows_the_classification(finished: Callable[..., Any]) -> None:
    drawn = {path.stem for path in finished("results/figures/trial").glob("*.png")}
    assert drawn == {*DRAWN, "alike-plain"}
    page = finished("results/report.html").read_text()
    assert "weighted by their samples" in page
    assert "mean squared error" not in page


def test_a_store_that_is_gone_is_not_shown(
    finished: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(finished("."))
    settings = Plan(check_configuration(CONFIGURATION)).report().settings
    assert settings["experiments"]["trial"]["stores"] == {"shape": "data/stores/signals"}
    settings["experiments"]["trial"]["stores"]["shape"] = "gone"
    settings |= {"figures": "other/figures", "report": "other/report.html"}
    report.run(settings)
    drawn = {path.stem for path in finished("other/figures/trial").glob("*.png")}
    assert drawn == DRAWN
    assert "gone is gone, so that no samples of it are shown" in caplog.text


@pytest.mark.parametrize(
    ("ranking", "votes"), [("score", False), ("nearest", True), ("thresholds", False)]
)
def test_lists_have_the_scores_of_the_evaluation(
    finished: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    ranking: str,
    votes: bool,
) -> None:
    """The ranking changes after the training, which need not be done again."""
    monkeypatch.chdir(finished("."))
    settings = Plan(check_configuration(CONFIGURATION)).evaluate("trial", "plain", 0).settings
    run = tmp_path / "run"
    shutil.copytree(settings["folder"], run)
    evaluate.run(
        settings
        | {
            "task": {**settings["task"], "ranking": ranking, "votes": votes},
            "evaluation": str(run / "evaluation.json"),
            "predictions": str(run / "predictions.npz"),
        },
        torch.get_num_threads(),
    )
    assert write_run_lists(run, tmp_path / "lists", "val_normal") == 18
    with np.load(run / "predictions.npz") as found:
        ids, first = np.unique(found["id"], return_index=True)
        target = found["target"][first].astype(np.int64)
        assert ("thresholds" in found) == (ranking == "thresholds")
    lists = read_lists(tmp_path / "lists/val_normal", ids.tolist())
    metrics = read(str(run / "evaluation.json"))["metrics"]
    expected = retrieval_scores(lists, target, target)
    assert {name: metrics[name] for name in expected} == pytest.approx(expected, rel=1e-12)
    lengths = {len(members) for members in lists.members}
    assert (lengths == {18}) == (ranking == "nearest")
