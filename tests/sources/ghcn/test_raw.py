"""Raw files as the settings of a source name them, fetched from a folder."""

from pathlib import Path
from typing import Any

import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.files import sha256_file
from deepsphere.sources.ghcn.raw import fetch_raw
from deepsphere.sources.ghcn.settings import Source
from deepsphere.sources.ghcn.simulator import write_raw


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("noaa") / "daily"
    write_raw(folder, "by-year", (2010, 2011), 20, 0)
    write_raw(folder, "ghcnd_hcn.tar.gz", (2010, 2011), 20, 0)
    return folder


def source(mirror: Path, **settings: Any) -> dict[str, Any]:
    values = {"kind": "ghcn", "years": [2010, 2011], "mirrors": [str(mirror)], **settings}
    return {"name": "mine", **Source.model_validate(values).model_dump(mode="json")}


def test_the_files_of_the_years(mirror: Path, tmp_path: Path) -> None:
    fetched = fetch_raw(source(mirror, years=[2011, 2011]), tmp_path / "raw")
    names = {file.name for file in fetched}
    assert names == {"ghcnd-stations.txt", "ghcnd-inventory.txt", "by_year/2011.csv.gz"}
    for file in fetched:
        assert (
            file.sha256
            == sha256_file(mirror / file.name)
            == sha256_file(tmp_path / "raw" / file.name)
        )


def test_the_archive_alone(mirror: Path, tmp_path: Path) -> None:
    fetched = fetch_raw(source(mirror, records="ghcnd_hcn.tar.gz"), tmp_path / "raw")
    assert "ghcnd_hcn.tar.gz" in {file.name for file in fetched}
    assert not (tmp_path / "raw/by_year").exists()


def test_a_known_hash_is_checked(mirror: Path, tmp_path: Path) -> None:
    name = "by_year/2010.csv.gz"
    right = {name: sha256_file(mirror / name)}
    assert fetch_raw(source(mirror, hashes=right), tmp_path / "right")
    with pytest.raises(DeepsphereError, match=r"^by_year/2010\.csv\.gz: .*hash") as caught:
        fetch_raw(source(mirror, hashes={name: "0" * 64}), tmp_path / "wrong")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "wrong" / name).exists()


def test_what_a_folder_lacks_is_told_with_what_it_has(mirror: Path, tmp_path: Path) -> None:
    with pytest.raises(DeepsphereError) as caught:
        fetch_raw(source(mirror, records="ghcnd_all.tar.gz"), tmp_path / "raw")
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith("ghcnd_all.tar.gz: no mirror gave it: ")
    assert message.endswith(f"{mirror} has by-year: set sources.mine.records to it")


def test_without_another_edition_there_is_no_advice(mirror: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DeepsphereError) as caught:
        fetch_raw(source(tmp_path / "empty"), tmp_path / "raw")
    assert str(caught.value).endswith("add a folder that has it to `mirrors`")
