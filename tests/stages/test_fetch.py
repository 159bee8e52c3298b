"""A simulation never replaces what somebody else put there."""

from pathlib import Path
from typing import Any

import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.files import read_json
from deepsphere.stages.fetch import run


def settings(folder: Path, seed: int = 0) -> dict[str, Any]:
    return {
        "source": {
            "name": "weather",
            "kind": "ghcn",
            "records": "stations",
            "years": [2010, 2010],
            "mirrors": [],
            "hashes": {},
            "simulate": {"stations": 20, "seed": seed},
        },
        "folder": str(folder / "weather"),
        "manifest": str(folder / "weather.json"),
    }


def test_the_manifest_lists_what_was_simulated_and_nothing_else(tmp_path: Path) -> None:
    run(settings(tmp_path))
    names = {file["name"] for file in read_json(tmp_path / "weather.json", "manifest")["files"]}
    present = {
        path.relative_to(tmp_path / "weather").as_posix()
        for path in (tmp_path / "weather").rglob("*")
        if path.is_file()
    }
    assert names == present - {"SIMULATED"}
    assert len(names) == 22
    assert {path.name for path in tmp_path.iterdir()} == {"weather", "weather.json"}


def test_a_simulation_replaces_a_simulation(tmp_path: Path) -> None:
    run(settings(tmp_path))
    first = read_json(tmp_path / "weather.json", "manifest")["digest"]
    run(settings(tmp_path, seed=1))
    assert read_json(tmp_path / "weather.json", "manifest")["digest"] != first
    run(settings(tmp_path))
    assert read_json(tmp_path / "weather.json", "manifest")["digest"] == first


@pytest.mark.parametrize("name", ["thesis.txt", "SHA256SUMS", "by_year/2010.csv.gz.part"])
def test_a_folder_of_other_files_is_left_alone(name: str, tmp_path: Path) -> None:
    precious = tmp_path / "weather" / name
    precious.parent.mkdir(parents=True)
    precious.write_text("mine")
    with pytest.raises(DeepsphereError, match="holds files that were not simulated"):
        run(settings(tmp_path))
    assert precious.read_text() == "mine"


def test_what_a_killed_simulation_left_is_not_published(tmp_path: Path) -> None:
    run(settings(tmp_path))
    clean = read_json(tmp_path / "weather.json", "manifest")
    leftover = tmp_path / ".weather.scratch/raw/all/ZZX99999999.dly"
    leftover.parent.mkdir(parents=True)
    leftover.write_text("half")
    run(settings(tmp_path))
    assert read_json(tmp_path / "weather.json", "manifest") == clean
