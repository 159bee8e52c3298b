"""How fast are ranked lists made, scored, written and read for as many queries as SHREC'17 has?

Objects, classes and descriptors are drawn at random: 10,265 objects in 55 classes of uneven size,
of which a classifier finds about 80 %. Each way to make lists runs in a process of its own, whose
peak memory is given beside that of a process that only draws the objects.

Run it with ``python benchmarks/retrieval.py``.
"""

import argparse
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepsphere.tasks.ranked_lists import RankedLists
from deepsphere.tasks.ranking import (
    by_score,
    class_then_nearest,
    class_thresholds,
    within_thresholds,
)
from deepsphere.tasks.retrieval import retrieval_metrics
from deepsphere.tasks.retrieval_files import read_lists, write_lists

CLASSES = 55
SUBCLASSES = 4
FEATURES = 256
WAYS = ("nothing", "shared lists", "thresholds", "class, then nearest")

Timed = Callable[..., Any]


def draw(objects: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return categories, subcategories, class probabilities and descriptors."""
    random = np.random.default_rng(0)
    categories = random.choice(CLASSES, objects, p=random.dirichlet(np.full(CLASSES, 0.5)))
    subcategories = categories + CLASSES * random.integers(0, SUBCLASSES, objects)
    centres = random.standard_normal((CLASSES, FEATURES), dtype=np.float32)
    noise = random.standard_normal((objects, FEATURES), dtype=np.float32)
    descriptors = centres[categories] + 5 * noise
    scores = np.exp(descriptors @ centres.T / 100)
    return categories, subcategories, scores / scores.sum(axis=1, keepdims=True), descriptors


def make_lists(
    way: str,
    timed: Timed,
    categories: NDArray[Any],
    probabilities: NDArray[Any],
    descriptors: NDArray[Any],
    ids: list[str],
) -> RankedLists:
    """Make lists in one of the ways."""
    predicted = probabilities.argmax(axis=1)
    lists: RankedLists
    if way == "shared lists":
        lists = timed("make", by_score, probabilities, ids)
    elif way == "thresholds":
        half = slice(0, len(ids) // 2)
        labels = predicted[half], categories[half]
        thresholds = timed("tune", class_thresholds, descriptors[half], *labels, CLASSES)
        lists = timed("make", within_thresholds, descriptors, predicted, thresholds)
    else:
        lists = timed("make", class_then_nearest, descriptors, predicted)
    return lists


def measure(way: str, objects: int) -> tuple[dict[str, float], float, float, float]:
    """Return the seconds of each step, the peak of memory in MiB, the accuracy and the mAP."""
    seconds: dict[str, float] = {}

    def timed(step: str, function: Callable[..., Any], *arguments: Any) -> Any:
        start = time.perf_counter()
        result = function(*arguments)
        seconds[step] = time.perf_counter() - start
        return result

    categories, subcategories, probabilities, descriptors = draw(objects)
    precision = float("nan")
    if way != "nothing":
        ids = [f"{number:06d}" for number in range(objects)]
        lists = make_lists(way, timed, categories, probabilities, descriptors, ids)
        found = timed("score", retrieval_metrics, lists, categories, subcategories)
        precision = found["micro"]["mAP"]
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
            method = Path(folder) / "method"
            timed("write", write_lists, method, lists, ids)
            again = timed("read", read_lists, method / "test_perturbed", ids)
        for mine, other in zip(lists.list_of, again.list_of, strict=True):
            if not np.array_equal(lists.members[mine], again.members[other]):
                raise RuntimeError("the lists that were read are others")
    accuracy = float((probabilities.argmax(axis=1) == categories).mean())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return seconds, peak, accuracy, precision


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--objects", type=int, default=10_265, help="objects, each a query")
    arguments = parser.parse_args()
    steps = ("tune", "make", "score", "write", "read")
    header = "".join(f"{f'{step} (s)':>10}" for step in steps)
    print(f"{'lists':20}{header}{'peak (MiB)':>12}{'accuracy':>10}{'mAP':>8}")
    context = multiprocessing.get_context("spawn")
    for way in WAYS:
        with context.Pool(1) as pool:
            seconds, peak, accuracy, precision = pool.apply(measure, (way, arguments.objects))
        cells = "".join(f"{seconds[s]:10.2f}" if s in seconds else f"{'':10}" for s in steps)
        print(f"{way:20}{cells}{peak:12.0f}{accuracy:10.3f}{precision:8.3f}")


if __name__ == "__main__":
    main()
