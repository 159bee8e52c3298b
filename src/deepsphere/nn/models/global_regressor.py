"""One value a map: the model of the published day of the year."""

from torch import Tensor, nn

from deepsphere.nn.blocks import cheb_blocks
from deepsphere.nn.dense import dense
from deepsphere.nn.hierarchy import GraphHierarchy
from deepsphere.nn.levels import check_widths, statistics_of


class GlobalRegressor(nn.Module):
    """Blocks of convolutions, the mean over the pixels, and a linear layer without offset.

    Parameters
    ----------
    in_channels, hierarchy, kernel_size, widths
        See :class:`deepsphere.nn.models.dense_regressor.DenseRegressor`. The mean is one over the
        sphere, weighted by areas; on stations it is that of the stations, as published.

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
        self.mean = statistics_of("mean", widths[-1], hierarchy, 0)
        self.dense = dense(widths[-1], 1)

    def forward(self, features: Tensor) -> Tensor:
        """Return one value a map: (batch, pixel, in_channels) to (batch,)."""
        values: Tensor = self.dense(self.mean(self.blocks(features)))
        return values.squeeze(-1)


Model = GlobalRegressor
"""The class that the kind ``global-regressor`` names."""
