"""The Chebyshev convolution as a layer."""

import math

import torch
from torch import Tensor, nn

from deepsphere.nn.convolution import chebyshev_convolution
from deepsphere.nn.operator import SymmetricOperator


class ChebConv(nn.Module):
    """A Chebyshev convolution.

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size : int
        Number K of coefficients of each filter; the order is K - 1, and so many edges away does
        the filter see.
    laplacian : SymmetricOperator
        The rescaled Laplacian; share one between all layers on a graph.
    bias : bool
        Whether to learn one offset an output channel, 0 at first.

    Notes
    -----
    The weights start as a normal distribution cut at two standard deviations, with
    :math:`\\sigma = \\sqrt{2 / (F_{in} (K + 1/2))}`, as published: the squares of T_0 to T_{K-1}
    sum to about (K + 1/2) / 2 over the spectrum.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        laplacian: SymmetricOperator,
        bias: bool = False,
    ) -> None:
        super().__init__()
        if min(in_channels, out_channels, kernel_size) < 1:
            raise ValueError(
                f"expected at least 1 each, found {in_channels=}, {out_channels=}, {kernel_size=}"
            )
        self.laplacian = laplacian
        self.weight = nn.Parameter(torch.empty(kernel_size, in_channels, out_channels))
        deviation = math.sqrt(2 / (in_channels * (kernel_size + 0.5)))
        nn.init.trunc_normal_(self.weight, std=deviation, a=-2 * deviation, b=2 * deviation)
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None

    def extra_repr(self) -> str:
        """Return the sizes for ``repr``."""
        kernel_size, in_channels, out_channels = self.weight.shape
        return f"{in_channels}, {out_channels}, kernel_size={kernel_size}"

    def forward(self, features: Tensor) -> Tensor:
        """Filter features, shape (batch, pixel, in_channels) to (batch, pixel, out_channels).

        The result has the pixels outermost in memory, which is what the next convolution wants; it
        behaves as any tensor.
        """
        result = chebyshev_convolution(features, self.weight, self.laplacian)
        return result if self.bias is None else result + self.bias
