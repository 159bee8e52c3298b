import json
import math

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsphere.errors import DeepsphereError
from deepsphere.tasks.ranked_lists import RankedLists
from deepsphere.tasks.retrieval import METRICS, number_labels, retrieval_metrics


def score_one(query, entries, categories, subcategories):
    """Score one query to the letter of the contest's rules, one entry after the other."""

    def grade(other):
        if categories[other] != categories[query]:
            return 0
        if subcategories[other] == subcategories[query]:
            return 3
        return 2 if subcategories[other] == categories[query] else 1

    def discounted(grades, upto):
        return sum(
            grade / (math.log2(rank) if rank > 1 else 1)
            for rank, grade in enumerate(grades[:upto], start=1)
        )

    kept = []
    for entry in entries[:1000]:
        if entry >= 0 and entry not in kept:
            kept.append(entry)
    possible = [grade(other) for other in range(len(categories)) if grade(other)]
    best, best_of_first = sorted(possible)[::-1], sorted(possible[:1000])[::-1]
    relevant = min(len(best), 1000)
    grades = [grade(entry) for entry in kept]
    hits, precisions, curve = 0, 0.0, []
    for rank, value in enumerate(grades, start=1):
        hits += value > 0
        precisions += hits / rank if value else 0
        curve.append((hits / rank, hits / relevant))
    curve += [curve[-1]] * (1000 - len(curve))
    precision, recall = curve[-1]
    harmonic = 2 * precision * recall / (precision + recall) if hits else 0
    gain = discounted(grades, relevant)
    gains = [gain / discounted(best, relevant), gain / discounted(best_of_first, relevant)]
    metrics = [precision, recall, harmonic, precisions / relevant, *gains]
    return [*metrics, *np.ravel(curve, "F")]


def score_all(lists, categories, subcategories):
    by_category = {}
    for query, number in enumerate(lists.list_of.tolist()):
        if number >= 0:
            row = score_one(query, lists.members[number].tolist(), categories, subcategories)
            by_category.setdefault(int(categories[query]), []).append(row)
    every = [row for rows in by_category.values() for row in rows]
    means = {number: np.mean(rows, axis=0) for number, rows in by_category.items()}
    averages = {"micro": np.mean(every, axis=0), "macro": np.mean(list(means.values()), axis=0)}
    return averages, means


def assert_as_by_the_rules(lists, categories, subcategories):
    found = retrieval_metrics(lists, categories, subcategories)
    averages, means = score_all(lists, categories, subcategories)
    assert found["queries"] == (lists.list_of >= 0).sum()
    for name, expected in averages.items():
        assert tuple(found[name]) == METRICS
        assert list(found[name].values()) == pytest.approx(expected[:6], rel=1e-12)
        curve = found["curves"][name]
        assert curve["precision"] + curve["recall"] == pytest.approx(expected[6:], rel=1e-12)
    assert list(found["categories"]) == sorted(means)
    for number, row in found["categories"].items():
        assert list(row.values()) == pytest.approx(means[number][:6], rel=1e-12)


@settings(derandomize=True, max_examples=60, deadline=None)
@given(st.data())
def test_small_cases_are_as_by_the_rules(data):
    objects = data.draw(st.integers(1, 9))
    labels = st.lists(st.integers(0, 2), min_size=objects, max_size=objects)
    categories = np.array(data.draw(labels))
    # Subcategories 0 to 2 are the categories themselves, or those of another.
    narrow = st.lists(st.integers(0, 4), min_size=objects, max_size=objects)
    subcategories = np.array(data.draw(narrow))
    entries = st.lists(st.integers(-1, objects - 1), min_size=1, max_size=14)
    members = data.draw(
        st.lists(entries.filter(lambda one: max(one) >= 0), min_size=1, max_size=objects)
    )
    which = st.integers(-1, len(members) - 1)
    list_of = np.array(data.draw(st.lists(which, min_size=objects, max_size=objects)))
    list_of[0] = max(list_of[0], 0)
    lists = RankedLists([np.array(one) for one in members], list_of)
    assert_as_by_the_rules(lists, categories, subcategories)


def test_long_lists_and_large_categories_are_as_by_the_rules():
    generator = np.random.default_rng(0)
    categories = np.repeat([0, 1, 2], [1200, 100, 1])
    subcategories = np.where(generator.random(1301) < 0.5, categories, generator.integers(3, 6))
    members = [
        generator.permutation(1301),
        np.concatenate([generator.integers(0, 1301, 1500), [1300]]),
        np.where(generator.random(1100) < 0.1, -1, generator.permutation(1301)[:1100]),
        np.full(1200, 7),
        np.array([1300, 5]),
    ]
    list_of = np.full(1301, -1)
    list_of[::50] = np.arange(27) % 5
    assert_as_by_the_rules(RankedLists(members, list_of), categories, subcategories)


def test_more_queries_than_are_scored_together():
    generator = np.random.default_rng(1)
    categories = generator.integers(0, 7, 700)
    subcategories = np.where(generator.random(700) < 0.3, categories, generator.integers(7, 15))
    members = [generator.integers(0, 700, generator.integers(1, 30)) for _ in range(700)]
    lists = RankedLists(members, generator.permutation(700))
    assert_as_by_the_rules(lists, categories, subcategories)


def test_whole_rankings_have_the_average_precision_of_scikit_learn():
    generator = np.random.default_rng(2)
    categories = generator.integers(0, 4, 60)
    scores = generator.random((60, 60))
    found = retrieval_metrics(
        RankedLists(list((-scores).argsort(axis=1)), np.arange(60)), categories, categories
    )
    expected = [
        sklearn.metrics.average_precision_score(categories == category, row)
        for category, row in zip(categories, scores, strict=True)
    ]
    assert found["micro"]["mAP"] == pytest.approx(np.mean(expected), rel=1e-12)


