"""Which states to look at: chosen by what is true in them, never by how well it is found."""

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]

_MOST_PLACES = 2000


def most_eventful(counts: Numbers) -> int:
    """Return the state with the most pixels of the rarest event.

    Parameters
    ----------
    counts : ndarray of int64, shape (state, class)
        How many pixels of each class there are; the first class is the background.

    Returns
    -------
    int
        The first one of several. The rarest event is that of the fewest pixels in all states,
        among those that there are.
    """
    events = counts[:, 1:]
    total = events.sum(axis=0)
    if not total.any():
        return 0
    rarest = np.where(total > 0, total, total.max() + 1).argmin()
    return int(events[:, rarest].argmax())


def stretch_around(runs: Numbers, steps: Numbers, state: int, most: int) -> Numbers:
    """Return states that follow one another without a gap, with one of them in their middle.

    Parameters
    ----------
    runs, steps : ndarray of int64, shape (state,)
        The run of each state, and its number in the run. Of several with the same ones, the first
        counts.
    state : int
        The one in the middle, or as near to it as there are others before and after it.
    most : int
        How many there can be.

    Returns
    -------
    ndarray of int64, shape (n,)
        Rows, in the order of time, from 1 to ``most`` of them.
    """
    _, first = np.unique(np.stack([runs, steps]), axis=1, return_index=True)
    same = (runs[first] == runs[state]) & (steps[first] == steps[state])
    order = np.where(same, state, first)
    middle = int(np.flatnonzero(same)[0])
    gaps = np.flatnonzero((np.diff(runs[order]) != 0) | (np.diff(steps[order]) != 1)) + 1
    begin = int(max([0, *gaps[gaps <= middle]]))
    end = int(min([len(order), *gaps[gaps > middle]]))
    start = min(max(begin, middle - most // 2), max(begin, end - most))
    return order[start : min(end, start + most)]


def crowded_place(positions: NDArray[np.float64], radius: float = 10.0) -> NDArray[np.float64]:
    """Return the position that has the most others within some degrees of it.

    Parameters
    ----------
    positions : ndarray of float64, shape (n, 3)
        Unit vectors, at least one.
    radius : float
        In degrees.

    Returns
    -------
    ndarray of float64, shape (3,)
        One of them. Of more than 2,000, it is one of some that are spread over all.
    """
    some = positions[:: -(-len(positions) // _MOST_PLACES)]
    near = (some @ some.T > np.cos(np.radians(radius))).sum(axis=1)
    place: NDArray[np.float64] = some[near.argmax()]
    return place
