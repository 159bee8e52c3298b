r"""The Chebyshev convolution on a graph.

With the rescaled Laplacian :math:`\tilde L`, whose spectrum lies in [-1, 1], the layer computes
(Defferrard et al., 2016, eq. 4, for many channels)

.. math:: y = \sum_{k=0}^{K-1} T_k(\tilde L)\, x\, W_k,

where :math:`T_0 x = x`, :math:`T_1 x = \tilde L x` and
:math:`T_k x = 2 \tilde L\, T_{k-1} x - T_{k-2} x`.

:func:`chebyshev_convolution` is the fast form and
:func:`~deepsphere.nn.reference.chebyshev_convolution_reference` the readable one; both give the
same values and gradients. As :math:`\tilde L` is symmetric, so is every :math:`T_k`, and with
:math:`S_k = T_k(\tilde L)\, \partial y` the gradients are
:math:`\partial W_k = x^\top S_k` and :math:`\partial x = \sum_k S_k W_k^\top`: the backward pass is
the same recurrence on the gradient, and keeps nothing but the input.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from deepsphere.nn.operator import SymmetricOperator, multiply


def chebyshev_convolution(features: Tensor, weight: Tensor, laplacian: SymmetricOperator) -> Tensor:
    """Return the Chebyshev convolution of features.

    Parameters
    ----------
    features : Tensor, shape (batch, pixel, in_channels)
        Of the type of the Laplacian's values.
    weight : Tensor, shape (kernel_size, in_channels, out_channels)
    laplacian : SymmetricOperator
        With a spectrum in [-1, 1].

    Returns
    -------
    Tensor, shape (batch, pixel, out_channels)
        It can be differentiated once.

    Raises
    ------
    ValueError
        If the shapes do not fit each other.
    """
    if features.ndim != 3 or features.shape[1:] != (laplacian.pixels, weight.shape[1]):
        raise ValueError(
            f"expected features of shape (batch, {laplacian.pixels}, {weight.shape[1]}), "
            f"found {tuple(features.shape)}"
        )
    roots = laplacian.root_mass
    result: Tensor = _ChebyshevConvolution.apply(  # type: ignore[no-untyped-call]
        (features if roots is None else features * roots).transpose(0, 1),
        weight,
        laplacian.offsets,
        laplacian.columns,
        laplacian.values,
    )
    result = result.transpose(0, 1)
    return result if roots is None else result / roots


class _ChebyshevConvolution(torch.autograd.Function):
    """Features and result are (pixel, batch, channel), so that a row of the operator is a pixel."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor, *matrix: Tensor) -> Tensor:
        ctx.save_for_backward(features, weight, *matrix)
        pixels, batch, channels = features.shape
        rows = features.contiguous().view(pixels * batch, channels)
        if weight.shape[2] < channels:
            return _mix_first(rows, weight, pixels, matrix).view(pixels, batch, -1)
        result = rows.new_zeros(pixels * batch, weight.shape[2])
        for coefficient, term in zip(weight, _terms(rows.view(pixels, -1), matrix), strict=False):
            result.addmm_(term.view(rows.shape), coefficient)
        return result.view(pixels, batch, -1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        features, weight, *matrix = ctx.saved_tensors
        pixels, batch, channels = gradient.shape
        rows = features.contiguous().view(pixels * batch, -1)
        of_rows = gradient.contiguous().view(pixels * batch, channels)
        of_weight = torch.empty_like(weight)
        if not ctx.needs_input_grad[0]:
            terms = zip(range(len(weight)), _terms(rows.view(pixels, -1), matrix), strict=False)
            for order, term in terms:
                torch.mm(term.view(rows.shape).t(), of_rows, out=of_weight[order])
            return None, of_weight, None, None, None
        of_features = torch.zeros_like(rows)
        terms = zip(range(len(weight)), _terms(of_rows.view(pixels, -1), matrix), strict=False)
        for order, term in terms:
            term_rows = term.view(of_rows.shape)
            if ctx.needs_input_grad[1]:
                torch.mm(rows.t(), term_rows, out=of_weight[order])
            of_features.addmm_(term_rows, weight[order].t())
        learned = of_weight if ctx.needs_input_grad[1] else None
        return of_features.view(features.shape), learned, None, None, None


def _terms(features: Tensor, matrix: Sequence[Tensor]) -> Iterator[Tensor]:
    """Yield T_0 x, T_1 x, T_2 x, ..., each when it is asked for; shape (pixel, column)."""
    last, term = features, features
    yield term
    term = multiply(features, *matrix)
    yield term
    while True:
        last, term = term, multiply(term, *matrix).mul_(2).sub_(last)
        yield term


def _mix_first(rows: Tensor, weight: Tensor, pixels: int, matrix: Sequence[Tensor]) -> Tensor:
    """Return the convolution by Clenshaw's recurrence, on the narrower output channels.

    With z_k = x W_k and b_k = z_k + 2 L b_{k+1} - b_{k+2}, the sum is z_0 + L b_1 - b_2 (Clenshaw,
    1955).
    """
    shape = (pixels, len(rows) // pixels * weight.shape[2])
    after: Tensor | None = None
    result = (rows @ weight[-1]).view(shape)
    for order in range(len(weight) - 2, -1, -1):
        step = multiply(result, *matrix)
        if order:
            step.mul_(2)
        step.add_((rows @ weight[order]).view(shape))
        if after is not None:
            step.sub_(after)
        after, result = result, step
    return result
