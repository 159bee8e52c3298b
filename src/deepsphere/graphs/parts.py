"""Several parts of a sphere in one graph, no two of them joined.

A network for patches of the sky needs the graph of each patch, as pixels near a pole lie otherwise
than at the equator. In the NESTED order of HEALPix the pixels of a patch are a run of consecutive
ones on every level, so 12, 48 or 192 runs of equally many pixels are the patches of order 1, 2 or
4. A graph with as many *parts* has the edges that each patch has by itself, and none between two of
them: its Laplacian holds those of all patches on its diagonal, and a network on the whole map works
on each patch with the patch's own graph. The published networks took the graph of the first patch
for all; that is a graph on this patch alone, such as of ``healpix:1024:0/12``.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from deepsphere.errors import DeepsphereError
from deepsphere.graphs.hierarchy import Hierarchy
from deepsphere.graphs.weights import SparseMatrix, compressed
from deepsphere.samplings.masked import Masked
from deepsphere.samplings.sampling import Coarsening, Sampling


def runs(pixels: int, parts: int) -> list[slice]:
    """Return which pixels each part has; the number of pixels is a multiple of the parts."""
    length = pixels // parts
    return [slice(start, start + length) for start in range(0, pixels, length)]


def part_samplings(sampling: Sampling, parts: int) -> list[Sampling]:
    """Return the sampling of each part; of a single one, the sampling itself.

    Raises
    ------
    DeepsphereError
        If the pixels do not fall into parts of equally many.
    """
    if parts == 1:
        return [sampling]
    check_divided(sampling, parts)
    pixels = np.arange(len(sampling))
    return [Masked(sampling, pixels[run]) for run in runs(len(sampling), parts)]


def check_divided(sampling: Sampling, parts: int) -> None:
    """Check that the pixels of a sampling fall into parts of equally many.

    Raises
    ------
    DeepsphereError
        If they do not.
    """
    if len(sampling) % parts:
        raise DeepsphereError(
            f"{sampling.name} has {len(sampling)} pixels, which do not fall into {parts} parts of "
            "equally many; give a number that divides the pixels of every level, such as 12"
        )


def check_parts(hierarchy: Hierarchy, parts: int) -> None:
    """Check that the parts stay apart on all levels.

    Raises
    ------
    DeepsphereError
        If a level does not fall into so many parts, a coarse pixel has fine ones of two parts, or
        pixels were added to complete super-pixels, which would move the parts.
    """
    if parts == 1:
        return
    if len(hierarchy.padding):
        raise DeepsphereError(
            f"a part of a sphere that lacks {len(hierarchy.padding)} pixels of its super-pixels "
            f"has no {parts} equal parts of its own; take whole patches, or fewer levels"
        )
    for sampling in hierarchy.samplings:
        check_divided(sampling, parts)
    for level, coarsening in enumerate(hierarchy.coarsenings):
        if not _stay_apart(coarsening, parts):
            raise DeepsphereError(
                f"pixels of {coarsening.coarse.name} are made of pixels of two of {parts} parts of "
                f"level {level}; parts go with the order of HEALPix, in which patches are runs"
            )


def _stay_apart(coarsening: Coarsening, parts: int) -> bool:
    matrix = coarsening.matrix
    coarse, fine = matrix.shape
    rows = np.repeat(np.arange(coarse), np.diff(matrix.indptr))
    return np.array_equal(rows // (coarse // parts), matrix.indices // (fine // parts))


def within_parts(neighbours: NDArray[np.int64], parts: int) -> NDArray[np.int64]:
    """Return neighbours of the same part, and -1 in place of the others.

    Parameters
    ----------
    neighbours : ndarray
        Of each pixel, int64, shape (pixels, most); -1 stands for none.
    parts : int
    """
    length = len(neighbours) // parts
    own = np.arange(len(neighbours))[:, np.newaxis] // length
    return np.where(neighbours // length == own, neighbours, -1)


def diagonal_block(matrix: SparseMatrix, run: slice) -> SparseMatrix:
    """Return the part of a matrix that joins no two parts which belongs to one of them.

    It shares its values with the matrix.
    """
    first, end = matrix.indptr[run.start], matrix.indptr[run.stop]
    block: SparseMatrix = csr_array(
        (
            matrix.data[first:end],
            matrix.indices[first:end] - run.start,
            matrix.indptr[run.start : run.stop + 1] - first,
        ),
        shape=(run.stop - run.start,) * 2,
    )
    return block


def block_diagonal(blocks: Sequence[SparseMatrix]) -> SparseMatrix:
    """Return the matrix that has square ones on its diagonal; of a single one, that one itself."""
    if len(blocks) == 1:
        return blocks[0]
    sizes = np.cumsum([0, *(block.shape[0] for block in blocks)])
    entries = np.cumsum([0, *(block.nnz for block in blocks)])
    columns = np.concatenate(
        [block.indices + start for block, start in zip(blocks, sizes[:-1], strict=True)]
    )
    offsets = [block.indptr[1:] + start for block, start in zip(blocks, entries[:-1], strict=True)]
    values = np.concatenate([block.data for block in blocks])
    return compressed(values, columns, np.concatenate([[0], *offsets]), int(sizes[-1]))
