"""Losses, and what they are to be divided by.

`cross_entropy` is for classes, of a sample or of each of its pixels; `squared_error` and
`absolute_error` are for numbers. They return a sum and its weight apart, so that the mean over a
batch that is cut into parts (accumulated, or spread over devices) can be formed after both are
summed: the mean of the parts' means is another number as soon as the parts know different numbers
of targets. `semi_hard_triplet` pulls the descriptors of a class together, for retrieval.

Targets that are not known may hold anything: they count for nothing and give no gradient. Areas
weigh pixels as an integral over the sphere does, on samplings whose pixels differ in size.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional


class LossSum(NamedTuple):
    """A sum of losses, and what it is to be divided by.

    Attributes
    ----------
    total : Tensor, scalar
        The sum of the weighted losses.
    weight : Tensor, scalar
        The number of known targets, or the sum of their pixels' areas; it may be 0.
    """

    total: Tensor
    weight: Tensor

    @property
    def mean(self) -> Tensor:
        """The total divided by the weight, a scalar; 0 if nothing is known."""
        return self.total / torch.where(self.weight > 0, self.weight, 1)


def cross_entropy(
    logits: Tensor,
    target: Tensor,
    *,
    class_weights: Tensor | None = None,
    areas: Tensor | None = None,
    known: Tensor | None = None,
) -> LossSum:
    """Return the cross entropy of the softmax of logits.

    The weights of the classes multiply the losses but not what they are divided by, as published:
    the mean is over targets, where ``torch.nn.functional.cross_entropy`` takes it over weights.
    Both agree in expectation if the weights are 1 on the average over all targets, as balanced
    weights are.

    Parameters
    ----------
    logits : Tensor of float, shape (sample, class) or (sample, pixel, class)
    target : Tensor of int64, shape (sample,) or (sample, pixel)
        The class of a sample or pixel.
    class_weights : Tensor of float, shape (class,), optional
    areas : Tensor of float, shape (pixel,), optional
        Weights of the pixels, in any unit.
    known : Tensor of bool, shape of ``target``, optional
        Where the target counts; everywhere if not given.

    Raises
    ------
    ValueError
        If the shapes do not fit, or the target is not of whole numbers.
    """
    _check_shape("target", target, logits.shape[:-1])
    if target.is_floating_point():
        raise ValueError(f"expected a target of whole numbers, found {target.dtype}")
    if known is not None:
        _check_shape("known", known, target.shape)
        target = torch.where(known, target, 0)
        # Infinite logits have a gradient of NaN, even of a loss that is not counted.
        logits = torch.where(known.unsqueeze(-1), logits, 0)
    wide = torch.promote_types(logits.dtype, torch.float32)
    chances = functional.log_softmax(logits, dim=-1, dtype=wide)
    losses = -chances.gather(-1, target.unsqueeze(-1)).squeeze(-1)
    if class_weights is not None:
        _check_shape("class_weights", class_weights, logits.shape[-1:])
        losses = losses * class_weights.to(wide)[target]
    return _summed(losses, known, areas)


def squared_error(
    output: Tensor, target: Tensor, *, known: Tensor | None = None, areas: Tensor | None = None
) -> LossSum:
    """Return the sum of squared errors.

    Parameters
    ----------
    output, target : Tensor of float, shape (sample, ...)
        Of the same shape; with areas, the second axis is of pixels.
    known : Tensor of bool, shape of ``target``, optional
        Where the target counts; everywhere if not given.
    areas : Tensor of float, shape (pixel,), optional
        Weights of the pixels, in any unit.

    Raises
    ------
    ValueError
        If the shapes do not fit.
    """
    return _summed(_errors(output, target, known).square(), known, areas)


def absolute_error(
    output: Tensor, target: Tensor, *, known: Tensor | None = None, areas: Tensor | None = None
) -> LossSum:
    """Return the sum of absolute errors; see :func:`squared_error`."""
    return _summed(_errors(output, target, known).abs(), known, areas)


def semi_hard_triplet(descriptors: Tensor, labels: Tensor, margin: float = 1.0) -> Tensor:
    """Return the triplet loss with semi-hard negatives, as TensorFlow 1's contrib computes it.

    Every two samples of a class are an anchor and its positive, once in either role. Their negative
    is the sample of another class that is nearest to the anchor among those farther from it than
    the positive, or, if none is farther, the farthest. The loss of a pair is
    ``max(0, margin + d(anchor, positive) - d(anchor, negative))`` where ``d`` is the squared
    distance of the descriptors scaled to unit length.

    Parameters
    ----------
    descriptors : Tensor of float, shape (sample, feature)
        Of any length; the loss sees only their directions.
    labels : Tensor of int64, shape (sample,)
        Classes of the samples.
    margin : float
        By how much, in squared distance, a negative should be farther than the positive.

    Returns
    -------
    Tensor, scalar
        The mean over the pairs; 0 if the batch holds no triplet.

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Notes
    -----
    F. Schroff, D. Kalenichenko, J. Philbin, "FaceNet: A unified embedding for face recognition and
    clustering", CVPR 2015. For a batch of B samples with F features it holds B²(B + F) numbers.
    """
    if descriptors.ndim != 2:
        raise ValueError(
            f"expected descriptors of shape (sample, feature), found {tuple(descriptors.shape)}"
        )
    _check_shape("labels", labels, descriptors.shape[:1])
    wide = torch.promote_types(descriptors.dtype, torch.float32)
    # As in TensorFlow, no vector is divided by less than 1e-6.
    units = functional.normalize(descriptors.to(wide), eps=1e-6)
    distances = (units[:, None] - units).square().sum(dim=-1)
    same = labels[:, None] == labels
    pairs = same & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    pairs &= ~same.all()
    farther = ~same[:, None, :] & (distances[:, None, :] > distances[:, :, None])
    outside = torch.where(farther, distances[:, None, :], torch.inf).amin(dim=-1)
    inside = torch.where(same, 0, distances).amax(dim=-1, keepdim=True)
    negatives = torch.where(outside.isinf(), inside, outside)
    losses = torch.where(pairs, margin + distances - negatives, 0).clamp(min=0)
    return losses.sum() / pairs.sum().clamp(min=1)


def _errors(output: Tensor, target: Tensor, known: Tensor | None) -> Tensor:
    """Return output minus target, 0 where the target is unknown."""
    _check_shape("target", target, output.shape)
    if known is None:
        return output - target
    _check_shape("known", known, target.shape)
    return torch.where(known, output - target, 0)


def _summed(losses: Tensor, known: Tensor | None, areas: Tensor | None) -> LossSum:
    """Return the weighted sum of losses, shape (sample, ...), that are finite where unknown."""
    losses = losses.to(torch.promote_types(losses.dtype, torch.float32))
    weights = torch.ones_like(losses) if known is None else known.to(losses.dtype)
    if areas is not None:
        _check_shape("areas", areas, losses.shape[1:2])
        weights = weights * areas.to(losses.dtype).reshape(-1, *[1] * (losses.ndim - 2))
    return LossSum((weights * losses).sum(), weights.sum())


def _check_shape(name: str, tensor: Tensor, shape: torch.Size) -> None:
    if tensor.shape != shape:
        raise ValueError(f"expected {name} of shape {tuple(shape)}, found {tuple(tensor.shape)}")
