"""How arrays are cut along the dimensions that are not of space."""

import math
from collections.abc import Sequence


def block_lengths(
    sizes: Sequence[int], units: Sequence[int], item_bytes: int, limit: int
) -> tuple[int, ...]:
    """Return the lengths of blocks of at most so many bytes, and of one item at least.

    Parameters
    ----------
    sizes : sequence of int
        Lengths of the dimensions; the last one is the next in memory.
    units : sequence of int
        Lengths that are read or written at once: blocks are multiples of these where they can.
    item_bytes : int
        Bytes of what lies at one place of these dimensions, such as a map.
    limit : int
        Bytes of a block.
    """
    units = [max(1, min(unit, size)) for unit, size in zip(units, sizes, strict=True)]
    if item_bytes * math.prod(units) > limit:
        units = [1] * len(units)
    lengths = list(units)
    for axis in reversed(range(len(sizes))):
        others = math.prod(lengths) // lengths[axis]
        most = limit // (item_bytes * others) // units[axis] * units[axis]
        lengths[axis] = min(sizes[axis], max(lengths[axis], most))
        if lengths[axis] < sizes[axis]:
            break
    return tuple(lengths)
