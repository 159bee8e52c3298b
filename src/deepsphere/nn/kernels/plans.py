"""How the compiled convolution is shared out: samples to a row, pixels to a tile, work to threads.

As measured on processors whose cores have caches of some megabytes, with
``benchmarks/convolution.py``.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from deepsphere.nn.kernels.arrays import rounded, row_width
from deepsphere.nn.kernels.hops import HOP_ROWS
from deepsphere.nn.kernels.kept import derived
from deepsphere.nn.kernels.pair_products import PairType, fastest_pairs
from deepsphere.nn.kernels.registers import LANES
from deepsphere.nn.kernels.tiles import Tiles, cut

# Rows of the workspace are at least so wide, as far as there are samples: two vectors.
_ROW = 2 * LANES
# The rows of a tile take so many bytes at most, so that those in use fit the second cache; or, if
# that would make a hop this much longer, as it is computed around the tile too, so many.
_TERM_BYTES = 1 << 18
_LONGEST_HOPS = 1.2
_LARGE_TERM_BYTES = 1 << 21
# So many multiplications for each thread are worth telling a thread that waits.
_WORTH_A_THREAD = 1 << 20

# Sums of the weight's gradient are made in so many shares at most, each of so many rows at least.
_MOST_SUMS = 32
_ROWS_OF_A_SUM = 256
# With few samples there are so many tiles at least, if there is work for as many threads, of so
# many pixels at least; unless hops would be this much longer, as where a graph has no nearness.
_SHARES = 8
_FEWEST_PIXELS = 256
_TOO_LONG_HOPS = 2.5
# Fewer channels are mixed in float32: what it takes to put numbers in pairs is not worth while.
_WORTH_PAIRS = 32


def multiplications(
    batch: int, kernel_size: int, entering: int, leaving: int, offsets: Tensor, columns: Tensor
) -> int:
    """Return how many multiplications a convolution takes, in whole vectors.

    Those of single numbers are as many rows' in a vector.
    """
    width = batch * min(entering, leaving)
    row = -(-width // LANES) * LANES if width > 1 else LANES // HOP_ROWS
    mixing = batch * entering * -(-leaving // LANES) * LANES
    return (kernel_size - 1) * columns.numel() * row + (offsets.numel() - 1) * kernel_size * mixing


def worthwhile_threads(work: int, shares: int) -> int:
    """Return how many threads at most are worth sharing so many multiplications with."""
    return min(shares, 1 + work // _WORTH_A_THREAD)


class Plan(NamedTuple):
    """How a convolution is shared out."""

    samples: int
    """How many samples share a row of the workspace."""

    tiles: Tiles
    shares: int
    """How many tiles of such samples there are."""

    work: int
    """How many multiplications there are, as :func:`multiplications` says."""


def make_plan(
    batch: int,
    kernel_size: int,
    entering: int,
    leaving: int,
    width: int,
    offsets: Tensor,
    columns: Tensor,
    values: Tensor,
) -> Plan:
    """Return the plan of a convolution whose hops take so many channels (``width``) of a sample."""
    shape = batch, kernel_size, entering, leaving
    return derived(
        (values, offsets, columns),
        ("plan", *shape, width),
        lambda: _make_plan(*shape, width, offsets, columns, values),
    )


def _make_plan(
    batch: int,
    kernel_size: int,
    entering: int,
    leaving: int,
    width: int,
    offsets: Tensor,
    columns: Tensor,
    values: Tensor,
) -> Plan:
    work = multiplications(batch, kernel_size, entering, leaving, offsets, columns)
    fewest = max(1, min(batch, _ROW // width))
    most = max(fewest, min(batch, 2 * _ROW // width))
    # As little as can be of all rows is empty.
    samples = min(
        range(fewest, most + 1),
        key=lambda number: -(-batch // number) * rounded(number * width, values),
    )
    row = row_width(samples * width, values) * values.dtype.itemsize
    pixels = -(-(offsets.numel() - 1) // HOP_ROWS) * HOP_ROWS
    groups = -(-batch // samples)
    # Powers of two, as numbers of threads are mostly.
    shares_wanted = 1 << (min(_SHARES, 1 + work // _WORTH_A_THREAD).bit_length() - 1)
    tiles_wanted = max(1, min(-(-shares_wanted // groups), pixels // _FEWEST_PIXELS))
    tiles_wanted = 1 << (tiles_wanted.bit_length() - 1)
    fair = -(-pixels // tiles_wanted // HOP_ROWS) * HOP_ROWS
    sizes = tuple(
        min(pixels, fair, 1 << max(8, (size // row).bit_length() - 1))
        for size in (_TERM_BYTES, _LARGE_TERM_BYTES)
    )
    tiles = derived(
        (values, offsets, columns),
        ("tiles", kernel_size, sizes),
        lambda: _cut(offsets, columns, values, kernel_size - 1, (*sizes, pixels)),
    )
    return Plan(samples, tiles, len(tiles.owns) * groups, work)


def _cut(
    offsets: Tensor, columns: Tensor, values: Tensor, hops: int, sizes: tuple[int, ...]
) -> Tiles:
    """Return the smallest tiles that do not make hops too long."""
    matrix = (offsets.numpy(), columns.numpy(), values.numpy())
    for size, longest in zip(sizes, (_LONGEST_HOPS, _TOO_LONG_HOPS, math.inf), strict=True):
        tiles = cut(*matrix, hops, size)
        if tiles.reach[:, :-1].sum() <= longest * hops * tiles.owns.sum():
            break
    return tiles


def sums_of(plan: Plan, rows: int) -> int:
    """Return in how many shares the weight's gradient is summed over so many rows."""
    return min(plan.shares, _MOST_SUMS, max(1, rows // _ROWS_OF_A_SUM))


def pairs_for(features: Tensor, entering: int, leaving: int) -> PairType | None:
    """Return how so many channels are mixed in bfloat16, or None if float32 is better."""
    wide = min(entering, leaving) >= _WORTH_PAIRS
    return fastest_pairs() if features.dtype == torch.bfloat16 and wide else None
