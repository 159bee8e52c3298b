"""A vision transformer on the sphere: its patches are super-pixels.

All super-pixels attend to each other, so that one layer sees the whole sphere. The cost grows with
the square of their number: some thousands are many. What is between the pixels of a super-pixel is
mixed by one linear map, whose weights depend on where in the super-pixel a pixel is; so a rotation
of the sphere changes more than the order of the result, unlike with a convolution.

References
----------
Dosovitskiy et al.: An image is worth 16x16 words, transformers for image recognition at scale
(ICLR 2021).
"""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from deepsphere.nn.attention import FEED_FORWARD, check_heads
from deepsphere.nn.hierarchy import CoarseningMap
from deepsphere.nn.pooling.strided import StridedConv
from deepsphere.nn.positions import PositionalName, positional_embedding


class SuperPixelTransformer(nn.Module):
    """Embed super-pixels, and let them attend to each other.

    The layers are PyTorch's, with normalization first, the GELU and 4 hidden channels a channel.

    Parameters
    ----------
    coarsening : CoarseningMap
        Which pixels make a super-pixel. For larger ones, :func:`~deepsphere.nn.hierarchy.compose`
        those of several levels.
    in_channels : int
        Of the pixels.
    channels : int
        Of the super-pixels.
    heads : int
        Of each layer; they divide the channels.
    layers : int
    positional : {"none", "learned", "coordinates"}
        How super-pixels know where they are; see :mod:`deepsphere.nn.positions`.
    positions : ndarray, shape (coarse pixel, 3)
        Unit vectors of the super-pixels; only ``coordinates`` needs them.
    dropout : float
        With what probability numbers are set to zero in training: weights of the attention, and
        what attention and feed-forward network add.

    Raises
    ------
    ValueError
        If the heads do not divide the channels, the super-pixels are not made of as many pixels
        each, or positions are missing.
    DeepsphereError
        If the positions are not unit vectors.
    """

    def __init__(
        self,
        coarsening: CoarseningMap,
        in_channels: int,
        channels: int,
        heads: int,
        layers: int,
        positional: PositionalName = "learned",
        *,
        positions: NDArray[np.float64] | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        check_heads(channels, heads)
        self.embedding = StridedConv(coarsening, in_channels, channels)
        self.positional = positional_embedding(positional, coarsening.coarse, channels, positions)
        self.layers = nn.Sequential(
            *(
                nn.TransformerEncoderLayer(
                    channels,
                    heads,
                    FEED_FORWARD * channels,
                    dropout,
                    activation="gelu",
                    batch_first=True,
                    norm_first=True,
                )
                for _ in range(layers)
            )
        )
        self.normalization = nn.LayerNorm(channels)

    def forward(self, features: Tensor) -> Tensor:
        """Return what the super-pixels are.

        Parameters
        ----------
        features : Tensor, shape (batch, pixel, in_channels)

        Returns
        -------
        Tensor, shape (batch, coarse pixel, channels)

        Raises
        ------
        ValueError
            If the features have another shape.
        """
        embedded = self.positional(self.embedding(features))
        result: Tensor = self.normalization(self.layers(embedded))
        return result
