"""The sides of polygons, cut where they cross the parallels and the meridians of a grid.

The first step of :mod:`~deepsphere.regridding.polygon_overlap`, which says what for. Each polygon
is looked at from the pole nearer to it; *near* and *far* mean the two poles so seen, and rows count
from the near one.

References
----------
Van Oosterom, Strackee: The solid angle of a plane triangle (IEEE Transactions on Biomedical
Engineering, 1983), equation 8.
"""

# numba finds the types of what it compiles.
# mypy: disable-error-code="no-untyped-def"

import math

import numba
import numpy as np

# A corner so near to a pole is there, in radians; an arc that turns by π but for this crosses it.
_AT_POLE = 1e-13
# Pieces shorter than this are none, in radians.
_SHORTEST = 1e-16
_FIRST_PIECES = 1 << 16


@numba.njit(nogil=True, cache=True)
def cut_polygons(polygons, is_south, below_north, below_south, meridians):
    """Cut the sides of polygons where they leave a cell of a grid.

    Parameters
    ----------
    polygons : ndarray
        Corners, unit vectors, float64, shape (polygons, corners, 3), counter-clockwise seen from
        outside; the last corner may be repeated.
    is_south : ndarray
        Whether the near pole of each is the south pole, bool, shape (polygons,). Any choice is
        right; the nearer one costs least.
    below_north, below_south : ndarray
        1 - z at the parallels seen from the north pole, and seen from the south pole, rising,
        shape (rows + 1,).
    meridians : ndarray
        Radians east, rising, over less than a turn, shape (columns,): a column begins at each.

    Returns
    -------
    starts : ndarray
        Where the pieces of each polygon begin, and where those of the last end, int64, shape
        (polygons + 1,).
    places : ndarray
        Row and column of each piece, int64, shape (pieces, 2); row -1 is above the grid, and one
        more than there are is below.
    values : ndarray
        Of each piece the area between it and its row's upper edge, and its width in radians, both
        positive where it leads eastwards; float64, shape (pieces, 2).
    totals : ndarray
        The area between all sides and the near pole, float64, shape (polygons,): that of the
        polygon, or if it holds the far pole what it lacks of the sphere, below zero.
    has_pole : ndarray
        Whether the near pole is inside, or on a side, bool, shape (polygons,).
    """
    starts = np.zeros(len(polygons) + 1, np.int64)
    totals = np.empty(len(polygons))
    has_pole = np.empty(len(polygons), np.bool_)
    cuts = np.empty(2 * len(below_north) + len(meridians) + 4)
    places = np.empty((_FIRST_PIECES, 2), np.int64)
    values = np.empty((_FIRST_PIECES, 2))
    for polygon in range(len(polygons)):
        corners = _seen_from_pole(polygons[polygon], is_south[polygon])
        below = below_south if is_south[polygon] else below_north
        most = starts[polygon] + len(corners) * len(cuts)
        if most > len(places):
            places = np.concatenate((places, np.empty((most, 2), np.int64)))
            values = np.concatenate((values, np.empty((most, 2))))
        starts[polygon + 1], totals[polygon], has_pole[polygon] = _pieces(
            corners, below, meridians, cuts, places, values, starts[polygon]
        )
    return starts, places[: starts[-1]].copy(), values[: starts[-1]].copy(), totals, has_pole


@numba.njit(nogil=True, cache=True)
def _seen_from_pole(polygon, is_south):
    """Return the corners without repeats, mirrored if the near pole is the south pole."""
    corners = np.empty_like(polygon)
    size = 0
    for place in range(len(polygon)):
        # Mirrored, they go around the other way.
        corner = polygon[len(polygon) - 1 - place] if is_south else polygon[place]
        x, y = corner[0], corner[1]
        z = -corner[2] if is_south else corner[2]
        if math.hypot(x, y) < _AT_POLE:
            x, y, z = 0.0, 0.0, math.copysign(1.0, z)
        corners[size, 0], corners[size, 1], corners[size, 2] = x, y, z
        if size == 0 or (corners[size] != corners[size - 1]).any():
            size += 1
    while size > 1 and (corners[size - 1] == corners[0]).all():
        size -= 1
    return corners[:size]


