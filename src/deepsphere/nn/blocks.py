"""The layers around a convolution."""

import torch
from torch import Tensor, nn

from deepsphere.nn.chebyshev import ChebConv
from deepsphere.nn.operator import SymmetricOperator


class ChannelNormalization(nn.Module):
    """Batch normalization of each channel over batch and pixels, without a learned scale.

    As published (ICLR 2020 code): epsilon 1e-5, running averages that keep 0.9 of the old value a
    step, no learned scale or offset.

    Parameters
    ----------
    channels : int
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.statistics = nn.BatchNorm1d(channels, eps=1e-5, momentum=0.1, affine=False)

    def forward(self, features: Tensor) -> Tensor:
        """Normalize features of shape (batch, pixel, channel)."""
        batch, pixels, channels = features.shape
        rows = features.transpose(0, 1).reshape(pixels * batch, channels)
        normalized: Tensor = self.statistics(rows)
        return normalized.view(pixels, batch, channels).transpose(0, 1)


class ChebBlock(nn.Module):
    """Convolution, normalization, bias and rectifier, in this order, as published.

    Parameters
    ----------
    in_channels, out_channels, kernel_size, laplacian
        See :class:`deepsphere.nn.chebyshev.ChebConv`.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, laplacian: SymmetricOperator
    ) -> None:
        super().__init__()
        self.convolution = ChebConv(in_channels, out_channels, kernel_size, laplacian)
        self.normalization = ChannelNormalization(out_channels)
        self.bias = nn.Parameter(torch.zeros(out_channels))

    def forward(self, features: Tensor) -> Tensor:
        """Return features of shape (batch, pixel, out_channels)."""
        normalized: Tensor = self.normalization(self.convolution(features))
        return (normalized + self.bias).relu_()


def cheb_blocks(
    in_channels: int, widths: tuple[int, ...], kernel_size: int, laplacian: SymmetricOperator
) -> nn.Sequential:
    """Return a stack of :class:`ChebBlock`, one a width."""
    before = (in_channels, *widths[:-1])
    return nn.Sequential(
        *(
            ChebBlock(entering, leaving, kernel_size, laplacian)
            for entering, leaving in zip(before, widths, strict=True)
        )
    )
