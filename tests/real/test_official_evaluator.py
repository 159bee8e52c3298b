"""Our metrics beside those of the official evaluator of SHREC'17, run by Node.js.

Set ``SHREC17_EVALUATOR`` to the folder that holds its ``evaluate.js`` and ``all.csv.gz``, unpacked
from https://shapenet.cs.stanford.edu/shrec17/code/evaluator.zip.
"""

import csv
import gzip
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from deepsphere.tasks.ranked_lists import RankedLists
from deepsphere.tasks.ranking import by_score, class_then_nearest, within_thresholds
from deepsphere.tasks.retrieval import number_labels, retrieval_metrics
from deepsphere.tasks.retrieval_files import read_lists, write_lists

EVALUATOR = Path(os.environ.get("SHREC17_EVALUATOR", "")).absolute()
NODE = shutil.which("node")
TOLERANCE = 1e-9

pytestmark = [
    pytest.mark.skipif(
        NODE is None or not (EVALUATOR / "evaluate.js").is_file(),
        reason="needs node, and SHREC17_EVALUATOR set to the unpacked folder of "
        "https://shapenet.cs.stanford.edu/shrec17/code/evaluator.zip",
    ),
    pytest.mark.slow,
]


@pytest.fixture(scope="module")
def table():
    with gzip.open(EVALUATOR / "all.csv.gz", "rt") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def evaluate(table, tmp_path_factory):
    """Return a function that gives both metrics of a folder of lists, and checks that they agree.

    The tables of the evaluator name the classes; ours number them.
    """

    def both(method: Path, dataset: str, lists: RankedLists | None = None):
        rows = [row for row in table if row["split"] == dataset.split("_")[0]]
        categories, subcategories = number_labels(
            [row["synsetId"] for row in rows], [row["subSynsetId"] for row in rows]
        )
        if lists is None:
            lists = read_lists(method / dataset, [row["id"] for row in rows])
        ours = retrieval_metrics(lists, categories, subcategories)
        folder = tmp_path_factory.mktemp("evaluator")
        (folder / "all.csv.gz").symlink_to(EVALUATOR / "all.csv.gz")
        subprocess.run(
            [NODE, "--max-old-space-size=8192", EVALUATOR / "evaluate.js", f"{method}/"],
            cwd=folder,
            check=True,
            capture_output=True,
        )
        compare(ours, folder / f"{method.name}", dict(zip(categories, rows, strict=True)))
        return ours

    return both


def compare(ours, tables, rows_of):
    with Path(f"{tables}.summary.csv").open() as stream:
        theirs = {
            row["class"]: [float(row[name]) for name in ("P@N", "R@N", "F1@N", "mAP", "NDCG")]
            for row in csv.DictReader(stream)
        }
    averages = {"microALL": ours["micro"], "macroALL": ours["macro"]}
    categories = {rows_of[number]["synsetId"]: row for number, row in ours["categories"].items()}
    assert set(theirs) == {*averages, *categories}
    for name, row in {**averages, **categories}.items():
        row = [value for metric, value in row.items() if metric != "NDCG"]
        assert row == pytest.approx(theirs[name], abs=TOLERANCE), name
    with Path(f"{tables}.pr.csv").open() as stream:
        curves = list(csv.DictReader(stream))
    for name in ("micro", "macro"):
        points = [row for row in curves if row["class"] == f"{name}ALL"]
        for key, curve in (("P", "precision"), ("R", "recall")):
            expected = [float(row[key]) for row in points]
            assert ours["curves"][name][curve] == pytest.approx(expected, abs=TOLERANCE)


@pytest.fixture(scope="module")
def classified(table):
    """Return ids, probabilities and descriptors of the test split as a fair network gives them."""
    rows = [row for row in table if row["split"] == "test"]
    ids = [row["id"] for row in rows]
    _, truth = np.unique([row["synsetId"] for row in rows], return_inverse=True)
    generator = np.random.default_rng(0)
    centres = generator.normal(size=(55, 32))
    descriptors = centres[truth] + 1.5 * generator.normal(size=(len(rows), 32))
    scores = np.exp(descriptors @ centres.T / 4)
    return ids, scores / scores.sum(axis=1, keepdims=True), descriptors


def test_lists_of_predicted_classes(classified, evaluate, tmp_path):
    ids, probabilities, _ = classified
    lists = by_score(probabilities, ids)
    write_lists(tmp_path / "by_score", lists, ids)
    found = evaluate(tmp_path / "by_score", "test_perturbed", lists)
    assert found["queries"] == 10_265
    assert 0.5 < found["micro"]["mAP"] < 0.99


@pytest.mark.parametrize("others", [True, False])
def test_lists_by_distance(classified, evaluate, tmp_path, others):
    ids, probabilities, descriptors = classified
    predicted = probabilities.argmax(axis=1)
    if others:
        lists = class_then_nearest(descriptors, predicted)
    else:
        lists = within_thresholds(descriptors, predicted, np.linspace(0, 0.6, 55))
    # The evaluator takes a minute for all.
    some = RankedLists(lists.members, np.where(lists.list_of % 5, -1, lists.list_of))
    write_lists(tmp_path / "by_distance", some, ids)
    assert evaluate(tmp_path / "by_distance", "test_perturbed", some)["queries"] == 2053


def test_random_lists_of_others(table, evaluate, tmp_path):
    """Repeated entries, those of other splits, unknown ones, missing queries, longer lists."""
    generator = np.random.default_rng(1)
    folder = tmp_path / "random" / "val_normal"
    folder.mkdir(parents=True)
    own = np.array([row["id"] for row in table if row["split"] == "val"])
    every = np.array([row["id"] for row in table] + ["051681", "999999"])
    for query in own[::11]:
        entries = generator.choice(every, generator.integers(1, 1500))
        entries[generator.random(len(entries)) < 0.5] = generator.choice(own)
        entries[0] = query
        short = [entry.lstrip("0") if generator.random() < 0.3 else entry for entry in entries]
        lines = [f"{entry} {generator.random():.3f}" for entry in short]
        (folder / (query.lstrip("0") if generator.random() < 0.3 else query)).write_text(
            "\n".join(lines)
        )
    # Queries that the evaluator passes over: one of another split, and one that it does not know.
    test = next(row["id"] for row in table if row["split"] == "test")
    for name in (test, "999999"):
        (folder / name).write_text(f"{own[0]}\n")
    assert evaluate(tmp_path / "random", "val_normal")["queries"] == len(own[::11])
