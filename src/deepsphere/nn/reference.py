"""The Chebyshev convolution, written as its formula.

It multiplies by the whole matrix, and is for reading and for testing
:func:`~deepsphere.nn.convolution.chebyshev_convolution`, which gives the same values and gradients.
"""

import torch
from torch import Tensor

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
    rows = torch.repeat_interleave(
        torch.arange(laplacian.pixels, device=features.device), laplacian.offsets.diff()
    )
    dense = torch.zeros(laplacian.pixels, laplacian.pixels, dtype=features.dtype)
    dense = dense.to(features.device)
    dense[rows, laplacian.columns.long()] = laplacian.values.to(features.dtype)
    if laplacian.root_mass is not None:
        dense = dense * laplacian.root_mass.T / laplacian.root_mass
    terms = [features, dense @ features][: len(weight)]
    while len(terms) < len(weight):
        terms.append(2 * dense @ terms[-1] - terms[-2])
    return torch.stack(
        [term @ coefficient for term, coefficient in zip(terms, weight, strict=True)]
    ).sum(dim=0)
