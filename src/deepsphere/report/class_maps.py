"""The classes of all pixels of the test states, which may be larger than memory.

They are left in the file of the predictions, of which one state after the other is read.
"""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Literal

import numpy as np
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError

Numbers = NDArray[np.int64]
Classes = NDArray[np.uint8]

_BLOCK = 1 << 24


@dataclass(frozen=True)
class ClassMaps:
    """The classes that a run found, and the true ones.

    Attributes
    ----------
    file : Path
        The predictions.
    sample : ndarray of int64, shape (state,)
        Number of each state in the store.
    pixels : int
        Number of pixels of a state.
    """

    file: Path
    sample: Numbers = field(repr=False)
    pixels: int

    def read(self, name: Literal["prediction", "target"], states: Numbers) -> Classes:
        """Return the classes of some states.

        Parameters
        ----------
        name : {"prediction", "target"}
            Those that were found, or the true ones.
        states : ndarray of int64, shape (n,)
            Rows of ``sample``.

        Returns
        -------
        ndarray of uint8, shape (n, pixel)
            255 where a true class is not known.
        """
        found = np.empty((len(states), self.pixels), np.uint8)
        with _member(self.file, name) as (stream, _):
            begin = stream.tell()
            for place in np.argsort(states, kind="stable"):
                stream.seek(begin + int(states[place]) * self.pixels)
                found[place] = np.frombuffer(stream.read(self.pixels), np.uint8)
        return found

    def counts(self, classes: int) -> Numbers:
        """Return how many pixels of each state are truly of each class, shape (state, class)."""
        found = np.zeros((len(self.sample), classes), np.int64)
        together = max(1, _BLOCK // self.pixels)
        with _member(self.file, "target") as (stream, _):
            for start in range(0, len(found), together):
                block = found[start : start + together]
                truth = np.frombuffer(stream.read(len(block) * self.pixels), np.uint8)
                for number in range(classes):
                    block[:, number] = (truth.reshape(len(block), -1) == number).sum(axis=1)
        return found


def open_class_maps(file: Path) -> ClassMaps:
    """Return the classes in a file of predictions, which is to stay as it is.

    Raises
    ------
    DeepsphereError
        If the file has no classes of the pixels of states.
    """
    try:
        with np.load(file, allow_pickle=False) as arrays:
            sample = arrays["sample"]
        shapes = set()
        for name in ("prediction", "target"):
            with _member(file, name) as (_, shape):
                shapes.add(shape)
        ((states, pixels),) = shapes
    except (KeyError, ValueError, zipfile.BadZipFile) as error:
        raise DeepsphereError(
            f"predictions: {file} has no classes of pixels ({error}); run the evaluate stage again"
        ) from None
    if sample.shape != (states,):
        raise DeepsphereError(
            f"predictions: {file} has {states} states and the numbers of {sample.size}; "
            "run the evaluate stage again"
        )
    return ClassMaps(file, sample.astype(np.int64), pixels)


@contextmanager
def _member(file: Path, name: str) -> Iterator[tuple[IO[bytes], tuple[int, ...]]]:
    """Open an array of bytes of a file, before its first value, and say its shape."""
    with zipfile.ZipFile(file) as archive, archive.open(f"{name}.npy") as stream:
        version = np.lib.format.read_magic(stream)
        if version != (1, 0):
            raise ValueError(f"{name} is of version {version} of the format")
        shape, is_fortran, dtype = np.lib.format.read_array_header_1_0(stream)
        if is_fortran or dtype != np.uint8:
            raise ValueError(f"{name} is {dtype}, not uint8 row by row")
        yield stream, shape
