"""One class a patch of the sky, taken for a flat image: the 2-D networks of the maps of matter.

A base pixel of HEALPix, or a quarter of one, and so on, is a square of pixels. The publication
compares its networks on graphs with plain convolutions on these squares, which know nothing of the
sphere: patches near the poles are sheared otherwise than those at the equator. Take it as what a
network on the sphere has to beat.
"""

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from deepsphere.errors import DeepsphereError
from deepsphere.nn.dense import dense
from deepsphere.nn.hierarchy import GraphHierarchy
from deepsphere.nn.levels import check_widths
from deepsphere.nn.normalization import ChannelNormalization
from deepsphere.samplings.healpix_indices import nested_of_face

_STRIDE = 2
_BASE_PIXELS = 12


class PlanarClassifier(nn.Module):
    """Convolutions of images, each of which halves the side, and a head that gives logits.

    The defaults are the published 2-D CNN, and with ``fully_convolutional`` the 2-D FCN
    (deepsphere-cosmo-tf1): with 1 channel and 2 classes on patches of nside 1024 and order 1,
    87,472 and 55,504 parameters. Widths of 16, 32, 64, 64, 64 are those of the "big" ones. Filters
    start from the uniform distribution of Glorot and Bengio (2010).

    The published runs also had a loss of the squared weights. It is not offered; the
    ``weight_decay`` of a training, one factor for all weights, comes nearest.

    Parameters
    ----------
    in_channels : int
        Channels of a pixel's input.
    classes : int
        Number of logits of a patch. One of them may as well be a number to regress.
    hierarchy : GraphHierarchy
        In HEALPix' NESTED order. Its graph plays no part: only the number of pixels does, and
        the parts that they are cut into.
    widths : tuple of int
        Output channels of the blocks.
    fully_convolutional : bool
        Whether a last linear convolution, and its mean over the pixels, takes the place of the
        dense layer on all pixels.
    kernel_size : int
        Side of each filter.

    Raises
    ------
    DeepsphereError
        If there are no widths, or the pixels, or those of each part, are no full square.
    """

    def __init__(
        self,
        in_channels: int,
        classes: int,
        hierarchy: GraphHierarchy,
        *,
        widths: tuple[int, ...] = (8, 16, 32, 32, 16),
        fully_convolutional: bool = False,
        kernel_size: int = 5,
    ) -> None:
        super().__init__()
        check_widths(widths)
        self.parts = hierarchy.parts
        self.unfolding = Unfolding(_side(hierarchy))
        self.blocks = nn.ModuleList(
            PlanarBlock(entering, leaving, kernel_size)
            for entering, leaving in pairwise((in_channels, *widths))
        )
        side = self.unfolding.side
        for _ in widths:
            side = -(-side // _STRIDE)
        self.convolution, self.dense = None, None
        if fully_convolutional:
            self.convolution = SameConvolution(widths[-1], classes, kernel_size, stride=1)
        else:
            self.dense = dense(widths[-1] * side**2, classes)

    def descriptor(self, features: Tensor) -> Tensor:
        """Describe patches, to compare them: what enters the dense layer.

        Parameters
        ----------
        features : Tensor, shape (batch, pixel, in_channels)

        Returns
        -------
        Tensor, shape (batch, number) or, of several parts, (batch, part, number)
            The logits, where there is no dense layer.

        Raises
        ------
        ValueError
            If there are more or fewer pixels.
        """
        batch, patch = features.shape[0], self.unfolding.side**2
        if features.ndim != 3 or features.shape[1] != self.parts * patch:
            raise ValueError(
                f"expected features of shape (batch, {self.parts * patch}, channel), found "
                f"{tuple(features.shape)}"
            )
        images = self.unfolding(features.reshape(batch * self.parts, patch, features.shape[2]))
        for block in self.blocks:
            images = block(images)
        described: Tensor
        if self.convolution is not None:
            described = self.convolution(images).mean(dim=(2, 3))
        else:
            described = images.flatten(1)
        if self.parts == 1:
            return described
        return described.reshape(batch, self.parts, described.shape[1])

    def forward(
        self, features: Tensor, *, descriptors: bool = False
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Return logits, and what they were made of.

        Parameters
        ----------
        features : Tensor, shape (batch, pixel, in_channels)
        descriptors : bool
            Whether the descriptors of :meth:`descriptor` are wanted as well.

        Returns
        -------
        Tensor, shape (batch, classes) or (batch, part, classes), or a pair of that and descriptors
        """
        described = self.descriptor(features)
        logits: Tensor = described if self.dense is None else self.dense(described)
        return (logits, described) if descriptors else logits


class Unfolding(nn.Module):
    """Lay the pixels of a patch out as an image, by taking the bits of their numbers apart.

    ::

        0 1 4 5        row:    bits 1, 3, 5, ... of the number
        2 3 6 7        column: bits 0, 2, 4, ...
        8 9 ...

    Parameters
    ----------
    side : int
        Pixels along a side, a power of two.
    """

    places: Tensor

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side
        row, column = np.indices((side, side)).reshape(2, -1)
        numbers = nested_of_face(side, np.zeros_like(row), column, row)
        self.register_buffer("places", torch.from_numpy(numbers), persistent=False)

    def extra_repr(self) -> str:
        """Return the side for ``repr``."""
        return f"side={self.side}"

    def forward(self, features: Tensor) -> Tensor:
        """Return images, shape (batch, channel, row, column), of (batch, pixel, channel)."""
        if features.shape[1] != len(self.places):
            raise ValueError(
                f"expected features of {len(self.places)} pixels a patch, found {features.shape[1]}"
            )
        batch, _, channels = features.shape
        ordered = features.index_select(1, self.places)
        return ordered.reshape(batch, self.side, self.side, channels).permute(0, 3, 1, 2)


class SameConvolution(nn.Module):
    """A convolution of images without bias, padded with zeros as TensorFlow's ``SAME``.

    Of a stride s, an image of side n becomes one of ⌈n / s⌉. That takes
    max((⌈n / s⌉ - 1) s + kernel_size - n, 0) rows and columns of zeros; where these are odd, the
    one that is left comes last. So filters of side 5 and stride 2 look at 1 pixel before an even
    image and 2 behind it.

    Parameters
    ----------
    in_channels, out_channels, kernel_size, stride : int
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(in_channels, out_channels, kernel_size, stride, bias=False)
        nn.init.xavier_uniform_(self.convolution.weight)

    def forward(self, images: Tensor) -> Tensor:
        """Return images of shape (batch, out_channels, row, column)."""
        kernel_size, stride = self.convolution.kernel_size[0], self.convolution.stride[0]
        padding: list[int] = []
        for side in (images.shape[3], images.shape[2]):
            missing = max((-(-side // stride) - 1) * stride + kernel_size - side, 0)
            padding += [missing // 2, missing - missing // 2]
        convolved: Tensor = self.convolution(functional.pad(images, padding))
        return convolved


class PlanarBlock(nn.Module):
    """Convolution of stride 2, normalization without a learned scale, bias and rectifier.

    Parameters
    ----------
    in_channels, out_channels, kernel_size : int
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int) -> None:
        super().__init__()
        self.convolution = SameConvolution(in_channels, out_channels, kernel_size, _STRIDE)
        self.normalization = ChannelNormalization(out_channels)
        self.bias = nn.Parameter(torch.zeros(out_channels))

    def forward(self, images: Tensor) -> Tensor:
        """Return images of half the side, shape (batch, out_channels, row, column)."""
        convolved = self.convolution(images).permute(0, 2, 3, 1)
        rows, columns = convolved.shape[1:3]
        normalized = self.normalization(convolved.flatten(1, 2), self.bias, rectify=True)
        square: Tensor = normalized.unflatten(1, (rows, columns)).permute(0, 3, 1, 2)
        return square


def _side(hierarchy: GraphHierarchy) -> int:
    """Return the side of the square that the pixels, or those of each part, make.

    Raises
    ------
    DeepsphereError
        If they make none.
    """
    pixels, known = hierarchy.pixels(0) // hierarchy.parts, hierarchy.known[0]
    if known is not None and not known.all():
        raise DeepsphereError(
            f"planar-classifier: {int((~known).sum())} pixels of the graph are padding, so that it "
            "is no full square; take whole patches of HEALPix"
        )
    if _is_square(pixels):
        return 1 << (pixels.bit_length() - 1) // 2
    if pixels % _BASE_PIXELS == 0 and _is_square(pixels // _BASE_PIXELS):
        raise DeepsphereError(
            f"planar-classifier: a whole sphere of {pixels} pixels cannot be unfolded into one "
            f"image; give its graph parts: {_BASE_PIXELS}, or take a store of patches"
        )
    raise DeepsphereError(
        f"planar-classifier: {pixels} pixels a patch are no square of a power of two; take "
        "patches of HEALPix"
    )


def _is_square(pixels: int) -> bool:
    """Return whether a number of pixels is a power of four."""
    return pixels > 0 and pixels & (pixels - 1) == 0 and pixels.bit_length() % 2 == 1


Model = PlanarClassifier
"""The class that the kind ``planar-classifier`` names."""
