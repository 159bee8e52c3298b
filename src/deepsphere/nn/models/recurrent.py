"""One value or more a pixel from a window of maps of any length, without pooling.

For stations and other graphs of one level. Where what is far away matters, take a
:class:`~deepsphere.nn.models.recurrent_unet.RecurrentUNet`; for a window of a few maps, the simpler
:class:`~deepsphere.nn.temporal.StackedWindows` of any model.
"""

from itertools import pairwise

from torch import Tensor, nn

from deepsphere.nn.chebyshev import ChebConv
from deepsphere.nn.hierarchy import GraphHierarchy
from deepsphere.nn.levels import check_widths
from deepsphere.nn.temporal import GraphGRU


class Recurrent(nn.Module):
    """Gated recurrent units on the graph, one above the other, and a last, linear convolution.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels of a pixel's input at one time, and of its output.
    hierarchy : GraphHierarchy
        The network works on its finest level.
    kernel_size : int
        Coefficients of each filter.
    widths : tuple of int
        Channels of the units' states.

    Raises
    ------
    DeepsphereError
        If there are no widths.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        hierarchy: GraphHierarchy,
        *,
        kernel_size: int,
        widths: tuple[int, ...] = (64, 64),
    ) -> None:
        super().__init__()
        hierarchy = hierarchy.copy()
        check_widths(widths)
        laplacian, known = hierarchy.operator(0), hierarchy.known[0]
        self.units = nn.Sequential(
            *(
                GraphGRU(entering, leaving, kernel_size, laplacian, known=known)
                for entering, leaving in pairwise((in_channels, *widths))
            )
        )
        self.last = ChebConv(
            widths[-1], out_channels, kernel_size, laplacian, bias=True, known=known
        )

    def forward(self, features: Tensor) -> Tensor:
        """Return (batch, pixel, out_channels) after (batch, time, pixel, in_channels)."""
        states = self.units(features)
        result: Tensor = self.last(states[:, -1])
        return result


Model = Recurrent
"""The class that the kind ``recurrent`` names."""
