r"""The Chebyshev convolution on a graph.

With the rescaled Laplacian :math:`\tilde L`, whose spectrum lies in [-1, 1], the layer computes
(Defferrard et al., 2016, eq. 4, for many channels)

.. math:: y = \sum_{k=0}^{K-1} T_k(\tilde L)\, x\, W_k,

where :math:`T_0 x = x`, :math:`T_1 x = \tilde L x` and
:math:`T_k x = 2 \tilde L\, T_{k-1} x - T_{k-2} x`.

:func:`chebyshev_convolution` is the fast form and
:func:`~deepsphere.nn.reference.chebyshev_convolution_reference` the readable one; both give the
same values and gradients. As :math:`\tilde L` is symmetric, so is every :math:`T_k`, and

.. math::

    \partial x = \sum_k T_k(\tilde L)\, \partial y\, W_k^\top, \qquad
    \partial W_k = x^\top T_k(\tilde L)\, \partial y.

So the backward pass keeps nothing but the input. The first gradient is a convolution again, and
both are linear in all that they are made from: they can be differentiated again, any number of
times, by the same three operators (:mod:`~deepsphere.nn.kernels.convolution_operators`). With
pixels of different mass M, the
operator on features is :math:`M^{-1/2} \tilde L M^{1/2}`, and its transpose swaps the two roots.

How an operator is computed depends on where: by :mod:`~deepsphere.nn.kernels.compiled` on a CPU, by
:mod:`~deepsphere.nn.kernels.gpu` on a GPU, and by :mod:`~deepsphere.nn.kernels.stock` where numba
or Triton is missing.
"""

import torch
from torch import Tensor

from deepsphere.nn.kernels.convolution_operators import (
    convolve,
    convolve_rectify,
    installed,
    is_differentiated,
)
from deepsphere.nn.kernels.kept import has_memory
from deepsphere.nn.operator import SymmetricOperator
from deepsphere.nn.pooling.nested import PoolKind

SUMMED_IN = {
    torch.float32: torch.float32,
    torch.bfloat16: torch.float32,
    torch.float64: torch.float64,
}
"""The types of features, and those that sums of them are computed in."""


def chebyshev_convolution(features: Tensor, weight: Tensor, laplacian: SymmetricOperator) -> Tensor:
    """Return the Chebyshev convolution of features.

    Parameters
    ----------
    features : Tensor, shape (batch, pixel, in_channels)
        Of float32, bfloat16 or float64. Sums are computed in float32, or float64, which must be
        the type of the Laplacian's values. Where the processor multiplies bfloat16, each T_k x
        is rounded to that before channels are mixed.
    weight : Tensor, shape (kernel_size, in_channels, out_channels)
        Of the type of the features. Under autocast both are converted.
    laplacian : SymmetricOperator
        With a spectrum in [-1, 1].

    Returns
    -------
    Tensor, shape (batch, pixel, out_channels)
        Of the type of the features. It can be differentiated any number of times in
        features and weight. What is not finite at a pixel spreads K - 1 edges at least, and on a
        CPU over some pixels more: replace missing values before.

    Raises
    ------
    ValueError
        If shapes, types or devices do not fit each other.
    """
    features, weight = _checked(features, weight, laplacian)
    kernel_size, entering, leaving = weight.shape
    if kernel_size == 1:
        mixed = features.reshape(-1, entering).mm(weight.reshape(entering, leaving))
        return mixed.view(-1, laplacian.pixels, leaving)
    return convolve(features, weight, *laplacian.tensors)


