"""Sets of meshes whose classes and splits are in a table, as in SHREC'17.

A table is text in UTF-8, separated by commas, perhaps compressed with gzip; its first line names
the columns (in any case and order, others may stand between them):

========================  ==========================================================
``id``                    name of the mesh in the set
``file``                  its path, from the top of the archive or from any folder in it
``label`` or ``class``    its class
``sublabel``              its class within that class; optional, blank for none
``split``                 train, validation (``val``) or test; optional: splits are drawn
========================  ==========================================================

Either ``id`` or ``file`` may be missing: the id is then the file without its suffix, and the file
is any mesh whose name, without suffix, is the id. The tables of SHREC'17 say ``synsetId`` and
``subSynsetId``; their ids have six digits, also where a program took away zeros. Where they have
``modelId``, a mesh in a folder of that name will do, as in ShapeNetCore.
"""

import csv
import io
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from deepsphere.errors import DeepsphereError
from deepsphere.sources.meshes.entries import SPLITS, Split, find_split
from deepsphere.sources.meshes.gzip_stream import GZIP_MAGIC

_LARGEST_BYTES = 1 << 26
_COLUMNS = {
    "id": "id",
    "file": "file",
    "label": "label",
    "class": "label",
    "synsetid": "label",
    "sublabel": "sublabel",
    "subsynsetid": "sublabel",
    "modelid": "model",
    "split": "split",
}
_SHREC_LABEL = "synsetid"
_SHREC_DIGITS = {"id": 6, "label": 8, "sublabel": 8}


@dataclass(frozen=True)
class Row:
    """A row of a table of meshes.

    Attributes
    ----------
    line : int
        Its line, counted from 1.
    id : str
        Name of the mesh in the set.
    file, model : str or None
        Where it is said to be: a path; the name of a folder.
    label : str
        Its class.
    sublabel : str or None
        Its class within that class.
    split : str or None
        One of :data:`~deepsphere.sources.meshes.entries.SPLITS`; None if the table has none.
    """

    line: int
    id: str
    file: str | None
    model: str | None
    label: str
    sublabel: str | None
    split: Split | None


def read_table(name: str, content: bytes) -> list[Row]:
    """Read a table of meshes.

    Parameters
    ----------
    name : str
        Name of the table, for messages.
    content : bytes
        The file, perhaps compressed with gzip.

    Returns
    -------
    list of Row
        In the table's order.

    Raises
    ------
    DeepsphereError
        If a needed column is missing, a row lacks a value, or an id is there twice.
    """
    lines = csv.reader(io.StringIO(_decode(name, content), newline=""), strict=True)
    try:
        header = [word.strip().lower() for word in next(lines, [])]
        columns = _find_columns(name, header)
        rows = [
            _read_row(name, lines.line_num, words, header, columns) for words in lines if any(words)
        ]
    except csv.Error as error:
        raise DeepsphereError(f"{name}:{lines.line_num}: {error}") from None
    seen: dict[str, Row] = {}
    for row in rows:
        other = seen.setdefault(row.id, row)
        if other is not row:
            raise DeepsphereError(f"{name}:{row.line}: {row.id!a} is on line {other.line} too")
    return rows


def _decode(name: str, content: bytes) -> str:
    """Return a table's text."""
    if content.startswith(GZIP_MAGIC):
        stream = zlib.decompressobj(zlib.MAX_WBITS | 16)
        try:
            content = stream.decompress(content, _LARGEST_BYTES)
        except zlib.error as error:
            raise DeepsphereError(f"{name} is damaged gzip ({error}); fetch it again") from None
        if not stream.eof:
            raise DeepsphereError(
                f"{name} is cut short, or has more than {_LARGEST_BYTES} bytes; fetch it again"
            )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DeepsphereError(f"{name} is not text in UTF-8: {error.reason}") from None


def _find_columns(name: str, header: Sequence[str]) -> dict[str, int]:
    """Return the places of the columns that mean something."""
    columns: dict[str, int] = {}
    for place, word in enumerate(header):
        meaning = _COLUMNS.get(word)
        if meaning in columns:
            raise DeepsphereError(f"{name}:1: two columns say the {meaning}; leave out {word!a}")
        if meaning:
            columns[meaning] = place
    if "label" not in columns or not {"id", "file"} & set(columns):
        raise DeepsphereError(
            f"{name}:1: a table of meshes has columns `id` or `file`, and `label`, separated by "
            f"commas; found {', '.join(map(ascii, header[:8])) or 'nothing'}"
        )
    return columns


def _read_row(
    name: str, line: int, words: Sequence[str], header: Sequence[str], columns: Mapping[str, int]
) -> Row:
    """Return a row, with the zeros of SHREC's numbers restored."""
    if len(words) != len(header):
        raise DeepsphereError(f"{name}:{line}: expected {len(header)} values; found {len(words)}")
    values: dict[str, str] = {key: words[place].strip() for key, place in columns.items()}
    if not values.get("sublabel"):
        values.pop("sublabel", None)
    for meaning, value in values.items():
        if not value:
            raise DeepsphereError(f"{name}:{line}: no {header[columns[meaning]]}")
    if header[columns["label"]] == _SHREC_LABEL:
        for meaning, digits in _SHREC_DIGITS.items():
            if meaning in values:
                values[meaning] = values[meaning].zfill(digits)
    file = values.get("file")
    if file is not None:
        file = PurePosixPath(file.replace("\\", "/")).as_posix()
    split = None
    if "split" in values:
        split = find_split(values["split"])
        if split is None:
            raise DeepsphereError(
                f"{name}:{line}: {values['split']!a} is no split ({', '.join(SPLITS)})"
            )
    return Row(
        line,
        values.get("id") or PurePosixPath(file or "").with_suffix("").as_posix(),
        file,
        values.get("model"),
        values["label"],
        values.get("sublabel"),
        split,
    )
