from typing import get_type_hints

import numpy as np
import pytest
import torch

from deepsphere.config.kinds import TASKS
from deepsphere.registry import load
from deepsphere.tasks.regression import regression_metrics
from deepsphere.training.objectives import OBJECTIVES, Regression


@pytest.mark.parametrize("kind", TASKS)
def test_every_kind_of_task_has_an_objective(kind):
    task = load("tasks", kind)
    of_samples = get_type_hints(task.Task.samples, vars(task))["return"]
    assert of_samples.objective in OBJECTIVES


def test_unknown_targets_have_no_loss_and_no_gradient():
    output = torch.tensor([[1.0, 2.0, 7.0]], requires_grad=True)
    target = torch.tensor([[3.0, 5.0, float("nan")]])
    loss = Regression().loss(output, target, torch.tensor([[True, True, False]]))
    assert (loss.total.item(), loss.weight.item()) == (4 + 9, 2)
    loss.total.backward()
    assert output.grad.tolist() == [[-4, -6, 0]]


@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_scores_have_those_that_are_shown_and_selected_by(name):
    objective = OBJECTIVES[name]
    random = np.random.default_rng(0)
    prediction, target = random.normal(size=(2, 20, 3)).astype(np.float32)
    known = random.random((20, 3)) < 0.8
    scores = objective.scores(prediction, target, known)
    assert scores == regression_metrics(prediction, target, known)
    assert {*objective.curves, objective.error} <= scores.keys()
    # The lower, the better.
    assert objective.scores(target, target, known)[objective.error] == 0
