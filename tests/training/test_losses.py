import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import log_loss
from sklearn.utils.class_weight import compute_class_weight
from torch.nn import functional

from deepsphere.training.losses import (
    LossSum,
    absolute_error,
    cross_entropy,
    semi_hard_triplet,
    squared_error,
)

SAMPLES, PIXELS, CLASSES = 3, 7, 4
ERRORS = [(squared_error, np.square), (absolute_error, np.abs)]


def fields(dtype=torch.float64):
    """Return logits, labels, areas, and a mask with about 2 of 3 known."""
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(SAMPLES, PIXELS, CLASSES, generator=generator, dtype=dtype)
    labels = torch.randint(CLASSES, (SAMPLES, PIXELS), generator=generator)
    areas = torch.rand(PIXELS, generator=generator, dtype=dtype) + 0.1
    known = torch.rand(SAMPLES, PIXELS, generator=generator) < 0.67
    assert 0 < known.sum() < known.numel()
    return logits, labels, areas, known


def chances(logits):
    return logits.softmax(-1).reshape(-1, CLASSES).numpy()


def test_cross_entropy_is_that_of_scikit_learn():
    logits, labels, areas, known = fields()
    expected = log_loss(labels.reshape(-1), chances(logits), labels=range(CLASSES))
    found = cross_entropy(logits, labels)
    assert found.mean.item() == pytest.approx(expected, rel=1e-12)
    assert found.weight == SAMPLES * PIXELS
    weights = (areas * known).reshape(-1)
    expected = log_loss(
        labels.reshape(-1), chances(logits), labels=range(CLASSES), sample_weight=weights.numpy()
    )
    found = cross_entropy(logits, labels, areas=areas, known=known)
    assert found.mean.item() == pytest.approx(expected, rel=1e-12)
    assert found.weight.item() == pytest.approx(weights.sum().item(), rel=1e-12)


@pytest.mark.parametrize("shape", [(5,), (5, 3)])
def test_class_weights_do_not_change_what_the_sum_is_divided_by(shape):
    """PyTorch divides by the sum of the labels' weights, the published mean by their number."""
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(*shape, CLASSES, generator=generator, dtype=torch.float64)
    labels = torch.randint(CLASSES, shape, generator=generator)
    weights = torch.tensor([0.3, 300.0, 15.0, 0.0], dtype=torch.float64)
    found = cross_entropy(logits, labels, class_weights=weights)
    flat = logits.reshape(-1, CLASSES), labels.reshape(-1)
    theirs = functional.cross_entropy(*flat, weights)
    torch.testing.assert_close(found.total / weights[labels].sum(), theirs)
    assert found.weight == labels.numel()


def test_balanced_weights_leave_the_loss_of_a_uniform_guess():
    """Equal logits lose log C each, and balanced weights N / (C n_c) have a mean of 1."""
    labels = torch.from_numpy(np.repeat([0, 1, 2], [90, 1, 9]))
    weights = compute_class_weight("balanced", classes=np.arange(3), y=labels.numpy())
    found = cross_entropy(torch.zeros(100, 3), labels, class_weights=torch.from_numpy(weights))
    assert found.mean.item() == pytest.approx(math.log(3), rel=1e-6)


@pytest.mark.parametrize(("loss", "of"), ERRORS)
@pytest.mark.parametrize("channels", [(), (2,)])
def test_errors_are_weighed_by_area_where_known(loss, of, channels):
    generator = np.random.default_rng(0)
    shape = (SAMPLES, PIXELS, *channels)
    output, target = generator.standard_normal((2, *shape))
    known = generator.random(shape) < 0.6
    areas = generator.random(PIXELS)
    weights = known * areas.reshape(1, PIXELS, *[1] * len(channels))
    found = loss(*map(torch.from_numpy, (output, target)))
    np.testing.assert_allclose(found.mean, of(output - target).mean(), rtol=1e-12)
    found = loss(
        *map(torch.from_numpy, (output, target)),
        known=torch.from_numpy(known),
        areas=torch.from_numpy(areas),
    )
    np.testing.assert_allclose(found.total, (weights * of(output - target)).sum(), rtol=1e-12)
    np.testing.assert_allclose(found.weight, weights.sum(), rtol=1e-12)


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_logits_of_what_is_unknown_may_be_infinite(value):
    """The known pixel has the logits 1 and 2, and the second class: its loss is ln(1 + 1/e)."""
    logits = torch.tensor([[[value, 0], [1, 2]]], requires_grad=True)
    known = torch.tensor([[False, True]])
    found = cross_entropy(logits, torch.tensor([[0, 1]]), known=known)
    found.total.backward()
    assert found.mean.item() == pytest.approx(np.log(1 + np.exp(-1)))
    chance = 1 / (1 + np.e)
    assert logits.grad.flatten().tolist() == pytest.approx([0, 0, chance, -chance])


