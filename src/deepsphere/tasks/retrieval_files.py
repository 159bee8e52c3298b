"""Ranked lists as the text files that the contest's own program reads, one file a query.

``<folder>/test_perturbed/000123`` holds the answer to object 000123: one name a line, best first.
With Node.js and the evaluator of SHREC'17 (https://shapenet.cs.stanford.edu/shrec17/), run in the
folder of the latter,

    node --max-old-space-size=8192 evaluate.js <folder>/

prints the metrics of :mod:`deepsphere.tasks.retrieval`. It knows an object by six digits. Names
are written percent-encoded, so that those of other data sets, which may hold a slash or a blank,
are file names too; digits stay as they are. Those of a trained run are written by
:mod:`deepsphere.lists`.
"""

import hashlib
import os
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import numpy as np

from deepsphere.errors import DeepsphereError
from deepsphere.files import open_scratch, publish_folder
from deepsphere.tasks.ranked_lists import LONGEST, Integers, RankedLists

DATASETS = tuple(
    f"{split}_{pose}" for split in ("train", "val", "test") for pose in ("normal", "perturbed")
)
"""Names of folders that the evaluator looks into: it takes the split from the name."""

_DIGITS = 6
_LONGEST_NAME = 255
_SYNCED_TOGETHER = 32
_BLANKS = (b" ", b"\t")


def write_lists(
    folder: Path, lists: RankedLists, ids: Sequence[str], dataset: str = "test_perturbed"
) -> None:
    """Write the lists of a method; the folder appears when all of them are there.

    Parameters
    ----------
    folder : Path
        The method's folder, which is replaced; its name is that of the method in the evaluator's
        tables.
    lists : RankedLists
        Entries that stand for no object are left out.
    ids : sequence of str
        The names of the objects.
    dataset : str
        One of :data:`DATASETS`.

    Raises
    ------
    ValueError
        If the number of names is not that of the objects, or if there is no such data set.
    DeepsphereError
        If a name cannot be that of a file, if two are the same, or if a list is empty.
    """
    if len(ids) != len(lists.list_of):
        raise ValueError(f"expected a name an object, found {len(ids)=}, {lists.list_of.shape=}")
    if dataset not in DATASETS:
        raise ValueError(f"expected one of {', '.join(DATASETS)}; found {dataset!r}")
    _numbers(ids)
    names = [_file_name(name) for name in ids]
    queries = np.flatnonzero(lists.list_of >= 0)
    empty = np.array([not (members >= 0).any() for members in lists.members], dtype=bool)
    if (without := queries[empty[lists.list_of[queries]]]).size:
        raise DeepsphereError(
            f"ranked lists: that of the query {ids[without[0]]} is empty, of which the evaluator "
            "makes NaN; put at least the query itself on it"
        )
    scratch = open_scratch(folder, {})
    content = scratch / "lists"
    if content.exists():
        shutil.rmtree(content)
    (content / dataset).mkdir(parents=True)
    lines = np.array([f"{name}\n" for name in names], dtype=object)
    # Queries that share a list follow each other, so that its text is made once and then dropped.
    last, text = -1, b""
    for query in queries[np.argsort(lists.list_of[queries], kind="stable")]:
        number = lists.list_of[query]
        if number != last:
            members = lists.members[number]
            last, text = number, "".join(lines[members[members >= 0]]).encode()
        (content / dataset / names[query]).write_bytes(text)
    # Publishing syncs file after file. On a busy disk thousands take a minute, but together they
    # share its commits; what is synced already costs next to nothing.
    with ThreadPoolExecutor(_SYNCED_TOGETHER) as pool:
        list(pool.map(_sync, (content / dataset).iterdir()))
    publish_folder(content, folder)
    shutil.rmtree(scratch)


def read_lists(folder: Path, ids: Sequence[str]) -> RankedLists:
    """Read the lists of one data set, be they ours or those of others.

    A line counts up to its first blank, names of fewer than six characters are filled up with
    zeros from the left, and no more than the entries that count are read. Queries with the same
    file share their list.

    Parameters
    ----------
    folder : Path
        Folder of the files, such as ``<method>/test_perturbed``.
    ids : sequence of str
        The names of the objects of the data set's split. Queries by others are passed over;
        entries that are none of them become -1.

    Raises
    ------
    DeepsphereError
        If the folder does not exist, or if two names are the same.
    """
    if not folder.is_dir():
        raise DeepsphereError(
            f"ranked lists: there is no folder {folder}; give one such as <method>/test_perturbed"
        )
    numbers = _numbers(ids)
    list_of = np.full(len(ids), -1)
    members: list[Integers] = []
    known: dict[bytes, int] = {}
    for path in sorted(folder.iterdir()):
        query = numbers.get(os.fsencode(path.name).rjust(_DIGITS, b"0"))
        if query is None or not path.is_file():
            continue
        content = path.read_bytes()
        digest = hashlib.sha256(content).digest()
        if digest not in known:
            known[digest] = len(members)
            members.append(_parse(content, numbers))
        list_of[query] = known[digest]
    return RankedLists(members, list_of)


def _sync(path: Path) -> None:
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


def _parse(content: bytes, numbers: Mapping[bytes, int]) -> Integers:
    """Return the objects of a file, shape (entry,), -1 where a name is unknown."""
    if any(blank in content for blank in _BLANKS):
        names = [fields[0] for line in content.splitlines() if (fields := line.split(None, 1))]
    else:
        names = content.split()
    found = [numbers.get(name.rjust(_DIGITS, b"0"), -1) for name in names[:LONGEST]]
    return np.array(found, dtype=np.int32)


def _numbers(ids: Sequence[str]) -> dict[bytes, int]:
    """Return the number of each object by its name as the files have it, filled up."""
    numbers: dict[bytes, int] = {}
    for number, name in enumerate(ids):
        other = numbers.setdefault(_file_name(name).encode().rjust(_DIGITS, b"0"), number)
        if other != number:
            raise DeepsphereError(
                f"ranked lists: objects {other} and {number} have one name, {ids[other]!r} and "
                f"{name!r}; give each object its own"
            )
    return numbers


def _file_name(name: str) -> str:
    """Return a name as that of a file: percent-encoded but for letters, digits and ``_.-~``."""
    encoded = quote(name, safe="", errors="surrogatepass")
    if encoded in ("", ".", "..") or len(encoded) > _LONGEST_NAME:
        raise DeepsphereError(
            f"ranked lists: {name[:40]!r} cannot name a file, which takes 1 to {_LONGEST_NAME} "
            "characters (a special one counts threefold or more); rename the object"
        )
    return encoded
