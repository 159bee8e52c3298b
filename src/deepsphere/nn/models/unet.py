"""Some numbers for every pixel, seen at all scales: the networks of the climate segmentation.

A :class:`UNet` pools a map down to a few pixels and comes back up, with what it has kept of each
level on the way. So it is the model for dense tasks where what is far away matters. Where it does
not, or where there is a single level, take a
:class:`~deepsphere.nn.models.dense_regressor.DenseRegressor`.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn

from deepsphere.errors import DeepsphereError
from deepsphere.nn.blocks import ChebBlock
from deepsphere.nn.chebyshev import ChebConv
from deepsphere.nn.hierarchy import GraphHierarchy
from deepsphere.nn.levels import check_levels, pooled_block
from deepsphere.nn.pooling.expansion import Unpooling, UnpoolingKind
from deepsphere.nn.pooling.reduction import PoolingKind
from deepsphere.nn.wiring import (
    Skips,
    Stage,
    Wiring,
    WiringName,
    decoder_stages,
    encoder_channels,
    find_wiring,
)


class Encoded(NamedTuple):
    """What a U-Net's encoder hands to its decoder.

    Attributes
    ----------
    coarsest : Tensor, shape (batch, pixel, channel)
        The features of the coarsest level.
    skips : tuple of Tensor
        Those that the decoder appends, finest first.
    indices : tuple of Tensor
        Where the maxima were, if the decoder puts features back there, finest first.
    """

    coarsest: Tensor
    skips: tuple[Tensor, ...]
    indices: tuple[Tensor, ...]


class UNet(nn.Module):
    """An encoder that pools, a decoder that unpools, and skips from the one to the other.

    The default widths and wiring are those of the published results (ICLR 2020): 12,926,432
    parameters with 16 channels and 3 classes, on the levels 5 to 0 of the icosahedral sampling.
    That was pooled with "stride", and unpooled with "fill" and 1.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels of a pixel's input and output; classes have one output each.
    hierarchy : GraphHierarchy
        Of as many levels as the widths, or more.
    widths : tuple of tuple of int
        Output channels of the encoder's blocks on each level, finest first. The decoder's follow.
    wiring : {"published", "latest", "paper", "jiang"} or Wiring
        How the two halves are joined, see :mod:`deepsphere.nn.wiring`.
    kernel_size : int
        Coefficients of each filter.
    pool : {"max", "mean", "stride"}
        See :class:`~deepsphere.nn.pooling.reduction.Pooling`.
    unpool : {"repeat", "interpolate", "max", "fill"}
        See :class:`~deepsphere.nn.pooling.expansion.Unpooling`. "max" puts features back to where
        the encoder's maxima were, which needs a narrowing decoder, or as many channels everywhere.
    fill : float
        What "fill" sets all other pixels to.

    Raises
    ------
    DeepsphereError
        If there are fewer than two levels of widths, the hierarchy is not so deep, the wiring is
        unknown, "max" has more or fewer channels to put back than the encoder had or is not the
        pooling, or "repeat" has a level whose cells do not nest.
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
        hierarchy = hierarchy.copy()
        if isinstance(wiring, str):
            wiring = find_wiring(wiring)
        if len(widths) < 2 or not all(widths):
            raise DeepsphereError(
                f"a U-Net has two levels or more, each with a block or more; found widths {widths}"
            )
        check_levels(hierarchy, len(widths))
        if unpool == "max" and pool != "max":
            raise DeepsphereError(
                f"unpooling by 'max' needs places of maxima; found pool={pool!r}; take pool='max', "
                "or unpool='interpolate'"
            )
        maps = hierarchy.maps[: len(widths) - 1]
        if unpool == "repeat" and any(one.children is None for one in maps):
            raise DeepsphereError(
                "unpooling by 'repeat' needs cells that nest, as many in each coarser one; "
                "these do not; take unpool='interpolate'"
            )
        self.takes_input = wiring.last == "input"
        stages = decoder_stages(in_channels, widths, wiring)
        handing = {stage.level for stage in stages if stage.skip is not None}
        self.encoder = nn.ModuleList(
            _encoder_level(
                channels,
                hierarchy,
                level,
                kernel_size,
                wiring,
                hands_over=level in handing,
                target=min(level + 1, len(widths) - 1),
                pool=pool,
                with_places=unpool == "max",
            )
            for level, channels in enumerate(encoder_channels(in_channels, widths))
        )
        self.decoder = nn.ModuleList()
        channels = widths[-1][-1]
        for stage in stages:
            unpooling = None
            if stage.unpools:
                _check_places(unpool, channels, widths[stage.level][-1], stage.level)
                unpooling = Unpooling(
                    hierarchy.maps[stage.level],
                    unpool,
                    fill=fill,
                    known=hierarchy.known[stage.level],
                )
            self.decoder.append(
                _decoder_stage(channels, hierarchy, stage, kernel_size, wiring, unpooling)
            )
            channels = stage.channels
        self.output = ChebConv(
            channels,
            out_channels,
            1 if wiring.pointwise_output else kernel_size,
            hierarchy.operator(0),
            bias=wiring.linear_bias,
            known=hierarchy.known[0],
        )

    def encode(self, features: Tensor) -> Encoded:
        """Run the encoder on features of shape (batch, pixel, in_channels)."""
        skips = [features] if self.takes_input else []
        places = []
        for level in self.encoder:
            features, skip, indices = level(features)
            if skip is not None:
                skips.append(skip)
            if indices is not None:
                places.append(indices)
        return Encoded(features, tuple(skips), tuple(places))

    def decode(self, encoded: Encoded) -> Tensor:
        """Run the decoder: return what :meth:`forward` does."""
        features, skips, places = encoded.coarsest, list(encoded.skips), list(encoded.indices)
        for stage in self.decoder:
            indices = places.pop() if places and stage.unpooling is not None else None
            skip = None if stage.block is None else skips.pop()
            features = stage(features, skip, indices)
        result: Tensor = self.output(features)
        return result

    def forward(self, features: Tensor) -> Tensor:
        """Return logits: (batch, pixel, in_channels) to (batch, pixel, out_channels)."""
        return self.decode(self.encode(features))


