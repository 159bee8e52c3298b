"""The simulated files are laid out as SHREC'17's, and the table says what is in them."""

import csv
import gzip
import io
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import ConvexHull

from deepsphere.files import sha256_file
from deepsphere.regridding.mesh import cleaned
from deepsphere.sources.meshes.archives import open_archive
from deepsphere.sources.meshes.matching import match_table
from deepsphere.sources.meshes.reading import read_mesh
from deepsphere.sources.meshes.simulated_collection import simulated_objects
from deepsphere.sources.meshes.simulated_shapes import CLASSES
from deepsphere.sources.meshes.table import read_table
from deepsphere.sources.shrec17.simulator import simulate_raw

SIMULATION = {"objects": 20, "classes": 6, "seed": 1, "broken": 0}
COUNT = 120


@pytest.fixture(scope="module")
def raw(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("raw")
    simulate_raw({"simulate": SIMULATION, "edition": "perturbed"}, folder)
    return folder


@pytest.fixture(scope="module")
def rows(raw: Path) -> list[dict[str, str]]:
    text = gzip.decompress((raw / "all.csv.gz").read_bytes()).decode("ascii")
    assert not text.endswith("\n")
    assert text.splitlines()[0] == "id,synsetId,subSynsetId,modelId,split"
    return list(csv.DictReader(io.StringIO(text)))


def meshes_of(folder: Path, split: str) -> dict[str, bytes]:
    with zipfile.ZipFile(folder / f"{split}_perturbed.zip") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_archives_hold_what_the_table_says(raw: Path, rows: list[dict[str, str]]) -> None:
    assert sorted(path.name for path in raw.iterdir()) == [
        "all.csv.gz",
        "test_perturbed.zip",
        "train_perturbed.zip",
        "val_perturbed.zip",
    ]
    for split, count in (("train", 84), ("val", 12), ("test", 24)):
        of_split = [row["id"] for row in rows if row["split"] == split]
        assert len(of_split) == count
        assert list(meshes_of(raw, split)) == [f"{split}_perturbed/{one}.obj" for one in of_split]


def test_ids_have_gaps_and_give_nothing_away(rows: list[dict[str, str]]) -> None:
    """Numbers of six digits, of which a few are skipped; classes are spread over all of them."""
    numbers = np.array([int(row["id"]) for row in rows])
    assert len(set(numbers.tolist())) == COUNT
    assert (numbers.min() >= 1) and (COUNT < numbers.max() <= COUNT + 2)
    assert all(len(row["id"]) == 6 and len(row["modelId"]) == 32 for row in rows)
    assert all(row["modelId"].startswith("simulated") for row in rows)
    classes = np.array([int(row["synsetId"]) for row in rows])
    assert abs(np.corrcoef(numbers, classes)[0, 1]) < 4 / np.sqrt(COUNT)


def test_synsets_have_two_sub_synsets_where_classes_are_divided(
    rows: list[dict[str, str]],
) -> None:
    sub_synsets: dict[str, set[str]] = {}
    for row in rows:
        sub_synsets.setdefault(row["synsetId"], set()).add(row["subSynsetId"])
    assert Counter(row["synsetId"] for row in rows) == dict.fromkeys(sub_synsets, 20)
    for one, synset in zip(CLASSES, sorted(sub_synsets), strict=False):
        assert synset.startswith("99")
        if one.divided:
            assert len(sub_synsets[synset]) == 2
            assert synset not in sub_synsets[synset]
        else:
            assert sub_synsets[synset] == {synset}


def test_every_mesh_can_be_read(raw: Path) -> None:
    for split in ("train", "val", "test"):
        for name, content in meshes_of(raw, split).items():
            assert len(cleaned(read_mesh(name, content)).faces) >= 10
            assert content.startswith(b"# SIMULATED")


def test_meshes_are_turned_as_a_whole(tmp_path: Path) -> None:
    """A rotation keeps the volume of the hull and the distances of vertices to the origin."""
    simulation = SIMULATION | {"objects": 4, "classes": 2}
    simulate_raw({"simulate": simulation, "edition": "perturbed"}, tmp_path)
    drawn = [
        one.draw().vertices for one in simulated_objects(simulation, {"val": 0.1, "test": 0.2})
    ]
    turned = [
        read_mesh(name, content).vertices
        for split in ("train", "val", "test")
        for name, content in meshes_of(tmp_path, split).items()
    ]
    volumes = [np.sort([ConvexHull(one).volume for one in all_of]) for all_of in (drawn, turned)]
    assert volumes[1] == pytest.approx(volumes[0], rel=1e-4)
    reaches = [
        np.sort([np.linalg.norm(one, axis=1).max() for one in all_of]) for all_of in (drawn, turned)
    ]
    assert reaches[1] == pytest.approx(reaches[0], rel=1e-5)
    heights = [np.sort([np.ptp(one[:, 2]) for one in all_of]) for all_of in (drawn, turned)]
    assert not np.allclose(heights[0], heights[1], rtol=0.01)


def test_rebuilt_edition(raw: Path, tmp_path: Path) -> None:
    """The same table; an archive a synset, as of ShapeNetCore, with a folder a model, y upright."""
    simulate_raw({"simulate": SIMULATION, "edition": "rebuilt"}, tmp_path)
    table = gzip.decompress((tmp_path / "all.csv.gz").read_bytes())
    assert table == gzip.decompress((raw / "all.csv.gz").read_bytes())
    members = {}
    for path in tmp_path.glob("*.zip"):
        with zipfile.ZipFile(path) as archive:
            assert all(name.startswith(f"{path.stem}/") for name in archive.namelist())
            members[path.name] = archive.namelist()
    matched = match_table(
        "all.csv.gz",
        read_table("all.csv.gz", table),
        {name: open_archive(tmp_path / name).members() for name in members},
        shares={"train": 1.0},
        seed=0,
    )
    assert len(matched.entries) == COUNT
    first = next(simulated_objects(SIMULATION, {"val": 0.1, "test": 0.2})).draw().vertices
    heights = []
    for name in members["99000000.zip"]:
        with zipfile.ZipFile(tmp_path / "99000000.zip") as archive:
            heights.append(float(np.ptp(read_mesh(name, archive.read(name)).vertices[:, 1])))
    assert any(height == pytest.approx(float(np.ptp(first[:, 2])), rel=1e-5) for height in heights)


@pytest.mark.parametrize("edition", ["perturbed", "rebuilt"])
def test_bytes_follow_from_the_seed(edition: str, tmp_path: Path) -> None:
    few = SIMULATION | {"objects": 4, "classes": 2}
    for name, seed in (("one", 1), ("two", 1), ("other", 2)):
        simulate_raw({"simulate": few | {"seed": seed}, "edition": edition}, tmp_path / name)
    for path in (tmp_path / "one").iterdir():
        digests = [sha256_file(tmp_path / name / path.name) for name in ("one", "two", "other")]
        assert digests[0] == digests[1] != digests[2]


def test_broken_ones_are_in_the_table_too(tmp_path: Path) -> None:
    simulation = SIMULATION | {"objects": 4, "broken": 3}
    simulate_raw({"simulate": simulation, "edition": "perturbed"}, tmp_path)
    train = meshes_of(tmp_path, "train")
    assert len(train) == 2 * 6 + 3
    assert sum(not content for content in train.values()) == 1
    assert sum(b"v nan nan nan\n" in content for content in train.values()) == 1
    assert sum(b"\nf " not in content for content in train.values()) == 2
    assert gzip.decompress((tmp_path / "all.csv.gz").read_bytes()).count(b",train") == 15
