"""The closed surfaces that simulated shapes are put together from.

:func:`box`, :func:`frustum` and :func:`prism` have flat faces; :func:`revolved` turns a profile
around the z axis; :func:`tube` follows a curve; :func:`superquadric` is round or square as one
likes. Each is watertight, its faces wind counterclockwise seen from outside, and z points up. They
are joined by :func:`deepsphere.sources.meshes.simulated_surfaces.joined`.
"""

from collections.abc import Sequence

import numpy as np

from deepsphere.sources.meshes.simulated_surfaces import TRIANGLE, Shape, moved


def hexahedron(corners: np.ndarray) -> Shape:
    """Return a box with any corners.

    Parameters
    ----------
    corners : array of float
        ``(8, 3)``: the four of the lower face counterclockwise seen from above, then those above
        them.
    """
    # Opposite faces start at the same edge, so that they are cut along the same diagonal: the sides
    # of a thin board that is twisted do not pass through each other.
    faces = [[0, 3, 2, 1], [4, 5, 6, 7], [0, 1, 5, 4], [3, 7, 6, 2], [1, 2, 6, 5], [0, 4, 7, 3]]
    return Shape(np.asarray(corners, np.float64), np.array(faces), np.zeros(6, np.int64))


def frustum(
    lower: tuple[float, float],
    upper: tuple[float, float],
    height: float,
    lean: tuple[float, float] = (0.0, 0.0),
) -> Shape:
    """Return a body between two rectangles, such as a leg or a wing.

    Parameters
    ----------
    lower, upper : tuple of float
        Lengths along x and y of the rectangle at z = 0, around the z axis, and of the one above.
    height : float
        Distance of the rectangles.
    lean : tuple of float
        How far the upper one is shifted along x and y.
    """
    square = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) / 2
    corners = np.zeros((8, 3))
    corners[:4, :2] = square * lower
    corners[4:, :2] = square * upper + lean
    corners[4:, 2] = height
    return hexahedron(corners)


def box(size: Sequence[float], centre: Sequence[float] = (0.0, 0.0, 0.0)) -> Shape:
    """Return a box of some lengths along x, y and z around a centre."""
    length, width, height = size
    x, y, z = centre
    return moved(frustum((length, width), (length, width), height), (x, y, z - height / 2))


def revolved(profile: np.ndarray, sectors: int) -> Shape:
    """Return the body that a profile sweeps around the z axis.

    Parameters
    ----------
    profile : array of float
        ``(point, 2)`` radius and height, with the body to its left as it is drawn with the
        radius to the right: from the axis upwards along the outside, and back to the axis.
    sectors : int
        Corners of each circle. The cross-sections are regular polygons, smaller than the circles
        in area by the factor ``sin(2 pi / sectors) / (2 pi / sectors)``.
    """
    radius, height = np.asarray(profile, np.float64).T
    angle = 2 * np.pi * np.arange(sectors) / sectors
    rings = np.empty((len(radius), sectors, 3))
    rings[..., 0] = radius[:, None] * np.cos(angle)
    rings[..., 1] = radius[:, None] * np.sin(angle)
    rings[..., 2] = height[:, None]
    return _woven(rings, radius == 0)


def prism(outline: np.ndarray, height: float) -> Shape:
    """Return a prism over an outline.

    Parameters
    ----------
    outline : array of float
        ``(point, 2)`` x and y, counterclockwise, all of it visible from (0, 0).
    height : float
        The prism reaches from z = 0 to it.
    """
    outline = np.asarray(outline, np.float64)
    rings = np.zeros((4, len(outline), 3))
    rings[1:3, :, :2] = outline
    rings[2:, :, 2] = height
    return _woven(rings, np.array([True, False, False, True]))


def tube(path: np.ndarray, radius: float, sectors: int, closed: bool = False) -> Shape:
    """Return a round tube along a curve.

    Parameters
    ----------
    path : array of float
        ``(point, 3)`` the curve; of a closed one the first point is not repeated.
    radius : float
        Radius of the tube.
    sectors : int
        Corners of each circle.
    closed : bool
        Whether the end meets the start; otherwise both ends are capped.
    """
    path = np.asarray(path, np.float64)
    across = _carried_along(path, closed)
    tangent = _tangents(path, closed)
    angle = 2 * np.pi * np.arange(sectors) / sectors
    circle = radius * np.stack([np.cos(angle), np.sin(angle)])
    upright = np.cross(tangent, across)
    rings = path[:, None] + (
        circle[0][:, None] * across[:, None] + circle[1][:, None] * upright[:, None]
    )
    if closed:
        return _woven(rings, np.zeros(len(path), np.bool_), closed=True)
    ends = np.broadcast_to(path[[0, -1], None], (2, sectors, 3))
    pointed = np.zeros(len(path) + 2, np.bool_)
    pointed[[0, -1]] = True
    return _woven(np.concatenate([ends[:1], rings, ends[1:]]), pointed)


