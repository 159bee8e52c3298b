"""What lies around a pixel: by distance, along a great circle, and on a plane.

:func:`section` orders values by their distance from a pixel, or along a great circle through it.
:func:`gnomonic` says where the pixels are on a plane that touches the sphere, to draw a map.
"""

import math

import numpy as np
from numpy.typing import NDArray

from deepsphere.graphs.points import check_unit_vectors
from deepsphere.samplings.coordinates import longitude_latitude

Float = NDArray[np.float64]


def section(
    positions: Float, values: Float, pixel: int, bearing: float | None = None
) -> tuple[Float, Float]:
    """Return values over the distance from a pixel, or along a great circle through it.

    Parameters
    ----------
    positions : ndarray, shape (pixel, 3)
        Unit vectors.
    values : ndarray, shape (pixel, ...)
        Such as an impulse response.
    pixel : int
    bearing : float, optional
        The direction of a great circle in degrees from north, clockwise: 90 is east. Without it,
        all pixels are taken.

    Returns
    -------
    angles : ndarray of float64, shape (place,)
        Great-circle distances from the pixel in radians, ascending. Along a great circle they are
        negative behind the pixel.
    values : ndarray, shape (place, ...)
        As they are at pixels; nothing is interpolated. Along a great circle, at those pixels that
        it passes by within half of the pixel's distance to its nearest.

    Raises
    ------
    ValueError
        If there is no such pixel, or the values are not those of the pixels.
    DeepsphereError
        If the positions are not unit vectors.
    """
    check_unit_vectors(positions)
    check_pixel(pixel, len(positions))
    if len(values) != len(positions):
        raise ValueError(f"expected values of {len(positions)} pixels, found {values.shape=}")
    centre, east, north = tangents = _tangents(positions[pixel])
    toward, eastward, northward = (positions @ axis for axis in tangents)
    angles = np.arctan2(np.hypot(eastward, northward), toward)
    angles[pixel] = 0
    places = np.arange(len(positions))
    if bearing is not None:
        sine, cosine = math.sin(math.radians(bearing)), math.cos(math.radians(bearing))
        nearest = np.min(np.delete(angles, pixel), initial=math.pi)
        offsets = positions @ np.cross(centre, sine * east + cosine * north)
        places = np.flatnonzero(np.abs(offsets) <= math.sin(min(nearest, math.pi) / 2))
        angles = np.copysign(angles, sine * eastward + cosine * northward)
    order = places[np.argsort(angles[places], kind="stable")]
    return angles[order], values[order]


def gnomonic(positions: Float, centre: Float, extent: float) -> tuple[NDArray[np.int64], Float]:
    r"""Project the pixels around a point onto the plane that touches the sphere there.

    Great circles become straight lines. A pixel at the angle :math:`\theta` from the centre is
    :math:`\tan \theta` from it on the plane, in its true direction.

    Parameters
    ----------
    positions : ndarray, shape (pixel, 3)
        Unit vectors.
    centre : ndarray, shape (3,)
        Unit vector.
    extent : float
        The largest angle from the centre in radians, below π/2.

    Returns
    -------
    pixels : ndarray of int64, shape (place,)
        Those in view, ascending.
    plane : ndarray of float64, shape (place, 2)
        Their coordinates to the right, which is east, and up, which is north, in radii of the
        sphere: as on a globe. (Maps of the sky, seen from inside, have east to the left.) On the
        north pole 0°E is down, on the south pole it is up.

    Raises
    ------
    ValueError
        If the extent is not between 0 and π/2.
    DeepsphereError
        If the positions or the centre are not unit vectors.
    """
    check_unit_vectors(positions)
    check_unit_vectors(centre[np.newaxis])
    if not 0 < extent < math.pi / 2:
        raise ValueError(f"expected an extent between 0 and π/2, found {extent}")
    toward, eastward, northward = (positions @ axis for axis in _tangents(centre))
    pixels = np.flatnonzero(np.arctan2(np.hypot(eastward, northward), toward) <= extent)
    plane = np.stack([eastward[pixels], northward[pixels]], axis=1) / toward[pixels, np.newaxis]
    return pixels, plane


def _tangents(centre: Float) -> Float:
    """Return the directions outward, east and north at a point, shape (3, axis)."""
    longitude = math.radians(longitude_latitude(centre)[0].item())
    east = np.array([-math.sin(longitude), math.cos(longitude), 0])
    return np.stack([centre, east, np.cross(centre, east)])


def check_pixel(pixel: int, pixels: int) -> None:
    """Raise a ``ValueError`` if there is no such pixel among so many."""
    if not 0 <= pixel < pixels:
        raise ValueError(f"expected a pixel from 0 to {pixels - 1}, found {pixel}")
