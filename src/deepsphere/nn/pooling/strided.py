r"""Learned pooling and unpooling: convolutions whose stride is as large as their kernel.

deepsphere-cosmo-tf2 has them as pseudo-convolutions, for auto-encoders and other generative models.
:class:`StridedConv` gives each coarse pixel p, with the children :math:`c_1(p), \dots, c_n(p)`,

.. math:: y_p = b + \sum_{j=1}^n W_j^\top x_{c_j(p)},

and :class:`TransposedStridedConv` goes back by :math:`y_{c_j(p)} = b + W_j^\top x_p`.

The weights depend on the place of a child within its coarse pixel, so that, unlike a convolution
with polynomials of the Laplacian, these layers are **not** equivariant to rotations, not even to
all of those that map pixels to pixels. Use :class:`~deepsphere.nn.pooling.reduction.Pooling` where
that matters. For several levels at once, there is :func:`~deepsphere.nn.hierarchy.compose`.
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array, eye_array
from torch import Tensor, nn

from deepsphere.nn.hierarchy import CoarseningMap
from deepsphere.nn.pooling.remap import Remap, check_features


class StridedConv(nn.Module):
    """A linear map from all features of the children to those of their coarse pixel.

    Parameters
    ----------
    coarsening : CoarseningMap
        With children.
    in_channels, out_channels : int
    bias : bool
        Whether to learn one offset an output channel.

    Attributes
    ----------
    weight : Parameter, shape (child, in_channels, out_channels)
        Starts from the uniform distribution of Glorot and Bengio (2010), as published: bound
        √(6 / (child · (in_channels + out_channels))).
    bias : Parameter, shape (out_channels,), or None
        Starts from 0.

    Raises
    ------
    ValueError
        If the map has no children, or a number of channels is below one.
    """

    def __init__(
        self, coarsening: CoarseningMap, in_channels: int, out_channels: int, bias: bool = True
    ) -> None:
        super().__init__()
        children = _children(coarsening)
        self.fine = coarsening.fine
        self.weight = _weight(children.shape[1], in_channels, out_channels)
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None
        self.grouping = nn.Identity() if coarsening.nested else Remap(_identity(children.ravel()))

    def extra_repr(self) -> str:
        """Return the sizes for ``repr``."""
        return _sizes(self.weight, self.bias)

    def forward(self, features: Tensor) -> Tensor:
        """Map features, shape (batch, fine pixel, in), to shape (batch, coarse pixel, out)."""
        check_features(features, self.fine, self.weight.shape[1])
        groups = self.grouping(features).unflatten(1, (-1, len(self.weight)))
        result = torch.einsum("bpni,nio->bpo", groups, self.weight)
        return result if self.bias is None else result + self.bias.to(result.dtype)


class TransposedStridedConv(nn.Module):
    """A linear map from the features of each coarse pixel to those of all its children.

    Parameters
    ----------
    coarsening : CoarseningMap
        With children; the map that goes the other way.
    in_channels, out_channels, bias
        As :class:`StridedConv`.

    Attributes
    ----------
    weight : Parameter, shape (child, in_channels, out_channels)
        As :class:`StridedConv`.
    bias : Parameter, shape (out_channels,), or None

    Raises
    ------
    ValueError
        If the map has no children, or a number of channels is below one.
    """

    def __init__(
        self, coarsening: CoarseningMap, in_channels: int, out_channels: int, bias: bool = True
    ) -> None:
        super().__init__()
        children = _children(coarsening)
        self.coarse = coarsening.coarse
        self.weight = _weight(children.shape[1], in_channels, out_channels)
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None
        # The place of each fine pixel among all children.
        places = np.argsort(children, axis=None)
        self.ordering = nn.Identity() if coarsening.nested else Remap(_identity(places))

    def extra_repr(self) -> str:
        """Return the sizes for ``repr``."""
        return _sizes(self.weight, self.bias)

    def forward(self, features: Tensor) -> Tensor:
        """Map features, shape (batch, coarse pixel, in), to shape (batch, fine pixel, out)."""
        check_features(features, self.coarse, self.weight.shape[1])
        groups = torch.einsum("bpi,nio->bpno", features, self.weight)
        result: Tensor = self.ordering(groups.flatten(1, 2))
        return result if self.bias is None else result + self.bias.to(result.dtype)


def _children(coarsening: CoarseningMap) -> NDArray[np.int64]:
    if coarsening.children is None:
        raise ValueError(
            "expected a map with children for a strided convolution, found one without; "
            "cells do not nest, or differ in their number of children: use Pooling and Unpooling"
        )
    return coarsening.children


def _weight(children: int, in_channels: int, out_channels: int) -> nn.Parameter:
    if min(in_channels, out_channels) < 1:
        raise ValueError(f"expected at least 1 each, found {in_channels=}, {out_channels=}")
    bound = math.sqrt(6 / (children * (in_channels + out_channels)))
    return nn.Parameter(torch.empty(children, in_channels, out_channels).uniform_(-bound, bound))


def _identity(pixels: NDArray[np.int64]) -> csr_array:
    """Return the matrix that brings pixels into this order."""
    return csr_array(csr_array(eye_array(len(pixels)))[pixels])


def _sizes(weight: Tensor, bias: Tensor | None) -> str:
    children, in_channels, out_channels = weight.shape
    return f"{in_channels}, {out_channels}, children={children}, bias={bias is not None}"
