"""The metrics of retrieval on the official labels of SHREC'17: values known from elsewhere."""

import csv
import gzip
import random
from pathlib import Path

import numpy as np
import pytest

from deepsphere.tasks.ranked_lists import RankedLists
from deepsphere.tasks.retrieval import number_labels, retrieval_metrics

LABELS = Path(__file__).parents[2].parent / "shared/data/meshes/shrec17/all.csv.gz"

pytestmark = pytest.mark.skipif(not LABELS.is_file(), reason=f"real data not found: {LABELS}")


@pytest.fixture(scope="module")
def labels():
    """Return the categories, from 0, and what the metrics want, in the order of the file."""
    with gzip.open(LABELS, "rt") as stream:
        rows = [row for row in csv.DictReader(stream) if row["split"] == "test"]
    numbered = number_labels(
        [row["synsetId"] for row in rows], [row["subSynsetId"] for row in rows]
    )
    names, classes = np.unique(numbered[0], return_inverse=True)
    assert (len(rows), len(names)) == (10_265, 55)
    return classes, *numbered


def surest_first(predicted, scores):
    members = [np.flatnonzero(predicted == number) for number in range(55)]
    return RankedLists([one[np.argsort(-scores[one])] for one in members], predicted)


def test_a_classifier_that_is_right_in_four_of_five_cases(labels):
    """The values were found with another implementation, object by object, of the same draws.

    They were rounded to four decimals, then to three, hence the tolerance.
    """
    classes, categories, subcategories = labels
    generator = random.Random(1)
    predicted, scores = [], []
    for number in classes:
        predicted.append(number if generator.random() < 0.8 else generator.randrange(55))
        scores.append(generator.random())
    lists = surest_first(np.array(predicted), np.array(scores))
    found = retrieval_metrics(lists, categories, subcategories)
    assert found["queries"] == 10_265
    micro, macro = [0.698, 0.686, 0.682, 0.597, 0.598], [0.460, 0.669, 0.513, 0.391, 0.430]
    assert list(found["micro"].values())[:5] == pytest.approx(micro, abs=5.6e-4)
    assert list(found["macro"].values())[:5] == pytest.approx(macro, abs=5.6e-4)


def test_perfect_classes_in_random_order(labels):
    """All is 1 but the gain, of which a known draw had 0.9145 (micro) and 0.9693 (macro).

    In a random order each entry has in the mean the mean grade g of the category (as the query
    sees it), so the gain of a list is in the mean g times the sum of the discounts, 1 and
    1 / log2(r) for 2 ≤ r ≤ R. Orders scatter by 0.0014 (micro) and 0.0007 (macro).
    """
    classes, categories, subcategories = labels
    discounts = 1 / np.maximum(np.log2(np.arange(1, 1001)), 1)
    expected = np.empty(len(classes))
    for number in range(55):
        members = np.flatnonzero(classes == number)
        for subcategory in np.unique(subcategories[members]):
            same = subcategories[members] == subcategory
            whole = subcategories[members] == categories[members]
            grades = np.sort(np.where(same, 3, np.where(whole, 2, 1)))[::-1]
            used = discounts[: len(members)]
            best = (grades[:1000] * used).sum()
            expected[members[same]] = grades.mean() * used.sum() / best
    macro_expected = np.mean([expected[classes == number].mean() for number in range(55)])
    micro, macro = [], []
    for seed in range(20):
        scores = np.random.default_rng(seed).random(len(classes))
        found = retrieval_metrics(surest_first(classes, scores), categories, subcategories)
        micro.append(found["micro"].pop("NDCG"))
        macro.append(found["macro"].pop("NDCG"))
        for average in (found["micro"], found["macro"]):
            del average["NDCG as evaluated"]
            assert average == pytest.approx(dict.fromkeys(average, 1), rel=1e-12)
    for values, mean, known in ((micro, expected.mean(), 0.9145), (macro, macro_expected, 0.9693)):
        assert np.mean(values) == pytest.approx(mean, abs=4 * np.std(values) / np.sqrt(20))
        assert known == pytest.approx(mean, abs=3 * np.std(values))
