"""The normalization of channels, and what follows it, by compiled loops on a processor.

:mod:`deepsphere.nn.normalization` is the way in, and says what is computed. Here, functions take
plain tensors and do not differentiate. They give the same bits for any number of threads: the work
is cut into shares that depend on the shapes only, and their sums are added in order.

Sums over rows are taken in float64, so their error does not grow with the number of rows; the rest
is computed in float32, or in float64 for features of float64.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepsphere.nn.kernels import normalization_loops as loops
from deepsphere.nn.kernels.memory import empty
from deepsphere.nn.kernels.pools import NUMBERS
from deepsphere.nn.kernels.threads import share_out
from deepsphere.nn.pooling.nested import CHILDREN, PoolKind

_SHARE = 2**17
_WIDTH = 64

# What is not finite stays so, without a warning, as in PyTorch.
_QUIETLY = np.errstate(all="ignore")


@_QUIETLY
def statistics(features: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean and the variance of each channel.

    Parameters
    ----------
    features : Tensor, shape (batch, pixel, channel)
        At least one row, of float32, float64 or bfloat16.

    Returns
    -------
    mean, variance : Tensor of float64, shape (channel,)
        The variance is the mean squared deviation from the mean.
    """
    channels = features.shape[2]
    rows = features.numel() // channels
    fold = _fold(rows, channels)
    table = _table(features, rows // fold)
    size, shares = _shares(table)
    means = np.empty((shares, fold * channels))
    squares = np.empty_like(means)
    share_out(loops.gather_statistics, shares, table, size, means, squares)
    counts = np.full((shares, 1), size, dtype=np.float64)
    counts[-1] = len(table) - (shares - 1) * size
    counts = np.repeat(counts, fold, axis=0)
    means, squares = means.reshape(-1, channels), squares.reshape(-1, channels)
    # The parts' deviations and those of their means: Chan, Golub and LeVeque (1983), eq. 1.5.
    mean = (counts * means).sum(axis=0) / rows
    variance = (squares + counts * (means - mean) ** 2).sum(axis=0) / rows
    return torch.from_numpy(mean), torch.from_numpy(variance)


@_QUIETLY
def normalize(
    features: Tensor,
    mean: Tensor,
    variance: Tensor,
    bias: Tensor | None,
    rectify: bool,
    pool: PoolKind | None,
    epsilon: float,
) -> Tensor:
    """Return the normalized, shifted, rectified and pooled features.

    Parameters
    ----------
    features : Tensor, shape (batch, pixel, channel)
        Of float32, float64 or bfloat16.
    mean, variance, bias : Tensor, shape (channel,)
    rectify : bool
    pool : {"max", "mean"}, optional
        Over every 4 pixels.
    epsilon : float
        Added to the variance.

    Returns
    -------
    Tensor, shape (batch, pixel or pixel / 4, channel), of the type of the features
    """
    batch, pixels, channels = features.shape
    shape = (batch, pixels // CHILDREN if pool else pixels, channels)
    result = empty(shape, features.dtype)
    rows = result.shape[0] * result.shape[1]
    if rows:
        fold = 1 if pool else _fold(rows, channels)
        target = _table(result, rows // fold)
        size, shares = _shares(target)
        coefficients = _coefficients(features, mean, variance, bias, epsilon, fold)
        source, floor = _table(features, len(target)), _floor(coefficients, rectify)
        given = (source, size, coefficients, floor, NUMBERS[pool])
        share_out(loops.apply, shares, *given, target)
    return result


@_QUIETLY
def gradients(
    gradient: Tensor,
    features: Tensor,
    mean: Tensor,
    variance: Tensor,
    bias: Tensor | None,
    rectify: bool,
    pool: PoolKind | None,
    epsilon: float,
    of_batch: bool,
) -> tuple[Tensor, Tensor]:
    """Return the gradients of the features and of the bias.

    With the normalized value n, its gradient g and the deviation's inverse r, that of a feature is
    r (g - mean g - n mean(g n)), where the statistics are those of the features, else r g.

    Parameters
    ----------
    gradient : Tensor
        Of the result of :func:`normalize`, whose other arguments follow.
    of_batch : bool
        Whether the statistics are those of these very features.

    Returns
    -------
    of_features : Tensor, shape (batch, pixel, channel), of the type of the features
    of_bias : Tensor of float64, shape (channel,)
    """
    channels = features.shape[2]
    result = empty(features.shape, features.dtype)
    rows = gradient.numel() // channels
    if not rows:
        return result, torch.zeros(channels, dtype=torch.float64)
    fold = 1 if pool else _fold(rows, channels)
    received = _table(gradient, rows // fold)
    size, shares = _shares(received)
    coefficients = _coefficients(features, mean, variance, bias, epsilon, fold)
    source, floor = _table(features, len(received)), _floor(coefficients, rectify)
    given = (source, received, size, coefficients, floor, NUMBERS[pool])
    parts = np.empty((shares, 2, fold * channels))
    share_out(loops.gather_sums, shares, *given, parts)
    sums = parts.sum(axis=0).reshape(2, fold, channels).sum(axis=1)
    if of_batch:
        coefficients[4:] = np.tile(sums * (channels / features.numel()), fold)
    share_out(loops.differentiate, shares, *given, _table(result, len(received)))
    return result, torch.from_numpy(sums[0])


def _fold(rows: int, channels: int) -> int:
    """Return how many rows to take as one, so that the innermost loop is not too short."""
    fold = 1
    while 2 * fold * channels <= _WIDTH and rows % (2 * fold) == 0:
        fold *= 2
    return fold


def _shares(table: NDArray[Any]) -> tuple[int, int]:
    """Return the number of rows in a share, and of shares."""
    rows, width = table.shape
    size = min(max(_SHARE // width, 256), 1024)
    return size, -(-rows // size)


def _table(tensor: Tensor, rows: int) -> NDArray[Any]:
    """Return a tensor's memory in so many rows, and bfloat16 as uint16."""
    tensor = tensor.detach().contiguous()
    if tensor.dtype == torch.bfloat16:
        tensor = tensor.view(torch.uint16)
    return np.asarray(tensor.numpy()).reshape(rows, -1)


def _coefficients(
    features: Tensor,
    mean: Tensor,
    variance: Tensor,
    bias: Tensor | None,
    epsilon: float,
    fold: int,
) -> NDArray[Any]:
    """Return what the loops need to know of each channel; they say what the rows are."""
    kind = np.float64 if features.dtype == torch.float64 else np.float32
    exact = mean.detach().double().numpy()
    scale = 1 / np.sqrt(variance.detach().double().numpy() + epsilon)
    coefficients = np.zeros((6, len(exact)), dtype=kind)
    coefficients[0] = exact
    coefficients[1] = scale
    coefficients[2] = (coefficients[0] - exact) * scale
    if bias is not None:
        coefficients[3] = bias.detach().double().numpy()
    return np.tile(coefficients, fold)


def _floor(coefficients: NDArray[Any], rectify: bool) -> Any:
    """Return the value below which the rectifier cuts."""
    return coefficients.dtype.type(0 if rectify else -np.inf)
