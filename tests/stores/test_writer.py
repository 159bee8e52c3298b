import hashlib
import json
import signal
import subprocess
import sys
import threading

import dask.array
import numpy as np
import pytest
import xarray as xr
import zarr

from deepsphere.errors import DeepsphereError
from deepsphere.files import read_json
from deepsphere.stores.reader import open_store
from deepsphere.stores.writer import samples_per_chunk, write_store
from deepsphere.workers import Workers

FINGERPRINT = {"settings": 1}


def chunk_file(store, number):
    return store / f"data.zarr/data/c/{number}/0/0"


def contents(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


class Counted:
    """A source of samples for Dask that notes which blocks are made, and may fail at one."""

    def __init__(self, dataset, block, blocks_before_failure=None):
        self.values = dataset.data.values
        self.made = []
        self.blocks_before_failure = blocks_before_failure
        self._lock = threading.Lock()
        chunks = (block, *self.values.shape[1:])
        self.dataset = dataset.assign(
            data=(
                dataset.data.dims,
                dask.array.from_array(self, chunks=chunks, name=False, meta=np.empty(0, "f4")),
                dataset.data.attrs,
            )
        )

    @property
    def shape(self):
        return self.values.shape

    @property
    def dtype(self):
        return self.values.dtype

    @property
    def ndim(self):
        return self.values.ndim

    def __getitem__(self, key):
        with self._lock:
            self.made.append(key[0].start)
        if len(self.made) - 1 == self.blocks_before_failure:
            raise RuntimeError("the source fails")
        return self.values[key]


@pytest.mark.filterwarnings("error")
def test_xarray_and_zarr_read_back_what_was_written(make_dataset, sample_bytes, tmp_path):
    dataset = make_dataset()
    write_store(dataset, tmp_path / "store", fingerprint=FINGERPRINT, chunk_bytes=5 * sample_bytes)
    path = tmp_path / "store/data.zarr"
    with xr.open_zarr(path, consolidated=False) as opened:
        xr.testing.assert_equal(opened.load(), dataset)
        assert opened.attrs == {"Conventions": "CF-1.13", **dataset.attrs}
        assert opened.data.attrs == {"long_name": "temperature"}
        assert opened.longitude.attrs["units"] == "degrees_east"
        assert opened.time.attrs["standard_name"] == "time"
    group = zarr.open_group(path, mode="r")
    members = dict(group.members())
    assert set(members) == {"data", "time", "longitude", "latitude", "elevation", "split"}
    np.testing.assert_array_equal(members["data"][:], dataset.data.values)
    assert members["data"].chunks == (5, 7, 2)
    assert members["data"].nchunks_initialized == 5
    assert members["split"].dtype == np.uint8


def test_a_chunk_file_is_the_plain_array_padded_with_nan(make_dataset, sample_bytes, tmp_path):
    dataset = make_dataset(samples=8)
    write_store(dataset, tmp_path / "store", fingerprint=FINGERPRINT, chunk_bytes=5 * sample_bytes)
    first, last = (
        np.fromfile(chunk_file(tmp_path / "store", number), "<f4").reshape(5, 7, 2)
        for number in (0, 1)
    )
    np.testing.assert_array_equal(first, dataset.data.values[:5])
    np.testing.assert_array_equal(last[:3], dataset.data.values[5:])
    assert np.isnan(last[3:]).all()


def test_a_chunk_of_nothing_but_nan_is_written(make_dataset, sample_bytes, tmp_path):
    dataset = make_dataset()
    dataset.data[5:10] = np.nan
    write_store(dataset, tmp_path / "store", fingerprint=FINGERPRINT, chunk_bytes=5 * sample_bytes)
    assert np.isnan(np.fromfile(chunk_file(tmp_path / "store", 1), "<f4")).all()


@pytest.mark.parametrize("backing", ["numpy", "memmap", "dask", "misaligned dask"])
def test_the_bytes_do_not_depend_on_how_the_data_come(
    make_dataset, sample_bytes, tmp_path, backing
):
    dataset = make_dataset()
    values = dataset.data.values
    if backing == "memmap":
        np.save(tmp_path / "values.npy", values)
        data = np.load(tmp_path / "values.npy", mmap_mode="r")
    elif backing == "numpy":
        data = np.asfortranarray(values)
    else:
        chunks = (5, 7, 2) if backing == "dask" else (3, 4, 1)
        data = dask.array.from_array(values, chunks=chunks)
    other = dataset.assign(data=(dataset.data.dims, data, dataset.data.attrs))
    arguments = {"fingerprint": FINGERPRINT, "chunk_bytes": 5 * sample_bytes}
    expected = write_store(dataset, tmp_path / "one", workers=Workers(1), **arguments)
    assert write_store(other, tmp_path / "other", workers=Workers(4), **arguments) == expected
    assert contents(tmp_path / "one") == contents(tmp_path / "other")


def test_the_result_describes_the_store(make_dataset, sample_bytes, tmp_path):
    content = write_store(
        make_dataset(), tmp_path / "store", fingerprint=FINGERPRINT, chunk_bytes=5 * sample_bytes
    )
    data = content["arrays"]["data"]
    assert data["shape"] == [23, 7, 2]
    assert data["chunk"] == [5, 7, 2]
    assert data["dtype"] == "float32"
    assert data["dimensions"] == ["sample", "cell", "channel"]
    # 5 whole chunks; 8 bytes for each of 23 times and of 3 times 7 coordinates; 23 splits.
    assert content["bytes"] == 25 * sample_bytes + 8 * 23 + 3 * 8 * 7 + 23
    json.dumps(content)
    inventory = read_json(tmp_path / "store/inventory.json", "inventory")
    record = inventory["arrays"]["data"]["files"]["c/4/0/0"]
    path = chunk_file(tmp_path / "store", 4)
    assert record == {
        "bytes": 5 * sample_bytes,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }


def test_the_digest_follows_the_content(make_dataset, tmp_path):
    def digest(dataset):
        return write_store(dataset, tmp_path / "store", fingerprint=FINGERPRINT)["digest"]

    original = digest(make_dataset())
    assert digest(make_dataset()) == original
    changed = make_dataset()
    changed.data[3, 2, 1] = 1e6
    moved = make_dataset()
    moved.longitude[3] += 1
    renamed = make_dataset().assign_attrs(title="Climate")
    feet = make_dataset()
    feet.elevation.attrs["units"] = "ft"
    assert len({original, *(digest(dataset) for dataset in (changed, moved, renamed, feet))}) == 5


def test_a_new_store_replaces_the_old_one_and_leaves_no_scratch(make_dataset, tmp_path):
    write_store(make_dataset(samples=9), tmp_path / "store", fingerprint={"settings": 1})
    (tmp_path / "store/.snakemake_timestamp").touch()
    write_store(make_dataset(samples=4), tmp_path / "store", fingerprint={"settings": 2})
    assert zarr.open_array(tmp_path / "store/data.zarr/data", mode="r").shape == (4, 7, 2)
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


@pytest.mark.filterwarnings("error")
def test_foreign_files_beside_the_group_do_not_matter(make_dataset, tmp_path):
    write_store(make_dataset(), tmp_path / "store", fingerprint=FINGERPRINT)
    (tmp_path / "store/.snakemake_timestamp").touch()
    assert len(list(zarr.open_group(tmp_path / "store/data.zarr", mode="r").members())) == 6


def test_a_failed_source_leaves_nothing_visible_and_finished_chunks_are_used_again(
    make_dataset, sample_bytes, tmp_path
):
    dataset = make_dataset()
    arguments = {"fingerprint": FINGERPRINT, "chunk_bytes": 5 * sample_bytes, "workers": Workers(1)}
    broken = Counted(dataset, 5, blocks_before_failure=3)
    with pytest.raises(RuntimeError, match="the source fails"):
        write_store(broken.dataset, tmp_path / "store", **arguments)
    assert not (tmp_path / "store").exists()
    mended = Counted(dataset, 5)
    content = write_store(mended.dataset, tmp_path / "store", **arguments)
    finished = set(broken.made[:3])
    assert len(finished) == 3
    assert sorted(mended.made) == sorted({0, 5, 10, 15, 20} - finished)
    assert content == write_store(dataset, tmp_path / "other", **arguments)


@pytest.mark.parametrize("change", ["fingerprint", "attributes", "coordinates", "chunks"])
def test_another_store_does_not_use_the_scratch(make_dataset, sample_bytes, tmp_path, change):
    dataset = make_dataset()
    arguments = {"fingerprint": FINGERPRINT, "chunk_bytes": 5 * sample_bytes, "workers": Workers(1)}
    with pytest.raises(RuntimeError):
        write_store(
            Counted(dataset, 5, blocks_before_failure=3).dataset, tmp_path / "store", **arguments
        )
    if change == "fingerprint":
        arguments["fingerprint"] = {"settings": 2}
    elif change == "attributes":
        dataset = dataset.assign_attrs(title="Climate")
    elif change == "coordinates":
        dataset = dataset.assign_coords(split=("sample", np.ones(23, np.uint8)))
    else:
        arguments["chunk_bytes"] = 6 * sample_bytes
    source = Counted(dataset, 5)
    content = write_store(source.dataset, tmp_path / "store", **arguments)
    assert sorted(set(source.made)) == [0, 5, 10, 15, 20]
    assert content == write_store(dataset, tmp_path / "other", **arguments)


def test_a_finished_chunk_that_was_lost_or_damaged_is_made_again(
    make_dataset, sample_bytes, tmp_path
):
    dataset = make_dataset()
    arguments = {"fingerprint": FINGERPRINT, "chunk_bytes": 5 * sample_bytes, "workers": Workers(1)}
    with pytest.raises(RuntimeError):
        write_store(
            Counted(dataset, 5, blocks_before_failure=3).dataset, tmp_path / "store", **arguments
        )
    scratch = tmp_path / ".store.scratch/content"
    lost, damaged = sorted((scratch / "data.zarr/data/c").iterdir())[:2]
    (lost / "0/0").unlink()
    with (damaged / "0/0").open("r+b") as stream:
        stream.truncate(3)
    content = write_store(dataset, tmp_path / "store", **arguments)
    assert content == write_store(dataset, tmp_path / "other", **arguments)


KILLED_WRITER = """
import os, signal, sys
from pathlib import Path

import dask.array
import numpy as np
import xarray as xr

from deepsphere.stores.writer import write_store
from deepsphere.workers import Workers

folder, deadly = Path(sys.argv[1]), int(sys.argv[2])

def block(block_info=None):
    number = block_info[None]["chunk-location"][0]
    (folder / f"made-{number}").touch()
    if len(list(folder.glob("made-*"))) == deadly:
        os.kill(os.getpid(), signal.SIGKILL)
    return np.random.default_rng(number).standard_normal((4, 50, 3), dtype="f4")

data = dask.array.map_blocks(block, chunks=((4,) * 8, 50, 3), dtype="f4", meta=np.empty(0, "f4"))
dataset = xr.Dataset(
    {"data": (("sample", "cell", "channel"), data)},
    coords={"longitude": ("cell", np.arange(50.0)), "latitude": ("cell", np.arange(50.0))},
    attrs={"channels": ["a", "b", "c"]},
)
content = write_store(
    dataset, folder / "store", fingerprint={}, chunk_bytes=4 * 50 * 3 * 4, workers=Workers(1)
)
sys.stdout.write(content["digest"])
"""


def test_a_killed_writer_resumes_and_makes_the_same_store(tmp_path):
    def run(folder, deadly):
        folder.mkdir(exist_ok=True)
        return subprocess.run(
            [sys.executable, "-c", KILLED_WRITER, str(folder), str(deadly)],
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )

    def made():
        return {int(path.name.removeprefix("made-")) for path in (tmp_path / "a").glob("made-*")}

    assert run(tmp_path / "a", deadly=6).returncode == -signal.SIGKILL
    assert not (tmp_path / "a/store").exists()
    content = tmp_path / "a/.store.scratch/content"
    finished = {int(path.parts[-3]) for path in content.glob("data.zarr/data/c/*/0/0")}
    assert len(made()) == 6
    # One worker makes and writes block by block: only the deadly one is unwritten.
    assert len(finished) == 5
    for path in (tmp_path / "a").glob("made-*"):
        path.unlink()
    (content / "data.zarr/data/c/0.uuid.partial").touch()
    resumed = run(tmp_path / "a", deadly=0)
    assert resumed.returncode == 0, resumed.stderr
    assert made() == set(range(8)) - finished
    assert resumed.stdout == run(tmp_path / "b", deadly=0).stdout
    assert contents(tmp_path / "a/store") == contents(tmp_path / "b/store")


def test_a_writer_killed_between_publishing_and_cleaning_up_starts_over(
    make_dataset, tmp_path, monkeypatch
):
    def die(folder):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("deepsphere.stores.writer.shutil.rmtree", die)
        with pytest.raises(KeyboardInterrupt):
            write_store(make_dataset(), tmp_path / "store", fingerprint=FINGERPRINT)
    assert (tmp_path / ".store.scratch").exists()
    content = write_store(make_dataset(), tmp_path / "store", fingerprint=FINGERPRINT)
    assert content == write_store(make_dataset(), tmp_path / "other", fingerprint=FINGERPRINT)
    assert not (tmp_path / ".store.scratch").exists()


@pytest.mark.parametrize(
    ("shape", "chunk_bytes", "expected"),
    [
        ((1826, 1573, 2), 32_000_000, 1826),  # 12,584 bytes a sample: all in one chunk
        ((100_000, 1573, 2), 32_000_000, 2542),
        ((1000, 12288, 6), 32_000_000, 108),
        ((10, 12_582_912, 1), 32_000_000, 1),  # a sample is larger than a chunk
        ((10, 7, 2), 10 * 56, 10),
        ((11, 7, 2), 10 * 56 + 55, 10),
    ],
)
def test_samples_in_a_chunk(shape, chunk_bytes, expected):
    assert samples_per_chunk(shape, chunk_bytes) == expected


def test_chunks_of_no_bytes_are_refused(make_dataset, tmp_path):
    with pytest.raises(DeepsphereError, match="chunk_bytes=0"):
        write_store(make_dataset(), tmp_path / "store", fingerprint={}, chunk_bytes=0)


def test_samples_of_half_precision_take_half_the_space(make_dataset, tmp_path):
    dataset = make_dataset()
    half = dataset.assign(data=dataset["data"].astype(np.float16))
    whole = write_store(dataset, tmp_path / "whole", fingerprint={})
    content = write_store(half, tmp_path / "half", fingerprint={})
    assert content["arrays"]["data"]["dtype"] == "float16"
    store = open_store(tmp_path / "half", content["digest"])
    np.testing.assert_array_equal(
        store.read(np.arange(len(store))), half["data"].values.astype(np.float32)
    )
    sizes = [
        (tmp_path / name / "data.zarr/data/c/0/0/0").stat().st_size for name in ("whole", "half")
    ]
    assert sizes[0] == 2 * sizes[1] > 0
    assert content["digest"] != whole["digest"]
