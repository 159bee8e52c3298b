"""One value a pixel, without pooling: the model of the published forecast on stations."""

from torch import Tensor, nn

from deepsphere.nn.blocks import cheb_blocks
from deepsphere.nn.chebyshev import ChebConv
from deepsphere.nn.operator import SymmetricOperator


class DenseRegressor(nn.Module):
    """Blocks of convolutions and a last, linear convolution to one channel.

    Parameters
    ----------
    in_channels : int
        Channels of a pixel's input.
    widths : tuple of int
        Output channels of the blocks.
    kernel_size : int
        Coefficients of each filter.
    laplacian : SymmetricOperator
        The rescaled Laplacian of the graph.
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
        self.last = ChebConv(widths[-1], 1, kernel_size, laplacian)

    def forward(self, features: Tensor) -> Tensor:
        """Return one value a pixel: (batch, pixel, in_channels) to (batch, pixel)."""
        values: Tensor = self.last(self.blocks(features))
        return values.squeeze(-1)


Model = DenseRegressor
"""The class that the kind ``dense-regressor`` names."""
