"""One value a pixel, without pooling: the model of the published forecast on stations."""

from torch import Tensor, nn

from deepsphere.nn.blocks import cheb_blocks
from deepsphere.nn.chebyshev import ChebConv
from deepsphere.nn.hierarchy import GraphHierarchy
from deepsphere.nn.levels import check_widths


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

    Raises
    ------
    DeepsphereError
        If there are no widths.
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
        hierarchy = hierarchy.copy()
        check_widths(widths)
        laplacian, known = hierarchy.operator(0), hierarchy.known[0]
        self.blocks = cheb_blocks(in_channels, widths, kernel_size, laplacian, known)
        self.last = ChebConv(widths[-1], 1, kernel_size, laplacian, known=known)

    def forward(self, features: Tensor) -> Tensor:
        """Return one value a pixel: (batch, pixel, in_channels) to (batch, pixel)."""
        values: Tensor = self.last(self.blocks(features))
        return values.squeeze(-1)


Model = DenseRegressor
"""The class that the kind ``dense-regressor`` names."""
