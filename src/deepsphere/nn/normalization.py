r"""Normalization of channels, and what follows it in a block.

:func:`normalize_rectify` computes, channel by channel and in this order, as published (ICLR 2020
code),

.. math:: y = \mathrm{pool}\left(\max\left(\frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}} + b,
          0\right)\right)

with the mean and variance over batch and pixels: batch normalization (Ioffe and Szegedy, 2015)
without a learned scale. :class:`ChannelNormalization` is the layer, with running averages.

On a CPU, two passes of compiled loops over the features do it all, and two more differentiate it;
they write nothing but the pooled result, and keep nothing but the features for the gradient.
Elsewhere, and for higher derivatives, :func:`normalize_rectify_reference` does it in plain PyTorch.
Both give the same values and gradients, and statistics that are as accurate over millions of rows
as over ten. Those of :class:`torch.nn.BatchNorm1d` are not on a CPU where the channels are
innermost: there, their error grows with the number of rows.
"""

from importlib.util import find_spec

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from deepsphere.nn.kernels import normalization_operators as operators
from deepsphere.nn.pooling import nested
from deepsphere.nn.pooling.nested import PoolKind, pooled_pixels
from deepsphere.nn.synchronized import combine_statistics, has_several_ranks

EPSILON = 1e-5
"""Added to the variance, as published."""

_HAS_LOOPS = find_spec("numba") is not None