def test_the_gain_is_that_of_scikit_learn_but_for_the_first_rank():
    """scikit-learn divides by log2(r + 1): from the second entry on that is the contest's r."""
    generator = np.random.default_rng(3)
    subcategories = generator.integers(0, 3, 40)
    categories = np.zeros(40, int)
    order = generator.permutation(40)
    lists = RankedLists([order], np.where(np.arange(40) == 5, 0, -1))
    grades = np.where(subcategories == 0, 2, 1)
    grades[subcategories == subcategories[5]] = 3

    def gain(values):
        tail = sklearn.metrics.dcg_score([values[1:]], [np.arange(39)[::-1]])
        return values[0] + tail

    expected = gain(grades[order]) / gain(np.sort(grades)[::-1])
    found = retrieval_metrics(lists, categories, subcategories)
    assert found["micro"]["NDCG"] == pytest.approx(expected, rel=1e-12)


def test_perfect_lists_score_1_also_where_a_category_is_longer_than_a_list():
    categories = np.repeat([0, 1], [1100, 3])
    lists = RankedLists([np.arange(1100), np.arange(1100, 1103)], categories)
    found = retrieval_metrics(lists, categories, categories)
    for average in (found["micro"], found["macro"]):
        assert average == pytest.approx(dict.fromkeys(METRICS, 1), rel=1e-12)


def test_the_program_takes_the_first_objects_of_a_category_for_the_best():
    """Of 1,001 objects only the last is as the query; the list has it first, then grades of 1.

    With D = 1 + sum over 2 ≤ r ≤ 1000 of 1 / log2(r) the list has D + 2, as the best one; the first
    thousand objects allow D. For the other subcategory both have 3 D.
    """
    subcategories = np.repeat([1, 2], [1000, 1])
    lists = RankedLists([np.arange(1001)[::-1]], np.where(subcategories == 2, 0, -1))
    found = retrieval_metrics(lists, np.zeros(1001, int), subcategories)["micro"]
    total = 1 + (1 / np.log2(np.arange(2, 1001))).sum()
    assert found["NDCG"] == pytest.approx(1, rel=1e-12)
    assert found["NDCG as evaluated"] == pytest.approx((total + 2) / total, rel=1e-12)
    lists = RankedLists([np.arange(1001)], np.where(subcategories == 2, -1, 0))
    found = retrieval_metrics(lists, np.zeros(1001, int), subcategories)["micro"]
    assert found["NDCG"] == pytest.approx(1, rel=1e-12)
    assert found["NDCG as evaluated"] == pytest.approx(1, rel=1e-12)


def test_the_only_relevant_object_at_a_rank():
    """At rank r of N = 4: P@N = 1/4, R@N = 1, F1 = 2/5, AP = 1/r; R = 1, so later gain is none."""
    categories = np.array([0, 1, 1, 1])
    for rank, gain in [(1, 1), (2, 0), (4, 0)]:
        members = np.insert([1, 2, 3], rank - 1, 0)
        lists = RankedLists([members], np.array([0, -1, -1, -1]))
        found = retrieval_metrics(lists, categories, categories)["micro"]
        assert list(found.values()) == pytest.approx([1 / 4, 1, 2 / 5, 1 / rank, gain, gain])


def test_macro_averages_weigh_categories_and_micro_averages_queries():
    categories = np.array([0, 0, 0, 1])
    lists = RankedLists([np.arange(3), np.array([0])], np.array([0, 0, 0, 1]))
    found = retrieval_metrics(lists, categories, categories)
    assert found["micro"]["P@N"] == pytest.approx(3 / 4)
    assert found["macro"]["P@N"] == pytest.approx(1 / 2)
    assert found["categories"][0] == pytest.approx(dict.fromkeys(METRICS, 1), rel=1e-12)
    assert found["categories"][1] == dict.fromkeys(METRICS, 0)


def test_results_are_plain_json():
    categories = np.zeros(2, np.int16)
    found = retrieval_metrics(
        RankedLists([np.array([0])], np.array([0, 0])), categories, categories
    )
    text = json.dumps(found, allow_nan=False)
    assert json.loads(text)["micro"] == found["micro"]


@pytest.mark.parametrize("entries", [[], [-1, -1], [-1] * 1000 + [0]], ids=len)
def test_a_list_without_an_object_is_refused(entries):
    lists = RankedLists([np.array([0]), np.array(entries, int)], np.array([0, 1]))
    with pytest.raises(DeepsphereError, match="retrieval: list 1 of 2 holds no object among"):
        retrieval_metrics(lists, np.zeros(2, int), np.zeros(2, int))


def test_no_query_is_refused():
    lists = RankedLists([np.array([0])], np.array([-1, -1]))
    with pytest.raises(DeepsphereError, match="no object has a list, so there is nothing"):
        retrieval_metrics(lists, np.zeros(2, int), np.zeros(2, int))


@pytest.mark.parametrize("wrong", [0, 1])
def test_different_shapes_are_refused(wrong):
    labels = [np.zeros(2, int), np.zeros(2, int)]
    labels[wrong] = np.zeros(3, int)
    with pytest.raises(ValueError, match=r"expected one shape \(object,\), found"):
        retrieval_metrics(RankedLists([np.array([0])], np.array([0, 0])), *labels)


def test_labels_are_numbered_in_one_order():
    categories, subcategories = number_labels(["b", "a", "b", "b"], ["b", None, "z", None])
    assert categories.tolist() == [1, 0, 1, 1]
    assert subcategories.tolist() == [1, 0, 2, 1]
    with pytest.raises(ValueError, match="expected one length, found"):
        number_labels(["a"], [])
