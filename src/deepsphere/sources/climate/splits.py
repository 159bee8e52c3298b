"""The published split of the level-5 archive: lists of 62,738 names of files.

Its authors shuffled the names as their disk listed them, so it cannot be made again: the lists are
part of this package, compressed, byte by byte as in UGSCNN's repository (MIT licence), and checked
against their hashes when they are read. 89 % of the test states are three hours from a training
state of the same run.
"""

import hashlib
import lzma
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.sources.fields.divisions import SPLITS
from deepsphere.sources.fields.moments import read_moment
from deepsphere.sources.fields.snapshots import Snapshot

HASHES = {
    "train": "f4e6124a4a71a9f20ac8bbcf9150269a55fb5102d61ab2873775e29fede90fc6",
    "validation": "3273b4e33be336f85fb484d81ee009edf5a1e456779966aae39a7e53a6bb5204",
    "test": "ccd252a8298dc0f610eb91b8187cea2a9816ea34982d9df7542225212be8d2c7",
}
"""SHA-256 of each list: a name a line, with a newline at the end."""


def published_names(split: str) -> list[str]:
    """Return the names of the files of a split, in the published order.

    Parameters
    ----------
    split : {"train", "validation", "test"}
        Which.

    Raises
    ------
    DeepsphereError
        If the list is not the published one: the installation is damaged.
    """
    try:
        content = lzma.decompress(files(__package__).joinpath(f"lists/{split}.txt.xz").read_bytes())
    except (OSError, lzma.LZMAError) as error:
        raise DeepsphereError(
            f"split: the list of {split} files cannot be read ({error}); install deepsphere again"
        ) from None
    found = hashlib.sha256(content).hexdigest()
    if found != HASHES[split]:
        raise DeepsphereError(
            f"split: the list of {split} files has SHA-256 {found[:12]}, expected "
            f"{HASHES[split][:12]}; install deepsphere again"
        )
    return content.decode().split()


def as_published(snapshots: Sequence[Snapshot]) -> NDArray[np.uint8]:
    """Return the number of the published split of each file.

    Parameters
    ----------
    snapshots : sequence of Snapshot
        The files; they may be some of those published.

    Returns
    -------
    ndarray
        uint8, shape (files,).

    Raises
    ------
    DeepsphereError
        If a file is not in the lists.
    """
    numbers = _numbers()
    found = [numbers.get((s.moment.run, s.moment.step)) for s in snapshots]
    missing = [s for s, number in zip(snapshots, found, strict=True) if number is None]
    if missing:
        raise DeepsphereError(
            f"split: {len(missing)} of {len(snapshots)} files are not in the published lists, such "
            f"as {PurePosixPath(missing[0].member).name}; set split.kind to leak-free or random"
        )
    return np.array(found, np.uint8)


@cache
def _numbers() -> dict[tuple[int, int], int]:
    """Return the number of the split by run and time."""
    numbers = {}
    for number, split in enumerate(SPLITS):
        for name in published_names(split):
            moment = read_moment(name)
            if moment is not None:
                numbers[moment.run, moment.step] = number
    return numbers
