import multiprocessing
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import zarr

from deepsphere.errors import DeepsphereError
from deepsphere.files import write_json
from deepsphere.stores.inventory import summarize, take_inventory
from deepsphere.stores.raw_chunks import ZarrRows
from deepsphere.stores.reader import open_store
from deepsphere.stores.writer import write_store


@pytest.fixture
def dataset(make_dataset):
    return make_dataset()


@pytest.fixture
def folder(dataset, sample_bytes, tmp_path):
    """A store of that dataset in five chunks."""
    write_store(dataset, tmp_path / "store", fingerprint={}, chunk_bytes=5 * sample_bytes)
    return tmp_path / "store"


@pytest.mark.filterwarnings("error")
def test_what_a_store_says_of_itself(dataset, folder):
    store = open_store(folder)
    assert store.shape == (23, 7, 2)
    assert len(store) == 23
    assert store.channels == ("tmin", "tmax")
    assert store.attrs["station_ids"][3] == "USW00000003"
    np.testing.assert_array_equal(store.times, dataset.time.values)
    np.testing.assert_array_equal(store.longitude, dataset.longitude.values)
    np.testing.assert_array_equal(store.latitude, dataset.latitude.values)
    np.testing.assert_array_equal(store.coordinates["elevation"], dataset.elevation.values)
    np.testing.assert_array_equal(store.coordinates["split"], dataset.split.values)
    assert store.coordinates["split"].dtype == np.uint8
    assert list(store.coordinates) == ["elevation", "latitude", "longitude", "split", "time"]
    assert list(store.split) == ["train", "validation", "test"]
    for number, samples in enumerate(store.split.values()):
        np.testing.assert_array_equal(samples, np.flatnonzero(dataset.split.values == number))


def test_samples_in_any_order(dataset, folder):
    store = open_store(folder)
    for numbers in ([], [22], [3, 3, 0], np.arange(23), np.random.default_rng(1).permutation(23)):
        values = store.read(numbers)
        assert values.dtype == np.float32
        np.testing.assert_array_equal(
            values, dataset.data.values[np.array(numbers, dtype=np.int64)]
        )


def test_reading_into_an_array(dataset, folder):
    store = open_store(folder)
    out = np.zeros((2, 7, 2), dtype=np.float32)
    assert store.read([4, 5], out=out) is out
    np.testing.assert_array_equal(out, dataset.data.values[4:6])
    for wrong in (out[:1], out.astype("f8"), np.asfortranarray(out)):
        with pytest.raises(ValueError, match="out must be a C-order float32 array"):
            store.read([4, 5], out=wrong)


def test_some_cells_of_samples(dataset, folder):
    store = open_store(folder)
    numbers = [22, 4, 5, 6, 0, 5]
    for cells in (range(7), range(2, 5), range(6, 7), range(3, 3)):
        np.testing.assert_array_equal(
            store.read(numbers, cells=cells), dataset.data.values[numbers][:, list(cells)]
        )
    out = np.zeros((6, 3, 2), dtype=np.float32)
    assert store.read(numbers, out, range(2, 5)) is out
    for wrong in (range(8), range(-1, 2), range(0, 6, 2), range(5, 3)):
        with pytest.raises(IndexError, match=r"cells must be consecutive ones from 0 to 6; found"):
            store.read(numbers, cells=wrong)


@pytest.mark.parametrize("numbers", [[23], [-1], [0.5], [True] * 23, 3, [[1, 2]]])
def test_numbers_of_no_sample_are_refused(folder, numbers):
    # The last chunk is padded to 25 samples: 23 must not give padding.
    with pytest.raises(IndexError, match="samples must be"):
        open_store(folder).read(numbers)


def test_the_promise_is_checked(dataset, folder, tmp_path):
    digest = write_store(dataset, tmp_path / "twin", fingerprint={})["digest"]
    assert open_store(tmp_path / "twin", digest).shape == (23, 7, 2)
    with pytest.raises(
        DeepsphereError, match=rf"store: .*{digest}.*rerun the store stage"
    ) as error:
        open_store(folder, digest)
    assert str(folder) in str(error.value)


def test_a_changed_chunk_is_not_opened(folder):
    path = folder / "data.zarr/data/c/1/0/0"
    path.write_bytes(path.read_bytes()[::-1])
    with pytest.raises(DeepsphereError, match="was changed"):
        open_store(folder)


def test_a_deleted_chunk_is_not_opened(folder):
    (folder / "data.zarr/data/c/1/0/0").unlink()
    with pytest.raises(DeepsphereError, match="is missing"):
        open_store(folder, verify="sizes")


def test_a_compressed_half_precision_store(dataset, folder):
    path = folder / "data.zarr/data"
    attributes = dict(zarr.open_array(path, mode="r").attrs)
    array = zarr.create_array(
        path,
        shape=(23, 7, 2),
        chunks=(4, 7, 2),
        dtype="f2",
        dimension_names=["sample", "cell", "channel"],
        attributes={"coordinates": attributes["coordinates"]},
        overwrite=True,
    )
    half = dataset.data.values.astype("f2")
    array[:] = half
    inventory = take_inventory(folder / "data.zarr")
    write_json(folder / "inventory.json", inventory)
    store = open_store(folder, summarize(inventory)["digest"])
    assert isinstance(store._rows, ZarrRows)
    values = store.read([22, 3, 4])
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values, half[[22, 3, 4]].astype("f4"))


def test_a_store_without_times(dataset, tmp_path):
    write_store(dataset.drop_vars("time"), tmp_path / "store", fingerprint={})
    with pytest.raises(DeepsphereError, match="has no time; its coordinates are"):
        _ = open_store(tmp_path / "store").times


def test_a_pickled_store_reads_the_same(dataset, folder):
    store = pickle.loads(pickle.dumps(open_store(folder)))
    np.testing.assert_array_equal(store.read([7, 1]), dataset.data.values[[7, 1]])


def test_a_forked_process_reads_the_same(dataset, folder):
    store = open_store(folder)
    store.read([0])
    with multiprocessing.get_context("fork").Pool(1) as pool:
        values = pool.apply_async(store.read, ([7, 1],)).get(timeout=60)
    np.testing.assert_array_equal(values, dataset.data.values[[7, 1]])


def test_threads_read_at_once(dataset, folder):
    store = open_store(folder)
    random = np.random.default_rng(2)
    batches = [random.integers(0, 23, 11) for _ in range(64)]
    with ThreadPoolExecutor(8) as pool:
        for numbers, values in zip(batches, pool.map(store.read, batches), strict=True):
            np.testing.assert_array_equal(values, dataset.data.values[numbers])