@pytest.mark.parametrize("loss", [squared_error, absolute_error, cross_entropy])
def test_a_pixel_cut_in_two_weighs_the_same(loss):
    """The mean is one over the sphere: two halves of a pixel that say the same change nothing."""
    logits, labels, areas, known = fields()
    output, target = (logits, labels) if loss is cross_entropy else (logits[..., 0], logits[..., 1])
    cut = [0, 0, *range(1, PIXELS)]
    halves = areas[cut].clone()
    halves[:2] /= 2
    expected = loss(output, target, known=known, areas=areas)
    found = loss(output[:, cut], target[:, cut], known=known[:, cut], areas=halves)
    torch.testing.assert_close(torch.stack(found), torch.stack(expected), rtol=1e-12, atol=0)


@pytest.mark.parametrize("garbage", [float("nan"), float("inf"), 1e38])
@pytest.mark.parametrize("loss", [squared_error, absolute_error])
def test_unknown_numbers_have_no_loss_and_no_gradient(loss, garbage):
    logits, _, areas, known = fields(torch.float32)
    output, target = logits[..., 0].clone().requires_grad_(), logits[..., 1]
    found = loss(output, torch.where(known, target, garbage), known=known, areas=areas)
    found.mean.backward()
    torch.testing.assert_close(found.mean, loss(output, target, known=known, areas=areas).mean)
    assert output.grad[~known].tolist() == [0] * int((~known).sum())
    assert (output.grad[known] != 0).all()


@pytest.mark.parametrize("garbage", [-1, -100, 255, 2**40])
def test_unknown_labels_have_no_loss_and_no_gradient(garbage):
    logits, labels, _, known = fields(torch.float32)
    logits.requires_grad_()
    weights = torch.tensor([1.0, 2, 3, 4])
    noisy = torch.where(known, labels, garbage)
    found = cross_entropy(logits, noisy, class_weights=weights, known=known)
    found.mean.backward()
    expected = cross_entropy(logits[known], labels[known], class_weights=weights)
    torch.testing.assert_close(torch.stack(found), torch.stack(expected))
    assert not logits.grad[~known].any()
    assert logits.grad[known].any(dim=-1).all()


@pytest.mark.parametrize("label", [-100, -1, CLASSES])
def test_a_known_label_that_is_no_class_is_an_error(label):
    with pytest.raises((RuntimeError, IndexError)):
        cross_entropy(torch.zeros(2, CLASSES), torch.tensor([0, label]))


@pytest.mark.parametrize("loss", [squared_error, absolute_error, cross_entropy])
def test_without_anything_known_the_mean_and_its_gradient_are_zero(loss):
    output = torch.randn(2, 3, CLASSES, requires_grad=True)
    target = torch.zeros(2, 3).long() if loss is cross_entropy else torch.full_like(output, np.nan)
    found = loss(output, target, known=torch.zeros(target.shape, dtype=torch.bool))
    assert (found.total, found.weight, found.mean) == (0, 0, 0)
    found.mean.backward()
    assert not output.grad.any()


def test_a_nan_that_counts_is_not_hidden():
    target = torch.tensor([[1.0, float("nan")]])
    assert squared_error(torch.zeros(1, 2), target).mean.isnan()
    assert cross_entropy(target, torch.tensor([0])).mean.isnan()


@settings(derandomize=True, deadline=None, max_examples=30)
@given(st.integers(0, SAMPLES), st.booleans())
def test_sums_of_parts_are_those_of_the_whole(cut, weighted):
    logits, labels, areas, known = fields()
    options = {"areas": areas, "class_weights": areas[:CLASSES]} if weighted else {}
    whole = cross_entropy(logits, labels, known=known, **options)
    parts = [
        cross_entropy(logits[part], labels[part], known=known[part], **options)
        for part in (slice(None, cut), slice(cut, None))
    ]
    summed = LossSum(*(sum(numbers) for numbers in zip(*parts, strict=True)))
    torch.testing.assert_close(summed.mean, whole.mean, rtol=1e-12, atol=0)


