import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.model_selection import LeaveOneGroupOut, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from deepsphere.tasks.support_vectors import (
    COSTS,
    Labelled,
    errors,
    fit_machines,
    margin_probabilities,
    select_machine,
)


def labelled(count, classes, seed, groups=None):
    """Samples whose classes overlap, of features of very different size."""
    random = np.random.default_rng(seed)
    target = random.integers(classes, size=count)
    features = random.normal(size=(count, 4))
    features[:, 0] += target
    features[:, 1] -= target == 1
    features = features * [1, 1e3, 30, 1] + [5, 0, -200, 0]
    return Labelled(features, target, np.arange(count) if groups is None else groups)


def fit_machine(train, classes, cost):
    return fit_machines(train, classes, (cost,))[0]


def pipeline(cost):
    return make_pipeline(StandardScaler(), LinearSVC(C=cost, dual=False, max_iter=10_000))


def test_costs_are_nine_from_a_hundredth_to_a_hundred():
    np.testing.assert_allclose(np.diff(np.log10(COSTS)), 0.5)
    assert (len(COSTS), COSTS[0], COSTS[-1]) == (9, 0.01, 100)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("cost", [0.01, 100])
def test_answers_are_those_of_a_pipeline_of_scikit_learn(classes, cost):
    train, new = labelled(80, classes, 0), labelled(200, classes, 1)
    machine = fit_machine(train, classes, cost)
    oracle = pipeline(cost).fit(train.features, train.target)
    margins = machine.margins(new.features)
    expected = oracle.decision_function(new.features)
    if classes == 2:
        expected = np.stack([-expected, expected], axis=1)
    # The scale that is added to the deviations is 1e-6, and the solver stops at 1e-4.
    np.testing.assert_allclose(margins, expected, atol=1e-4)
    answers = margin_probabilities(margins).argmax(axis=1)
    assert answers.tolist() == oracle.predict(new.features).tolist()
    assert errors(machine, new) == (answers != new.target).sum()
    assert machine.parameters == 5 * (1 if classes == 2 else 3)


def test_a_class_that_was_not_shown_is_never_the_answer():
    train = labelled(60, 3, 0)
    machine = fit_machine(train.where(train.target != 1), 3, 1.0)
    oracle = pipeline(1.0).fit(train.features[train.target != 1], train.target[train.target != 1])
    chances = margin_probabilities(machine.margins(train.features))
    assert (chances[:, 1] == 0).all()
    assert chances.argmax(axis=1).tolist() == oracle.predict(train.features).tolist()


def test_the_only_class_is_always_the_answer():
    train = labelled(60, 3, 0)
    machine = fit_machine(train.where(train.target == 1), 3, 1.0)
    chances = margin_probabilities(machine.margins(train.features))
    assert (chances == np.float32([0, 1, 0])).all()
    assert machine.parameters == 0


def test_a_feature_that_is_constant_counts_for_nothing():
    train = labelled(60, 2, 0)
    constant = Labelled(
        np.concatenate([train.features, np.full((60, 1), 3.0)], axis=1), train.target, train.groups
    )
    machine = fit_machine(constant, 2, 1.0)
    np.testing.assert_allclose(
        machine.margins(constant.features), fit_machine(train, 2, 1.0).margins(train.features)
    )


@pytest.mark.parametrize("seed", range(3))
def test_the_smallest_of_the_best_costs_is_taken(seed):
    train, validation = labelled(40, 3, seed), labelled(60, 3, seed + 10)
    wrong = [
        (
            pipeline(cost).fit(train.features, train.target).predict(validation.features)
            != validation.target
        ).sum()
        for cost in COSTS
    ]
    machine = select_machine(train, validation, 3)
    assert len(set(wrong)) > 1
    assert machine.cost == COSTS[int(np.argmin(wrong))]
    assert errors(machine, validation) == min(wrong)


@pytest.mark.parametrize("seed", range(3))
def test_without_validation_samples_whole_groups_are_left_out(seed):
    groups = np.random.default_rng(seed).permutation(np.repeat([7, 1, 30, 4], 10))
    train = labelled(40, 2, seed, groups)
    # Groups are equally large: the mean of their accuracies is that of all samples.
    right = [
        cross_val_score(
            pipeline(cost), train.features, train.target, groups=groups, cv=LeaveOneGroupOut()
        ).mean()
        for cost in COSTS
    ]
    best = np.flatnonzero(np.isclose(right, max(right), rtol=1e-9))
    assert len(best) < len(COSTS)
    assert select_machine(train, None, 2).cost == COSTS[best[0]]


def test_one_group_cannot_be_left_out():
    assert select_machine(labelled(30, 2, 0, np.zeros(30, np.int64)), None, 2).cost == 1


def test_the_same_samples_give_the_same_machine():
    first, second = (fit_machine(labelled(50, 2, 0), 2, 100.0) for _ in range(2))
    np.testing.assert_array_equal(first.coefficients, second.coefficients)


def test_samples_must_be_the_same():
    with pytest.raises(ValueError, match="found shapes"):
        Labelled(np.ones((3, 2)), np.zeros(3, np.int64), np.zeros(2, np.int64))


@settings(derandomize=True, deadline=None, max_examples=50)
@given(
    arrays(
        np.float64,
        (5, 3),
        elements=st.one_of(
            st.floats(-1e4, 1e4),
            st.sampled_from([0.0, 1.0, np.nextafter(1, 2), np.nextafter(1, 0), 1e-300]),
        ),
    )
)
def test_the_largest_margin_has_the_largest_probability(margins):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        chances = margin_probabilities(margins)
    assert chances.dtype == np.float32
    assert chances.argmax(axis=1).tolist() == margins.argmax(axis=1).tolist()
    np.testing.assert_allclose(chances.sum(axis=1), 1, rtol=1e-6)
    assert (chances >= 0).all()


def test_probabilities_rise_with_the_margin():
    margins = np.linspace(-3, 3, 50)
    chances = margin_probabilities(np.stack([-margins, margins], axis=1))
    assert (np.diff(chances[:, 1]) > 0).all()
    np.testing.assert_allclose(chances[:, 1], 1 / (1 + np.exp(-2 * margins)), rtol=1e-6)
