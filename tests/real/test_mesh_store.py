"""Stores of genuine meshes: every one is projected, none breaks the run."""

import csv
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from deepsphere.sources.meshes.raw import fetch_raw
from deepsphere.sources.meshes.samples import open_samples
from deepsphere.sources.meshes.settings import Source, Store
from deepsphere.stores.reader import open_store
from deepsphere.stores.writer import write_store
from deepsphere.workers import Workers

DATA = Path(__file__).parents[2].parent / "shared/data/meshes"

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"real data not found: {DATA}")

STORE = {
    "kind": "meshes",
    "source": "meshes",
    "sampling": "healpix:8",
    "copies": {"still": {}, "turned": {"rotation": "so3", "translation": 0.1}},
    "quarantine": 0.0,
}


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    """Two processes that all tests share, as it takes seconds to start them."""
    with Workers(2).processes(tmp_path_factory.mktemp("workers")) as client:
        yield Workers(2, client=client)


def read(tmp_path: Path, workers: Workers, **settings: Any) -> tuple[xr.Dataset, dict[str, Any]]:
    """Fetch from the folder and project; no mesh may be broken."""
    source = Source.model_validate({"kind": "meshes", "mirrors": [str(DATA)], **settings})
    plain = {"name": "meshes", **source.model_dump(mode="json")}
    fetched = fetch_raw(plain, tmp_path / "raw")
    dataset, report = open_samples(
        tmp_path / "raw",
        {file.name for file in fetched},
        source.reading(),
        Store.model_validate(STORE).model_dump(mode="json"),
        tmp_path / "scratch",
        workers,
    )
    assert report()["quarantined"] == {"count": 0, "first": []}
    check(dataset)
    return dataset, report()


def check(dataset: xr.Dataset) -> None:
    """Check what holds of every signal, and that copies of an object are alike."""
    data = dataset["data"].values
    distance, cosine, sine = (data[..., [number, number + 3]] for number in range(3))
    assert (distance >= 0.01 - 1e-5).all()
    assert (distance <= 1.99 + 1e-5).all()
    hit = sine**2 + cosine**2 > 0.5
    np.testing.assert_allclose((sine**2 + cosine**2)[hit], 1, atol=1e-5)
    assert (distance[~hit] == 1).all()
    assert (np.abs(cosine[~hit]) + sine[~hit] == 0).all()
    # The hull holds the mesh, and the centre of the mesh lies in its hull.
    assert (data[..., 3] <= data[..., 0] + 1e-4)[hit[..., 0]].all()
    assert (hit[..., 1].mean(axis=1) > 0.9).mean() > 0.9


def test_princeton_shape_benchmark(tmp_path: Path, workers: Workers) -> None:
    dataset, report = read(tmp_path, workers, files=["psb_off.zip"])
    with (DATA / "MANIFEST.csv").open() as stream:
        rows = [row for row in csv.DictReader(stream) if row["file"].startswith("psb_off/")]
    assert report["meshes"] == len(rows) == 171
    splits = Counter(row["split"] for row in rows)
    assert report["split"] == {"train": splits["train"], "validation": 0, "test": splits["test"]}
    assert report["classes"] == 12
    digest = write_store(dataset, tmp_path / "store", fingerprint={})["digest"]
    store = open_store(tmp_path / "store", digest)
    np.testing.assert_array_equal(store.read(range(len(store))), dataset["data"].values)
    assert store.attrs["ids"] == dataset.attrs["ids"]
    train = store.coordinates["split"] == 0
    turned = np.flatnonzero(train & (store.coordinates["copies"] == 1))
    found = store.attrs["statistics"]["train"]["turned"]
    assert found["samples"] == len(turned) == 100
    expected = store.read(turned).astype(np.float64)
    np.testing.assert_allclose(found["mean"], expected.mean(axis=(0, 1)), rtol=1e-12)
    np.testing.assert_allclose(found["deviation"], expected.std(axis=(0, 1)), rtol=1e-10)


def test_obj_files_and_a_table_in_one_zip(tmp_path: Path, workers: Workers) -> None:
    labels = "shapedb_obj.zip/shapedb_obj/labels_shrec17_style.csv"
    dataset, report = read(tmp_path, workers, files=["shapedb_obj.zip"], labels=labels)
    with zipfile.ZipFile(DATA / "shapedb_obj.zip") as archive:
        lines = archive.read("shapedb_obj/labels_shrec17_style.csv").decode().splitlines()
    rows = list(csv.DictReader(lines))
    assert report["meshes"] == len(rows) == 168
    assert report["rows_without_file"]["count"] == report["files_without_row"]["count"] == 0
    label = {row["id"]: row["synsetId"] for row in rows}
    names = dataset.attrs["class_names"]
    for name, number in zip(dataset.attrs["ids"], dataset["label"].values[::2], strict=True):
        assert names[number] == label[name]


def test_princeton_segmentation_benchmark(tmp_path: Path, workers: Workers) -> None:
    """Closed surfaces, wound outward: no face is seen from behind."""
    dataset, report = read(tmp_path, workers, files=["labeleddb_off.zip"])
    assert (report["meshes"], report["classes"]) == (100, 10)
    assert sum(report["split"].values()) == 100
    assert min(report["split"].values()) >= 10
    assert (dataset["data"].values[..., 1] >= 0).mean() > 0.999


def test_loose_files_of_modelnet(tmp_path: Path, workers: Workers) -> None:
    _, report = read(tmp_path, workers, files=["modelnet/modelnet10_header"])
    files = list((DATA / "modelnet/modelnet10_header").rglob("*.off"))
    assert report["split"] == {"train": len(files), "validation": 0, "test": 0}