@numba.njit(nogil=True, cache=True)
def _pieces(corners, below, meridians, cuts, places, values, pieces):
    """Add the pieces of one polygon; return the number of all, its total and its has_pole."""
    total, winding, touches_pole = 0.0, 0.0, False
    size = len(corners)
    for corner in range(size):
        begin, end = corners[corner], corners[(corner + 1) % size]
        is_polar = begin[0] == 0 and begin[1] == 0
        if is_polar or (end[0] == 0 and end[1] == 0):
            # A side along a meridian encloses nothing with the near pole.
            touches_pole |= is_polar and begin[2] > 0
            if is_polar and begin[2] < 0:
                # Around the far pole from the side that ends there to the one that begins.
                before = corners[corner - 1]
                start = math.atan2(before[1], before[0])
                turn = np.mod(math.atan2(end[1], end[0]) - start, 2 * math.pi)
                pieces = _around(start, turn, below, meridians, places, values, pieces)
                total += 2 * turn
                winding += turn
            continue
        turn = _turn(begin, end)
        if abs(turn) > math.pi - _AT_POLE:
            touches_pole |= begin[2] + end[2] > 0
            if begin[2] + end[2] < 0:
                start = math.atan2(begin[1], begin[0])
                pieces = _around(start, math.pi, below, meridians, places, values, pieces)
                total += 2 * math.pi
                winding += math.pi
            continue
        winding += turn
        pieces, area = _side(begin, end, turn, below, meridians, cuts, places, values, pieces)
        total += area
    return pieces, total, touches_pole or winding > math.pi


