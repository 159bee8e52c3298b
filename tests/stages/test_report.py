import json
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.files import sha256_file, write_json
from deepsphere.report.picture import Picture
from deepsphere.stages import report
from deepsphere.stages.report import run
from deepsphere.tasks.regression import METRICS

SEEDS = (0, 3)
HOSTILE = "<script>alert(1)</script> $x_{"
VARIANTS = {"p4": ("temperature", 1.0), "p0": ("temperature", 2.0), "day-p4": ("day", 0.1)}


def write_run(folder, seed, dense, error):
    """Write a run whose every error is ``error``: its MSE is the square of that."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(seed)
    target = random.normal(10, 5, (40, 6) if dense else 40).astype(np.float32)
    np.savez(
        folder / "predictions.npz",
        prediction=target + np.float32(error),
        target=target,
        known=np.ones(target.shape, bool),
        day=np.datetime64("2014-01-01") + np.arange(40),
        longitude=random.uniform(-180, 180, 6),
        latitude=random.uniform(-90, 90, 6),
    )
    entries = [
        {"epoch": epoch, "learning_rate": 0.1, "loss": 1 / epoch, "test": {"mse": 2 / epoch}}
        for epoch in (1, 2, 3)
    ]
    lines = [json.dumps(entry) + "\n" for entry in entries]
    (folder / "history.jsonl").write_text("".join(lines))
    promised = {
        "file": "predictions.npz",
        "sha256": sha256_file(folder / "predictions.npz"),
    }
    evaluation = {"seed": seed, "task": {"kind": "regression"}, "predictions": promised}
    write_json(folder / "evaluation.json", evaluation)


@pytest.fixture
def settings(tmp_path):
    """Settings of a report on an experiment of two tasks, whose results lie in a folder."""
    results = tmp_path / "results"
    evaluations, variants = {}, {}
    for name, (task, error) in VARIANTS.items():
        evaluations[name] = []
        for seed in SEEDS:
            folder = results / "weather" / name / f"seed-{seed}"
            write_run(folder, seed, task == "temperature", error)
            evaluations[name].append(str(folder / "evaluation.json"))
        mse = {"mean": error**2, "std": 0.0, "values": {str(seed): error**2 for seed in SEEDS}}
        variants[name] = {
            "title": HOSTILE if name == "p0" else "Order 4",
            "protocol": "sound",
            "task": task,
            "graph": "k10",
            "model": {"kind": "dense-regressor"},
            "parameters": 10,
            "seeds": list(SEEDS),
            "metrics": {"mse": mse},
            "published": None,
        }
    tasks = {
        name: {
            "title": name.capitalize(),
            "unit": unit,
            "pixels": 6,
            "samples": {"train": 80, "validation": 0, "test": 40},
            "store": {"name": "ghcn", "digest": "cd" * 32, "simulated": True},
            "baselines": {},
        }
        for name, unit in (("day", "1"), ("temperature", "degC"))
    }
    table = {
        "experiment": "weather",
        "title": "Weather",
        "metrics": list(METRICS),
        "simulated": True,
        "tasks": tasks,
        "variants": variants,
    }
    write_json(results / "weather" / "metrics.json", table)
    baselines = {}
    for name in tasks:
        baselines[name] = str(results / "weather" / "baselines" / f"{name}.json")
        Path(baselines[name]).parent.mkdir(exist_ok=True)
        write_json(Path(baselines[name]), {"baselines": {}})
    return {
        "experiments": {
            "weather": {
                "metrics": str(results / "weather" / "metrics.json"),
                "evaluations": evaluations,
                "stores": {},
                "baselines": baselines,
            }
        },
        "figures": str(results / "figures"),
        "report": str(results / "report.html"),
    }


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_report_has_every_figure_and_the_page_the_featured_ones(settings, tmp_path):
    run(settings)
    found = contents(tmp_path / "results" / "figures" / "weather")
    assert set(found) == {
        "comparison-day.png",
        "comparison-temperature.png",
        "learning-curves-day.png",
        "learning-curves-temperature.png",
        "predicted-observed-day-p4.png",
        "predicted-observed-p0.png",
        "predicted-observed-p4.png",
        "error-map-p0.png",
        "error-map-p4.png",
    }
    page = (tmp_path / "results" / "report.html").read_text(encoding="utf-8")
    # Two pictures a task, and of the better variant of each task all that it has.
    assert page.count("<img ") == 2 + 2 + 2 + 1
    assert page.count("<script") == 0
    assert "cd" * 32 in page
    for evaluations in settings["experiments"]["weather"]["evaluations"].values():
        for path in evaluations:
            assert sha256_file(Path(path)) in page
    assert page.index("Temperature") < page.index("Day")
    assert 'class="warning"' in page


def test_the_better_variant_of_a_task_is_the_featured_one(settings, tmp_path):
    run(settings)
    page = (tmp_path / "results" / "report.html").read_text(encoding="utf-8")
    captions = re.findall("<figcaption>(.*?)</figcaption>", page)
    assert [caption.split(":")[0] for caption in captions if "seed 0" in caption] == [
        "Order 4, seed 0"
    ] * 3


def test_tasks_share_a_picture_of_their_noise_and_one_of_their_maps(
    settings, tmp_path, monkeypatch
):
    experiment = settings["experiments"]["weather"]
    for variant, (task, _) in VARIANTS.items():
        for path in experiment["evaluations"][variant]:
            evaluation = json.loads(Path(path).read_text())
            evaluation["task"] |= {"channels": ["t"], "noise": 2.0 if task == "day" else 0.0}
            write_json(Path(path), evaluation)
    asked, shown = [], []

    def open_store(folder, digest):
        asked.append(folder)
        return SimpleNamespace(attrs={"maps": ["a", "b"], "nside": 4})

    def sky_pictures(name, store, channel, simulated):
        shown.append((name, channel, simulated))
        yield Picture("maps", b"", "Maps.", featured=True)

    monkeypatch.setattr(report, "_store", open_store)
    monkeypatch.setattr(report, "sky_pictures", sky_pictures)
    experiment["stores"] = {"day": "one", "temperature": "one"}
    run(settings)
    assert asked == ["one"]
    assert shown == [("ghcn", "t", True)]
    found = contents(tmp_path / "results" / "figures" / "weather")
    assert {"noise-temperature.png", "maps.png"} <= set(found)
    page = (tmp_path / "results" / "report.html").read_text(encoding="utf-8")
    assert 0 < page.index("Scores against noise") < page.index("What is told apart")
    assert page.index("What is told apart") < page.index("Learning curves")


def test_two_runs_give_the_same_bytes(settings, tmp_path):
    run(settings)
    before = contents(tmp_path / "results" / "figures")
    page = (tmp_path / "results" / "report.html").read_bytes()
    run(settings)
    assert contents(tmp_path / "results" / "figures") == before
    assert (tmp_path / "results" / "report.html").read_bytes() == page


def test_what_stood_there_is_replaced_and_no_scratch_stays(settings, tmp_path):
    old = tmp_path / "results" / "figures" / "gone"
    old.mkdir(parents=True)
    (old / "old.png").write_bytes(b"")
    run(settings)
    assert not old.exists()
    left = {path.name for path in (tmp_path / "results").iterdir()}
    assert left == {"figures", "report.html", "weather"}


def test_a_failure_leaves_the_old_report_and_the_next_run_starts_afresh(settings, tmp_path):
    run(settings)
    page = (tmp_path / "results" / "report.html").read_bytes()
    before = contents(tmp_path / "results" / "figures")
    predictions = tmp_path / "results" / "weather" / "p0" / "seed-0" / "predictions.npz"
    good = predictions.read_bytes()
    predictions.write_bytes(good + b"0")
    with pytest.raises(DeepsphereError, match=r"p0/seed-0/predictions.npz is not what") as raised:
        run(settings)
    assert "\n" not in str(raised.value)
    assert contents(tmp_path / "results" / "figures") == before
    assert (tmp_path / "results" / "report.html").read_bytes() == page
    predictions.write_bytes(good)
    run(settings)
    assert contents(tmp_path / "results" / "figures") == before


def test_a_table_of_other_variants_is_refused(settings):
    del settings["experiments"]["weather"]["evaluations"]["p0"]
    with pytest.raises(DeepsphereError, match=r"metrics.json .*difference in p0\)"):
        run(settings)


def test_a_report_on_nothing_is_a_page(settings, tmp_path):
    run({**settings, "experiments": {}})
    assert (tmp_path / "results" / "figures").is_dir()
    assert "</html>" in (tmp_path / "results" / "report.html").read_text(encoding="utf-8")
