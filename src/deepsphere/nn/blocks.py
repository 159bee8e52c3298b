"""The layers around a convolution."""

import torch
from torch import Tensor, nn

from deepsphere.nn.chebyshev import ChebConv
from deepsphere.nn.normalization import ChannelNormalization
from deepsphere.nn.operator import SymmetricOperator
from deepsphere.nn.pooling import PoolKind, pooled_pixels


class ChebBlock(nn.Module):
    """Convolution, normalization, bias, rectifier and pooling, in this order, as published.

    All that follows the convolution is computed at once, without writing what is pooled away.

    Parameters
    ----------
    in_channels, out_channels, kernel_size, laplacian
        See :class:`deepsphere.nn.chebyshev.ChebConv`.
    pool : {"max", "mean"}, optional
        See :func:`deepsphere.nn.pooling.pool`.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        laplacian: SymmetricOperator,
        pool: PoolKind | None = None,
    ) -> None:
        super().__init__()
        self.convolution = ChebConv(in_channels, out_channels, kernel_size, laplacian)
        self.normalization = ChannelNormalization(out_channels)
        self.bias = nn.Parameter(torch.zeros(out_channels))
        pooled_pixels(laplacian.pixels, pool)
        self.pool = pool

    def extra_repr(self) -> str:
        """Return the pooling for ``repr``."""
        return "" if self.pool is None else f"pool={self.pool!r}"

    def forward(self, features: Tensor) -> Tensor:
        """Return features of shape (batch, pixel, out_channels), or a fourth of the pixels."""
        convolved = self.convolution(features)
        result: Tensor = self.normalization(convolved, self.bias, self.pool, rectify=True)
        return result


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