class _EncoderLevel(nn.Module):
    """The convolutions of a level, the pooling to the next one, and what goes to the decoder."""

    def __init__(
        self, blocks: Sequence[nn.Module], last: nn.Module, pooling: nn.Module, skips: Skips | None
    ) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.last = last
        self.pooling = pooling
        self.skips = skips

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor | None, Tensor | None]:
        for block in self.blocks:
            features = block(features)
        leaving = self.last(features)
        skip = {"inputs": features, "outputs": leaving, None: None}[self.skips]
        pooled = self.pooling(leaving)
        if isinstance(pooled, tuple):
            return pooled[0], skip, pooled[1]
        return pooled, skip, None


class _DecoderStage(nn.Module):
    """Unpooling, if any, a convolution, and where there is a skip, a block."""

    def __init__(
        self, unpooling: Unpooling | None, convolution: nn.Module, block: ChebBlock | None
    ) -> None:
        super().__init__()
        self.unpooling = unpooling
        self.convolution = convolution
        self.block = block

    def forward(self, features: Tensor, skip: Tensor | None, indices: Tensor | None) -> Tensor:
        if self.unpooling is not None:
            features = self.unpooling(features, indices)
        features = self.convolution(features)
        if self.block is not None and skip is not None:
            features = self.block(torch.cat((features, skip), dim=-1))
        return features


def _encoder_level(
    channels: tuple[int, ...],
    hierarchy: GraphHierarchy,
    level: int,
    kernel_size: int,
    wiring: Wiring,
    *,
    hands_over: bool,
    target: int,
    pool: PoolingKind,
    with_places: bool,
) -> _EncoderLevel:
    laplacian, known = hierarchy.operator(level), hierarchy.known[level]
    *before, entering, leaving = channels
    blocks = [
        ChebBlock(*pair, kernel_size, laplacian, known=known)
        for pair in pairwise((*before, entering))
    ]
    last: nn.Module
    pooling: nn.Module
    if target == level and not wiring.rectified_bottom:
        last = ChebConv(
            entering, leaving, kernel_size, laplacian, bias=wiring.linear_bias, known=known
        )
        pooling = nn.Identity()
    else:
        last, pooling = pooled_block(
            entering,
            leaving,
            kernel_size,
            hierarchy,
            level,
            target,
            pool,
            separate=hands_over and wiring.skips == "outputs",
            return_indices=with_places,
        )
    return _EncoderLevel(blocks, last, pooling, wiring.skips if hands_over else None)


def _decoder_stage(
    channels: int,
    hierarchy: GraphHierarchy,
    stage: Stage,
    kernel_size: int,
    wiring: Wiring,
    unpooling: Unpooling | None,
) -> _DecoderStage:
    laplacian, known = hierarchy.operator(stage.level), hierarchy.known[stage.level]
    leaving = stage.channels
    if stage.skip is None:
        block = ChebBlock(channels, leaving, kernel_size, laplacian, known=known)
        return _DecoderStage(unpooling, block, None)
    convolution: nn.Module
    if wiring.rectified_up:
        convolution = ChebBlock(channels, leaving, kernel_size, laplacian, known=known)
    else:
        convolution = ChebConv(channels, leaving, kernel_size, laplacian, bias=True, known=known)
    block = ChebBlock(leaving + stage.skip, leaving, kernel_size, laplacian, known=known)
    return _DecoderStage(unpooling, convolution, block)


def _check_places(unpool: UnpoolingKind, channels: int, pooled: int, level: int) -> None:
    if unpool == "max" and channels != pooled:
        raise DeepsphereError(
            f"unpooling to level {level} by 'max' puts {pooled} channels back, found {channels}; "
            "take the wiring 'paper', and as many channels on both of the coarsest levels"
        )


Model = UNet
"""The class that the kind ``unet`` names."""
