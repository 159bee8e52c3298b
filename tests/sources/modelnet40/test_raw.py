"""The archive of ModelNet40, from a folder, with its hash."""

from pathlib import Path
from typing import Any

import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.files import sha256_file
from deepsphere.sources.modelnet40.catalogue import catalogue
from deepsphere.sources.modelnet40.raw import fetch_raw
from deepsphere.sources.modelnet40.settings import Source


def source(mirror: Path, **settings: Any) -> dict[str, Any]:
    values = {"kind": "modelnet40", "mirrors": [str(mirror)], **settings}
    return {"name": "mine", **Source.model_validate(values).model_dump(mode="json")}


def test_the_known_hash_is_that_of_the_original() -> None:
    (original,) = catalogue("original", {})
    assert original.name == "ModelNet40.zip"
    assert original.known_hash is not None
    assert original.known_hash.startswith("42dc3e65")
    (aligned,) = catalogue("aligned", {})
    assert (aligned.name, aligned.known_hash) == ("modelnet40_manually_aligned.tar", None)


def test_another_zip_is_refused_unless_its_hash_is_given(tmp_path: Path) -> None:
    (tmp_path / "ModelNet40.zip").write_bytes(b"PK of my own")
    with pytest.raises(DeepsphereError, match=r"expected 42dc3e65.*kind meshes") as caught:
        fetch_raw(source(tmp_path), tmp_path / "raw")
    assert "\n" not in str(caught.value)
    hashes = {"ModelNet40.zip": sha256_file(tmp_path / "ModelNet40.zip")}
    (fetched,) = fetch_raw(source(tmp_path, hashes=hashes), tmp_path / "raw")
    assert fetched.sha256 == hashes["ModelNet40.zip"]


def test_where_it_is_missing_the_way_is_told(tmp_path: Path) -> None:
    with pytest.raises(DeepsphereError) as caught:
        fetch_raw(source(tmp_path, edition="aligned"), tmp_path / "raw")
    assert str(caught.value).endswith(
        "put modelnet40_manually_aligned.tar into a folder and add that to sources.mine.mirrors, "
        "or give a source of kind meshes what you have of it"
    )
