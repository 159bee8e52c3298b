"""A map through a narrow place and back: to compress maps, to clean them, or to find odd ones.

Convolutions on graphs are smooth filters, and what they pooled away does not come back. With
learned resampling, the default, each pixel of a block has weights of its own, so that detail can be
coded in channels; but nothing is the same any more where the sphere is rotated. Without, a code
does not know where things are, and maps come back smooth.
"""

from itertools import pairwise
from typing import Literal

from torch import Tensor, nn

from deepsphere.nn.blocks import ChebBlock
from deepsphere.nn.chebyshev import ChebConv
from deepsphere.nn.hierarchy import GraphHierarchy
from deepsphere.nn.levels import check_levels, check_widths, pooled_block
from deepsphere.nn.padding import ClearPadding
from deepsphere.nn.pooling.expansion import Unpooling
from deepsphere.nn.pooling.strided import StridedConv, TransposedStridedConv

Resampling = Literal["learned", "max", "mean", "stride"]


class AutoEncoder(nn.Module):
    """Blocks that go down to a code of a few channels on a coarse level, and blocks that come back.

    Parameters
    ----------
    in_channels : int
        Channels of a pixel, before and after.
    hierarchy : GraphHierarchy
        Of one level more than widths, or deeper.
    code_channels : int
        Channels of the code's pixels, on level ``len(widths)``.
    widths : tuple of int
        Output channels of the encoder's blocks, one a level, finest first.
    kernel_size : int
        Coefficients of each filter.
    resampling : {"learned", "max", "mean", "stride"}
        From level to level: by a :class:`~deepsphere.nn.pooling.strided.StridedConv` and its
        transpose, or by a :class:`~deepsphere.nn.pooling.reduction.Pooling` of this kind, and back
        by interpolation.

    Raises
    ------
    DeepsphereError
        If there are no widths, or the hierarchy is not so deep.
    ValueError
        If cells of a level do not nest for learned resampling.
    """

    def __init__(
        self,
        in_channels: int,
        hierarchy: GraphHierarchy,
        *,
        code_channels: int,
        widths: tuple[int, ...] = (16, 32, 64),
        kernel_size: int = 5,
        resampling: Resampling = "learned",
    ) -> None:
        super().__init__()
        hierarchy = hierarchy.copy()
        check_widths(widths)
        levels = len(widths)
        check_levels(hierarchy, levels + 1)
        self.encoder = nn.Sequential()
        self.decoder = nn.Sequential()
        coarsest, known = hierarchy.operator(levels), hierarchy.known[levels]
        for level, (entering, leaving) in enumerate(pairwise((in_channels, *widths))):
            self.encoder.append(_down(entering, leaving, kernel_size, hierarchy, level, resampling))
        last = ChebConv(widths[-1], code_channels, kernel_size, coarsest, bias=True, known=known)
        self.encoder.append(last)
        first = ChebBlock(code_channels, widths[-1], kernel_size, coarsest, known=known)
        self.decoder.append(first)
        for level, (leaving, entering) in reversed([*enumerate(pairwise((widths[0], *widths)))]):
            self.decoder.append(_up(entering, leaving, kernel_size, hierarchy, level, resampling))
        finest, known = hierarchy.operator(0), hierarchy.known[0]
        last = ChebConv(widths[0], in_channels, kernel_size, finest, bias=True, known=known)
        self.decoder.append(last)

    def encode(self, features: Tensor) -> Tensor:
        """Return codes: (batch, pixel, in_channels) to (batch, coarse pixel, code_channels)."""
        code: Tensor = self.encoder(features)
        return code

    def decode(self, code: Tensor) -> Tensor:
        """Return maps: (batch, coarse pixel, code_channels) to (batch, pixel, in_channels)."""
        features: Tensor = self.decoder(code)
        return features

    def forward(self, features: Tensor) -> Tensor:
        """Return maps after having been codes: of the features' shape."""
        return self.decode(self.encode(features))


def _down(
    entering: int,
    leaving: int,
    kernel_size: int,
    hierarchy: GraphHierarchy,
    level: int,
    resampling: Resampling,
) -> nn.Sequential:
    """Return a block on a level, and what leads to the next coarser one."""
    if resampling != "learned":
        sizes = entering, leaving, kernel_size
        return nn.Sequential(*pooled_block(*sizes, hierarchy, level, level + 1, resampling))
    known = hierarchy.known[level]
    return nn.Sequential(
        ChebBlock(entering, leaving, kernel_size, hierarchy.operator(level), known=known),
        ClearPadding(known),
        StridedConv(hierarchy.maps[level], leaving, leaving),
    )


def _up(
    entering: int,
    leaving: int,
    kernel_size: int,
    hierarchy: GraphHierarchy,
    level: int,
    resampling: Resampling,
) -> nn.Sequential:
    """Return what leads to a level from the next coarser one, and a block on it."""
    coarsening = hierarchy.maps[level]
    expansion: nn.Module
    if resampling == "learned":
        expansion = TransposedStridedConv(coarsening, entering, entering)
    else:
        expansion = Unpooling(coarsening, "interpolate")
    laplacian, known = hierarchy.operator(level), hierarchy.known[level]
    block = ChebBlock(entering, leaving, kernel_size, laplacian, known=known)
    return nn.Sequential(expansion, block)


Model = AutoEncoder
"""The class that the kind ``auto-encoder`` names."""
