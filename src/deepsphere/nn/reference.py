"""The convolution, written as its formula.

It multiplies by whole matrices, and is for reading and for testing: the convolution on Chebyshev
polynomials, :func:`~deepsphere.nn.convolution.chebyshev_convolution`, and the layer with all its
bases and groups, :class:`~deepsphere.nn.chebyshev.ChebConv`, give the same values and gradients.
It can be differentiated as often as one wants.
"""

from math import comb

import torch
from torch import Tensor

from deepsphere.nn.bases import BasisName
from deepsphere.nn.operator import SymmetricOperator


def chebyshev_convolution_reference(
    features: Tensor, weight: Tensor, laplacian: SymmetricOperator
) -> Tensor:
    """Return the sum of T_k(laplacian) features weight_k over k.

    Parameters
    ----------
    features : Tensor, shape (batch, pixel, in_channels)
    weight : Tensor, shape (kernel_size, in_channels, out_channels)
    laplacian : SymmetricOperator

    Returns
    -------
    Tensor, shape (batch, pixel, out_channels)
    """
    return convolution_reference(features, weight, laplacian)


def convolution_reference(
    features: Tensor,
    weight: Tensor,
    laplacian: SymmetricOperator,
    basis: BasisName = "chebyshev",
    groups: int = 1,
) -> Tensor:
    """Return the convolution with the functions of a basis, each from its own definition.

    Parameters
    ----------
    features : Tensor, shape (batch, pixel, in_channels)
    weight : Tensor, shape (kernel_size, in_channels / groups, out_channels)
        Coefficients in the basis.
    laplacian : SymmetricOperator
    basis : {"chebyshev", "monomial", "bernstein"}
    groups : int

    Returns
    -------
    Tensor, shape (batch, pixel, out_channels)
        Of the type of the features.
    """
    matrix = _dense(laplacian, features.dtype)
    results = [
        sum(
            term @ coefficient
            for term, coefficient in zip(
                _filtered(part, matrix, basis, len(weight)), coefficients, strict=True
            )
        )
        for part, coefficients in zip(
            features.chunk(groups, dim=-1), weight.chunk(groups, dim=-1), strict=True
        )
    ]
    return torch.cat(results, dim=-1)


def _filtered(features: Tensor, matrix: Tensor, basis: BasisName, count: int) -> list[Tensor]:
    """Return what each function of a basis makes of features, each (batch, pixel, channel)."""
    power = torch.linalg.matrix_power
    if basis == "monomial":
        return [power(matrix, exponent) @ features for exponent in range(count)]
    if basis == "bernstein":
        degree = count - 1
        identity = torch.eye(len(matrix), dtype=matrix.dtype, device=matrix.device)
        upper, lower = (identity + matrix) / 2, (identity - matrix) / 2
        return [
            comb(degree, index) * power(upper, index) @ power(lower, degree - index) @ features
            for index in range(count)
        ]
    terms = [features, matrix @ features][:count]
    while len(terms) < count:
        terms.append(2 * matrix @ terms[-1] - terms[-2])
    return terms


def _dense(laplacian: SymmetricOperator, dtype: torch.dtype) -> Tensor:
    """Return the operator on features, with its masses, as a dense matrix."""
    device = laplacian.values.device
    pixels = torch.arange(laplacian.pixels, device=device)
    rows = torch.repeat_interleave(pixels, laplacian.offsets.diff())
    dense = torch.zeros(len(pixels), len(pixels), dtype=dtype, device=device)
    dense[rows, laplacian.columns.long()] = laplacian.values.to(dtype)
    if laplacian.root_mass is None:
        return dense
    roots = laplacian.root_mass.to(dtype)
    return dense * roots / roots[:, None]
