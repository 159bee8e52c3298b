"""The samplings that pooling goes through, from fine to coarse.

Full spheres and parts of them. A part whose coarse pixels lack some of their children is padded:
the children are added, and named, so that networks can mask them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.samplings.masked import Masked
from deepsphere.samplings.sampling import Coarsening, Sampling


@dataclass(frozen=True, eq=False)
class Hierarchy:
    """Samplings of decreasing resolution, and the maps between them.

    Attributes
    ----------
    samplings : tuple of Sampling
        Finest first.
    coarsenings : tuple of Coarsening
        From each to the next, one fewer.
    padding : ndarray
        Pixels of the finest sampling that were added to complete super-pixels, int64, increasing,
        shape (added,); empty on full spheres.
    """

    samplings: tuple[Sampling, ...]
    coarsenings: tuple[Coarsening, ...]
    padding: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.samplings)


def build_hierarchy(sampling: Sampling, levels: int) -> Hierarchy:
    """Make a sampling coarser, several times.

    Parameters
    ----------
    sampling : Sampling
        The finest. A part of a sphere is completed to whole super-pixels of the coarsest level.
    levels : int
        How many samplings, the finest included.

    Raises
    ------
    DeepsphereError
        If the sampling has not so many levels.
    """
    if levels < 1:
        raise DeepsphereError(f"a hierarchy has at least 1 level; found {levels}")
    finest = sampling.complete(levels - 1) if isinstance(sampling, Masked) else sampling
    samplings, coarsenings = [finest], []
    while len(samplings) < levels:
        coarsening = samplings[-1].coarser()
        if coarsening is None:
            raise _too_many(sampling, levels, len(samplings))
        coarsenings.append(coarsening)
        samplings.append(coarsening.coarse)
    return Hierarchy(tuple(samplings), tuple(coarsenings), _added(sampling, finest))


def _added(before: Sampling, after: Sampling) -> NDArray[np.int64]:
    if not (isinstance(before, Masked) and isinstance(after, Masked)):
        return np.empty(0, dtype=np.int64)
    return np.flatnonzero(~np.isin(after.pixels, before.pixels)).astype(np.int64)


def _too_many(sampling: Sampling, levels: int, most: int) -> DeepsphereError:
    return DeepsphereError(
        f"{levels} levels were asked for; {sampling.name} has {most}, as the coarsest of them "
        f"cannot be made coarser; give at most {most}"
    )
