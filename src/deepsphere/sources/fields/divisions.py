"""Which states are to train on, to select on and to test on.

The numbers are those of the splits of a store: 0, 1 and 2; :data:`LEFT_OUT` is none of them.

Weather lasts for days. A division at random puts most test states within hours of a training state
of the same run, which flatters every result; so did the published one of the level-5 archive. One
in order of time, with a gap, does not.
"""

import hashlib
from collections.abc import Sequence
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from deepsphere.config.split import Split
from deepsphere.errors import DeepsphereError
from deepsphere.sources.fields.moments import STEPS_PER_DAY, Moment
from deepsphere.sources.fields.snapshots import Snapshot

SPLITS = ("train", "validation", "test")
LEFT_OUT = 255

_FOLDERS = {
    **dict.fromkeys(("train", "training"), 0),
    **dict.fromkeys(("val", "valid", "validation"), 1),
    **dict.fromkeys(("test", "testing"), 2),
}


def by_time(moments: Sequence[Moment], shares: Split, gap: float) -> NDArray[np.uint8]:
    """Divide states in order of time, all runs at the same moments.

    Parameters
    ----------
    moments : sequence of Moment
        When they are from.
    shares : Split
        Share of each part.
    gap : float
        Days before each cut that are left out.

    Returns
    -------
    ndarray
        uint8, shape (states,).

    Raises
    ------
    DeepsphereError
        If nothing is left of a part.
    """
    steps = np.array([moment.step for moment in moments])
    ordered = np.sort(steps)
    parts = shares.ranges(len(steps))
    numbers = np.zeros(len(steps), np.uint8)
    for number, name in enumerate(SPLITS[1:], start=1):
        first = parts[name].start
        if not parts[name]:
            continue
        cut = ordered[first]
        numbers[(steps < cut) & (steps >= cut - gap * STEPS_PER_DAY)] = LEFT_OUT
        numbers[steps >= cut] = number
    _refuse_empty(numbers, shares, f"in order of time with a gap of {gap:g} days")
    return numbers


def at_random(moments: Sequence[Moment], shares: Split, seed: int) -> NDArray[np.uint8]:
    """Divide states one by one; the labels that several experts gave one state stay together.

    Each state draws a number from a hash of the seed, its run and its time, and the parts are cut
    from the order of these.

    Parameters
    ----------
    moments : sequence of Moment
        When they are from.
    shares : Split
        Share of each part.
    seed : int
        Seed of the draws.

    Returns
    -------
    ndarray
        uint8, shape (states,).

    Raises
    ------
    DeepsphereError
        If nothing is left of a part.
    """
    keys = [(moment.run, moment.step) for moment in moments]
    drawn = {key: hashlib.sha256(f"{seed}/{key[0]}/{key[1]}".encode()).digest() for key in keys}
    ordered = sorted(drawn, key=drawn.__getitem__)
    split = {
        key: number
        for number, part in enumerate(shares.ranges(len(ordered)).values())
        for key in ordered[part.start : part.stop]
    }
    numbers = np.array([split[key] for key in keys], np.uint8)
    _refuse_empty(numbers, shares, "at random")
    return numbers


def by_folder(snapshots: Sequence[Snapshot]) -> NDArray[np.uint8]:
    """Divide states as their publisher did, who put them into folders or archives of these names.

    ``train`` or ``training``, ``val``, ``valid`` or ``validation``, and ``test`` or ``testing``.

    Returns
    -------
    ndarray
        uint8, shape (states,).

    Raises
    ------
    DeepsphereError
        If a file is in none of them.
    """
    return np.array([_folder_number(snapshot) for snapshot in snapshots], np.uint8)


def _folder_number(snapshot: Snapshot) -> int:
    archive = PurePosixPath(snapshot.archive).name.partition(".")[0]
    for part in reversed([archive, *PurePosixPath(snapshot.member).parts[:-1]]):
        if part.lower() in _FOLDERS:
            return _FOLDERS[part.lower()]
    raise DeepsphereError(
        f"split: {snapshot.name} is in none of the folders train, validation and test that say how "
        "the states are divided; fetch the folder above them, or set split.kind to leak-free"
    )


def _refuse_empty(numbers: NDArray[np.uint8], shares: Split, how: str) -> None:
    wanted = (shares.train, shares.validation, shares.test)
    for number, name in enumerate(SPLITS):
        if wanted[number] > 0 and not (numbers == number).any():
            raise DeepsphereError(
                f"split: dividing {len(numbers)} states {how} leaves none for {name}; change "
                "split.shares or split.gap, or fetch more states"
            )
