"""One value a map: the model of the published day of the year."""

import math

import torch
from torch import Tensor, nn

from deepsphere.nn.blocks import cheb_blocks
from deepsphere.nn.operator import SymmetricOperator


class GlobalRegressor(nn.Module):
    """Blocks of convolutions, the mean over the pixels, and a linear layer without offset.

    Parameters
    ----------
    in_channels, widths, kernel_size, laplacian
        See :class:`deepsphere.nn.models.dense_regressor.DenseRegressor`.
    """

    def __init__(
        self,
        in_channels: int,
        widths: tuple[int, ...],
        kernel_size: int,
        laplacian: SymmetricOperator,
    ) -> None:
        super().__init__()
        self.blocks = cheb_blocks(in_channels, widths, kernel_size, laplacian)
        deviation = 1 / math.sqrt(widths[-1])
        self.weight = nn.Parameter(torch.empty(widths[-1]))
        nn.init.trunc_normal_(self.weight, std=deviation, a=-2 * deviation, b=2 * deviation)

    def forward(self, features: Tensor) -> Tensor:
        """Return one value a map: (batch, pixel, in_channels) to (batch,)."""
        means: Tensor = self.blocks(features).mean(dim=1)
        return means @ self.weight


Model = GlobalRegressor
"""The class that the kind ``global-regressor`` names."""
