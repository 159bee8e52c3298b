"""The parts of networks that a hierarchy decides upon: blocks that pool, pooling, statistics.

The same parameters, of the same names, come out for every sampling. So what was learned on a full
sphere can be loaded on a part of it, or on another sampling.
"""

import numpy as np
from torch import nn

from deepsphere.errors import DeepsphereError
from deepsphere.nn.blocks import ChebBlock
from deepsphere.nn.hierarchy import GraphHierarchy, compose
from deepsphere.nn.pooling.nested import CHILDREN, PoolKind
from deepsphere.nn.pooling.reduction import Pooling, PoolingKind
from deepsphere.nn.statistics import StatisticName, Statistics


def check_levels(hierarchy: GraphHierarchy, levels: int) -> None:
    """Check that a hierarchy is as deep as a network.

    Raises
    ------
    DeepsphereError
        If it is not.
    """
    if levels > len(hierarchy):
        raise DeepsphereError(
            f"the network works on {levels} levels, but its graph has {len(hierarchy)}; "
            "give the graph more levels, or the network fewer"
        )


def check_widths(widths: tuple[int, ...]) -> None:
    """Check that a network has a layer.

    Raises
    ------
    DeepsphereError
        If it has none.
    """
    if not widths:
        raise DeepsphereError("a network has at least one width; found none")


def pooled_block(
    in_channels: int,
    out_channels: int,
    kernel_size: int,
    hierarchy: GraphHierarchy,
    level: int,
    target: int,
    kind: PoolingKind,
    *,
    separate: bool = False,
    return_indices: bool = False,
) -> tuple[ChebBlock, nn.Module]:
    """Return a block, and the pooling behind it, which both leave out the padding.

    Parameters
    ----------
    in_channels, out_channels, kernel_size
        See :class:`~deepsphere.nn.blocks.ChebBlock`.
    hierarchy : GraphHierarchy
    level, target : int
        Where the block works, and what is pooled to: the same level or any coarser one.
    kind, return_indices
        See :class:`~deepsphere.nn.pooling.reduction.Pooling`.
    separate : bool
        Whether something needs the block's features before they are pooled.

    Returns
    -------
    block : ChebBlock
        It pools by itself where it may and can, which saves time and memory.
    pooling : Module
        What is left to do behind it.
    """
    fused = None
    if not (separate or return_indices):
        fused = _fused_kind(hierarchy, level, target, kind)
    known = hierarchy.known[level]
    block = ChebBlock(
        in_channels, out_channels, kernel_size, hierarchy.operator(level), fused, known=known
    )
    if fused is not None or level == target:
        return block, nn.Identity()
    coarsening = compose(hierarchy.maps[level:target])
    return block, Pooling(coarsening, kind, known=known, return_indices=return_indices)


def statistics_of(
    kind: StatisticName, channels: int, hierarchy: GraphHierarchy, level: int
) -> Statistics:
    """Return statistics over the pixels of a level that have data, weighted by their areas."""
    areas = hierarchy.areas[level]
    return Statistics(
        kind,
        channels,
        areas=None if np.allclose(areas, areas[0], rtol=1e-9, atol=0) else areas,
        known=hierarchy.known[level],
    )


def _fused_kind(
    hierarchy: GraphHierarchy, level: int, target: int, kind: PoolingKind
) -> PoolKind | None:
    """Return what a block can pool by itself: by plain groups of 4 neighbours, all with data."""
    if kind == "stride" or target != level + 1:
        return None
    coarsening, known = hierarchy.maps[level], hierarchy.known[level]
    if not coarsening.nested or coarsening.fine != CHILDREN * coarsening.coarse:
        return None
    if known is not None and not known.all():
        return None
    if kind == "mean" and not np.allclose(coarsening.matrix.data, 1 / CHILDREN, rtol=1e-12):
        return None
    return kind
