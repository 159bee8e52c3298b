"""Answers to queries: lists of objects, best first.

They are made by :mod:`deepsphere.tasks.ranking`, scored by :mod:`deepsphere.tasks.retrieval`, and
written and read by :mod:`deepsphere.tasks.retrieval_files`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LONGEST = 1000
"""Entries of a list that count, by the rules of SHREC'17."""

Integers = NDArray[np.integer]


@dataclass(frozen=True, eq=False)
class RankedLists:
    """The answers to the objects' queries. Queries with the same answer share one list.

    Attributes
    ----------
    members : sequence of ndarray of int, each of shape (entry,)
        Numbers of objects, best first; -1 for an entry that is none of the objects.
    list_of : ndarray of int, shape (object,)
        Which of ``members`` answers each object's query; -1 where the object asks for nothing.
    """

    members: Sequence[Integers]
    list_of: Integers

    def __post_init__(self) -> None:
        if self.list_of.ndim != 1:
            raise ValueError(f"expected list_of of shape (object,), found {self.list_of.shape}")
        objects, lists = len(self.list_of), len(self.members)
        if objects and not -1 <= self.list_of.min() <= self.list_of.max() < lists:
            raise ValueError(f"expected list_of in -1..{lists - 1}, found {self.list_of}")
        for number, members in enumerate(self.members):
            if members.ndim != 1:
                raise ValueError(f"expected lists of shape (entry,), found {members.shape=}")
            if len(members) and not -1 <= members.min() <= members.max() < objects:
                raise ValueError(
                    f"expected objects in -1..{objects - 1}, found others in list {number}"
                )
