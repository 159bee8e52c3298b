"""A graph on disk: one zarr group, the same bytes for the same graph.

``graph.zarr`` holds the weights in compressed rows: ``offsets`` (vertices + 1), ``columns`` and
``values`` (two entries an edge, float64), and the attributes ``neighbour_distance``, ``laplacian``,
``lmax`` and ``rescaling``, which are all that a convolution needs besides.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from scipy.sparse import csr_array

from deepsphere.errors import DeepsphereError
from deepsphere.graphs.graph import Graph
from deepsphere.graphs.laplacian import LaplacianKind
from deepsphere.graphs.rescaling import RESCALINGS, RescalingName


@dataclass(frozen=True, eq=False)
class StoredGraph:
    """A graph, and which operator a convolution makes of it.

    Attributes
    ----------
    graph : Graph
    laplacian : {"combinatorial", "normalized"}
    lmax : float
        Largest eigenvalue of that Laplacian.
    rescaling : {"symmetric", "damped", "shifted"}
        How its spectrum is brought into [-1, 1].
    """

    graph: Graph
    laplacian: LaplacianKind
    lmax: float
    rescaling: RescalingName

    def operator(self) -> csr_array[np.float64, tuple[int, int]]:
        """Return the rescaled Laplacian, float64, symmetric bit for bit."""
        return RESCALINGS[self.rescaling].apply(self.graph.laplacian(self.laplacian), self.lmax)

    def digest(self) -> str:
        """Return the SHA-256 of the content, 64 hexadecimal digits."""
        digest = hashlib.sha256(f"{self.laplacian} {self.lmax!r} {self.rescaling}".encode())
        for array in _arrays(self.graph).values():
            digest.update(array.tobytes())
        return digest.hexdigest()


def save_graph(stored: StoredGraph, folder: Path) -> None:
    """Write ``graph.zarr`` into a folder."""
    group = zarr.open_group(folder / "graph.zarr", mode="w", zarr_format=3)
    for name, array in _arrays(stored.graph).items():
        group.create_array(
            name, data=array, chunks=(max(1, len(array)),), compressors=None, filters=None
        )
    group.attrs.update(
        {
            "neighbour_distance": stored.graph.neighbour_distance,
            "laplacian": stored.laplacian,
            "lmax": stored.lmax,
            "rescaling": stored.rescaling,
        }
    )


def load_graph(folder: Path, digest: str) -> StoredGraph:
    """Read a graph and check that it is the one that was promised.

    Parameters
    ----------
    folder : Path
        Where :func:`save_graph` wrote.
    digest : str
        SHA-256 of the content, from the graph's manifest.

    Raises
    ------
    DeepsphereError
        If there is no graph, or another one.
    """
    path = folder / "graph.zarr"
    try:
        group = zarr.open_group(path, mode="r")
        offsets, columns, values = (
            np.asarray(group[name]) for name in ("offsets", "columns", "values")
        )
    except (OSError, KeyError, ValueError) as error:
        raise DeepsphereError(
            f"graph: {path} is not whole ({error}); delete {folder}.json and rerun"
        ) from None
    vertices = len(offsets) - 1
    attributes: dict[str, Any] = dict(group.attrs)
    stored = StoredGraph(
        Graph(
            csr_array((values, columns, offsets), shape=(vertices, vertices)),
            attributes["neighbour_distance"],
        ),
        attributes["laplacian"],
        attributes["lmax"],
        attributes["rescaling"],
    )
    found = stored.digest()
    if found != digest:
        raise DeepsphereError(
            f"graph: {path} has the digest {found[:12]}, its manifest promises {digest[:12]}; "
            f"delete {folder}.json and rerun"
        )
    return stored


def _arrays(graph: Graph) -> dict[str, NDArray[Any]]:
    weights = graph.weights
    return {
        "offsets": weights.indptr.astype(np.int64),
        "columns": weights.indices.astype(np.int32),
        "values": weights.data.astype(np.float64),
    }
