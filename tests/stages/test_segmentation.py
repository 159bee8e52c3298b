"""A segmentation from its store to the table, where only neighbours tell what a pixel is."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from sklearn.metrics import average_precision_score, recall_score

from deepsphere.config.configuration import check_configuration
from deepsphere.files import write_json
from deepsphere.inference.trained import load
from deepsphere.plan import Plan
from deepsphere.samplings.coordinates import longitude_latitude
from deepsphere.samplings.healpix import Healpix
from deepsphere.stages import baseline, evaluate, graph, report, summarize, train
from deepsphere.stores.reader import open_store
from deepsphere.stores.writer import write_store

CLASSES = ("background", "warm", "cold")
STATES, PIXELS = 120, 192
TASKS = ("one", "two")
VARIANTS = ("single", "stacked", "recurrent")
CONFIGURATION: dict[str, Any] = {
    "standalone": True,
    "sources": {"states": {"kind": "meshes", "mirrors": ["."]}},
    "stores": {
        "weather": {
            "kind": "meshes",
            "source": "states",
            "sampling": "healpix:4",
            "channels": ["distance", "cosine"],
            "copies": {"only": {}},
        }
    },
    "graphs": {"sphere": {"sampling": "healpix:4", "levels": 3, "neighbours": 8}},
    "experiments": {
        "trial": {
            "title": "Trial",
            "seeds": [0],
            "tasks": {
                "one": {
                    "kind": "segmentation",
                    "store": "weather",
                    "channels": ["distance", "cosine"],
                    "class_weights": "balanced",
                    "predecessors": 1,
                },
                "two": {
                    "kind": "segmentation",
                    "store": "weather",
                    "channels": ["distance", "cosine"],
                    "window": 2,
                    "areas": True,
                },
            },
            "base": {
                "protocol": "sound",
                "task": "one",
                "graph": "sphere",
                "model": {"kind": "unet", "widths": [[8], [8], [8]], "wiring": "paper"},
                "training": {
                    "epochs": 12,
                    "batch_size": 8,
                    "learning_rate": 0.01,
                    "monitor_every": 4,
                    "select": "best",
                    "device": "cpu",
                },
            },
            "variants": {
                "single": {
                    "title": "Single states",
                    "published": {"metrics": {"map": 0.9}, "source": "a paper"},
                },
                "stacked": {"title": "Stacked", "task": "two"},
                "recurrent": {
                    "title": "Recurrent",
                    "task": "two",
                    "model": {"kind": "recurrent-unet", "widths": [[8], [8]], "kernel_size": 3},
                    "training": {"epochs": 2},
                },
            },
        }
    },
}


def states() -> tuple[Any, Any]:
    """Return fields (state, pixel, channel) and labels (state, pixel).

    A pixel is warm where the smooth part of the first channel is high, and cold where that of the
    second is; noise that is twice as large hides both from who sees the pixel alone.
    """
    random = np.random.default_rng(0)
    positions = Healpix(4).positions
    smooth = np.zeros((STATES, PIXELS, 2))
    for state in range(STATES):
        places = random.normal(size=(2, 12, 3))
        places /= np.linalg.norm(places, axis=-1, keepdims=True)
        heights = random.normal(size=(2, 1, 12))
        smooth[state] = (heights * np.exp((positions @ places.mT - 1) / 0.1)).sum(axis=-1).T
    smooth /= smooth.std()
    labels = np.select([smooth[..., 0] > 1.5, smooth[..., 1] > 1.2], [1.0, 2.0], 0.0)
    return smooth + 2 * random.normal(size=smooth.shape), labels


def write_states(folder: Path) -> None:
    """Write a store of two runs, with a broken state and an unlabelled one among the test ones."""
    values, labels = states()
    data = np.concatenate([values, labels[..., None]], axis=2)
    data[110] = np.nan
    data[115, :, 2] = np.nan
    longitude, latitude = longitude_latitude(Healpix(4).positions)
    number = np.arange(STATES)
    dataset = xr.Dataset(
        {"data": (("sample", "cell", "channel"), data.astype(np.float32))},
        coords={
            "longitude": ("cell", longitude),
            "latitude": ("cell", latitude),
            "split": ("sample", np.select([number < 84, number < 90], [0, 1], 2).astype(np.uint8)),
            "run": ("sample", (number % 2).astype(np.int16)),
            "step": ("sample", (number // 2).astype(np.int32)),
        },
        attrs={
            "channels": ["distance", "cosine", "label"],
            "units": ["1", "1", "1"],
            "sampling": "healpix:4",
            "label_channel": "label",
            "class_names": list(CLASSES),
        },
    )
    content = write_store(dataset, folder / "weather", fingerprint={})
    write_json(
        folder / "weather.json", {"digest": content["digest"], "simulated": True, "report": {}}
    )


def read(path: str) -> Any:
    return json.loads(Path(path).read_text())


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Return a function that gives the files of a project that ran to its table."""
    folder = tmp_path_factory.mktemp("project")
    plan = Plan(check_configuration(CONFIGURATION))
    threads = torch.get_num_threads()

    def settings(stage: str, *names: Any) -> Any:
        return getattr(plan, stage)(*names).settings

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_states(Path("data/stores"))
        graph.run(settings("graph", "sphere"))
        for variant in VARIANTS:
            train.run(settings("train", "trial", variant, 0))
            evaluate.run(settings("evaluate", "trial", variant, 0))
        for task in TASKS:
            baseline.run(settings("baseline", "trial", task))
        summarize.run(settings("summarize", "trial"))
        report.run(settings("report"))
    torch.set_num_threads(threads)
    return lambda path: folder / path