@numba.njit(nogil=True, cache=True)
def _around(start, turn, below, meridians, places, values, pieces):
    """Add pieces along the far pole, through columns eastwards; return the number of all."""
    position = meridians[0] + np.mod(start - meridians[0], 2 * math.pi)
    column = np.searchsorted(meridians, position, "right") - 1
    end = position + turn
    while position < end:
        column += 1
        following = meridians[column % len(meridians)] + 2 * math.pi * (column // len(meridians))
        stop = min(following, end)
        row = len(below) - 1
        if below[-1] == 2:
            # The far pole is the lower edge of the last row.
            row -= 1
            values[pieces, 0] = (stop - position) * (2 - below[row])
        places[pieces, 0], places[pieces, 1] = row, (column - 1) % len(meridians)
        values[pieces, 1] = stop - position
        pieces += 1
        position = stop
    return pieces


@numba.njit(nogil=True, cache=True)
def _side(begin, end, turn, below, meridians, cuts, places, values, pieces):
    """Add the pieces of a side; return the number of all, and the area between it and the pole."""
    normal = np.cross(begin, end)
    sine = math.sqrt((normal * normal).sum())
    if sine < _SHORTEST:
        return pieces, 0.0
    along = np.cross(normal, begin) / sine
    length = math.atan2(sine, (begin * end).sum())
    count = _crossings(begin, along, length, turn, below, meridians, cuts)
    total = 0.0
    for cut in range(count - 1):
        first, last = cuts[cut], cuts[cut + 1]
        if last - first < _SHORTEST:
            continue
        one = begin * math.cos(first) + along * math.sin(first)
        other = begin * math.cos(last) + along * math.sin(last)
        middle = (first + last) / 2
        between = begin * math.cos(middle) + along * math.sin(middle)
        width = _turn(one, other)
        area = _to_pole(one, other, width)
        total += area
        angle = math.atan2(between[1], between[0])
        angle = meridians[0] + np.mod(angle - meridians[0], 2 * math.pi)
        # A piece that touches a parallel in its middle lies on one side of it on the whole.
        height = (_below(one) + 2 * _below(between) + _below(other)) / 4
        row = np.searchsorted(below, height, "right") - 1
        places[pieces, 0] = row
        places[pieces, 1] = np.searchsorted(meridians, angle, "right") - 1
        values[pieces, 0] = area - below[max(row, 0)] * width
        values[pieces, 1] = width
        pieces += 1
    return pieces, total


@numba.njit(nogil=True, cache=True)
def _crossings(begin, along, length, turn, below, meridians, cuts):
    """Write where a side begins, crosses the grid's lines and ends, ascending; return how often."""
    cuts[0] = 0.0
    count = 1
    start = math.atan2(begin[1], begin[0])
    start = meridians[0] + np.mod(start - meridians[0], 2 * math.pi)
    column = np.searchsorted(meridians, start, "right") - 1
    step = 1 if turn > 0 else -1
    column += turn > 0
    while True:
        around = column // len(meridians)
        meridian = meridians[column - around * len(meridians)] + 2 * math.pi * around
        if (meridian - start) * step >= abs(turn) or count > len(meridians):
            break
        cosine, sine = math.cos(meridian), math.sin(meridian)
        place = math.atan2(begin[0] * sine - begin[1] * cosine, along[1] * cosine - along[0] * sine)
        count = _add(cuts, count, np.mod(place, math.pi), length)
        column += step

    # z = radius · cos(place - highest) along the great circle.
    radius, highest = math.hypot(begin[2], along[2]), math.atan2(along[2], begin[2])
    final = begin * math.cos(length) + along * math.sin(length)
    top = max(begin[2], final[2])
    if 0 < highest < length:
        top = radius
    least = min(_below(begin), _below(final)) if top < radius else 1 - radius
    most = max(_below(begin), _below(final))
    lowest = highest + math.pi if highest < 0 else highest - math.pi
    if 0 < lowest < length:
        most = 1 + radius
    row = np.searchsorted(below, least, "left")
    while row < len(below) and below[row] < most:
        ratio = (1 - below[row]) / radius
        if abs(ratio) <= 1:
            angle = math.acos(ratio)
            count = _add(cuts, count, _within(highest - angle), length)
            count = _add(cuts, count, _within(highest + angle), length)
        row += 1
    cuts[count] = length
    return count + 1


@numba.njit(nogil=True, cache=True)
def _add(cuts, count, place, length):
    """Insert a place along a side, if it is inside, into those in order; return their number."""
    if not 0 < place < length:
        return count
    slot = count
    while slot > 0 and cuts[slot - 1] > place:
        cuts[slot] = cuts[slot - 1]
        slot -= 1
    cuts[slot] = place
    return count + 1


@numba.njit(nogil=True, cache=True)
def _within(angle):
    """Return an angle between -π and π that was within 2π of zero."""
    if angle > math.pi:
        return angle - 2 * math.pi
    return angle + 2 * math.pi if angle < -math.pi else angle


@numba.njit(nogil=True, cache=True)
def _turn(one, other):
    """Return the angle around the axis from one vector to another, between -π and π."""
    return math.atan2(one[0] * other[1] - one[1] * other[0], one[0] * other[0] + one[1] * other[1])


@numba.njit(nogil=True, cache=True)
def _to_pole(one, other, width):
    """Return the area between an arc of some width and the near pole, positive eastwards."""
    volume = one[0] * other[1] - one[1] * other[0]
    cosines = 1 + (one * other).sum()
    heights = one[2] + other[2]
    if heights >= 0:
        return 2 * math.atan2(volume, cosines + heights)
    # The triangle with the far pole is the smaller one, and has more digits.
    return 2 * width - 2 * math.atan2(volume, cosines - heights)


@numba.njit(nogil=True, cache=True)
def _below(vector):
    """Return 1 - z of a unit vector, without the cancellation next to the near pole."""
    if vector[2] > 0:
        return (vector[0] ** 2 + vector[1] ** 2) / (1 + vector[2])
    return 1 - vector[2]
