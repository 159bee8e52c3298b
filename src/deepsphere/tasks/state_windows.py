"""Which states of a store come right before which."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError

if TYPE_CHECKING:
    from deepsphere.stores.reader import Store

Numbers = NDArray[np.int64]


def windows_of(store: "Store", length: int) -> Numbers:
    """Return the consecutive states that end with each state of a store.

    States are consecutive if they are of one ``run`` and each ``step`` is one more than that
    before: both are coordinates of the samples. Earlier states may belong to another split, as only
    what is seen of them matters, and not their labels. Of several samples of one state, labelled by
    several experts, the first stands for it.

    Parameters
    ----------
    store : Store
    length : int
        Number of states; with 1, none needs a run or a step.

    Returns
    -------
    ndarray of int64, shape (sample, time)
        Numbers of samples, the last column that of the row; -1 where there is no such state.

    Raises
    ------
    DeepsphereError
        If the store does not tell runs and steps.
    """
    own = np.arange(len(store))
    if length == 1:
        return own[:, None]
    for name in ("run", "step"):
        if name not in store.coordinates:
            raise DeepsphereError(
                f"segmentation: {store.folder} has no coordinate {name!r}, which tells states that "
                "follow one another; set window to 1, or take a store whose source has it"
            )
    moments = np.stack([store.coordinates[name].astype(np.int64) for name in ("run", "step")])
    # Each run gets a range of whole numbers of its own, with room for the steps before its first.
    steps = moments[1] - moments[1].min() + length
    places = moments[0] * (steps.max() + 1) + steps
    known, first = np.unique(places, return_index=True)
    wanted = places[:, None] + np.arange(1 - length, 1)
    found = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    windows = np.where(known[found] == wanted, first[found], -1)
    windows[:, -1] = own
    return windows