def test_the_network_beats_what_does_not_see_neighbours(finished: Callable[..., Any]) -> None:
    table = read(finished("results/trial/metrics.json"))
    for variant, task in (("single", "one"), ("stacked", "two")):
        found = table["variants"][variant]["metrics"]
        baselines = table["tasks"][task]["baselines"]
        assert baselines.keys() == {"majority", "climatology", "linear"}
        assert found["map"]["mean"] > 0.1 + max(one["metrics"]["map"] for one in baselines.values())
    assert baselines["majority"]["metrics"]["mean_accuracy"] == pytest.approx(1 / 3)
    best = table["tasks"]["one"]["baselines"]["linear"]["metrics"]["mean_accuracy"]
    assert table["variants"]["single"]["metrics"]["mean_accuracy"]["mean"] > 0.1 + best


def test_the_scores_are_those_of_scikit_learn_over_all_known_pixels(
    finished: Callable[..., Any],
) -> None:
    folder = finished("results/trial/single/seed-0")
    scores = read(folder / "evaluation.json")["metrics"]
    trained, store = load(folder), open_store(finished("data/stores/weather"))
    with np.load(folder / "predictions.npz") as found:
        assert found["prediction"].dtype == found["target"].dtype == np.uint8
        assert found["prediction"].shape == (30, PIXELS)
        assert found["sample"].tolist() == list(range(90, 120))
        known = found["target"] != 255
        assert (~known).sum(axis=1)[[20, 25]].tolist() == [PIXELS, PIXELS]
        assert known.sum() == 28 * PIXELS
        logits = trained.predict(store.read(found["sample"])[..., :2])
        assert np.mean(logits.argmax(axis=2) == found["prediction"]) > 0.999
        truth, answers = found["target"][known], found["prediction"][known]
        assert found["confusion"].sum() == known.sum()
        assert found["classes"].tolist() == list(CLASSES)
        assert found["recall"].shape == found["precision"].shape == (3, 512)
    recalls = recall_score(truth, answers, average=None)
    assert [scores[f"accuracy_{name}"] for name in CLASSES] == pytest.approx(recalls)
    assert scores["mean_accuracy"] == pytest.approx(np.mean(recalls))
    chances = torch.from_numpy(logits).softmax(dim=2).numpy()[known]
    areas = [average_precision_score(truth == number, chances[:, number]) for number in range(3)]
    expected = [scores[f"average_precision_{name}"] for name in CLASSES]
    assert expected == pytest.approx(areas, abs=1e-5)
    assert scores["map"] == pytest.approx(np.mean(areas[1:]), abs=1e-5)
    assert "average_precision_tolerance" not in scores


def test_windows_are_of_states_that_follow_one_another(finished: Callable[..., Any]) -> None:
    """Each run has a first state, which nothing comes before."""
    samples = {
        name: task["samples"]
        for name, task in read(finished("results/trial/metrics.json"))["tasks"].items()
    }
    assert samples["one"] == samples["two"] == {"train": 82, "validation": 6, "test": 30}
    manifest = read(finished("results/trial/recurrent/seed-0/training.json"))
    assert (manifest["use"]["input_times"], manifest["use"]["input_channels"]) == (2, 2)


def test_a_trained_run_takes_windows_of_states(finished: Callable[..., Any]) -> None:
    store = open_store(finished("data/stores/weather"))
    windows = store.read([90, 92, 91, 93]).reshape(2, 2, PIXELS, 3)[..., :2]
    for variant in ("stacked", "recurrent"):
        trained = load(finished(f"results/trial/{variant}/seed-0"))
        logits = trained.predict(windows)
        assert logits.shape == (2, PIXELS, 3)
        with np.load(finished(f"results/trial/{variant}/seed-0/predictions.npz")) as found:
            assert found["sample"][2:4].tolist() == [92, 93]
            assert np.mean(logits.argmax(axis=2) == found["prediction"][2:4]) > 0.99
        with pytest.raises(ValueError, match=r"expected values of shape \(1 or more, 2, 192, 2\)"):
            trained.predict(windows[:, 0])


def test_the_report_shows_the_segmentation(finished: Callable[..., Any]) -> None:
    drawn = {path.stem for path in finished("results/figures/trial").glob("*.png")}
    filters = {name for name in drawn if name.startswith("filters-")}
    assert any(name.startswith("filters-single-") for name in filters)
    assert drawn - filters == {
        *(
            f"{figure}-{task}"
            for figure in ("comparison", "learning-curves", "precision-recall")
            for task in TASKS
        ),
        *(
            f"{figure}-{name}"
            for figure in ("confusion", "accuracies", "events")
            for name in VARIANTS
        ),
    }
    page = finished("results/report.html").read_text()
    assert "mean average precision of the classes but the background" in page
    assert "AP warm" in page


def test_nothing_is_left_of_what_was_on_disk(finished: Callable[..., Any]) -> None:
    assert not list(finished("results").rglob("*.scratch"))
