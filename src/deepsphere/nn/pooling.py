"""Pooling on the nested HEALPix sampling, where the children of pixel p are 4 p to 4 p + 3.

A network that pools right after a block asks :class:`~deepsphere.nn.blocks.ChebBlock` for it, which
never writes the features that are pooled away. :func:`pool` and :class:`Pool` are for anywhere
else, and define what the block does.
"""

from typing import Literal, get_args

from torch import Tensor, nn

CHILDREN = 4
"""Pixels that become one."""

PoolKind = Literal["max", "mean"]
"""What becomes of them: their largest feature, channel by channel, or their mean."""


def pool(features: Tensor, kind: PoolKind) -> Tensor:
    """Return the features of the parents of all pixels.

    Where several children are the largest, the first of them receives the gradient.

    Parameters
    ----------
    features : Tensor, shape (batch, pixel, channel)
        The pixels in nested order, whole groups of 4.
    kind : {"max", "mean"}

    Returns
    -------
    Tensor, shape (batch, pixel / 4, channel)

    Raises
    ------
    ValueError
        If the kind is another, or the pixels are no whole groups.
    """
    parents = pooled_pixels(features.shape[1], kind)
    children = features.reshape(len(features), parents, CHILDREN, features.shape[2])
    pooled: Tensor = children.max(dim=2).values if kind == "max" else children.mean(dim=2)
    return pooled


def pooled_pixels(pixels: int, kind: PoolKind | None) -> int:
    """Return how many pixels are left of so many; all where the kind is None.

    Raises
    ------
    ValueError
        As :func:`pool`.
    """
    if kind is None:
        return pixels
    if kind not in get_args(PoolKind):
        raise ValueError(f"expected a pool of {get_args(PoolKind)} or None, found {kind!r}")
    if pixels < CHILDREN or pixels % CHILDREN:
        raise ValueError(f"expected whole groups of {CHILDREN} pixels to pool, found {pixels}")
    return pixels // CHILDREN


class Pool(nn.Module):
    """:func:`pool` as a layer.

    Parameters
    ----------
    kind : {"max", "mean"}
    """

    def __init__(self, kind: PoolKind) -> None:
        super().__init__()
        if kind not in get_args(PoolKind):
            raise ValueError(f"expected a pool of {get_args(PoolKind)}, found {kind!r}")
        self.kind = kind

    def extra_repr(self) -> str:
        """Return the kind for ``repr``."""
        return repr(self.kind)

    def forward(self, features: Tensor) -> Tensor:
        """Pool features, shape (batch, pixel, channel) to (batch, pixel / 4, channel)."""
        return pool(features, self.kind)