def test_gradients_are_those_of_finite_differences():
    logits, labels, areas, known = fields()
    target = 2 * logits
    logits.requires_grad_()
    weights = areas[:CLASSES]

    def classes(values):
        return cross_entropy(values, labels, class_weights=weights, areas=areas, known=known).mean

    def squares(values):
        return squared_error(values, target, areas=areas).mean

    def distances(values):
        return absolute_error(values, target, areas=areas).mean

    for loss in (classes, squares, distances):
        assert torch.autograd.gradcheck(loss, (logits,))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_sums_over_half_precision_are_in_single(dtype):
    """Ten thousand equal losses: a sum of bfloat16 numbers would stop growing at 256 of them."""
    output = torch.ones(4, 2500, dtype=dtype)
    for found in (
        squared_error(output, torch.zeros_like(output)),
        absolute_error(output, torch.zeros_like(output)),
    ):
        assert found.total.dtype == torch.float32
        assert found.mean.item() == 1
    logits = torch.zeros(4, 2500, 3, dtype=dtype)
    found = cross_entropy(logits, torch.zeros(4, 2500).long())
    assert found.total.dtype == torch.float32
    assert found.mean.item() == pytest.approx(math.log(3), rel=1e-5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: squared_error(torch.ones(5, 1), torch.ones(5)), r"target of shape \(5, 1\)"),
        (
            lambda: absolute_error(torch.ones(5), torch.ones(5), known=torch.ones(1).bool()),
            r"known of shape \(5,\), found \(1,\)",
        ),
        (
            lambda: squared_error(torch.ones(5, 2), torch.ones(5, 2), areas=torch.ones(5)),
            r"areas of shape \(2,\), found \(5,\)",
        ),
        (
            lambda: squared_error(torch.ones(5), torch.ones(5), areas=torch.ones(5)),
            r"areas of shape \(\), found \(5,\)",
        ),
        (
            lambda: cross_entropy(torch.ones(5, 2), torch.ones(5, 2).long()),
            r"target of shape \(5,\), found \(5, 2\)",
        ),
        (
            lambda: cross_entropy(torch.ones(5, 2), torch.ones(5)),
            "whole numbers, found torch.float",
        ),
        (
            lambda: cross_entropy(
                torch.ones(5, 2), torch.ones(5).long(), class_weights=torch.ones(3)
            ),
            r"class_weights of shape \(2,\), found \(3,\)",
        ),
        (
            lambda: cross_entropy(
                torch.ones(5, 2), torch.ones(5).long(), known=torch.ones(4).bool()
            ),
            r"known of shape \(5,\), found \(4,\)",
        ),
        (lambda: semi_hard_triplet(torch.ones(5), torch.ones(5)), r"\(sample, feature\), found"),
        (lambda: semi_hard_triplet(torch.ones(5, 2), torch.ones(4)), r"labels of shape \(5,\)"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def triplet_loops(descriptors, labels, margin):
    """Return the triplet loss by its definition, one pair after the other."""
    units = descriptors / np.linalg.norm(descriptors, axis=1, keepdims=True)
    losses = []
    for anchor, label in enumerate(labels):
        negatives = [
            ((units[anchor] - units[other]) ** 2).sum()
            for other in range(len(labels))
            if labels[other] != label
        ]
        for positive in range(len(labels)):
            if positive == anchor or labels[positive] != label or not negatives:
                continue
            distance = ((units[anchor] - units[positive]) ** 2).sum()
            farther = [negative for negative in negatives if negative > distance]
            negative = min(farther) if farther else max(negatives)
            losses.append(max(0, margin + distance - negative))
    return np.mean(losses) if losses else 0.0


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    st.lists(st.integers(0, 3), min_size=1, max_size=9),
    st.integers(0, 1000),
    st.sampled_from([0.0, 0.2, 1.0]),
)
def test_the_triplet_loss_is_that_of_loops_over_the_pairs(labels, seed, margin):
    descriptors = np.random.default_rng(seed).standard_normal((len(labels), 3))
    found = semi_hard_triplet(torch.from_numpy(descriptors), torch.tensor(labels), margin)
    assert found.item() == pytest.approx(triplet_loops(descriptors, labels, margin), abs=1e-12)


