"""The samples of SHREC'17, simulated, and rebuilt from a ShapeNetCore of two classes."""

import gzip
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from deepsphere.regridding.motions import random_motion
from deepsphere.sources.shrec17.samples import open_samples
from deepsphere.sources.shrec17.settings import Source, Store
from deepsphere.sources.shrec17.simulator import simulate_raw
from deepsphere.workers import Workers

NAMES = ["train_perturbed.zip", "val_perturbed.zip", "test_perturbed.zip", "all.csv.gz"]
UPRIGHT = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])
AIRPLANE, CHAIR = "02691156", "03001627"
ROWS = """id,synsetId,subSynsetId,modelId,split
000003,02691156,02690373,aa,train
000001,02691156,02691156,bb,test
000007,03001627,03001627,cc,train
000009,03001627,03001627,dd,val
000011,03001627,03001627,gone,test
"""


def store(sampling: str, **copies: Any) -> dict[str, Any]:
    values = {"kind": "shrec17", "source": "shrec17", "sampling": sampling, "copies": copies}
    return Store.model_validate(values).model_dump(mode="json")


def test_the_simulated_archives(tmp_path: Path) -> None:
    values = {"kind": "shrec17", "simulate": {"objects": 5, "classes": 2}}
    source = Source.model_validate(values)
    raw, scratch = tmp_path / "raw", tmp_path / "scratch"
    raw.mkdir()
    simulate_raw(source.model_dump(mode="json"), raw)
    dataset, report = open_samples(
        raw, NAMES, source.reading(), store("healpix:2", a={}), scratch, Workers(1)
    )
    found = report()
    assert found["meshes"] == 10
    assert found["quarantined"] == {"count": 0, "first": []}
    assert found["rows_without_file"] == {"count": 0, "first": []}
    assert found["split"] == {"train": 6, "validation": 2, "test": 2}
    assert np.isfinite(dataset["data"].values).all()
    assert all(len(name) == 8 and name.startswith("99") for name in dataset.attrs["class_names"])
    assert dataset.attrs["class_titles"] == dataset.attrs["class_names"]
    assert all(len(name) == 6 for name in dataset.attrs["ids"])


def obj(sides: tuple[float, float, float]) -> str:
    """Return a box with a texture, as ShapeNetCore has meshes."""
    a, b, c = sides
    corners = [(x, y, z) for z in (-c, c) for y in (-b, b) for x in (-a, a)]
    rows = [f"v {x} {y} {z}\n" for x, y, z in corners]
    quads = ["1 3 4 2", "5 6 8 7", "1 2 6 5", "2 4 8 6", "4 3 7 8", "3 1 5 7"]
    faces = [f"f {' '.join(f'{n}/{n}' for n in quad.split())}\n" for quad in quads]
    return "mtllib model.mtl\n" + "".join(rows) + "vt 0 0\n" * 8 + "".join(faces)


def test_shapenet_is_turned_once_and_for_all(tmp_path: Path) -> None:
    """One class in an archive, one in folders; a ray along g leaves a box as its turn says."""
    raw, scratch = tmp_path / "raw", tmp_path / "scratch"
    sides = (1.0, 2.0, 3.0)
    raw.mkdir()
    with zipfile.ZipFile(raw / f"{AIRPLANE}.zip", "w") as archive:
        for model in ("aa", "bb", "unused"):
            archive.writestr(f"{AIRPLANE}/{model}/models/model_normalized.obj", obj(sides))
            archive.writestr(f"{AIRPLANE}/{model}/models/model_normalized.mtl", "newmtl x")
    loose = [f"{CHAIR}/{model}/model.obj" for model in ("cc", "dd")]
    for name in loose:
        (raw / name).parent.mkdir(parents=True)
        (raw / name).write_text(obj(sides))
    (raw / "all.csv.gz").write_bytes(gzip.compress(ROWS.encode()))
    listed = [f"{AIRPLANE}.zip", *loose, "all.csv.gz"]
    source = {"kind": "shrec17", "edition": "rebuilt", "seed": 5}
    still = store("healpix:8", still={})
    dataset, report = open_samples(raw, listed, source, still, scratch, Workers(1))
    found = report()
    assert found["split"] == {"train": 2, "validation": 1, "test": 1}
    assert found["rows_without_file"] == {"count": 1, "first": ["000011"]}
    assert found["files_without_row"]["count"] == 1
    ids = dataset.attrs["ids"]
    assert sorted(ids) == ["000001", "000003", "000007", "000009"]
    assert dataset.attrs["class_names"] == [AIRPLANE, CHAIR]
    assert dataset.attrs["class_titles"] == ["airplane", "chair"]
    longitude, latitude = np.radians([dataset["longitude"].values, dataset["latitude"].values])
    ring = np.cos(latitude)
    rays = np.stack([ring * np.cos(longitude), ring * np.sin(longitude), np.sin(latitude)], 1)
    half = 0.99 * np.array(sides) / np.linalg.norm(sides)
    for number, name in enumerate(ids):
        turn = random_motion("so3", 0.0, (5, "shrec17", name, "")).rotation @ UPRIGHT
        distance = 1 - 1 / (np.abs(rays @ turn) / half).max(axis=1)
        np.testing.assert_allclose(dataset["data"].values[number, :, 0], distance, atol=1e-5)
