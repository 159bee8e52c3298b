r"""Index arithmetic and geometry of HEALPix pixels, vectorised, for any nside.

For work on a few pixels, on places inside of them, or in RING order; the sampling itself is
:class:`~deepsphere.samplings.healpix.Healpix`. There are three ways to say which pixel.

face, x, y
    One of the 12 base pixels, and a place of 0 to nside - 1 along each of two of its sides::

              N (nside, nside)
             /\                        faces:        0     1     2     3
         y  /  \  x                               4     5     6     7
           /    \                                    8     9     10    11
        W  \    /  E
            \  /                       longitude: 0°    90°   180°  270°
             \/
              S (0, 0)

    Faces 0 to 3 touch the north pole, the equator runs through 4 to 7.
NESTED
    Faces one after another; inside a face the bits of x and y alternate (Morton order, x first), so
    that the children of pixel p at twice the nside are 4p to 4p + 3. This defines it for powers of
    two. We extend it to nside = 2^a m with odd m: a face is m x m blocks of 2^a x 2^a pixels, which
    come row by row (x runs fastest), and the order inside a block is Morton's. The children of p
    are 4p to 4p + 3 then too, down from nside m, and with m = 1 it is NESTED proper.
RING
    From north to south along rings of equal latitude, each to the east from longitude 0. Other
    software reads and writes this order for any nside.

Indices are int64, and exact for every nside up to ``MAX_NSIDE``.

References
----------
Górski, Hivon, Banday, Wandelt, Hansen, Reinecke, Bartelmann: HEALPix, a framework for
high-resolution discretization and fast analysis of data distributed on the sphere, ApJ 622 (2005),
sections 4 and 5.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepsphere.errors import DeepsphereError

MAX_NSIDE = 1 << 29
"""Largest nside: 12 nside² and what is computed from it stay within int64."""

Indices = NDArray[np.int64]
Faces = tuple[Indices, Indices, Indices]

# Bits of a number are spread to every second place in five steps, and gathered in five back.
_SPREAD_STEPS = (
    (16, 0x0000FFFF0000FFFF),
    (8, 0x00FF00FF00FF00FF),
    (4, 0x0F0F0F0F0F0F0F0F),
    (2, 0x3333333333333333),
    (1, 0x5555555555555555),
)
_GATHER_STEPS = (
    (1, 0x3333333333333333),
    (2, 0x0F0F0F0F0F0F0F0F),
    (4, 0x00FF00FF00FF00FF),
    (8, 0x0000FFFF0000FFFF),
    (16, 0x00000000FFFFFFFF),
)

# Cosine and sine of 0, 1, 2, 3 quarter turns.
_TURN_COSINE = np.array([1.0, 0.0, -1.0, 0.0])
_TURN_SINE = np.array([0.0, 1.0, 0.0, -1.0])

# The steps (x, y) to the south-west, west, north-west, north, north-east, east, south-east, south.
_STEPS = ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))

_NOBODY = (-1, 0, 0)
# By row of faces (north, equator, south), for one who leaves a face in x and in y (not at all, past
# the largest, past the smallest): the row of faces entered, how many faces further east, and by how
# many quarter turns that face is turned, which only those around one pole are to each other. Where
# three faces meet there is nobody across the corner.
_ACROSS = np.array(
    [
        [
            [(0, 0, 0), (0, -1, -1), (1, 1, 0)],
            [(0, 1, 1), (0, 2, 2), _NOBODY],
            [(1, 0, 0), _NOBODY, (2, 0, 0)],
        ],
        [
            [(1, 0, 0), (0, -1, 0), (2, 0, 0)],
            [(0, 0, 0), _NOBODY, (1, 1, 0)],
            [(2, -1, 0), (1, -1, 0), _NOBODY],
        ],
        [
            [(2, 0, 0), (1, 0, 0), (2, 1, -1)],
            [(1, 1, 0), (0, 0, 0), _NOBODY],
            [(2, -1, 1), _NOBODY, (2, 2, 2)],
        ],
    ]
)


def check_nside(nside: int) -> int:
    """Return nside, a whole number from 1 to ``MAX_NSIDE``, as an int.

    Raises
    ------
    DeepsphereError
        If it is anything else.
    """
    if (
        isinstance(nside, bool)
        or not isinstance(nside, int | np.integer)
        or not 1 <= nside <= MAX_NSIDE
    ):
        raise DeepsphereError(
            f"the nside of HEALPix must be a whole number from 1 to {MAX_NSIDE}; found {nside!r}"
        )
    return int(nside)


def odd_factor(nside: int) -> int:
    """Return the odd m of nside = 2^a m; 1 where NESTED is NESTED proper."""
    return nside // (nside & -nside)


def face_of_nested(nside: int, pixels: ArrayLike) -> Faces:
    """Return (face, x, y), int64 and of the shape of the pixels, of pixels in NESTED order.

    Raises
    ------
    DeepsphereError
        If the pixels are not whole numbers from 0 to 12 nside² - 1.
    """
    checked = _check_pixels(nside, pixels)
    blocks = odd_factor(nside)
    side = nside // blocks
    face, inside = np.divmod(checked, nside * nside)
    block, inside = np.divmod(inside, side * side)
    block_y, block_x = np.divmod(block, blocks)
    return (
        face,
        block_x * side + _gather_bits(inside),
        block_y * side + _gather_bits(inside >> 1),
    )


def nested_of_face(nside: int, face: Indices, x: Indices, y: Indices) -> Indices:
    """Return the pixels in NESTED order; the inverse of :func:`face_of_nested`, unchecked."""
    blocks = odd_factor(nside)
    side = nside // blocks
    block_x, x = np.divmod(x, side)
    block_y, y = np.divmod(y, side)
    inside = _spread_bits(x) | (_spread_bits(y) << 1)
    return ((face * blocks + block_y) * blocks + block_x) * (side * side) + inside


def face_of_ring(nside: int, pixels: ArrayLike) -> Faces:
    """Return (face, x, y), int64 and of the shape of the pixels, of pixels in RING order.

    Raises
    ------
    DeepsphereError
        If the pixels are not whole numbers from 0 to 12 nside² - 1.
    """
    checked = _check_pixels(nside, pixels)
    in_cap = 2 * nside * (nside - 1)
    # Half a turn around the x axis maps pixel p of one cap to 12 nside² - 1 - p of the other.
    opposite = 12 * nside**2 - 1 - checked
    cap_face, cap_x, cap_y = _face_in_north_cap(nside, np.minimum(checked, opposite))
    belt_face, belt_x, belt_y = _face_in_belt(nside, checked - in_cap)
    in_north, in_south = checked < in_cap, opposite < in_cap
    last = nside - 1
    return (
        np.where(in_north, cap_face, np.where(in_south, 11 - cap_face, belt_face)),
        np.where(in_north, cap_x, np.where(in_south, last - cap_x, belt_x)),
        np.where(in_north, cap_y, np.where(in_south, last - cap_y, belt_y)),
    )


def ring_of_face(nside: int, face: Indices, x: Indices, y: Indices) -> Indices:
    """Return the pixels in RING order; the inverse of :func:`face_of_ring`, unchecked."""
    row, column = np.divmod(face, 4)
    ring = (row + 2) * nside - x - y - 1
    # Pixels in a quarter of the ring.
    quarter = np.minimum(np.minimum(ring, nside), 4 * nside - ring)
    # Every ring of a cap and every second one of the belt starts half a pixel east of longitude 0.
    shift = (ring - quarter + 1) & 1
    start = np.where(
        ring < nside,
        2 * ring * (ring - 1),
        np.where(
            ring > 3 * nside,
            12 * nside**2 - 2 * quarter * (quarter + 1),
            2 * nside * (nside - 1) + 4 * nside * (ring - nside),
        ),
    )
    eighths = 2 * column + (row != 1)
    place: Indices = (eighths * quarter + x - y - shift) // 2 % (4 * quarter)
    return start + place


def ring_of_nested(nside: int, pixels: ArrayLike) -> Indices:
    """Return the RING indices, int64, of pixels in NESTED order; see :func:`face_of_nested`."""
    return ring_of_face(nside, *face_of_nested(nside, pixels))


def nested_of_ring(nside: int, pixels: ArrayLike) -> Indices:
    """Return the NESTED indices, int64, of pixels in RING order; see :func:`face_of_ring`."""
    return nested_of_face(nside, *face_of_ring(nside, pixels))


def positions_inside(
    nside: int, pixels: ArrayLike, x: ArrayLike = 0.5, y: ArrayLike = 0.5
) -> NDArray[np.float64]:
    """Return where a place inside each pixel is: its centre, a corner, a point of a side.

    Parameters
    ----------
    nside : int
        Pixels along the side of a face.
    pixels : array_like
        Indices in NESTED order, any shape.
    x, y : array_like
        Place inside the pixel, 0 to 1 each, of shapes that broadcast with the pixels: (0, 0) is
        the south corner, (1, 0) the east, (1, 1) the north, (0, 1) the west one.

    Returns
    -------
    ndarray
        Unit vectors, float64, of the broadcast shape and a last axis (x, y, z). x and y are good
        to 4e-16 of the distance from the axis, also next to the poles. Quarter turns of the sphere
        and its mirroring at the equator map centres to centres bit for bit.

    Raises
    ------
    DeepsphereError
        If the pixels are not whole numbers from 0 to 12 nside² - 1.
    """
    face, column, row = face_of_nested(nside, pixels)
    return _positions_on_face(
        nside, face, np.add(column, x, dtype=np.float64), np.add(row, y, dtype=np.float64)
    )


def pixels_at(nside: int, vectors: NDArray[np.float64]) -> Indices:
    """Return the pixel that each vector points to.

    Parameters
    ----------
    nside : int
        Pixels along the side of a face.
    vectors : ndarray
        Directions (x, y, z), of any positive length, shape (..., 3).

    Returns
    -------
    ndarray
        Indices in NESTED order, int64, shape (...). Where rounding does not tell on which side of a
        border a vector lies, one of the pixels along it.

    Raises
    ------
    DeepsphereError
        If a vector is zero or not finite, or the last axis does not have length 3.
    """
    nside = check_nside(nside)
    if vectors.ndim < 1 or vectors.shape[-1] != 3:
        raise DeepsphereError(f"vectors must have shape (..., 3); found shape {vectors.shape}")
    x, y, z = np.moveaxis(vectors, -1, 0)
    across = np.hypot(x, y)
    lengths = np.hypot(across, z)
    wrong = np.flatnonzero(~(np.isfinite(lengths) & (lengths > 0)))
    if wrong.size:
        raise DeepsphereError(
            f"vectors must be finite and not zero; found {vectors.reshape(-1, 3)[wrong[0]]} at "
            f"index {wrong[0]} ({wrong.size} such vectors)"
        )
    height, sine = z / lengths, across / lengths
    quarters = np.arctan2(y, x) / (math.pi / 2) % 4
    in_belt = np.abs(height) <= 2 / 3
    belt = _face_at_belt(nside, height, quarters)
    cap = _face_at_caps(nside, height, sine, quarters)
    face, x, y = (np.where(in_belt, *both) for both in zip(belt, cap, strict=True))
    return nested_of_face(nside, face, x, y)


def adjacent_pixels(nside: int, pixels: ArrayLike) -> Indices:
    """Return the pixels that share a side or a corner with each pixel.

    Parameters
    ----------
    nside : int
        Pixels along the side of a face.
    pixels : array_like
        Indices in NESTED order, any shape (...).

    Returns
    -------
    ndarray
        Indices in NESTED order, int64, shape (..., 8): those to the south-west, west, north-west,
        north, north-east, east, south-east and south, the even ones along a side. Where three faces
        meet the one across the corner is missing, and -1 at the end stands for it: 24 pixels have
        7 neighbours, and with nside 1 all 12 have 6.

    Raises
    ------
    DeepsphereError
        If the pixels are not whole numbers from 0 to 12 nside² - 1.
    """
    face, x, y = face_of_nested(nside, np.ravel(pixels))
    adjacent = np.empty((len(face), len(_STEPS)), np.int64)
    for direction, (step_x, step_y) in enumerate(_STEPS):
        adjacent[:, direction] = _pixels_across(nside, face, x + step_x, y + step_y)
    lacks_some = (adjacent < 0).any(axis=1)
    rows = adjacent[lacks_some]
    order = np.argsort(rows < 0, axis=1, stable=True)
    adjacent[lacks_some] = np.take_along_axis(rows, order, axis=1)
    return adjacent.reshape(*np.shape(pixels), len(_STEPS))


def _check_pixels(nside: int, pixels: ArrayLike) -> Indices:
    nside = check_nside(nside)
    checked = np.asarray(pixels)
    if checked.size == 0:
        return checked.astype(np.int64)
    if checked.dtype.kind not in "iu":
        raise DeepsphereError(f"HEALPix pixels must be whole numbers; found {checked.dtype}")
    lowest, highest = checked.min(), checked.max()
    if lowest < 0 or highest >= 12 * nside**2:
        raise DeepsphereError(
            f"pixels of healpix:{nside} go from 0 to {12 * nside**2 - 1}; "
            f"found {lowest if lowest < 0 else highest}"
        )
    return checked.astype(np.int64, copy=False)


def _spread_bits(numbers: Indices) -> Indices:
    """Move bit k to bit 2k."""
    for places, mask in _SPREAD_STEPS:
        numbers = (numbers | (numbers << places)) & mask
    return numbers


def _gather_bits(numbers: Indices) -> Indices:
    """Move bit 2k to bit k, and drop the odd ones."""
    numbers = numbers & _SPREAD_STEPS[-1][1]
    for places, mask in _GATHER_STEPS:
        numbers = (numbers | (numbers >> places)) & mask
    return numbers


def _face_in_north_cap(nside: int, pixels: Indices) -> Faces:
    """Return (face, x, y) of pixels in RING order in the north cap; of others, anything."""
    # Ring i starts at 2i(i - 1). The root of a large number may have been rounded up to the next.
    ring = ((1 + np.sqrt(1 + 2 * pixels)) / 2).astype(np.int64)
    ring -= 2 * ring * (ring - 1) > pixels
    column, place = np.divmod(pixels - 2 * ring * (ring - 1), ring)
    return column, nside - ring + place, nside - 1 - place


def _face_in_belt(nside: int, pixels: Indices) -> Faces:
    """Return (face, x, y) of pixels in RING order counted from the belt; of others, anything."""
    ring, place = np.divmod(pixels, 4 * nside)
    # Twice the way to the north from the equator and to the east from longitude 0, in pixels.
    north = nside - ring
    east = 2 * place + ((ring + 1) & 1)
    return _face_of_diagonals(nside, (east + nside + north) // 2, (east + nside - north) // 2)


def _face_of_diagonals(nside: int, rising: Indices, falling: Indices) -> Faces:
    """Return (face, x, y) of places in the belt.

    ``rising`` counts lines of pixels to the north-east, from where x is 0 in face 4 on through
    faces 5, 6, 7; ``falling`` those to the south-east, from where y is nside - 1 in face 4 on.
    """
    column_x, x = np.divmod(rising, nside)
    column_y, y = np.divmod(falling, nside)
    face = np.where(
        column_x == column_y,
        4 + column_x % 4,
        np.where(column_x > column_y, column_y % 4, 8 + column_x % 4),
    )
    return face, x, nside - 1 - y


def _face_at_belt(nside: int, height: NDArray[np.float64], quarters: NDArray[np.float64]) -> Faces:
    """Return (face, x, y) of places within 2/3 of the equator; elsewhere any number."""
    rising = np.floor(nside * (quarters + 0.5 + 0.75 * height)).astype(np.int64)
    falling = np.floor(nside * (quarters + 0.5 - 0.75 * height)).astype(np.int64)
    # The two are at most a face apart, also at |z| = 2/3: what is less than a whole number before
    # one of these roundings is less after it.
    return _face_of_diagonals(nside, rising, falling)


def _face_at_caps(
    nside: int,
    height: NDArray[np.float64],
    sine: NDArray[np.float64],
    quarters: NDArray[np.float64],
) -> Faces:
    """Return (face, x, y) of places further than 2/3 from the equator; elsewhere any number."""
    column = np.minimum(quarters.astype(np.int64), 3)
    east = quarters - column
    # nside √(3(1 - |z|)), without the cancellation near the pole.
    ring = nside * sine * np.sqrt(3 / (1 + np.abs(height)))
    from_west = np.minimum((ring * east).astype(np.int64), nside - 1)
    from_east = np.minimum((ring * (1 - east)).astype(np.int64), nside - 1)
    is_north = height > 0
    return (
        np.where(is_north, column, 8 + column),
        np.where(is_north, nside - 1 - from_east, from_west),
        np.where(is_north, nside - 1 - from_west, from_east),
    )


def _pixels_across(nside: int, face: Indices, x: Indices, y: Indices) -> Indices:
    """Return the pixels, or -1, at places on faces that may be one step outside of their face."""
    outside = (x < 0) | (x >= nside) | (y < 0) | (y >= nside)
    row, column = np.divmod(face[outside], 4)
    side_x, inner_x = np.divmod(x[outside], nside)
    side_y, inner_y = np.divmod(y[outside], nside)
    row, columns, turns = np.moveaxis(_ACROSS[row, side_x, side_y], -1, 0)
    far_x, far_y = nside - 1 - inner_x, nside - 1 - inner_y
    face, x, y = face.copy(), x.copy(), y.copy()
    face[outside] = 4 * row + (column + columns) % 4
    x[outside] = np.choose(turns % 4, [inner_x, inner_y, far_x, far_y])
    y[outside] = np.choose(turns % 4, [inner_y, far_x, far_y, inner_x])
    return np.where(face < 0, -1, nested_of_face(nside, face, x, y))


def _positions_on_face(
    nside: int, face: Indices, x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return unit vectors of places on faces, x and y from 0 to nside."""
    row, column = np.divmod(face, 4)
    ring = (row + 2) * nside - x - y
    # Rings to the nearer pole.
    cap = np.minimum(ring, 4 * nside - ring)
    quarter = np.minimum(cap, nside)
    # At a pole x = y, and any longitude is right.
    eighths = (x - y) / np.where(quarter > 0, quarter, 1) + (row != 1)
    longitude = math.pi / 4 * eighths
    height = np.where(cap < nside, 1 - (cap / nside) ** 2 / 3, (2 - cap / nside) * 2 / 3)
    # In a cap from the ring: next to a pole the height has lost it.
    sine = np.where(
        cap < nside,
        cap / nside * np.sqrt((2 - (cap / nside) ** 2 / 3) / 3),
        np.sqrt((1 - height) * (1 + height)),
    )
    cosine_east, sine_east = sine * np.cos(longitude), sine * np.sin(longitude)
    turn_cosine, turn_sine = _TURN_COSINE[column], _TURN_SINE[column]
    return np.stack(
        [
            cosine_east * turn_cosine - sine_east * turn_sine,
            cosine_east * turn_sine + sine_east * turn_cosine,
            np.copysign(height, 2 * nside - ring),
        ],
        axis=-1,
    )
