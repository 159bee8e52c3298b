"""The graphs of all levels on disk: one zarr group, the same bytes for the same graphs.

``graph.zarr`` holds a group a level, ``level-0`` the finest:

=================================== ============================ ===================================
array                               shape                        content
=================================== ============================ ===================================
``offsets``, ``columns``            (pixels + 1,), (entries,)    the weights in compressed rows,
``values``                          (entries,)                   two entries an edge, float64
``mass``                            (pixels,)                    only with area weights
``positions``                       (pixels, 3)                  unit vectors, float64
``areas``                           (pixels,)                    for means over pixels, float64
``pooling_offsets``, ``_columns``,  as above, of the next        averages over the pixels of the
``_values``                         coarser level's pixels       level; not on the last
``children``                        (coarse pixels, children)    only where they nest
``pixels``                          (pixels,)                    of a part: its place in the whole
=================================== ============================ ===================================

and the attributes ``sampling``, ``neighbour_distance``, ``width``, ``laplacian``, ``lmax`` and
``rescaling``. The root has ``padding``, the finest pixels that were added to a part of a sphere,
and the attributes ``levels`` and ``parts``, the runs of pixels of which no two are joined.
Dimensions have names, so that xarray opens a level as a data set.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.files import canonical_json
from deepsphere.graphs.graph import Graph
from deepsphere.graphs.laplacian import LaplacianKind
from deepsphere.graphs.rescaling import RESCALINGS, RescalingName
from deepsphere.graphs.weights import SparseMatrix, compressed

_DIMENSIONS = {
    "offsets": ("bound",),
    "columns": ("entry",),
    "values": ("entry",),
    "mass": ("pixel",),
    "positions": ("pixel", "axis"),
    "areas": ("pixel",),
    "pooling_offsets": ("pooling_bound",),
    "pooling_columns": ("pooling_entry",),
    "pooling_values": ("pooling_entry",),
    "children": ("coarse_pixel", "child"),
    "pixels": ("pixel",),
    "padding": ("added_pixel",),
}
_Content = tuple[dict[str, Any], dict[str, NDArray[Any]]]


@dataclass(frozen=True, eq=False)
class Level:
    """The graph of one level, and which operator a convolution makes of it.

    Attributes
    ----------
    sampling : str
        Name of the sampling.
    positions : ndarray
        Unit vectors, float64, shape (pixels, 3).
    areas : ndarray
        What each pixel counts in means over the pixels: its area, float64, shape (pixels,),
        positive, mean 1. Unlike the mass, all graphs have them. All are 1 on stations whose recipe
        does not ask for areas.
    graph : Graph
    laplacian : {"combinatorial", "normalized"}
    lmax : float
        Largest eigenvalue of that Laplacian.
    rescaling : {"symmetric", "damped", "shifted"}
        How its spectrum is brought into [-1, 1].
    pooling : csr_array or None
        Averages over the pixels of this level: shape (coarse pixels, pixels), rows summing to 1;
        None on the coarsest level.
    children : ndarray or None
        The pixels of each coarse pixel, int64, shape (coarse pixels, children), where they nest.
    pixels : ndarray or None
        Where the pixels of a part of a sphere lie in the whole, int64.
    """

    sampling: str
    positions: NDArray[np.float64]
    areas: NDArray[np.float64]
    graph: Graph
    laplacian: LaplacianKind
    lmax: float
    rescaling: RescalingName
    pooling: SparseMatrix | None = None
    children: NDArray[np.int64] | None = None
    pixels: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.graph)

    def operator(self) -> SparseMatrix:
        """Return the rescaled Laplacian, float64, symmetric bit for bit.

        With a mass, filters h of the operator on functions are M^(-1/2) h(operator) M^(1/2).
        """
        if not self.graph.weights.nnz:
            pixels = "a single pixel" if len(self) == 1 else "one pixel a part"
            raise DeepsphereError(
                f"{self.sampling} has {pixels}: pool to it, but convolve on a finer level"
            )
        return RESCALINGS[self.rescaling].apply(self.graph.laplacian(self.laplacian), self.lmax)


@dataclass(frozen=True, eq=False)
class StoredGraph:
    """The levels of a graph, finest first.

    Attributes
    ----------
    levels : tuple of Level
    padding : ndarray
        Pixels of the finest level that were added to complete super-pixels, int64.
    parts : int
        Runs of equally many pixels of each level, no two of which are joined; see
        :mod:`~deepsphere.graphs.parts`.
    """

    levels: tuple[Level, ...]
    padding: NDArray[np.int64]
    parts: int = 1

    def digest(self) -> str:
        """Return the SHA-256 of the content, 64 hexadecimal digits."""
        return _digest(self.padding, self.parts, [_content(level) for level in self.levels])


def save_graph(stored: StoredGraph, folder: Path) -> None:
    """Write ``graph.zarr`` into a folder."""
    root = zarr.open_group(folder / "graph.zarr", mode="w", zarr_format=3)
    _write(root, "padding", stored.padding)
    root.attrs.update({"levels": len(stored.levels), "parts": stored.parts})
    for number, level in enumerate(stored.levels):
        group = root.create_group(f"level-{number}")
        attributes, arrays = _content(level)
        for name, array in arrays.items():
            _write(group, name, array)
        group.attrs.update(attributes)


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
        root = zarr.open_group(path, mode="r")
        attributes: dict[str, Any] = dict(root.attrs)
        contents = [_read(root, f"level-{number}") for number in range(attributes["levels"])]
        padding = np.asarray(root["padding"])
        parts = attributes.get("parts", 1)
        found = _digest(padding, parts, contents)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise DeepsphereError(
            f"graph: {path} is not whole ({error}); delete {folder}.json and rerun"
        ) from None
    # Before anything is made of it: indices that point nowhere crash the sparse matrices.
    if found != digest:
        raise DeepsphereError(
            f"graph: {path} has the digest {found[:12]}, its manifest promises {digest[:12]}; "
            f"delete {folder}.json and rerun"
        )
    return StoredGraph(tuple(_level(*content) for content in contents), padding, parts)


def _write(group: zarr.Group, name: str, array: NDArray[Any]) -> None:
    chunks = tuple(max(1, length) for length in array.shape)
    group.create_array(
        name,
        data=array,
        chunks=chunks,
        compressors=None,
        filters=None,
        dimension_names=_DIMENSIONS[name],
    )


def _read(root: zarr.Group, name: str) -> _Content:
    group = root[name]
    if not isinstance(group, zarr.Group):
        raise KeyError(f"{name} is no group")
    arrays = {found: np.asarray(array) for found, array in group.arrays()}
    if "areas" not in arrays:
        # As an earlier version wrote it: its manifest promises what is there, which is too little.
        raise KeyError(f"{name} has no areas")
    return dict(group.attrs), arrays


def _digest(padding: NDArray[Any], parts: int, contents: list[_Content]) -> str:
    digest = hashlib.sha256()
    # A graph of one part has the digest that it had before there were parts.
    whole = {"levels": len(contents)} | ({"parts": parts} if parts > 1 else {})
    for attributes, arrays in [(whole, {"padding": padding}), *contents]:
        digest.update(canonical_json(attributes).encode())
        for name, array in sorted(arrays.items()):
            digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _content(level: Level) -> _Content:
    """Return the attributes and the arrays of a level, as they are written."""
    attributes = {
        "sampling": level.sampling,
        "neighbour_distance": level.graph.neighbour_distance,
        "width": level.graph.width,
        "laplacian": level.laplacian,
        "lmax": level.lmax,
        "rescaling": level.rescaling,
    }
    arrays = {**_parts(level.graph.weights, ""), "positions": level.positions}
    arrays["areas"] = level.areas
    if level.pooling is not None:
        arrays |= _parts(level.pooling, "pooling_")
    optional = {"mass": level.graph.mass, "children": level.children, "pixels": level.pixels}
    return attributes, arrays | {
        name: array for name, array in optional.items() if array is not None
    }


def _level(attributes: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Level:
    """Return the level of which these are the attributes and the arrays."""
    pixels = len(arrays["positions"])
    return Level(
        sampling=attributes["sampling"],
        positions=arrays["positions"],
        areas=arrays["areas"],
        graph=Graph(
            _matrix(arrays, "", pixels),
            attributes["neighbour_distance"],
            mass=arrays.get("mass"),
            width=attributes["width"],
        ),
        laplacian=attributes["laplacian"],
        lmax=attributes["lmax"],
        rescaling=attributes["rescaling"],
        pooling=_matrix(arrays, "pooling_", pixels) if "pooling_offsets" in arrays else None,
        children=arrays.get("children"),
        pixels=arrays.get("pixels"),
    )


def _parts(matrix: SparseMatrix, prefix: str) -> dict[str, NDArray[Any]]:
    return {
        f"{prefix}offsets": matrix.indptr.astype(np.int64, copy=False),
        f"{prefix}columns": matrix.indices.astype(np.int32, copy=False),
        f"{prefix}values": matrix.data.astype(np.float64, copy=False),
    }


def _matrix(arrays: dict[str, NDArray[Any]], prefix: str, columns: int) -> SparseMatrix:
    values, rows = arrays[f"{prefix}values"], arrays[f"{prefix}offsets"]
    return compressed(values, arrays[f"{prefix}columns"], rows, columns)