def test_the_triplet_loss_of_points_on_a_circle():
    """The squared distance of two points at an angle a is 2 - 2 cos(a).

    Anchor and positive stand at 0° and 60°, with a squared distance of 1, and negatives of two
    other classes at 30° and 180°. The one at 30° is nearer to both than they are to each other, by
    2 - √3. So the semi-hard one is that at 180°, with 4 and 3: the losses are max(0, 1 + 1 - 4) and
    max(0, 1 + 1 - 3), both 0. Without it no negative is farther than the positive, and the farthest
    is at 2 - √3: both losses are 1 + 1 - (2 - √3) = √3.
    """

    def loss(*angles):
        radians = torch.deg2rad(torch.tensor(angles, dtype=torch.float64))
        points = torch.stack([radians.cos(), radians.sin()], dim=1)
        return semi_hard_triplet(points, torch.tensor([0, 0, 1, 2][: len(angles)])).item()

    assert loss(0, 60, 30, 180) == 0
    assert loss(0, 60, 30) == pytest.approx(math.sqrt(3))


@pytest.mark.parametrize("labels", [[0, 1, 2, 3], [5, 5, 5, 5]], ids=["no pair", "no negative"])
def test_without_triplets_loss_and_gradient_are_zero(labels):
    descriptors = torch.randn(4, 3, generator=torch.Generator().manual_seed(0), requires_grad=True)
    loss = semi_hard_triplet(descriptors, torch.tensor(labels))
    assert loss.item() == 0
    loss.backward()
    assert not descriptors.grad.any()


def test_the_triplet_loss_sees_directions_only_and_no_order():
    generator = torch.Generator().manual_seed(0)
    descriptors = torch.randn(8, 5, generator=generator, dtype=torch.float64)
    labels = torch.tensor([0, 0, 0, 1, 1, 1, 2, 2])
    expected = semi_hard_triplet(descriptors, labels)
    assert expected > 0
    lengths = torch.rand(8, 1, generator=generator, dtype=torch.float64) + 0.1
    order = torch.randperm(8, generator=generator)
    found = semi_hard_triplet((lengths * descriptors)[order], labels[order])
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=0)


def test_the_gradient_of_the_triplet_loss_is_that_of_finite_differences():
    generator = torch.Generator().manual_seed(0)
    descriptors = torch.randn(7, 4, generator=generator, dtype=torch.float64, requires_grad=True)
    labels = torch.tensor([0, 0, 0, 1, 1, 2, 2])
    assert torch.autograd.gradcheck(lambda d: semi_hard_triplet(d, labels, 2.0), (descriptors,))


def test_descriptors_that_coincide_or_vanish_have_finite_gradients():
    descriptors = torch.tensor([[0.0, 0], [1, 1], [1, 1], [0, 0]], requires_grad=True)
    loss = semi_hard_triplet(descriptors, torch.tensor([0, 0, 1, 1]))
    loss.backward()
    assert loss.isfinite()
    assert descriptors.grad.isfinite().all()


def test_vectors_shorter_than_a_millionth_have_no_direction():
    """Divided by 1e-6, they are all but 0: each pair has lost the whole margin."""
    descriptors = 1e-12 * torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
    loss = semi_hard_triplet(descriptors, torch.tensor([0, 0, 0, 1, 1, 1]), 0.7)
    assert loss.item() == pytest.approx(0.7, rel=1e-6)


def test_descending_the_triplet_loss_separates_the_classes():
    generator = torch.Generator().manual_seed(0)
    descriptors = torch.randn(12, 4, generator=generator, requires_grad=True)
    labels = torch.arange(12) % 3
    optimizer = torch.optim.Adam([descriptors], lr=0.05)
    for _ in range(150):
        optimizer.zero_grad()
        semi_hard_triplet(descriptors, labels).backward()
        optimizer.step()
    units = functional.normalize(descriptors.detach())
    distances = torch.cdist(units, units)
    same = labels[:, None] == labels
    assert distances[same].max() < distances[~same].min()
