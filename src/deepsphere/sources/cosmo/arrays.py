"""Maps in NumPy's ``.npy`` files, which have no header that says what they are."""

import io
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.sources.cosmo.skies import Sky, is_full

SUFFIXES = (".npy",)

# Headers are Python: what is damaged there is found by Python's own tokenizer, or not at all.
_DEFECTS = (ValueError, OSError, EOFError, OverflowError, TypeError, TokenError)


def read_array(content: Path | bytes, column: int | str, is_nested: bool | None) -> Sky:
    """Read a column.

    Parameters
    ----------
    content : Path or bytes
        The file, which is then left on disk, or its content. It holds an array of numbers of shape
        (pixel,), (column, pixel) or (pixel, column).
    column : int
        Number of the column.
    is_nested : bool or None
        Whether the pixels are in NESTED order; None takes RING.

    Raises
    ------
    DeepsphereError
        If it is no such file, cut short, or has no such column.
    """
    try:
        values = (
            np.lib.format.open_memmap(content, "r") if isinstance(content, Path) else _load(content)
        )
    except _DEFECTS as error:
        raise DeepsphereError(f"is no array of numbers in a .npy file ({error})") from None
    if values.ndim not in (1, 2):
        raise DeepsphereError(
            f"has shape {values.shape}; expected (pixel,), (column, pixel) or (pixel, column)"
        )
    table = values[np.newaxis] if values.ndim == 1 else values
    if table.shape[0] > table.shape[1] or not is_full(table.shape[1]):
        table = table.T
    return Sky(_column(table, column), bool(is_nested))


def _load(content: bytes) -> NDArray[Any]:
    """Return an array that shares its memory with the content of its file."""
    stream = io.BytesIO(content)
    version = np.lib.format.read_magic(stream)
    read_header = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if read_header is None:
        raise ValueError(f"version {version} of the format")
    shape, is_fortran, dtype = read_header(stream)
    if dtype.hasobject:
        raise ValueError("it holds Python objects")
    values = np.frombuffer(content, dtype, count=int(np.prod(shape)), offset=stream.tell())
    return values.reshape(shape, order="F" if is_fortran else "C")


def _column(table: NDArray[Any], column: int | str) -> NDArray[Any]:
    if not isinstance(column, int):
        raise DeepsphereError(f"has columns without names; found {column!r} in `columns`")
    if column >= len(table):
        raise DeepsphereError(f"has {len(table)} columns; there is no column {column}, from 0")
    values: NDArray[Any] = table[column]
    return values
