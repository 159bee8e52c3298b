"""From files to samples, by workers and their children: any layout gives the same signals."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from deepsphere.errors import DeepsphereError
from deepsphere.sources.meshes.samples import open_samples, read_entries
from deepsphere.sources.meshes.settings import Source, Store
from deepsphere.workers import Workers

SHAPES = {"cube": (1, 1, 1), "slab": (4, 3, 1)}
CORNERS = [(x, y, z) for z in (0, 1) for y in (0, 1) for x in (0, 1)]
FACES = "4 0 2 3 1\n4 4 5 7 6\n4 0 1 5 4\n4 1 3 7 5\n4 3 2 6 7\n4 2 0 4 6\n"
COPIES = {"still": {}, "turned": {"rotation": "so3", "count": 2}}


def box(label: str, number: int) -> str:
    """Return an OFF file of a box, a little higher with each number."""
    a, b, c = SHAPES[label]
    rows = [f"{x * a} {y * b} {z * (c + 0.1 * number)}\n" for x, y, z in CORNERS]
    return f"OFF\n8 6 0\n{''.join(rows)}{FACES}"


def members(layout: str) -> dict[str, str]:
    """Return ten boxes: files 0 to 2 to train on, 3 to select, 4 to test."""
    splits = ["train"] * 3 + ["val", "test"]
    return {
        layout.format(label=label, split=split, name=f"{label}{number}"): box(label, number)
        for label in SHAPES
        for number, split in enumerate(splits)
    }


def settings(**store: Any) -> dict[str, Any]:
    values = {"kind": "meshes", "source": "mine", "sampling": "healpix:4", "copies": COPIES}
    return Store.model_validate({**values, **store}).model_dump(mode="json")


def reading(**source: Any) -> dict[str, Any]:
    return Source.model_validate({"kind": "meshes", "mirrors": ["/x"], **source}).reading()


def write_zip(path: Path, files: dict[str, str]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    (tmp_path / "raw").mkdir()
    return tmp_path / "raw"


def read(
    raw: Path, listed: Any, source: dict[str, Any], store: dict[str, Any], count: int = 1
) -> tuple[xr.Dataset, dict[str, Any]]:
    scratch = raw.parent / "scratch"
    scratch.mkdir(exist_ok=True)
    dataset, report = open_samples(raw, listed, source, store, scratch, Workers(count))
    return dataset, report()


def test_a_tree_in_a_zip(raw: Path) -> None:
    files = members("shapes/{label}/{split}/{name}.off")
    files["__MACOSX/shapes/cube/train/._cube0.off"] = "resource fork"
    files["shapes/slab/test/slab9.off"] = "OFF\n8 6 0\n1 2 3\n"
    write_zip(raw / "boxes.zip", files)
    dataset, report = read(raw, ["boxes.zip"], reading(), settings(quarantine=0.1), count=2)
    assert report["meshes"] == 11
    assert report["classes"] == 2
    assert report["split"] == {"train": 6, "validation": 2, "test": 3}
    assert report["quarantined"]["count"] == 1
    (broken,) = report["quarantined"]["first"]
    assert broken["id"] == "slab/test/slab9"
    assert "\n" not in broken["reason"]
    assert "slab9" not in broken["reason"]
    assert dataset.attrs["title"] == "Spherical signals of meshes"
    assert dataset.attrs["source"] == "boxes.zip"
    assert dataset["data"].shape == (33, 192, 6)
    row = dataset.attrs["ids"].index("slab/test/slab9")
    of_broken = dataset["object"].values == row
    np.testing.assert_array_equal(dataset["valid"].values, ~of_broken)
    data = dataset["data"].values
    assert np.isnan(data[of_broken]).all()
    assert np.isfinite(data[~of_broken]).all()
    # A ray along g leaves a box of half sides h at 1 / max(|g| / h), its half diagonal being 0.99.
    sides = np.array([4, 3, 1.2])
    half = 0.99 * sides / np.sqrt(np.square(sides).sum())
    name = dataset.attrs["ids"].index("slab/train/slab2")
    still = (dataset["object"].values == name) & (dataset["copies"].values == 0)
    longitude, latitude = np.radians([dataset["longitude"].values, dataset["latitude"].values])
    ring = np.cos(latitude)
    places = [ring * np.cos(longitude), ring * np.sin(longitude), np.sin(latitude)]
    distance = 1 - 1 / (np.abs(np.transpose(places)) / half).max(axis=1)
    np.testing.assert_allclose(data[still][0, :, 0], distance, atol=3e-6)


def test_a_table_and_loose_files(raw: Path) -> None:
    files = members("objects/{name}.off")
    for name, content in files.items():
        (raw / name).parent.mkdir(exist_ok=True)
        (raw / name).write_text(content)
    (raw / "objects/other.off").write_text("nobody fetched this")
    rows = [
        f"{label}{number},{label},{'low' if number < 2 else 'high'},"
        f"{'test' if number == 4 else 'train'}\n"
        for label in SHAPES
        for number in range(1, 6)
    ]
    (raw / "labels.csv").write_text(f"id,label,sublabel,split\n{''.join(rows)}")
    source = reading(labels="labels.csv")
    dataset, report = read(raw, [*files, "labels.csv"], source, settings())
    assert report["meshes"] == 8
    assert report["split"] == {"train": 6, "validation": 0, "test": 2}
    assert report["quarantined"] == {"count": 0, "first": []}
    assert report["rows_without_file"] == {"count": 2, "first": ["cube5", "slab5"]}
    assert report["files_without_row"]["count"] == 2
    assert dataset.attrs["sublabel_names"] == ["high", "low"]
    assert dataset.attrs["ids"] == [
        f"{label}{number}" for label in SHAPES for number in (1, 2, 3, 4)
    ]
    assert list(dataset.attrs["statistics"]) == ["train", "test"]


def test_more_broken_meshes_than_are_allowed(raw: Path) -> None:
    files = members("{label}/{split}/{name}.off")
    files |= {"slab/train/slab7.off": "", "slab/train/slab8.off": ""}
    write_zip(raw / "boxes.zip", files)
    with pytest.raises(DeepsphereError, match=r"^store: 2 of 12 meshes are broken") as caught:
        read(raw, ["boxes.zip"], reading(), settings(quarantine=0.1))
    assert "\n" not in str(caught.value)


def test_splits_are_drawn_where_nothing_says_them(raw: Path) -> None:
    files = {f"{label}/{number}.off": "" for label in SHAPES for number in range(50)}
    write_zip(raw / "boxes.zip", files)
    split = {"train": 0.5, "validation": 0.0, "test": 0.5}
    entries, unmatched = read_entries(raw, ["boxes.zip"], reading(split=split))
    assert unmatched == {}
    for label in SHAPES:
        drawn = [entry.split for entry in entries if entry.label == label]
        assert set(drawn) == {"train", "test"}
        assert 15 < drawn.count("train") < 35
    again, _ = read_entries(raw, ["boxes.zip"], reading(split=split))
    assert again == entries
    other, _ = read_entries(raw, ["boxes.zip"], reading(split=split, seed=1))
    assert other != entries


def test_archives_may_be_the_splits(raw: Path) -> None:
    """Both archives name their meshes alike; where one is no split, all splits are drawn."""
    files = {f"{label}/{number}.off": "" for label in SHAPES for number in range(4)}
    for name in ("train.zip", "Test.zip", "more.zip"):
        write_zip(raw / name, files)
    entries, _ = read_entries(raw, ["train.zip", "Test.zip"], reading())
    assert {(entry.archive, entry.split) for entry in entries} == {
        ("train.zip", "train"),
        ("Test.zip", "test"),
    }
    assert len({entry.id for entry in entries}) == 16
    assert {entry.id for entry in entries if entry.label == "cube" and entry.split == "test"} == {
        f"test/cube/{number}" for number in range(4)
    }
    drawn, _ = read_entries(raw, ["train.zip", "more.zip"], reading())
    assert {entry.split for entry in drawn} == {"train", "validation", "test"}
    alone, _ = read_entries(raw, ["train.zip"], reading())
    assert {entry.split for entry in alone} == {"train", "validation", "test"}


def test_half_precision_is_that_of_the_scratch(raw: Path) -> None:
    write_zip(raw / "boxes.zip", members("{label}/{split}/{name}.off"))
    half = settings(copies={"still": {}}, precision="float16")
    dataset, _ = read(raw, ["boxes.zip"], reading(), half)
    assert dataset["data"].dtype == np.float16
    sizes = [path.stat().st_size for path in raw.parent.glob("scratch/shards/*.samples")]
    assert sum(sizes) == 2 * dataset["data"].size == 2 * 10 * 192 * 6
    assert np.isfinite(dataset["data"].values).all()
