"""A graph on disk is the graph that was built, or it is refused."""

from pathlib import Path

import numpy as np
import pytest
import zarr

from deepsphere.errors import DeepsphereError
from deepsphere.graphs.graph import build_graph
from deepsphere.graphs.rescaling import RESCALINGS
from deepsphere.graphs.spectrum import largest_eigenvalue
from deepsphere.graphs.storage import StoredGraph, load_graph, save_graph


@pytest.fixture
def stored() -> StoredGraph:
    points = np.random.default_rng(0).normal(size=(30, 3))
    graph = build_graph(points / np.linalg.norm(points, axis=1, keepdims=True), neighbours=4)
    lmax = largest_eigenvalue(graph.laplacian("normalized"))
    return StoredGraph(graph, "normalized", lmax, "symmetric")


def test_what_is_read_is_what_was_written(stored: StoredGraph, tmp_path: Path) -> None:
    save_graph(stored, tmp_path)
    read = load_graph(tmp_path, stored.digest())
    assert (read.graph.weights != stored.graph.weights).nnz == 0
    assert read.graph.neighbour_distance == stored.graph.neighbour_distance
    assert (read.laplacian, read.lmax, read.rescaling) == ("normalized", stored.lmax, "symmetric")
    assert (read.operator() != stored.operator()).nnz == 0


def test_the_operator_is_the_rescaled_laplacian(stored: StoredGraph) -> None:
    laplacian = stored.graph.laplacian("normalized")
    expected = RESCALINGS["symmetric"].apply(laplacian, stored.lmax).toarray()
    np.testing.assert_array_equal(stored.operator().toarray(), expected)
    eigenvalues = np.linalg.eigvalsh(expected)
    assert -1 - 1e-12 <= eigenvalues[0] <= eigenvalues[-1] <= 1


def test_the_same_graph_has_the_same_bytes(stored: StoredGraph, tmp_path: Path) -> None:
    for name in ("a", "b"):
        save_graph(stored, tmp_path / name)
    files = {
        name: {
            path.relative_to(tmp_path / name): path.read_bytes()
            for path in (tmp_path / name).rglob("*")
            if path.is_file()
        }
        for name in ("a", "b")
    }
    assert len(files["a"]) > 4
    assert files["a"] == files["b"]


@pytest.mark.parametrize("change", ["laplacian", "lmax", "rescaling", "weights"])
def test_all_that_decides_the_operator_is_in_the_digest(
    change: str, stored: StoredGraph, tmp_path: Path
) -> None:
    save_graph(stored, tmp_path)
    group = zarr.open_group(tmp_path / "graph.zarr", mode="r+")
    if change == "weights":
        # Both entries of one edge, so that the matrix stays symmetric.
        weights = stored.graph.weights.copy()
        row, column = (int(index[0]) for index in weights.nonzero())
        weights[row, column] = weights[column, row] = 0.125
        group["values"][:] = weights.data
    else:
        group.attrs[change] = {"laplacian": "combinatorial", "lmax": 1.5, "rescaling": "damped"}[
            change
        ]
    with pytest.raises(DeepsphereError, match=r"digest .* delete .*\.json and rerun"):
        load_graph(tmp_path, stored.digest())


def test_a_graph_with_a_missing_part_is_refused(stored: StoredGraph, tmp_path: Path) -> None:
    save_graph(stored, tmp_path)
    (tmp_path / "graph.zarr/columns/zarr.json").unlink()
    with pytest.raises(DeepsphereError, match="not whole"):
        load_graph(tmp_path, stored.digest())


def test_no_graph_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DeepsphereError, match="not whole"):
        load_graph(tmp_path, "0" * 64)
