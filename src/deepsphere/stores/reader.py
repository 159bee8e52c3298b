"""Reading a store that is the one that was promised."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.stores.description import DATA, SPLITS
from deepsphere.stores.inventory import ZARR, Verification, check_store
from deepsphere.stores.raw_chunks import Rows, open_rows


@dataclass(frozen=True, eq=False)
class Store:
    """Samples on disk; their coordinates in memory.

    It holds no open file: it can be pickled, forked, and read by many threads at once.

    Attributes
    ----------
    folder : Path
        The store.
    shape : tuple of int
        (samples, cells, channels).
    channels : tuple of str
        Names of the channels, in order.
    attrs : dict
        All attributes, plain JSON.
    coordinates : mapping of str to ndarray
        All coordinates, sorted by name: file systems list a zarr group's arrays in any order. Each
        of shape (samples,), (cells,) or (channels,).
    """

    folder: Path
    shape: tuple[int, int, int]
    channels: tuple[str, ...]
    attrs: dict[str, Any] = field(repr=False)
    coordinates: Mapping[str, NDArray[Any]] = field(repr=False)
    _rows: Rows = field(repr=False)

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def times(self) -> NDArray[np.datetime64]:
        """Times of the samples, datetime64, shape (samples,)."""
        return self._coordinate("time")

    @property
    def longitude(self) -> NDArray[np.float64]:
        """Degrees east, shape (cells,)."""
        return self._coordinate("longitude")

    @property
    def latitude(self) -> NDArray[np.float64]:
        """Degrees north, shape (cells,)."""
        return self._coordinate("latitude")

    @property
    def split(self) -> dict[str, NDArray[np.int64]]:
        """Numbers of the samples of each split, in their order: train, validation and test."""
        numbers = self._coordinate("split")
        return {name: np.flatnonzero(numbers == number) for number, name in enumerate(SPLITS)}

    def read(
        self,
        samples: ArrayLike,
        out: NDArray[np.float32] | None = None,
        cells: range | None = None,
    ) -> NDArray[np.float32]:
        """Read samples.

        Parameters
        ----------
        samples : array_like of int
            Numbers of the samples, shape (n,), in any order, repeated or not.
        out : ndarray, optional
            Where to read them, C-order float32 of the shape returned; saves making a new array.
        cells : range, optional
            Which cells to read, one after the other; by default all.

        Returns
        -------
        ndarray
            float32, shape (n, cells, channels), in the order of ``samples``.

        Raises
        ------
        IndexError
            If a number is no sample's or no cell's (negative ones do not count from the end).
        DeepsphereError
            If a chunk file is gone or too short.
        """
        numbers = np.asarray(samples)
        if numbers.ndim != 1 or (numbers.size and numbers.dtype.kind not in "iu"):
            raise IndexError(
                "samples must be a list of whole numbers; "
                f"found {numbers.dtype} of shape {numbers.shape}"
            )
        numbers = numbers.astype(np.int64)
        if numbers.size and not 0 <= numbers.min() <= numbers.max() < len(self):
            raise IndexError(
                f"samples must be from 0 to {len(self) - 1}; "
                f"found {numbers.min()} to {numbers.max()}"
            )
        cells = range(self.shape[1]) if cells is None else cells
        if cells.step != 1 or not 0 <= cells.start <= cells.stop <= self.shape[1]:
            raise IndexError(
                f"cells must be consecutive ones from 0 to {self.shape[1] - 1}; found {cells}"
            )
        shape = (len(numbers), len(cells), self.shape[2])
        if out is None:
            out = np.empty(shape, dtype=np.float32)
        elif out.shape != shape or out.dtype != np.float32 or not out.flags.c_contiguous:
            raise ValueError(
                f"out must be a C-order float32 array of shape {shape}; "
                f"found {out.dtype} of shape {out.shape}"
            )
        self._rows.read_into(numbers, out, cells.start)
        return out

    def _coordinate(self, name: str) -> NDArray[Any]:
        if name not in self.coordinates:
            raise DeepsphereError(
                f"store {self.folder} has no {name}; its coordinates are "
                f"{', '.join(self.coordinates)}"
            )
        return self.coordinates[name]


def open_store(folder: Path, digest: str | None = None, verify: Verification = "auto") -> Store:
    """Open a store and check that it is the one that was promised.

    Parameters
    ----------
    folder : Path
        What :func:`deepsphere.stores.writer.write_store` made.
    digest : str, optional
        SHA-256 from the store's manifest.
    verify : {"auto", "full", "sizes"}
        Check the chunk files by content or only by size; by content below 1 GB if ``"auto"``.

    Raises
    ------
    DeepsphereError
        If there is no store, a file of it is missing or changed, or it is another one.
    """
    check_store(folder, digest, verify)
    with xr.open_zarr(folder / ZARR, consolidated=False, chunks=None) as dataset:
        samples, cells, channels = dataset[DATA].shape
        return Store(
            folder=folder,
            shape=(samples, cells, channels),
            channels=tuple(dataset.attrs["channels"]),
            attrs=dict(dataset.attrs),
            coordinates={
                name: dataset[name].values for name in sorted(str(name) for name in dataset.coords)
            },
            _rows=open_rows(folder / ZARR / DATA),
        )
