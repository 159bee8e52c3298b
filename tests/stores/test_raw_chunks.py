import os

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from zarr.codecs import BytesCodec

from deepsphere.errors import DeepsphereError
from deepsphere.stores.raw_chunks import RawChunks, ZarrRows, open_rows

SHAPE = (17, 3, 2)
VALUES = np.random.default_rng(0).standard_normal(SHAPE, dtype=np.float32)


def make_array(folder, dtype="f4", **options):
    arguments = {"chunks": (5, 3, 2), "compressors": None, "filters": None, **options}
    array = zarr.create_array(folder / "data", shape=SHAPE, dtype=dtype, **arguments)
    array[:] = VALUES
    return folder / "data"


def read(rows, numbers):
    out = np.full((len(numbers), *SHAPE[1:]), np.nan, dtype=np.float32)
    rows.read_into(np.array(numbers, dtype=np.int64), out)
    return out


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A plain array, and a compressed one."""
    plain = make_array(tmp_path_factory.mktemp("plain"))
    compressed = make_array(tmp_path_factory.mktemp("compressed"), compressors="auto")
    return plain, compressed


def test_the_plain_layout_is_read_with_pread_and_the_others_through_zarr(folders):
    plain, compressed = folders
    assert isinstance(open_rows(plain), RawChunks)
    assert isinstance(open_rows(compressed), ZarrRows)


@settings(derandomize=True, max_examples=200)
@given(st.lists(st.integers(0, SHAPE[0] - 1), max_size=40))
def test_any_rows_in_any_order(folders, numbers):
    for folder in folders:
        np.testing.assert_array_equal(read(open_rows(folder), numbers), VALUES[numbers])


@settings(derandomize=True, max_examples=100)
@given(st.lists(st.integers(0, SHAPE[0] - 1), max_size=40), st.integers(0, 3), st.integers(0, 3))
def test_a_part_of_any_rows(folders, numbers, first, last):
    expected = VALUES[numbers, first:last]
    for folder in folders:
        out = np.full(expected.shape, np.nan, dtype=np.float32)
        open_rows(folder).read_into(np.array(numbers, dtype=np.int64), out, first)
        np.testing.assert_array_equal(out, expected)


@settings(derandomize=True, max_examples=50)
@given(st.integers(0, SHAPE[0]), st.integers(0, SHAPE[0]))
def test_ranges_of_rows(folders, start, stop):
    numbers = np.arange(start, stop)
    for folder in folders:
        np.testing.assert_array_equal(read(open_rows(folder), numbers), VALUES[numbers])


@pytest.mark.parametrize(
    "options",
    [
        {"compressors": "auto"},
        {"shards": (10, 3, 2)},
        {"chunks": (5, 2, 2)},
        {"serializer": BytesCodec(endian="big")},
        {"chunk_key_encoding": {"name": "v2", "separator": "."}},
        {"dtype": "f8"},
    ],
    ids=lambda options: next(iter(options.items())).__repr__(),
)
def test_other_layouts(tmp_path, options):
    rows = open_rows(make_array(tmp_path, **options))
    assert isinstance(rows, ZarrRows)
    numbers = [16, 0, 3, 4, 5, 6, 3]
    expected = VALUES.astype(options.get("dtype", "f4")).astype("f4")
    np.testing.assert_array_equal(read(rows, numbers), expected[numbers])


def test_half_precision_is_read_with_pread_and_converted(tmp_path):
    rows = open_rows(make_array(tmp_path, dtype="f2"))
    assert isinstance(rows, RawChunks)
    numbers = [16, 0, 3, 4, 5, 6, 3]
    np.testing.assert_array_equal(read(rows, numbers), VALUES.astype("f2").astype("f4")[numbers])


def test_consecutive_rows_of_a_chunk_are_one_read(folders, monkeypatch):
    reads = []
    preadv = os.preadv

    def counted(descriptor, buffers, offset):
        reads.append((offset, sum(len(buffer) for buffer in buffers)))
        return preadv(descriptor, buffers, offset)

    monkeypatch.setattr(os, "preadv", counted)
    row = 3 * 2 * 4
    read(open_rows(folders[0]), [3, 4, 5, 6, 7])
    assert reads == [(3 * row, 2 * row), (0, 3 * row)]


def test_a_read_that_returns_less_than_asked_for_is_continued(folders, monkeypatch):
    preadv = os.preadv
    monkeypatch.setattr(
        os, "preadv", lambda descriptor, buffers, at: preadv(descriptor, [buffers[0][:7]], at)
    )
    numbers = [2, 3, 16, 9]
    np.testing.assert_array_equal(read(open_rows(folders[0]), numbers), VALUES[numbers])


def test_files_are_closed(folders):
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    read(open_rows(folders[0]), [0, 5, 10, 16])
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


def test_missing_and_short_files_are_said(tmp_path):
    folder = make_array(tmp_path)
    rows = open_rows(folder)
    with (folder / "c/1/0/0").open("r+b") as stream:
        stream.truncate(30)
    with pytest.raises(DeepsphereError, match="c/1/0/0 ends at byte 30"):
        read(rows, [6])
    (folder / "c/1/0/0").unlink()
    with pytest.raises(DeepsphereError, match="c/1/0/0 is missing"):
        read(rows, [6])
