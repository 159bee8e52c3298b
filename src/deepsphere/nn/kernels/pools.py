"""The ways to pool, as compiled loops know them."""

from deepsphere.nn.pooling.nested import PoolKind

NONE, MAX, MEAN = range(3)

NUMBERS: dict[PoolKind | None, int] = {None: NONE, "max": MAX, "mean": MEAN}
"""By the names of :mod:`deepsphere.nn.pooling.nested`."""
