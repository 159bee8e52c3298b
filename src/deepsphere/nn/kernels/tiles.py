"""Tiles of pixels with all that their convolution needs.

A convolution of K coefficients at a pixel needs what is up to K - 1 edges away. A tile is some
pixels that lie together, followed by those one edge away, two edges away, and so on, with the rows
of the matrix rewritten to positions in this list. The terms of a tile fit the cache of one core and
need no other tile, at the price of computing the pixels around the tile more than once. Where the
graph is small, one tile has all of it, and nothing is computed twice.

Rows come in groups of :data:`~deepsphere.nn.kernels.hops.HOP_ROWS`, so that what neighbours have
in common is read once: a group has the columns of all its rows, and a value for each row, mostly
not 0. So a number that is not finite may spread over a group.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import reverse_cuthill_mckee

from deepsphere.nn.kernels.hops import HOP_ROWS
from deepsphere.nn.kernels.loops import loop

# Pixels whose neighbours are this share of all pixels away, on average, are put in another order if
# that leaves fewer entries.
_SCATTERED = 1 / 16


class Tiles(NamedTuple):
    """A graph cut into tiles, as compiled loops take it.

    Attributes
    ----------
    starts : ndarray of int64, shape (tile + 1,)
        Where each tile starts in ``pixels``.
    owns : ndarray of int64, shape (tile,)
        How many pixels of its own a tile has, which are its first.
    reach : ndarray of int64, shape (tile, hops + 1)
        How many of a tile's pixels are within 0, 1, ... edges of its own: whole groups, filled up
        with a pixel that is there already.
    pixels : ndarray of int32, shape (place,)
        The pixels of all tiles, by distance from the tile's own.
    groups : ndarray of int64, shape (place / group + 1,)
        Where the columns of each group of places start; there are none for the farthest pixels.
    columns : ndarray of int32, shape (entry,)
        Places within the tile.
    values : ndarray of float32 or float64, shape (entry * group,)
        The matrix, for each entry the values of the group's rows.
    most_pixels : int
        The most pixels of a tile, with those around it.
    in_order : bool
        Whether the pixels of the tiles' own are 0, 1, 2, ..., each tile but the last whole groups.
    """

    starts: NDArray[np.int64]
    owns: NDArray[np.int64]
    reach: NDArray[np.int64]
    pixels: NDArray[np.int32]
    groups: NDArray[np.int64]
    columns: NDArray[np.int32]
    values: NDArray[np.floating]
    most_pixels: int
    in_order: bool


def cut(
    offsets: NDArray[np.int32],
    columns: NDArray[np.int32],
    values: NDArray[np.floating],
    hops: int,
    size: int,
) -> Tiles:
    """Cut a graph into tiles.

    Parameters
    ----------
    offsets, columns, values : ndarray
        A symmetric matrix in compressed rows, shapes (pixel + 1,), (entry,) and (entry,); int32,
        int32, and float32 or float64.
    hops : int
        How many edges around its own pixels a tile reaches.
    size : int
        How many pixels a tile has of its own, at most.

    Returns
    -------
    Tiles
        Of consecutive pixels if neighbours are near each other, else of pixels in an order in which
        they are, if that is one.
    """
    pixels = len(offsets) - 1
    bounds = np.append(np.arange(0, pixels, size), pixels)
    order = np.arange(pixels, dtype=np.int32)
    reach, entries = _measured(offsets, columns, order, bounds, hops)
    in_order = size % HOP_ROWS == 0
    rows = np.repeat(order, np.diff(offsets))
    if hops and len(rows) and np.abs(rows - columns).mean() > _SCATTERED * pixels:
        other = _gathered(offsets, columns, size)
        of_other = _measured(offsets, columns, other, bounds, hops)
        if of_other[1].sum() < entries.sum():
            order, in_order, (reach, entries) = other, False, of_other
    owns = np.diff(bounds)
    starts = np.concatenate([[0], np.cumsum(reach[:, -1])])
    places = np.empty(starts[-1], dtype=np.int32)
    groups = np.empty(starts[-1] // HOP_ROWS + 1, dtype=np.int64)
    local = np.empty(entries.sum(), dtype=np.int32)
    spread = np.zeros((entries.sum(), HOP_ROWS), dtype=values.dtype)
    _fill(offsets, columns, values, order, bounds, reach, starts, places, groups, local, spread)
    most = int(reach[:, -1].max())
    table = spread.reshape(-1)
    return Tiles(starts, owns, reach, places, groups, local, table, most, in_order)


def _gathered(
    offsets: NDArray[np.int32], columns: NDArray[np.int32], size: int
) -> NDArray[np.int32]:
    """Return the pixels by groups with much in common, and near each other.

    The order of the groups is that of their first pixels by Cuthill and McKee's method, which
    numbers a graph from one end to the other. Of the pixels of a tile, those come last whose group
    is not whole in it.
    """
    pixels = len(offsets) - 1
    ones = np.ones(len(columns), dtype=np.int8)
    edges = csr_array((ones, columns, offsets), shape=(pixels, pixels))
    ranks = np.empty(pixels, dtype=np.int64)
    ranks[reverse_cuthill_mckee(edges, symmetric_mode=True)] = np.arange(pixels)
    groups = np.full((pixels, HOP_ROWS), -1, dtype=np.int32)
    number = _group(offsets, columns, groups)
    groups = groups[:number][np.argsort(ranks[groups[:number, 0]])]
    rows, places = np.nonzero(groups >= 0)
    tiles = np.arange(pixels) // size
    _, inverse, counts = np.unique(tiles * number + rows, return_inverse=True, return_counts=True)
    whole = counts[inverse] == HOP_ROWS
    return groups[rows, places][np.lexsort((~whole, tiles))]


@loop
def _group(offsets, columns, groups):  # type: ignore[no-untyped-def]
    """Put each pixel in a group with those near it whose neighbours are its neighbours most."""
    used = np.zeros(len(groups), dtype=np.bool_)
    known = np.full(len(groups), -1, dtype=np.int32)
    number = 0
    for pixel in range(len(groups)):
        if used[pixel]:
            continue
        chosen = np.int32(pixel)
        for place in range(HOP_ROWS):
            groups[number, place] = chosen
            used[chosen] = True
            for entry in range(offsets[chosen], offsets[chosen + 1]):
                known[columns[entry]] = number
            chosen, most = np.int32(-1), -1
            for member in groups[number, : place + 1]:
                for entry in range(offsets[member], offsets[member + 1]):
                    candidate = columns[entry]
                    if used[candidate]:
                        continue
                    common = 0
                    for other in range(offsets[candidate], offsets[candidate + 1]):
                        common += known[columns[other]] == number
                    if common > most:
                        chosen, most = candidate, common
            if chosen < 0:
                break
        number += 1
    return number


@loop
def _collect(offsets, columns, own, found, places, reach):  # type: ignore[no-untyped-def]
    """List a tile's pixels; ``places`` tells where a pixel stands in the list, else -1."""
    number = len(own)
    for index in range(number):
        found[index] = own[index]
        places[own[index]] = index
    first = 0
    for hop in range(len(reach)):
        if hop:
            last = number
            for index in range(first, last):
                pixel = found[index]
                for entry in range(offsets[pixel], offsets[pixel + 1]):
                    if places[columns[entry]] < 0:
                        places[columns[entry]] = number
                        found[number] = columns[entry]
                        number += 1
            first = last
        while number % HOP_ROWS:
            found[number] = found[number - 1]
            number += 1
        reach[hop] = number
    return number


