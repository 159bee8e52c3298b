"""Pictures of meshes: seen from far away, in even light, in front of nothing.

They are made by casting rays, as the signals are (:mod:`deepsphere.regridding.rays`): one ray a
point of the picture finds what is seen, further ones find what of the sky lights it. Nothing else
is needed, no OpenGL and no screen, and meshes of 100,000 faces take about as long as those of ten.
Faces are drawn as they are, flat, and lit from either side, as the winding of meshes from
collections means little.
"""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from numpy.typing import NDArray

from deepsphere.regridding.mesh import Mesh
from deepsphere.regridding.rays import RayTarget
from deepsphere.regridding.triangles import area_vectors, lengths, unit
from deepsphere.report.projections import Orthographic
from deepsphere.report.sphere_images import view_axes
from deepsphere.samplings.fibonacci import Fibonacci

Float = NDArray[np.float64]

HALF_WIDTH = 1.02
"""Half the width and height of a picture, in radii of a normalized mesh."""

_COLOUR = "#c3d8ea"
_SAMPLES = 2
_LAMPS = 48
# Towards the viewer, to the right and up: where most of the light comes from.
_KEY = (0.55, -0.45, 0.70)
_SKY, _GLOOM = 0.15, 0.12
# Below 1 it lightens what is dim more than what is dark or bright.
_EXPONENT = 0.75
# Rays towards the light start above the surface, farther than float32 rounds.
_LIFT = 1e-3


def render(mesh: Mesh, view: Orthographic, size: int = 400) -> NDArray[np.uint8]:
    """Return the picture of a mesh.

    Parameters
    ----------
    mesh : Mesh
        A normalized mesh (:func:`~deepsphere.regridding.mesh.normalized`).
    view : Orthographic
        Where it is seen from. North, that is the z axis, is up.
    size : int
        Points along each side of the picture.

    Returns
    -------
    ndarray
        Red, green, blue and opacity, uint8, shape (size, size, 4), the upper row first. It shows
        what is up to :data:`HALF_WIDTH` off the middle.

    Raises
    ------
    ValueError
        If the mesh is not normalized or the size is not positive.
    """
    farthest = lengths(mesh.vertices).max(initial=0.0)
    if not (len(mesh.faces) and farthest <= 1 + 1e-6):
        raise ValueError(
            "a mesh must have faces and its farthest vertex at distance 1 (see normalized); "
            f"found {len(mesh.faces)} faces and distance {farthest}"
        )
    if size < 1:
        raise ValueError(f"a picture has at least 1 point along each side; found {size}")
    target = RayTarget(mesh.vertices, mesh.faces)
    fine = size * _SAMPLES
    axes = view_axes(view)
    towards, right, up = axes
    offsets = HALF_WIDTH * ((np.arange(fine) + 0.5) * (2 / fine) - 1)
    across = offsets[np.newaxis, :, np.newaxis] * right - offsets[:, np.newaxis, np.newaxis] * up
    origins = (across + 2 * towards).reshape(-1, 3)
    faces, distances = target.first_hits(origins, np.broadcast_to(-towards, origins.shape))
    seen = np.flatnonzero(faces >= 0)
    places = origins[seen] - distances[seen, np.newaxis] * towards
    normals = unit(area_vectors(mesh.vertices, mesh.faces[faces[seen]]))
    normals *= np.where(normals @ towards < 0, -1.0, 1.0)[:, np.newaxis]
    colours = np.zeros((fine * fine, 4))
    light = _light(target, places, normals, axes)
    colours[seen, :3] = np.array(to_rgb(_COLOUR)) * light[:, np.newaxis]
    colours[seen, 3] = 1
    return _averaged(colours.reshape(size, _SAMPLES, size, _SAMPLES, 4))


def paint_mesh(axes: Axes, picture: NDArray[np.uint8]) -> None:
    """Show the picture of a mesh in axes, where a globe of radius 1 would be."""
    extent = (-HALF_WIDTH, HALF_WIDTH, -HALF_WIDTH, HALF_WIDTH)
    axes.imshow(picture, extent=extent, interpolation="antialiased")
    axes.set_axis_off()


def _light(target: RayTarget, places: Float, normals: Float, axes: Float) -> Float:
    """Return how bright places of a mesh are, from 0 to 1, shape (places,).

    The sky is a number of lamps in all directions, each of which casts shadows; together these
    darken what lies in a recess.
    """
    lamps = Fibonacci(_LAMPS).positions
    key = np.array(_KEY) / np.linalg.norm(_KEY)
    strengths = _SKY + np.maximum(lamps @ key, 0) ** 3
    directions = lamps @ axes
    # What a place without any shadow gets that faces the key light.
    most = strengths @ np.maximum(lamps @ key, 0)
    light = np.zeros(len(places))
    raised = places + _LIFT * normals
    for direction, strength in zip(directions, strengths, strict=True):
        cosines = normals @ direction
        lit = np.flatnonzero(cosines > 0)
        rays = np.broadcast_to(direction, (len(lit), 3))
        open_sky = target.first_hits(raised[lit], rays).faces < 0
        light[lit[open_sky]] += strength * cosines[lit[open_sky]]
    brightness: Float = _GLOOM + (1 - _GLOOM) * np.minimum(light / most, 1) ** _EXPONENT
    return brightness


def _averaged(colours: Float) -> NDArray[np.uint8]:
    """Return means over the second and fourth axes of colours; opaque ones alone have a colour."""
    opacity = colours[..., 3:].mean(axis=(1, 3))
    total = colours[..., :3].mean(axis=(1, 3))
    shown = np.divide(total, opacity, out=np.zeros_like(total), where=opacity > 0)
    return np.round(255 * np.concatenate([shown, opacity], axis=-1)).astype(np.uint8)
