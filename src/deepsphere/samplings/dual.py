"""The Voronoi cells of points, from their Delaunay triangles.

The groundwork of :mod:`~deepsphere.samplings.voronoi`, which is for samplings to use.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from deepsphere.samplings.delaunay import first_joined
from deepsphere.samplings.polygons import cross, polygon_areas

# Corners nearer than this are one: four points on a circle have two triangles, whose centres
# differ by rounding.
_ONE_CORNER = 1e-11
# Cosine of 120°. The great arc between opposite points is not defined: longer sides get a corner in
# between.
_LONG_SIDE = -0.5


@dataclass(frozen=True, eq=False)
class Dual:
    """The cells of the points of a closed surface of Delaunay triangles.

    Half of an edge, a *dart*, leads from one point to another: dart 3t + k from corner k of
    triangle t to corner k + 1. Its triangle is on its left, that of the opposite dart on its right.
    The side between the cells of its two points leads from the centre of the circle around the
    right triangle to that of the left one.

    Attributes
    ----------
    points : ndarray
        Unit vectors of distinct places, shape (points, 3).
    triangles : ndarray
        Their triangles, int64, shape (triangles, 3), counter-clockwise seen from outside.
    """

    points: NDArray[np.float64]
    triangles: NDArray[np.int64]

    def areas(self) -> NDArray[np.float64]:
        """Return the areas of the cells in steradians, shape (points,)."""
        return polygon_areas(self.corners())

    def corners(self) -> NDArray[np.float64]:
        """Return the corners of the cells, counter-clockwise, shape (points, corners, 3).

        The last corner is repeated. Sides longer than 120° have a corner in between.
        """
        begin, middle, end = self._sides
        # Each dart brings two corners: the middle of its side, if it is long, and its end.
        corners = np.stack([middle, end], axis=1)
        is_long = np.einsum("di,di->d", begin, end) < _LONG_SIDE
        kept = np.stack([is_long, self._has_side], axis=1)

        order = np.lexsort((self._ranks(), self._origins))
        kept = kept[order]
        flat = corners[order][kept]
        counts = np.bincount(np.repeat(self._origins[order], kept.sum(axis=1)))
        starts = np.cumsum(counts) - counts
        columns = np.minimum(np.arange(counts.max()), counts[:, np.newaxis] - 1)
        padded: NDArray[np.float64] = flat[starts[:, np.newaxis] + columns]
        return padded

    def sides(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the two points of each side between cells, in both orders, shape (sides,) each."""
        return self._origins[self._has_side], self._ends[self._has_side]

    def _ranks(self) -> NDArray[np.int64]:
        """Number the darts that leave each point, counter-clockwise."""
        # The dart before a dart in its triangle leads back from the next neighbour around.
        following = self._opposite.reshape(-1, 3)[:, [2, 0, 1]].ravel()
        ranks = np.empty(len(following), dtype=np.int64)
        _, start = np.unique(self._origins, return_index=True)
        darts, rank = start, 0
        while darts.size:
            ranks[darts] = rank
            darts, rank = following[darts], rank + 1
            more = darts != start
            darts, start = darts[more], start[more]
        return ranks

    @cached_property
    def _origins(self) -> NDArray[np.int64]:
        return self.triangles.ravel()

    @cached_property
    def _ends(self) -> NDArray[np.int64]:
        return np.roll(self.triangles, -1, axis=1).ravel()

    @cached_property
    def _opposite(self) -> NDArray[np.int64]:
        """The dart that leads back along each dart."""
        opposite = np.empty(len(self._origins), dtype=np.int64)
        there, back = (self._origins, self._ends), (self._ends, self._origins)
        opposite[np.lexsort(there)] = np.lexsort(back)
        return opposite

    @cached_property
    def _centres(self) -> NDArray[np.float64]:
        """Centres of the empty circles through the corners of triangles, shape (triangles, 3)."""
        first, second, third = np.moveaxis(self.points[self.triangles], 1, 0)
        centres = cross(second - first, third - first)
        centres /= np.linalg.norm(centres, axis=1, keepdims=True)
        return centres

    @cached_property
    def _corner_of_dart(self) -> NDArray[np.int64]:
        """The triangle whose centre is where each dart's side ends, or another one at its place."""
        left = np.repeat(np.arange(len(self.triangles)), 3)
        right = left[self._opposite]
        near = np.linalg.norm(self._centres[left] - self._centres[right], axis=1) < _ONE_CORNER
        return first_joined(left[near], right[near], len(self.triangles))[left]

    @cached_property
    def _has_side(self) -> NDArray[np.bool_]:
        """Whether the cells of each dart's points share more than a corner."""
        return np.not_equal(self._corner_of_dart, self._corner_of_dart[self._opposite])

    @cached_property
    def _sides(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Where the side of each dart begins, its middle and its end, shape (darts, 3) each."""
        begin = self._centres[self._corner_of_dart[self._opposite]]
        end = self._centres[self._corner_of_dart]
        along = self.points[self._ends] - self.points[self._origins]
        along /= np.linalg.norm(along, axis=1, keepdims=True)
        # The sum of the two ends tells the direction of a short side's middle; that of a right
        # angle ahead of its beginning and one back from its end tells that of a long one's.
        middle = begin + end + cross(begin - end, along)
        return begin, middle / np.linalg.norm(middle, axis=1, keepdims=True), end
