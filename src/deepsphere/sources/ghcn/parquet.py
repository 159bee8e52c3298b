"""The parquet tree by year and element, ``YEAR=YYYY/ELEMENT=XXXX/*.parquet``, of NOAA's AWS bucket.

Only the columns ``ID``, ``DATE``, ``DATA_VALUE`` and ``Q_FLAG`` of the wanted elements and years
are read, so of all editions this one is the least to read.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.sources.ghcn.records import LARGEST, Records, keep_records
from deepsphere.sources.ghcn.streams import open_binary, refuse_page
from deepsphere.sources.ghcn.tally import Tally
from deepsphere.sources.ghcn.wanted import Wanted

_COLUMNS = ("ID", "DATE", "DATA_VALUE", "Q_FLAG")
_BATCH_ROWS = 1 << 18
_ID_WIDTH = 11
_DATE_WIDTH = 8


def read_parquet_year(folder: Path, place: str, wanted: Wanted, tally: Tally) -> Iterator[Records]:
    """Yield the kept records of one year, batch by batch, elements in the order wanted.

    Parameters
    ----------
    folder : Path
        ``YEAR=YYYY``, with one folder ``ELEMENT=XXXX`` for each wanted element. The files in it
        are read in the order of their names.
    place : str
        What to call the folder where a row of it is quoted; rows are counted from 1 in each file.
    wanted : Wanted
        What is wanted; a row dated outside its years is malformed.
    tally : Tally
        Grows by what is counted.

    Raises
    ------
    DeepsphereError
        If a wanted element has no file, a file is not whole parquet or lacks a column, or too many
        rows are malformed.
    """
    for index, name in enumerate(wanted.elements):
        element = folder / f"ELEMENT={name}"
        paths = sorted(element.glob("*.parquet"))
        if not paths:
            raise DeepsphereError(
                f"{element} holds no parquet file; fetch it, or leave out {name} or the year"
            )
        for path in paths:
            row = 1
            for batch in _read_batches(path):
                where = f"{place}/{element.name}/{path.name}"
                yield _parse_batch(batch, row, where, index, wanted, tally)
                row += batch.num_rows
    tally.refuse_malformed(folder)


def _read_batches(path: Path) -> Iterator[pa.RecordBatch]:
    with open_binary(path) as stream:
        refuse_page(path, stream.read(64))
        stream.seek(0)
        try:
            file = pq.ParquetFile(stream)
            lacking = [name for name in _COLUMNS if name not in file.schema_arrow.names]
            if lacking:
                raise DeepsphereError(
                    f"{path} lacks the column {lacking[0]}; it has "
                    f"{', '.join(file.schema_arrow.names)}; fetch NOAA's parquet/by_year edition"
                )
            yield from file.iter_batches(_BATCH_ROWS, columns=list(_COLUMNS), use_threads=False)
        except (pa.ArrowException, OSError) as error:
            raise DeepsphereError(
                f"{path} is not a whole parquet file ({error}); delete it and fetch it again"
            ) from None


def _parse_batch(
    batch: pa.RecordBatch, row: int, place: str, element: int, wanted: Wanted, tally: Tally
) -> Records:
    tally.rows += batch.num_rows
    ids, id_formed = _fixed_text(batch.column("ID"), _ID_WIDTH)
    dates, date_formed = _fixed_text(batch.column("DATE"), _DATE_WIDTH)
    flags, flag_formed = _fixed_text(batch.column("Q_FLAG"), 1, fill=" ")
    days = _parse_dates(dates, date_formed, wanted)
    values, fitting = _integers(batch.column("DATA_VALUE"), place)

    good = id_formed & flag_formed & (days >= 0) & fitting
    for index in np.flatnonzero(~good).tolist():
        text = ",".join(str(value) for value in batch.slice(index, 1).to_pylist()[0].values())
        tally.note_malformed(place, row + index, text.encode(), "not a record")
    kept = np.flatnonzero(good)
    elements = np.full(len(kept), element, np.int8)
    return keep_records(
        tally, wanted, ids[kept], elements, days[kept], values[kept], flags[kept].view(np.uint8)
    )


def _fixed_text(
    column: pa.Array, width: int, fill: str = ""
) -> tuple[NDArray[np.bytes_], NDArray[np.bool_]]:
    """Return a column as bytes of a fixed width, and where the text has just that width.

    A null or empty value counts as ``fill``.
    """
    encoded = column if pa.types.is_dictionary(column.type) else pc.dictionary_encode(column)
    texts = [
        fill if value in (None, "") else str(value) for value in encoded.dictionary.to_pylist()
    ]
    texts.append(fill)
    entries = np.array([text.encode("utf-8") for text in texts], f"S{width}")
    formed = np.array([len(text.encode("utf-8")) == width for text in texts])
    codes = pc.fill_null(encoded.indices, len(texts) - 1).to_numpy(zero_copy_only=False)
    return entries[codes], formed[codes]


def _parse_dates(
    texts: NDArray[np.bytes_], formed: NDArray[np.bool_], wanted: Wanted
) -> NDArray[np.int64]:
    """Return the index of the day of YYYYMMDD; -1 if it is none of the wanted days."""
    characters = np.where(formed, texts, b"0" * _DATE_WIDTH).view(np.uint8)
    digits = characters.reshape(-1, _DATE_WIDTH).astype(np.int64) - ord("0")
    numeric = ((digits >= 0) & (digits <= 9)).all(axis=1)
    numbers = digits @ 10 ** np.arange(_DATE_WIDTH)[::-1]
    return wanted.index_of_dates(np.where(numeric, numbers, 0))


def _integers(column: pa.Array, place: str) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return a column of integers, and where they are not null and fit."""
    if not pa.types.is_integer(column.type):
        raise DeepsphereError(
            f"{place}: the column DATA_VALUE is {column.type}, but must hold integers; fetch "
            f"NOAA's parquet/by_year edition"
        )
    values = pc.fill_null(column.cast(pa.int64()), LARGEST + 1).to_numpy(zero_copy_only=False)
    return values, np.abs(values) <= LARGEST
