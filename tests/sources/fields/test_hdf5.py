"""Arrays of HDF5 files, of all layouts, read as h5py reads them."""

import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsphere.sources.fields import hdf5
from deepsphere.sources.fields.hdf5 import DEFECTS, read_array

VALUES = np.random.default_rng(0).normal(size=(13, 17)).round(2)

LAYOUTS: dict[str, dict[str, Any]] = {
    "contiguous": {},
    "chunked": {"chunks": (5, 4)},
    "gzip": {"chunks": (13, 17), "compression": "gzip"},
    "shuffle and gzip": {"chunks": (13, 17), "compression": "gzip", "shuffle": True},
    "cut at the edges": {"chunks": (5, 4), "compression": "gzip", "shuffle": True},
    "larger than the array": {
        "chunks": (20, 30),
        "maxshape": (None, None),
        "compression": "gzip",
        "shuffle": True,
    },
    "checksum": {"chunks": (5, 4), "compression": "gzip", "fletcher32": True},
    "lzf": {"chunks": (5, 4), "compression": "lzf"},
}


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", "<i2", "u1"])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("library", ["isal", "zlib"])
def test_every_layout_gives_what_h5py_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: str, dtype: str, library: str
) -> None:
    if library == "zlib":
        monkeypatch.setattr(hdf5, "_inflater", zlib)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        dataset = file.create_dataset("x", data=(VALUES * 50).astype(dtype), **LAYOUTS[layout])
        expected = dataset[...]
        found = read_array(dataset)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


def test_only_plain_gzip_goes_past_hdf5(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        fast = {
            name
            for name, layout in LAYOUTS.items()
            if hdf5._compressed_chunks(file.create_dataset(name, data=VALUES, **layout))
        }
    assert fast == {"gzip", "shuffle and gzip", "cut at the edges", "larger than the array"}


def test_chunks_that_were_never_written_hold_the_fill_value(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        dataset = file.create_dataset(
            "x", (8, 8), "f4", chunks=(4, 4), compression="gzip", fillvalue=-9
        )
        dataset[:4, :4] = 1
        np.testing.assert_array_equal(read_array(dataset), dataset[...])
        assert (read_array(dataset) == -9).sum() == 48


def test_chunks_whose_filters_were_skipped(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        dataset = file.create_dataset(
            "x", (4, 4), "<f4", chunks=(4, 4), compression="gzip", shuffle=True
        )
        plain = np.arange(16, dtype="<f4").reshape(4, 4)
        # Both bits of the mask: the chunk is as it is in memory.
        dataset.id.write_direct_chunk((0, 0), plain.tobytes(), filter_mask=0b11)
    with h5py.File(tmp_path / "a.h5") as file:
        dataset = file["x"]
        assert hdf5._compressed_chunks(dataset) is None
        np.testing.assert_array_equal(read_array(dataset), plain)


def test_scalars_empty_arrays_and_other_types(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        assert read_array(file.create_dataset("scalar", data=3.5)) == 3.5
        empty = file.create_dataset(
            "empty", (0, 4), "f4", chunks=(1, 4), maxshape=(None, 4), compression="gzip"
        )
        assert read_array(empty).shape == (0, 4)
        flags = file.create_dataset(
            "flags", data=VALUES > 0, chunks=VALUES.shape, compression="gzip"
        )
        np.testing.assert_array_equal(read_array(flags), VALUES > 0)


def test_threads_read_one_file_side_by_side(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for number in range(8):
            file.create_dataset(
                str(number),
                data=np.full((50, 60), number, "f4"),
                chunks=(25, 30),
                compression="gzip",
                shuffle=True,
            )
    with h5py.File(tmp_path / "a.h5") as file, ThreadPoolExecutor(4) as pool:
        numbers = [number % 8 for number in range(80)]
        arrays = list(pool.map(lambda number: read_array(file[str(number)]), numbers))
    for number, array in zip(numbers, arrays, strict=True):
        assert (array == number).all()


@settings(derandomize=True, deadline=None, max_examples=60)
@given(place=st.integers(0, 10**6), byte=st.integers(1, 255))
def test_damage_is_one_of_the_known_defects_or_none(
    tmp_path_factory: pytest.TempPathFactory, place: int, byte: int
) -> None:
    path = tmp_path_factory.mktemp("damaged") / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=VALUES, chunks=(5, 4), compression="gzip", shuffle=True)
    content = bytearray(path.read_bytes())
    content[place % len(content)] ^= byte
    path.write_bytes(content)
    try:
        with h5py.File(path) as file:
            read_array(file["x"])
    except DEFECTS:
        pass