def superquadric(
    radii: Sequence[float], roundness: tuple[float, float], rows: int, sectors: int
) -> Shape:
    """Return a superquadric (Barr, 1981, equation 2): a ball, a cushion, a block with round edges.

    Parameters
    ----------
    radii : sequence of float
        Half the lengths along x, y and z.
    roundness : tuple of float
        Exponents from pole to pole and around the z axis: 1 is an ellipsoid, near 0 a block, 2 an
        octahedron.
    rows, sectors : int
        Faces from pole to pole and around.
    """
    latitude = np.linspace(-np.pi / 2, np.pi / 2, rows + 1)[:, None]
    longitude = 2 * np.pi * np.arange(sectors) / sectors
    girth = _power(np.cos(latitude), roundness[0])
    rings = np.stack(
        [
            radii[0] * girth * _power(np.cos(longitude), roundness[1]),
            radii[1] * girth * _power(np.sin(longitude), roundness[1]),
            np.broadcast_to(radii[2] * _power(np.sin(latitude), roundness[0]), (rows + 1, sectors)),
        ],
        axis=-1,
    )
    pointed = np.zeros(rows + 1, np.bool_)
    pointed[[0, -1]] = True
    return _woven(rings, pointed)


def _woven(rings: np.ndarray, pointed: np.ndarray, closed: bool = False) -> Shape:
    """Return the surface through rings of points, ``(ring, sector, 3)``.

    A ring that is pointed is one vertex. The rings follow each other so that their direction is
    that of the outward normal times the direction around a ring.

    ::

        ring i+1   d --- c
                   |     |
        ring i     a --- b    (sectors j, j+1)
    """
    sectors = rings.shape[1]
    first = np.cumsum(np.where(pointed, 1, sectors)) - np.where(pointed, 1, sectors)
    index = first[:, None] + np.where(pointed[:, None], 0, np.arange(sectors))
    keep = ~pointed[:, None] | (np.arange(sectors) == 0)
    if closed:
        index, pointed = np.concatenate([index, index[:1]]), np.append(pointed, pointed[0])
    ahead = np.roll(index, -1, axis=1)
    quadrilaterals = np.stack([index[:-1], ahead[:-1], ahead[1:], index[1:]], axis=-1)
    below, above = pointed[:-1], pointed[1:]
    quadrilaterals[below] = quadrilaterals[below][..., [0, 2, 3, 3]]
    quadrilaterals[below | above, :, 3] = TRIANGLE
    faces = quadrilaterals[~(below & above)].reshape(-1, 4)
    return Shape(rings[keep], faces, np.zeros(len(faces), np.int64))


def _tangents(path: np.ndarray, closed: bool) -> np.ndarray:
    """Return ``(point, 3)`` unit tangents of a curve."""
    if closed:
        tangents = np.roll(path, -1, axis=0) - np.roll(path, 1, axis=0)
    else:
        tangents = np.gradient(path, axis=0)
    return np.asarray(tangents / np.linalg.norm(tangents, axis=1, keepdims=True))


def _carried_along(path: np.ndarray, closed: bool) -> np.ndarray:
    """Return ``(point, 3)`` unit normals of a curve that turn about it as little as they can.

    On a closed curve they come back turned by some angle; that is undone little by little along
    the way, as the tube would be wrung at its seam otherwise.
    """
    tangents = _tangents(path, closed)
    normals = np.empty_like(path)
    normal = np.eye(3)[np.argmin(np.abs(tangents[0]))]
    for point, tangent in enumerate(tangents):
        normal = normal - (normal @ tangent) * tangent
        normal = normal / np.sqrt(normal @ normal)
        normals[point] = normal
    if not closed:
        return normals
    final = normal - (normal @ tangents[0]) * tangents[0]
    angle = np.arctan2(np.cross(final, normals[0]) @ tangents[0], final @ normals[0])
    turns = (angle * np.arange(len(path)) / len(path))[:, None]
    return np.asarray(np.cos(turns) * normals + np.sin(turns) * np.cross(tangents, normals))


def _power(base: np.ndarray, exponent: float) -> np.ndarray:
    """Return the signed power; the poles' cosine, zero but for rounding, stays zero."""
    return np.asarray(np.sign(base) * np.where(np.abs(base) < 1e-12, 0.0, np.abs(base)) ** exponent)
