"""The dense array [station, element, day], made in pieces that survive a killed process.

Every task of a reader (a year, a block of station files) fills a :class:`Piece`: the days of the
(station, element) pairs that occur in it, no others, as most stations lack most elements. A
finished piece is written and synced, and last its journal entry, so a later run knows which tasks
are done. :func:`assemble` then merges the pieces, in the order of the tasks, into one array file
that is mapped, not loaded. The result does not depend on which thread did what, or when.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepsphere.files import read_json, write_bytes, write_json
from deepsphere.sources.ghcn.records import MISSING, Records
from deepsphere.sources.ghcn.tally import Tally
from deepsphere.sources.ghcn.wanted import Wanted

_FIRST_CAPACITY = 1024
_BLOCK_BYTES = 16 << 20
_VALUE_BYTES = 2


class Piece:
    """The records of one task, dense in days, sparse in (station, element) pairs.

    Parameters
    ----------
    wanted : Wanted
        The axes. Its years may be a part of the years of the whole array.

    Attributes
    ----------
    days : int
        Number of days.
    """

    def __init__(self, wanted: Wanted) -> None:
        self.days = len(wanted.days)
        self._elements = len(wanted.elements)
        self._slots = np.full(len(wanted.stations) * self._elements, -1, np.int32)
        self._values = np.empty((_FIRST_CAPACITY, self.days), np.int16)
        self._used = 0

    def add(self, records: Records) -> None:
        """Put records in; of several of one station, element and day, the last stays."""
        pairs = records.stations * self._elements + records.elements
        fresh = np.unique(pairs[self._slots[pairs] < 0])
        known, self._used = self._used, self._used + len(fresh)
        self._slots[fresh] = np.arange(known, self._used)
        if self._used > len(self._values):
            capacity = max(self._used, 2 * len(self._values))
            grown = np.empty((capacity, self.days), np.int16)
            grown[:known] = self._values[:known]
            self._values = grown
        self._values[known : self._used] = MISSING
        # NumPy promises that the last of repeated indices is the one assigned.
        self._values[self._slots[pairs], records.days] = records.values

    def pairs(self) -> NDArray[np.int64]:
        """Return the pairs that occur, shape [pair].

        A pair is the station's index times the number of elements, plus the element's index.
        Pairs are in increasing order.
        """
        return np.flatnonzero(self._slots >= 0)

    def values(self, pairs: NDArray[np.int64]) -> NDArray[np.int16]:
        """Return the days of some of the :meth:`pairs`, shape [pair, day].

        :data:`~deepsphere.sources.ghcn.records.MISSING` stands where there is no value.
        """
        return self._values[self._slots[pairs]]


@dataclass(frozen=True)
class PieceFile:
    """A finished piece on disk.

    Attributes
    ----------
    path : Path
        Raw int16 values, shape [pair, day].
    pairs : numpy.ndarray of int64, shape [pair]
        As :meth:`Piece.pairs` returns.
    first_day, days : int
        Which days of the whole array the piece holds.
    """

    path: Path
    pairs: NDArray[np.int64]
    first_day: int
    days: int

    def read(self, start: int, stop: int) -> NDArray[np.int16]:
        """Return the values of the pairs ``start`` to ``stop``, shape [pair, day]."""
        width = self.days * _VALUE_BYTES
        values = np.fromfile(
            self.path, np.dtype("<i2"), (stop - start) * self.days, offset=start * width
        )
        return values.reshape(-1, self.days)


def is_done(folder: Path, name: str) -> bool:
    """Return whether the piece of this name is whole."""
    return _journal(folder, name).exists()


def write_piece(folder: Path, name: str, piece: Piece, first_day: int, tally: Tally) -> None:
    """Write a finished piece; it counts as done only when everything of it is on the disk.

    What a killed process left without a journal entry is overwritten.

    Parameters
    ----------
    folder : Path
        Where the pieces are collected.
    name : str
        Name of the task.
    piece : Piece
        What it read.
    first_day : int
        Index of the piece's first day in the whole array.
    tally : Tally
        What it counted.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pairs, days = piece.pairs(), piece.days
    step = max(1, _BLOCK_BYTES // (days * _VALUE_BYTES))
    with (folder / f"{name}.values").open("wb") as stream:
        for start in range(0, len(pairs), step):
            values = piece.values(pairs[start : start + step])
            stream.write(values.astype("<i2", copy=False).tobytes())
        stream.flush()
        os.fsync(stream.fileno())
    write_bytes(folder / f"{name}.pairs", pairs.astype("<i8", copy=False).tobytes())
    entry = {"first_day": first_day, "days": days, "tally": tally.to_json()}
    write_json(_journal(folder, name), entry)


def read_piece(folder: Path, name: str) -> tuple[PieceFile, Tally]:
    """Return a piece that :func:`write_piece` finished, its values still on disk."""
    entry: dict[str, Any] = read_json(_journal(folder, name), "journal of a reading")
    pairs = np.fromfile(folder / f"{name}.pairs", np.dtype("<i8"))
    file = PieceFile(folder / f"{name}.values", pairs, entry["first_day"], entry["days"])
    return file, Tally.from_json(entry["tally"])


def assemble(
    path: Path, pieces: Sequence[PieceFile], elements: int, days: int
) -> tuple[NDArray[np.int64], int]:
    """Merge pieces into the array file ``path``; where they overlap, the later piece wins.

    Memory stays at some tens of megabytes: the array is written front to back, a block of stations
    at a time.

    Parameters
    ----------
    path : Path
        ``.npy`` file to write: int16, shape [station, element, day].
    pieces : sequence of PieceFile
        In the order of the tasks.
    elements, days : int
        Length of the second and third axis.

    Returns
    -------
    stations : numpy.ndarray of int64, shape [station]
        Which stations of the list have a value at all, increasing: the first axis.
    filled : int
        Number of values in the array.
    """
    used = [np.unique(piece.pairs // elements) for piece in pieces]
    stations = np.unique(np.concatenate([np.empty(0, np.int64), *used]))
    step = max(1, _BLOCK_BYTES // (elements * days * _VALUE_BYTES))
    filled = 0
    with path.open("wb") as stream:
        shape = (len(stations), elements, days)
        header = {"descr": "<i2", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(stream, header)
        for start in range(0, len(stations), step):
            members = stations[start : start + step]
            block = np.full((len(members) * elements, days), MISSING, "<i2")
            for piece in pieces:
                bounds = (members[0] * elements, (members[-1] + 1) * elements)
                low, high = np.searchsorted(piece.pairs, bounds).tolist()
                if low == high:
                    continue
                pairs = piece.pairs[low:high]
                rows = np.searchsorted(members, pairs // elements) * elements + pairs % elements
                part = block[:, piece.first_day : piece.first_day + piece.days]
                values = piece.read(low, high)
                part[rows] = np.where(values == MISSING, part[rows], values)
            filled += int(np.count_nonzero(block != MISSING))
            stream.write(block.tobytes())
        stream.flush()
        os.fsync(stream.fileno())
    return stations, filled


def _journal(folder: Path, name: str) -> Path:
    return folder / f"{name}.json"