def convolve_normalize(
    features: Tensor,
    weight: Tensor,
    laplacian: SymmetricOperator,
    statistics: tuple[Tensor, Tensor],
    bias: Tensor,
    *,
    epsilon: float,
    rectify: bool,
    pool: PoolKind | None,
) -> Tensor | None:
    """Return the convolution, normalized, rectified and pooled at once, where nothing is learned.

    It is what :func:`~deepsphere.nn.normalization.normalize_rectify` makes of
    :func:`chebyshev_convolution`, up to rounding, without writing what is pooled away: on a CPU,
    where that is faster.

    Parameters
    ----------
    features, weight, laplacian
        See :func:`chebyshev_convolution`.
    statistics : (mean, variance), each of shape (out_channels,)
        Those to normalize with.
    bias, epsilon, rectify, pool
        See :func:`~deepsphere.nn.normalization.normalize_rectify`.

    Returns
    -------
    Tensor or None
        None if the result may be differentiated, is traced, or is not computed by the compiled
        loops; then the steps are to be taken one by one.

    Raises
    ------
    ValueError
        As :func:`chebyshev_convolution`, or if the bias or the statistics have another shape.
    """
    if not is_computed_at_once(features, weight, bias):
        return None
    features, weight = _checked(features, weight, laplacian)
    leaving = weight.shape[2]
    for name, given in zip(("bias", "mean", "variance"), (bias, *statistics), strict=True):
        if given.shape != (leaving,):
            raise ValueError(f"expected a {name} of shape ({leaving},), found {tuple(given.shape)}")
    matrix = laplacian.tensors
    if not has_memory(matrix[2]):
        return None
    mean, variance = (given.double() for given in statistics)
    scale = (variance + epsilon).rsqrt()
    shift = bias.double() - mean * scale
    return convolve_rectify(features, weight, scale, shift, rectify, pool, *matrix)


def is_computed_at_once(features: Tensor, *learned: Tensor) -> bool:
    """Return whether features are numbers on a CPU, from which nothing is differentiated."""
    return (
        not torch.compiler.is_compiling()
        and type(features) is Tensor
        and features.is_cpu
        and installed("numba")
        and not is_differentiated(features, *learned)
        and has_memory(features)
    )


def _checked(
    features: Tensor, weight: Tensor, laplacian: SymmetricOperator
) -> tuple[Tensor, Tensor]:
    """Return features and weight in the type to convolve them in.

    Raises
    ------
    ValueError
        As :func:`chebyshev_convolution`.
    """
    values = laplacian.tensors[2]
    shape, kernel = features.shape, weight.shape
    if len(kernel) != 3 or 0 in kernel:
        raise ValueError(
            "expected a weight of shape (kernel_size, in_channels, out_channels), each at least 1, "
            f"found {tuple(kernel)}"
        )
    if len(shape) != 3 or shape[1] != laplacian.pixels or shape[2] != kernel[1]:
        raise ValueError(
            f"expected features of shape (batch, {laplacian.pixels}, {kernel[1]}), "
            f"found {tuple(shape)}"
        )
    # Asked for all devices at once, as to ask for one takes longer than to multiply a few numbers.
    if torch._C._is_any_autocast_enabled():
        features, weight = _cast(features, weight)
    if features.dtype not in SUMMED_IN or weight.dtype != features.dtype:
        raise ValueError(
            "expected features and weight of one type, float32, bfloat16 or float64, "
            f"found {features.dtype} and {weight.dtype}"
        )
    if values.dtype != SUMMED_IN[features.dtype]:
        raise ValueError(
            f"expected a Laplacian of {SUMMED_IN[features.dtype]} for features of "
            f"{features.dtype}, found one of {values.dtype}; convert one of them"
        )
    if not features.device == weight.device == values.device:
        raise ValueError(
            "expected features, weight and Laplacian on one device, found them on "
            f"{features.device}, {weight.device} and {values.device}; move them by .to(device)"
        )
    if values.requires_grad:
        raise ValueError(
            "expected a Laplacian that is not learned, found one whose values require a gradient"
        )
    return features, weight


def _cast(features: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return both in the type of autocast, if that is enabled on their device."""
    device = features.device.type
    if not (torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)):
        return features, weight
    kind = torch.get_autocast_dtype(device)
    # As in PyTorch's own functions, float64 stays.
    if features.dtype != torch.float64:
        features = features.to(kind)
    return features, weight if weight.dtype == torch.float64 else weight.to(kind)
