import json

import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.stores.inventory import check_store, summarize, take_inventory
from deepsphere.stores.writer import write_store


@pytest.fixture
def store(make_dataset, sample_bytes, tmp_path):
    """A store of five chunks and its digest."""
    content = write_store(
        make_dataset(), tmp_path / "store", fingerprint={}, chunk_bytes=5 * sample_bytes
    )
    return tmp_path / "store", content["digest"]


def test_a_whole_store_passes(store):
    folder, digest = store
    for verify in ("auto", "full", "sizes"):
        check_store(folder, digest, verify)
    check_store(folder, None)


def test_the_inventory_taken_anew_is_the_one_written(store):
    folder, digest = store
    inventory = take_inventory(folder / "data.zarr")
    assert inventory == json.loads((folder / "inventory.json").read_text())
    assert summarize(inventory)["digest"] == digest


def test_another_store_is_refused_in_one_line(store):
    folder, digest = store
    with pytest.raises(DeepsphereError) as error:
        check_store(folder, "0" * 64)
    message = str(error.value)
    assert str(folder) in message
    assert f"expected digest {'0' * 64}" in message
    assert f"found {digest}" in message
    assert "rerun the store stage" in message
    assert "\n" not in message


@pytest.mark.parametrize("file", ["data/c/2/0/0", "longitude/c/0", "split/c/0"])
def test_a_changed_byte_is_found(store, file):
    folder, digest = store
    path = folder / "data.zarr" / file
    content = bytearray(path.read_bytes())
    content[3] ^= 1
    path.write_bytes(content)
    check_store(folder, digest, "sizes")
    for verify in ("auto", "full"):
        with pytest.raises(DeepsphereError, match=f"{file} was changed: expected SHA-256"):
            check_store(folder, digest, verify)


@pytest.mark.parametrize("verify", ["auto", "full", "sizes"])
def test_a_missing_or_short_chunk_is_always_found(store, verify):
    folder, digest = store
    path = folder / "data.zarr/data/c/4/0/0"
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    with pytest.raises(DeepsphereError, match=f"expected {len(content)} bytes, found"):
        check_store(folder, digest, verify)
    path.unlink()
    with pytest.raises(
        DeepsphereError,
        match=r"c/4/0/0 is missing; delete its manifest .* and rerun the store stage",
    ):
        check_store(folder, digest, verify)


@pytest.mark.parametrize("file", ["zarr.json", "data/zarr.json", "time/zarr.json"])
def test_changed_metadata_are_always_found(store, file):
    folder, digest = store
    path = folder / "data.zarr" / file
    metadata = json.loads(path.read_text())
    path.write_text(json.dumps(metadata))
    check_store(folder, digest, "sizes")
    metadata["attributes"]["units"] = "furlongs"
    path.write_text(json.dumps(metadata))
    with pytest.raises(DeepsphereError, match=r"zarr\.json|was changed: expected digest"):
        check_store(folder, digest, "sizes")


def test_a_file_changed_together_with_its_record_breaks_the_promise(store):
    folder, digest = store
    path = folder / "data.zarr/data/c/0/0/0"
    path.write_bytes(bytes(path.stat().st_size))
    inventory = take_inventory(folder / "data.zarr")
    (folder / "inventory.json").write_text(json.dumps(inventory))
    check_store(folder, None, "full")
    with pytest.raises(DeepsphereError, match=f"expected digest {digest}"):
        check_store(folder, digest)


@pytest.mark.parametrize("text", ["{}", "[]", '{"group": "", "arrays": {"data": 3}}', "null"])
def test_a_damaged_inventory_is_said(store, text):
    folder, digest = store
    (folder / "inventory.json").write_text(text)
    with pytest.raises(DeepsphereError, match=r"inventory\.json is not an inventory"):
        check_store(folder, digest)


def test_no_store_is_said(tmp_path):
    with pytest.raises(DeepsphereError, match="does not exist"):
        check_store(tmp_path / "nowhere", None)
