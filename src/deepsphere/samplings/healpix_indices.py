r"""Index arithmetic of HEALPix pixels, vectorised, for any nside.

For work in RING order or on faces; the sampling itself is
:class:`~deepsphere.samplings.healpix.Healpix`, where pixels are is in
:mod:`~deepsphere.samplings.healpix_geometry`. There are three ways to say which pixel.

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

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.samplings.parameters import whole_number

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


def check_nside(nside: object) -> int:
    """Return nside, a whole number from 1 to ``MAX_NSIDE``, as an int.

    Raises
    ------
    DeepsphereError
        If it is anything else.
    """
    return whole_number(nside, "healpix: nside", 1, MAX_NSIDE)


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


def face_of_diagonals(nside: int, rising: Indices, falling: Indices) -> Faces:
    """Return (face, x, y) of pixels between the caps, |z| <= 2/3, unchecked.

    Parameters
    ----------
    nside : int
        Pixels along the side of a face.
    rising, falling : ndarray
        Lines of pixels, int64: to the north-east, counted from where x is 0 in face 4 on through
        faces 5, 6, 7, and to the south-east, from where y is nside - 1 in face 4 on.
    """
    column_x, x = np.divmod(rising, nside)
    column_y, y = np.divmod(falling, nside)
    face = np.where(
        column_x == column_y,
        4 + column_x % 4,
        np.where(column_x > column_y, column_y % 4, 8 + column_x % 4),
    )
    return face, x, nside - 1 - y


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
    return face_of_diagonals(nside, (east + nside + north) // 2, (east + nside - north) // 2)