def normalize_rectify(
    features: Tensor,
    bias: Tensor | None = None,
    pool: PoolKind | None = None,
    *,
    rectify: bool = True,
    epsilon: float = EPSILON,
    statistics: tuple[Tensor, Tensor] | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Normalize, add a bias, rectify and pool.

    Parameters
    ----------
    features : Tensor, shape (batch, pixel, channel)
    bias : Tensor, optional, shape (channel,)
        Added after the normalization.
    pool : {"max", "mean"}, optional
        As :func:`deepsphere.nn.pooling.nested.pool`, after the rectifier.
    rectify : bool
        Whether negative numbers become 0.
    epsilon : float
        Added to the variance.
    statistics : (mean, variance), optional, each of shape (channel,)
        Those to normalize with, as constants. By default they are those of the features, and the
        gradient takes account of it.

    Returns
    -------
    result : Tensor, shape (batch, pixel, channel), or (batch, pixel / 4, channel) if pooled
        Of the type of the features; half precision is computed in float32. NaN stays NaN. It can be
        differentiated any number of times.
    mean, variance : Tensor of float64, shape (channel,)
        Those given or those of the features, as constants. The variance is the mean squared
        deviation from the mean.

    Raises
    ------
    ValueError
        If the shapes do not fit each other, there is no row to take statistics of, or the pixels
        are no whole groups of 4 to pool.
    """
    if not (_HAS_LOOPS and features.is_cpu and features.dtype in operators.TYPES):
        return normalize_rectify_reference(
            features, bias, pool, rectify=rectify, epsilon=epsilon, statistics=statistics
        )
    _check(features, bias, pool, statistics)
    features = features.contiguous()
    if statistics is None:
        _check_rows(features)
        mean, variance = operators.channel_statistics(features.detach())
    else:
        mean, variance = (_widened(given.detach()) for given in statistics)
    settings = rectify, pool, epsilon, statistics is None
    result = operators.normalize_rectify(features, mean, variance, bias, *settings)
    return result, mean, variance


def normalize_rectify_reference(
    features: Tensor,
    bias: Tensor | None = None,
    pool: PoolKind | None = None,
    *,
    rectify: bool = True,
    epsilon: float = EPSILON,
    statistics: tuple[Tensor, Tensor] | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Do as :func:`normalize_rectify`, in plain PyTorch."""
    _check(features, bias, pool, statistics)
    working = _working(features)
    if statistics is None:
        _check_rows(features)
        mean, variance = _statistics(working)
    else:
        mean, variance = (_widened(given.detach()) for given in statistics)
    result = _normalize(working, mean, variance, bias, pool, rectify, epsilon)
    return result.to(features.dtype), mean.detach(), variance.detach()


class ChannelNormalization(nn.Module):
    """Batch normalization of each channel over batch and pixels, without a learned scale.

    As published (ICLR 2020 code): epsilon 1e-5, running averages that keep 0.9 of the old value a
    step, no learned scale or offset. It normalizes with the statistics of the batch in training,
    and with the running averages in evaluation. A :class:`torch.nn.BatchNorm1d` holds these, and is
    found by whatever looks for one.

    Where several processes train, each on a part of the batch, the statistics are those of all
    parts (:mod:`deepsphere.nn.synchronized`), and so are the running averages, which are the same
    on every rank: outputs, gradients and averages are those of one process with the whole batch,
    whatever the parts. Then every rank must run the layer in training as often as the others, if
    need be on a part without maps. In evaluation no rank waits for another.

    Parameters
    ----------
    channels : int
    known : ndarray of bool, optional, shape (pixel,)
        Which pixels have data; all if not given. The statistics are those of known pixels, as plain
        PyTorch computes them; all pixels are normalized with them.
    """

    known_pixels: Tensor | None

    def __init__(self, channels: int, known: NDArray[np.bool_] | None = None) -> None:
        super().__init__()
        self.statistics = nn.BatchNorm1d(channels, eps=EPSILON, momentum=0.1, affine=False)
        numbers = None
        if known is not None and not known.all():
            numbers = torch.from_numpy(np.flatnonzero(known))
        self.register_buffer("known_pixels", numbers, persistent=False)

    def forward(
        self,
        features: Tensor,
        bias: Tensor | None = None,
        pool: PoolKind | None = None,
        rectify: bool = False,
    ) -> Tensor:
        """Normalize features, and do at once what follows; see :func:`normalize_rectify`.

        Raises
        ------
        ValueError
            As there, and in training if there is but one row.
        """
        held = self.statistics
        averages = held.get_buffer("running_mean"), held.get_buffer("running_var")
        known = self.known_pixels
        own = features.shape[0] * (features.shape[1] if known is None else len(known))
        rows: int | Tensor = own
        if held.training and (known is not None or has_several_ranks()):
            result, mean, variance, rows = _normalize_over_ranks(
                features, bias, pool, rectify, held.eps, known
            )
        else:
            kept = None if held.training else averages
            result, mean, variance = normalize_rectify(
                features, bias, pool, rectify=rectify, epsilon=held.eps, statistics=kept
            )
        if held.training:
            # Where a rank has enough rows, those of all need not be waited for.
            if own < 2 and rows < 2:
                raise ValueError(f"expected more than one row to train on, found {int(rows)}")
            tracked = held.get_buffer("num_batches_tracked").add_(1)
            # Without a momentum, all batches count the same.
            step = 1 / _widened(tracked) if held.momentum is None else held.momentum
            for average, new in zip(averages, (mean, variance * rows / (rows - 1)), strict=True):
                average += step * (new - average)
        return result


def _normalize(
    working: Tensor,
    mean: Tensor,
    variance: Tensor,
    bias: Tensor | None,
    pool: PoolKind | None,
    rectify: bool,
    epsilon: float,
) -> Tensor:
    """Normalize with statistics that may depend on the features, and do what follows."""
    scale = (variance + epsilon).rsqrt()
    # Half of the last digit of a mean far from zero is much of a small deviation from it.
    center = mean.detach().to(working.dtype)
    offset = (center - mean) * scale
    if bias is not None:
        offset = offset + bias
    result = torch.addcmul(offset.to(working.dtype), working - center, scale.to(working.dtype))
    if rectify:
        result = result.relu()
    if pool is not None:
        result = nested.pool(result, pool)
    return result


def _normalize_over_ranks(
    features: Tensor,
    bias: Tensor | None,
    pool: PoolKind | None,
    rectify: bool,
    epsilon: float,
    known: Tensor | None,
) -> tuple[Tensor, Tensor, Tensor, int | Tensor]:
    """Do as the reference with the statistics of all ranks, and say of how many rows these are.

    The rows are those of known pixels, if these are given.
    """
    _check(features, bias, pool, None)
    working = _working(features)
    seen = working if known is None else working.index_select(1, known)
    rows = seen.shape[0] * seen.shape[1]
    total: int | Tensor = rows
    mean, variance = _statistics(seen)
    if has_several_ranks():
        mean, variance, total = combine_statistics(mean, variance, rows)
    result = _normalize(working, mean, variance, bias, pool, rectify, epsilon)
    return result.to(features.dtype), mean.detach(), variance.detach(), total


def _working(features: Tensor) -> Tensor:
    """Return features in the type to compute in."""
    return features if features.dtype == torch.float64 else features.float()


def _statistics(features: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and variance by those of each sample, which are taken in the features' type.

    Of no rows, zeros; their gradient is nothing, but has to be asked for on every rank.
    """
    if features.shape[0] * features.shape[1] == 0:
        nothing = _widened(features.sum(dim=(0, 1)))
        return nothing, nothing
    variances, means = map(_widened, torch.var_mean(features, dim=1, correction=0))
    mean = means.mean(dim=0)
    return mean, (variances + (means - mean).square()).mean(dim=0)


def _widened(statistic: Tensor) -> Tensor:
    """Return a statistic in float64, which Apple's graphics processors do not have."""
    return statistic if statistic.is_mps else statistic.double()


def _check(
    features: Tensor,
    bias: Tensor | None,
    pool: PoolKind | None,
    statistics: tuple[Tensor, Tensor] | None,
) -> None:
    if features.ndim != 3:
        raise ValueError(
            f"expected features of shape (batch, pixel, channel), found {tuple(features.shape)}"
        )
    _, pixels, channels = features.shape
    pooled_pixels(pixels, pool)
    for name, given in zip(("bias", "mean", "variance"), (bias, *(statistics or ())), strict=False):
        if given is not None and given.shape != (channels,):
            raise ValueError(
                f"expected a {name} of shape ({channels},), found {tuple(given.shape)}"
            )


def _check_rows(features: Tensor) -> None:
    if features.shape[0] * features.shape[1] < 1:
        raise ValueError(f"expected rows to take statistics of, found {tuple(features.shape)}")
