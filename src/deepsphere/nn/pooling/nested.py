"""Pooling where the children of pixel p are n p to n p + n - 1, as on the nested HEALPix sampling.

A network that pools right after a block asks :class:`~deepsphere.nn.blocks.ChebBlock` for it, which
never writes the features that are pooled away. :func:`pool` and :class:`Pool` are for anywhere
else, and define what the block does. Where pixels are in another order, differ in area or are
partly unknown, see :mod:`~deepsphere.nn.pooling.reduction`.
"""

from typing import Literal, get_args

from torch import Tensor, nn

CHILDREN = 4
"""Pixels of HEALPix that become one of half the nside."""

PoolKind = Literal["max", "mean"]
"""What becomes of them: their largest feature, channel by channel, or their mean."""


def pool(features: Tensor, kind: PoolKind, children: int = CHILDREN) -> Tensor:
    """Return the features of the parents of all pixels.

    Where several children are the largest, the first of them receives the gradient.

    Parameters
    ----------
    features : Tensor, shape (batch, pixel, channel)
        The pixels in nested order, whole groups of children.
    kind : {"max", "mean"}
    children : int
        Pixels that become one: a power of 4 to go down several levels of HEALPix at once.

    Returns
    -------
    Tensor, shape (batch, pixel / children, channel)

    Raises
    ------
    ValueError
        If the kind is another, or the pixels are no whole groups.
    """
    parents = pooled_pixels(features.shape[1], kind, children)
    groups = features.reshape(features.shape[0], parents, children, features.shape[2])
    pooled: Tensor = groups.max(dim=2).values if kind == "max" else groups.mean(dim=2)
    return pooled


def pooled_pixels(pixels: int, kind: PoolKind | None, children: int = CHILDREN) -> int:
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
    if pixels < children or pixels % children:
        raise ValueError(f"expected whole groups of {children} pixels to pool, found {pixels}")
    return pixels // children


class Pool(nn.Module):
    """:func:`pool` as a layer.

    Parameters
    ----------
    kind : {"max", "mean"}
    children : int
    """

    def __init__(self, kind: PoolKind, children: int = CHILDREN) -> None:
        super().__init__()
        if kind not in get_args(PoolKind):
            raise ValueError(f"expected a pool of {get_args(PoolKind)}, found {kind!r}")
        self.kind = kind
        self.children_of_pixel = children

    def extra_repr(self) -> str:
        """Return the kind and the number of children for ``repr``."""
        return f"{self.kind!r}, {self.children_of_pixel}"

    def forward(self, features: Tensor) -> Tensor:
        """Pool features, shape (batch, pixel, channel) to (batch, pixel / children, channel)."""
        return pool(features, self.kind, self.children_of_pixel)
