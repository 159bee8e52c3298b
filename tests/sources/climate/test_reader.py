"""Files of the archive, and the order of their vertices."""

import io
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.samplings.ugscnn import Ugscnn
from deepsphere.sources.climate.reader import MeshReader, find_order
from deepsphere.sources.climate.statistics import STATISTICS
from deepsphere.sources.fields.channels import NAMES
from deepsphere.sources.fields.snapshots import find_snapshots

VERTICES = 642


def test_channels_are_taken_by_their_names(tmp_path: Path, write_state: Callable[..., str]) -> None:
    path = tmp_path / "raw" / write_state()
    assert MeshReader().layout(path) == "642 vertices"
    state = MeshReader().read(path, ("ZBOT", "TMQ"))
    assert state.fields.dtype == np.float32
    means = state.fields.mean(axis=1)
    np.testing.assert_allclose(means, [STATISTICS["ZBOT"][0], STATISTICS["TMQ"][0]], rtol=1e-2)
    inside = MeshReader().read(io.BytesIO(path.read_bytes()), ("ZBOT", "TMQ"))
    np.testing.assert_array_equal(inside.fields, state.fields)
    with np.load(path) as archive:
        np.testing.assert_array_equal(state.labels, archive["labels"].argmax(axis=0))


def test_vertices_without_a_class_are_unknown(
    tmp_path: Path, write_state: Callable[..., str]
) -> None:
    labels = np.zeros((3, VERTICES), np.uint8)
    labels[2, :10] = 1
    path = tmp_path / "raw" / write_state(labels=labels)
    expected = np.where(np.arange(VERTICES) < 10, 2, 255)
    np.testing.assert_array_equal(MeshReader().read(path, NAMES).labels, expected)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"data": np.zeros((15, VERTICES))}, r"data has the shape \(15, 642\) and labels \(3, 642"),
        ({"data": np.zeros((VERTICES, 16))}, r"expected \(16, vertices\)"),
        ({"labels": np.zeros((3, 10))}, r"labels \(3, 10\)"),
        ({"labels": np.zeros(VERTICES)}, r"labels \(642,\)"),
        ({"data": np.zeros((16, 640)), "labels": np.zeros((3, 640))}, "10,242 vertices, or"),
        ({"data": np.array("text")}, "data is <U4; expected numbers"),
        ({"labels": np.ones((3, VERTICES))}, "a single 1 .* sums of 3 to 3"),
        ({"labels": np.zeros((3, VERTICES))}, "labels are all unknown"),
        ({"labels": np.full((3, VERTICES), np.nan)}, "a single 1"),
        ({"data": np.full((16, VERTICES), np.nan)}, "TMQ holds infinite numbers, or none"),
        ({"data": np.array([{}], dtype=object)}, "data is object; expected numbers"),
    ],
)
def test_arrays_that_are_something_else(
    tmp_path: Path, write_state: Callable[..., str], changed: dict[str, Any], message: str
) -> None:
    path = tmp_path / "raw" / write_state(**changed)
    with pytest.raises(DeepsphereError, match=message):
        MeshReader().read(path, NAMES)


@pytest.mark.parametrize("kept", [0, 1, 100, 5000, -1])
def test_files_that_are_cut_short(
    tmp_path: Path, write_state: Callable[..., str], kept: int
) -> None:
    path = tmp_path / "raw" / write_state()
    content = path.read_bytes()[:kept]
    path.write_bytes(content)
    for cut in (path, io.BytesIO(content)):
        with pytest.raises(DeepsphereError, match=r"not a whole \.npz file"):
            MeshReader().layout(cut)


def test_damage_inside_is_found_when_it_is_read(
    tmp_path: Path, write_state: Callable[..., str]
) -> None:
    path = tmp_path / "raw" / write_state()
    content = bytearray(path.read_bytes())
    content[5000] ^= 255
    path.write_bytes(content)
    assert MeshReader().layout(path) == "642 vertices"
    with pytest.raises(DeepsphereError, match=r"cannot be read as \.npz \(Bad CRC-32"):
        MeshReader().read(path, NAMES)


def test_headers_that_do_not_parse(tmp_path: Path) -> None:
    stream = io.BytesIO()
    np.save(stream, np.zeros((16, VERTICES), np.float32))
    for old, new in ((b"'shape': (", b"'shape': {"), (b"'descr'", b"'descr ")):
        with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
            archive.writestr("data.npy", stream.getvalue().replace(old, new))
            archive.writestr("labels.npy", stream.getvalue())
        with pytest.raises(DeepsphereError, match=r"cannot be read as \.npz"):
            MeshReader().layout(tmp_path / "a.npz")


def test_arrays_without_an_archive_and_pickles(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros(3))
    (tmp_path / "b").write_bytes(pickle.dumps({"data": 1}))
    for path in (tmp_path / "a.npy", tmp_path / "b", tmp_path / "missing"):
        with pytest.raises(DeepsphereError, match=r"not a whole \.npz file"):
            MeshReader().layout(path)


@pytest.mark.parametrize("order", [Ugscnn(3, "upward"), Ugscnn(3, "equator"), Ugscnn(5, "upward")])
def test_the_order_of_the_vertices_is_recognised(
    tmp_path: Path, write_state: Callable[..., str], order: Ugscnn
) -> None:
    listed = [write_state(f"2106-01-01-0{slot}-1", order) for slot in range(4)]
    # Broken inside: the others show the order.
    path = tmp_path / "raw" / listed[0]
    path.write_bytes(path.read_bytes()[:-3000] + bytes(3000))
    snapshots, _ = find_snapshots(tmp_path / "raw", listed, (".npz",))
    assert find_order(tmp_path / "raw", snapshots) == order


def test_an_order_that_neither_mesh_has_is_refused(
    tmp_path: Path, write_state: Callable[..., str]
) -> None:
    listed = [write_state()]
    path = tmp_path / "raw" / listed[0]
    with np.load(path) as archive:
        data, labels = archive["data"], archive["labels"]
    shuffled = np.random.default_rng(0).permutation(VERTICES)
    write_state(data=data[:, shuffled], labels=labels[:, shuffled])
    snapshots, _ = find_snapshots(tmp_path / "raw", listed, (".npz",))
    with pytest.raises(DeepsphereError, match=r"order of the vertices of data_5_all/data.*neither"):
        find_order(tmp_path / "raw", snapshots)


def test_files_of_both_orders_are_refused(tmp_path: Path, write_state: Callable[..., str]) -> None:
    listed = [
        write_state("2106-01-01-00-1", Ugscnn(3, "upward")),
        write_state("2106-01-01-01-1", Ugscnn(3, "equator")),
    ]
    snapshots, _ = find_snapshots(tmp_path / "raw", listed, (".npz",))
    with pytest.raises(DeepsphereError, match=r"not in one order .*ugscnn:3:upward, .*ugscnn:3;"):
        find_order(tmp_path / "raw", snapshots)