def _measured(
    offsets: NDArray[np.int32],
    columns: NDArray[np.int32],
    order: NDArray[np.int32],
    bounds: NDArray[np.int64],
    hops: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the reach of each tile, and how many entries it has."""
    most = -(-len(order) // HOP_ROWS) * HOP_ROWS + hops * HOP_ROWS
    reach = np.empty((len(bounds) - 1, hops + 1), dtype=np.int64)
    entries = np.empty(len(reach), dtype=np.int64)
    _measure(offsets, columns, order, bounds, most, reach, entries)
    return reach, entries


@loop
def _measure(  # type: ignore[no-untyped-def]
    offsets, columns, order, bounds, most, reach, entries
):
    places = np.full(len(offsets) - 1, -1, dtype=np.int32)
    seen = np.full(len(offsets) - 1, -1, dtype=np.int64)
    found = np.empty(most, dtype=np.int32)
    for tile in range(len(reach)):
        own = order[bounds[tile] : bounds[tile + 1]]
        number = _collect(offsets, columns, own, found, places, reach[tile])
        total = 0
        near = reach[tile, -2] if reach.shape[1] > 1 else 0
        for index in range(near):
            pixel = found[index]
            group = tile * most + index // HOP_ROWS
            if places[pixel] != index:
                continue
            for entry in range(offsets[pixel], offsets[pixel + 1]):
                if seen[columns[entry]] != group:
                    seen[columns[entry]] = group
                    total += 1
        entries[tile] = total
        for index in range(number):
            places[found[index]] = -1


@loop
def _fill(  # type: ignore[no-untyped-def]
    offsets, columns, values, order, bounds, reach, starts, pixels, groups, local, spread
):
    places = np.full(len(offsets) - 1, -1, dtype=np.int32)
    slots = np.full(len(offsets) - 1, -1, dtype=np.int64)
    written = 0
    for tile in range(len(reach)):
        own = order[bounds[tile] : bounds[tile + 1]]
        found = pixels[starts[tile] : starts[tile + 1]]
        number = _collect(offsets, columns, own, found, places, reach[tile])
        near = reach[tile, -2] if reach.shape[1] > 1 else 0
        for index in range(number):
            if index % HOP_ROWS == 0:
                groups[(starts[tile] + index) // HOP_ROWS] = written
                first = written
            pixel = found[index]
            if index >= near or places[pixel] != index:
                continue
            for entry in range(offsets[pixel], offsets[pixel + 1]):
                column = columns[entry]
                if slots[column] < first:
                    slots[column] = written
                    local[written] = places[column]
                    written += 1
                spread[slots[column], index % HOP_ROWS] = values[entry]
        for index in range(number):
            places[found[index]] = -1
    groups[-1] = written
