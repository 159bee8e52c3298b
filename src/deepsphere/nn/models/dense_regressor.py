"""One value a pixel, without pooling: the model of the published forecast on stations."""

from torch import Tensor, nn

from deepsphere.nn.blocks import cheb_blocks
from deepsphere.nn.chebyshev import ChebConv
from deepsphere.nn.hierarchy import GraphHierarchy
from deepsphere.nn.padding import ClearPadding


class DenseRegressor(nn.Module):
    """Blocks of convolutions and a last, linear convolution to one channel.

    Parameters
    ----------
    in_channels : int
        Channels of a pixel's input.
    hierarchy : GraphHierarchy
        The network works on its finest level.
    kernel_size : int
        Coefficients of each filter.
    widths : tuple of int
        Output channels of the blocks.
    """

    def __init__(
        self,
        in_channels: int,
        hierarchy: GraphHierarchy,
        *,
        kernel_size: int,
        widths: tuple[int, ...] = (50, 100, 100),
    ) -> None:
        super().__init__()
        laplacian = hierarchy.operator(0)
        self.padding = ClearPadding(hierarchy.known[0])
        self.blocks = cheb_blocks(in_channels, widths, kernel_size, laplacian)
        self.last = ChebConv(widths[-1], 1, kernel_size, laplacian)

    def forward(self, features: Tensor) -> Tensor:
        """Return one value a pixel: (batch, pixel, in_channels) to (batch, pixel)."""
        values: Tensor = self.last(self.blocks(self.padding(features)))
        return values.squeeze(-1)


Model = DenseRegressor
"""The class that the kind ``dense-regressor`` names."""
