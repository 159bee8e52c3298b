"""Some numbers for every pixel from a window of maps, seen at all scales.

deepsphere-pytorch has such a network with an LSTM of all pixels and channels of the coarsest level
together. For its 12 pixels of 512 channels, that has 302,039,040 parameters. The unit here, whose
matrix products are convolutions, has 7,867,392 for the same 512 channels and the same kernel size
of 5, on any number of pixels.
"""

from torch import Tensor, nn

from deepsphere.nn.hierarchy import GraphHierarchy
from deepsphere.nn.models.unet import Encoded, UNet
from deepsphere.nn.operator import SymmetricOperator
from deepsphere.nn.pooling.expansion import UnpoolingKind
from deepsphere.nn.pooling.reduction import PoolingKind
from deepsphere.nn.temporal import GraphGRU, check_axes
from deepsphere.nn.wiring import Wiring, WiringName


class RecurrentUNet(nn.Module):
    """A U-Net that remembers on its coarsest level.

    The encoder sees each map by itself. A :class:`~deepsphere.nn.temporal.GraphGRU` goes through
    what it makes of them, and the decoder gets the last state, and the skips of the last map.

    Parameters
    ----------
    in_channels : int
        Channels of a pixel's input at one time.
    out_channels, hierarchy, widths, wiring, kernel_size, pool, unpool, fill
        See :class:`~deepsphere.nn.models.unet.UNet`. The state has as many channels as the coarsest
        level.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        hierarchy: GraphHierarchy,
        *,
        widths: tuple[tuple[int, ...], ...] = ((32, 64), (128,), (256,), (512,), (512,), (512,)),
        wiring: WiringName | Wiring = "published",
        kernel_size: int = 4,
        pool: PoolingKind = "max",
        unpool: UnpoolingKind = "interpolate",
        fill: float = 0.0,
    ) -> None:
        super().__init__()
        self.unet = UNet(
            in_channels,
            out_channels,
            hierarchy,
            widths=widths,
            wiring=wiring,
            kernel_size=kernel_size,
            pool=pool,
            unpool=unpool,
            fill=fill,
        )
        channels = widths[-1][-1]
        coarsest = self.unet.encoder[-1].modules()
        laplacian = next(module for module in coarsest if isinstance(module, SymmetricOperator))
        self.memory = GraphGRU(
            channels, channels, kernel_size, laplacian, known=hierarchy.known[len(widths) - 1]
        )

    def forward(self, features: Tensor) -> Tensor:
        """Return (batch, pixel, out_channels) after (batch, time, pixel, in_channels)."""
        check_axes(features)
        batch, times = features.shape[:2]
        encoded = self.unet.encode(features.flatten(0, 1))
        coarsest = encoded.coarsest.reshape(batch, times, *encoded.coarsest.shape[1:])
        # Maps are in the order of samples, and of times within each.
        last = slice(times - 1, None, times)
        after = Encoded(
            coarsest=self.memory(coarsest)[:, -1],
            skips=tuple(skip[last] for skip in encoded.skips),
            indices=tuple(indices[last] for indices in encoded.indices),
        )
        return self.unet.decode(after)


Model = RecurrentUNet
"""The class that the kind ``recurrent-unet`` names."""
