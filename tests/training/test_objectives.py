import numpy as np
import pytest
import torch
from scipy.special import softmax

from deepsphere.training.losses import cross_entropy, semi_hard_triplet
from deepsphere.training.objectives import (
    OBJECTIVES,
    Classification,
    Regression,
    Segmentation,
    make_objective,
)


class Given(torch.nn.Module):
    """A model that says what it is given: logits, and descriptors if asked for."""

    def __init__(self, logits, described):
        super().__init__()
        self.logits, self.described = logits, described
        self.asked = []

    def forward(self, inputs, *, descriptors=False):
        self.asked.append(descriptors)
        return (self.logits, self.described) if descriptors else self.logits


@pytest.fixture
def given():
    """Six samples of three classes, their descriptors of four features, and their targets."""
    random = torch.Generator().manual_seed(0)
    logits = torch.randn(6, 3, generator=random, requires_grad=True)
    described = torch.randn(6, 4, generator=random, requires_grad=True)
    return Given(logits, described), torch.tensor([0, 1, 2, 0, 1, 0])


def test_objectives_are_made_of_plain_data():
    assert make_objective({"kind": "regression"}) == Regression()
    described = {"kind": "classification", "triplet": 0.5, "descriptors": True}
    assert make_objective(described) == Classification(triplet=0.5, descriptors=True)
    assert described["kind"] == "classification"
    weights = np.array([0.5, 1.5])
    segmentation = make_objective({"kind": "segmentation", "class_weights": weights, "areas": None})
    assert isinstance(segmentation, Segmentation)
    assert segmentation.class_weights is weights
    assert set(OBJECTIVES) == {"regression", "classification", "segmentation"}


def test_unknown_targets_have_no_loss_and_no_gradient():
    output = torch.tensor([[1.0, 2.0, 7.0]], requires_grad=True)
    target = torch.tensor([[3.0, 5.0, float("nan")]])
    known = torch.tensor([[True, True, False]])
    loss = Regression().loss(lambda inputs: output, torch.zeros(1), target, known)
    assert (loss.total.item(), loss.weight.item()) == (4 + 9, 2)
    loss.total.backward()
    assert output.grad.tolist() == [[-4, -6, 0]]
    assert Regression().answer(lambda inputs: output, torch.zeros(1)).prediction is output


def test_a_classification_is_after_the_cross_entropy(given):
    model, target = given
    loss = Classification().loss(model, torch.zeros(6), target, torch.ones(6, dtype=torch.bool))
    expected = torch.nn.functional.cross_entropy(model.logits, target, reduction="sum")
    torch.testing.assert_close(loss.total, expected)
    assert loss.weight == 6
    assert model.asked == [False]


def test_each_part_of_a_sample_counts():
    """Of logits (sample, part, class): the losses of the parts that are known, added up."""
    random = np.random.default_rng(0)
    logits, target = random.normal(size=(2, 3, 4)), random.integers(0, 4, (2, 3))
    known = np.array([[True, False, True], [True, True, True]])
    given = torch.tensor(logits, dtype=torch.float32)
    loss = Classification().loss(
        lambda inputs: given, torch.zeros(2, 9, 1), torch.tensor(target), torch.tensor(known)
    )
    losses = -np.log(np.take_along_axis(softmax(logits, axis=2), target[..., None], 2))[..., 0]
    assert loss.total.item() == pytest.approx(losses[known].sum(), rel=1e-5)
    assert loss.weight == 5
    answer = Classification().answer(lambda inputs: given, torch.zeros(2, 9, 1))
    np.testing.assert_allclose(answer.prediction.numpy(), softmax(logits, axis=2), rtol=1e-5)


def test_the_triplet_loss_is_added_to_the_mean_and_both_are_learned_from(given):
    model, target = given
    known = torch.tensor([True, True, True, True, False, True])
    loss = Classification(triplet=0.3).loss(model, torch.zeros(6), target, known)
    triplets = semi_hard_triplet(model.described[known], target[known])
    assert triplets > 0.1
    plain = cross_entropy(model.logits, target, known=known)
    torch.testing.assert_close(loss.mean, plain.mean + 0.3 * triplets)
    assert loss.weight == plain.weight == 5
    loss.total.backward()
    for values in (model.logits, model.described):
        assert (values.grad[known] != 0).any()
        assert (values.grad[4] == 0).all()


def test_a_device_without_samples_has_no_loss_but_calls_its_model():
    model = Given(torch.zeros(0, 3, requires_grad=True), torch.zeros(0, 4))
    nothing = torch.zeros(0, dtype=torch.int64)
    loss = Classification(triplet=1.0).loss(model, torch.zeros(0, 5, 2), nothing, nothing.bool())
    assert (loss.total.item(), loss.weight.item()) == (0, 0)
    loss.total.backward()
    assert model.asked == [True]


@pytest.mark.parametrize("descriptors", [False, True])
def test_answers_are_probabilities_and_descriptors_if_asked_for(given, descriptors):
    model, _ = given
    with torch.inference_mode():
        answer = Classification(descriptors=descriptors).answer(model, torch.zeros(6))
    expected = softmax(model.logits.detach().numpy(), axis=1)
    np.testing.assert_allclose(answer.prediction.numpy(), expected, rtol=1e-6)
    if descriptors:
        assert answer.descriptors is model.described
    else:
        assert answer.descriptors is None
    assert model.asked == [descriptors]


def test_probabilities_of_half_precision_logits_are_float32():
    logits = torch.tensor([[0.0, 1.0]], dtype=torch.bfloat16)
    answer = Classification().answer(lambda inputs: logits, torch.zeros(1))
    assert answer.prediction.dtype == torch.float32
    assert answer.prediction.sum().item() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("by_area", [False, True])
def test_a_segmentation_weighs_the_losses_of_classes_and_pixels(weighted, by_area):
    """The sum of weight of the class * area * -log of the chance, over the sum of the areas."""
    random = np.random.default_rng(0)
    logits, target = random.normal(size=(2, 5, 3)), random.integers(0, 3, (2, 5))
    known = random.random((2, 5)) < 0.7
    weights = np.array([0.3, 30.0, 2.0]) if weighted else None
    areas = random.uniform(0.5, 2, 5) if by_area else None
    objective = Segmentation(class_weights=weights, areas=areas)
    given = torch.tensor(logits, dtype=torch.float32)
    loss = objective.loss(
        lambda inputs: given, torch.zeros(1), torch.tensor(target), torch.tensor(known)
    )
    losses = -np.log(np.take_along_axis(softmax(logits, axis=2), target[..., None], 2))[..., 0]
    counted = known * (1 if areas is None else areas)
    total = (losses * counted * (1 if weights is None else weights[target])).sum()
    assert loss.total.item() == pytest.approx(total, rel=1e-5)
    assert loss.weight.item() == pytest.approx(counted.sum(), rel=1e-6)
    answer = objective.answer(lambda inputs: given.bfloat16(), torch.zeros(1))
    assert answer.prediction.dtype == torch.float32
    np.testing.assert_allclose(answer.prediction.numpy(), softmax(logits, axis=2), atol=5e-3)
