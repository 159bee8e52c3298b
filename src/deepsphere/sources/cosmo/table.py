"""Tables that say what is known of the universe of each map.

A table is text in UTF-8, separated by commas, perhaps compressed with gzip; its first line names
the columns, in any order:

========================  ==========================================================
``file``                  path of the map, from the raw folder or any folder or archive in it
``label`` or ``class``    its class; optional
``seed``                  number of its initial conditions, to keep pairs together; optional
``split``                 train, validation (``val``) or test; optional: splits are drawn
any other                 a cosmological parameter, if all its values are numbers
========================  ==========================================================

Columns without a name are passed over, such as the row numbers that pandas writes.
"""

import csv
import gzip
import io
import math
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from deepsphere.errors import DeepsphereError
from deepsphere.sources.cosmo.entries import RESERVED
from deepsphere.sources.meshes.entries import SPLITS, Split, find_split
from deepsphere.sources.meshes.gzip_stream import GZIP_MAGIC

_LARGEST_BYTES = 1 << 26
_MEANINGS = {"file": "file", "label": "label", "class": "label", "seed": "seed", "split": "split"}
_LARGEST_SEED = 2**31 - 1
_NAME = re.compile(r"\w[\w ,:()\[\]^*+-]{0,63}")
"""Names that parameters can have: Zarr makes folders of them, beside files of its own."""


@dataclass(frozen=True)
class Row:
    """A row of a table of maps.

    Attributes
    ----------
    line : int
        Its line, counted from 1.
    file : str
        Path of the map.
    label : str or None
    seed : int or None
    split : {"train", "validation", "test"} or None
        None if the table does not say it.
    parameters : tuple of (str, float)
        Names and values.
    """

    line: int
    file: str
    label: str | None
    seed: int | None
    split: Split | None
    parameters: tuple[tuple[str, float], ...]


def read_table(name: str, content: bytes) -> tuple[list[Row], list[str]]:
    """Read a table of maps.

    Parameters
    ----------
    name : str
        Name of the table, for messages.
    content : bytes
        The file, perhaps compressed with gzip.

    Returns
    -------
    rows : list of Row
        In the table's order.
    others : list of str
        Columns that mean nothing here, as they hold other things than numbers.

    Raises
    ------
    DeepsphereError
        If the column ``file`` is missing, a row lacks a value or has a wrong one, or a parameter
        has a name that means something else in a store.
    """
    lines = csv.reader(io.StringIO(_decode(name, content), newline=""), strict=True)
    try:
        header = [word.strip() for word in next(lines, [])]
        table = [
            (lines.line_num, [word.strip() for word in words])
            for words in lines
            if any(word.strip() for word in words)
        ]
    except csv.Error as error:
        raise DeepsphereError(f"{name}:{lines.line_num}: {error}") from None
    for line, words in table:
        if len(words) != len(header):
            raise DeepsphereError(
                f"{name}:{line}: expected {len(header)} values; found {len(words)}"
            )
    columns = _find_columns(name, header)
    others = [place for place in range(len(header)) if place not in columns.values()]
    numeric = [
        place
        for place in others
        if header[place] and all(_is_number(words[place]) for _, words in table)
    ]
    for place in numeric:
        if header[place].lower() in RESERVED or not _NAME.fullmatch(header[place]):
            raise DeepsphereError(
                f"{name}:1: {header[place]!a} cannot be the name of a parameter; give it another"
            )
    rows = [
        _read_row(name, line, words, columns, [(header[place], place) for place in numeric])
        for line, words in table
    ]
    return rows, [header[place] for place in others if place not in numeric]


def _decode(name: str, content: bytes) -> str:
    if content.startswith(GZIP_MAGIC):
        try:
            content = gzip.GzipFile(fileobj=io.BytesIO(content)).read(_LARGEST_BYTES + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise DeepsphereError(f"{name} is damaged gzip ({error}); fetch it again") from None
        if len(content) > _LARGEST_BYTES:
            raise DeepsphereError(f"{name} has more than {_LARGEST_BYTES} bytes; shorten it")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DeepsphereError(f"{name} is not text in UTF-8: {error.reason}") from None


def _find_columns(name: str, header: Sequence[str]) -> dict[str, int]:
    """Return the places of the columns whose names mean something."""
    columns: dict[str, int] = {}
    for place, word in enumerate(header):
        if word and header.index(word) != place:
            raise DeepsphereError(f"{name}:1: two columns are called {word!a}; leave one out")
        meaning = _MEANINGS.get(word.lower())
        if meaning in columns:
            raise DeepsphereError(f"{name}:1: two columns say the {meaning}; leave out {word!a}")
        if meaning:
            columns[meaning] = place
    if "file" not in columns:
        raise DeepsphereError(
            f"{name}:1: a table of maps has a column `file`, separated by commas; found "
            f"{', '.join(map(ascii, header[:8])) or 'nothing'}"
        )
    return columns


def _read_row(
    name: str,
    line: int,
    words: Sequence[str],
    columns: dict[str, int],
    parameters: Sequence[tuple[str, int]],
) -> Row:
    values = {meaning: words[place] for meaning, place in columns.items()}
    for meaning in ("file", "label"):
        if values.get(meaning) == "":
            raise DeepsphereError(f"{name}:{line}: no {meaning}")
    seed = values.get("seed") or None
    if seed is not None and not (seed.isascii() and seed.isdigit() and int(seed) <= _LARGEST_SEED):
        raise DeepsphereError(
            f"{name}:{line}: the seed {seed!a} is no whole number from 0 to {_LARGEST_SEED}"
        )
    split = find_split(values["split"]) if values.get("split") else None
    if values.get("split") and split is None:
        raise DeepsphereError(
            f"{name}:{line}: {values['split']!a} is no split ({', '.join(SPLITS)})"
        )
    return Row(
        line=line,
        file=PurePosixPath(values["file"].replace("\\", "/")).as_posix(),
        label=values.get("label"),
        seed=None if seed is None else int(seed),
        split=split,
        parameters=tuple((parameter, float(words[place])) for parameter, place in parameters),
    )


def _is_number(word: str) -> bool:
    try:
        # Python also takes 1_000, and the digits of all scripts.
        return word.isascii() and "_" not in word and math.isfinite(float(word))
    except ValueError:
        return False
