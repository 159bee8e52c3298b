"""A mesh as a signal on the sphere: what rays from a sphere around it meet.

For every pixel a ray is cast from the unit sphere towards the centre, and its first hit is
described: by how far it is, and by the angle between the ray and the surface there. The same is
done with the convex hull, which makes six channels; what a mesh hides behind holes and thin parts
its hull shows in outline. Rays go on beyond the centre, so that distances lie between 0 and 2.

All copies of a mesh are made from one tree of its faces: to move a mesh and to move the rays the
other way is the same.

References
----------
Cohen, Geiger, Köhler, Welling: Spherical CNNs, ICLR 2018, section 5.3, and its released code.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepsphere.regridding.hull import convex_hull
from deepsphere.regridding.mesh import Mesh
from deepsphere.regridding.mesh_channels import CHANNELS
from deepsphere.regridding.motions import Motion
from deepsphere.regridding.rays import RayTarget
from deepsphere.regridding.triangles import area_vectors, lengths, unit

LARGEST_RADIUS = 0.99
"""Distance from the origin of the farthest vertex of a mesh that rays are cast at."""

# Channels of each surface, and the place of the cosine among them.
_FEATURES = 3
_COSINE = 1
_UNIT_TOLERANCE = 1e-6


class _Surface(NamedTuple):
    """What rays are cast at, and the outward unit normals of its faces, float64, (faces, 3)."""

    target: RayTarget
    normals: NDArray[np.float64]


class _Rays(NamedTuple):
    """Rays as a mesh sees them before its motion; a length is ``scale`` times as long after it."""

    outward: NDArray[np.float64]
    origins: NDArray[np.float64]
    scale: float


def project(
    mesh: Mesh,
    directions: NDArray[np.float64],
    motions: Sequence[Motion],
    *,
    channels: Sequence[str] = CHANNELS,
    no_hit_distance: float = 1.0,
    absolute_cosine: bool = False,
) -> NDArray[np.float32]:
    """Return what rays from the unit sphere meet of a mesh after each of some motions.

    After its motion the mesh is scaled about the origin until its farthest vertex is at 0.99. A
    ray goes from the direction g of a pixel, as a place, towards the origin and beyond. Where it
    first hits a face, at q, of outward unit normal n,

    - ``distance`` is ‖g - q‖,
    - ``cosine`` is n · g, negative where a face is wound the wrong way,
    - ``sine`` is ‖n × g‖,

    and ``hull-distance``, ``hull-cosine`` and ``hull-sine`` are the same for the convex hull of the
    mesh, or for the mesh itself if that is flat. Where a ray hits nothing, cosine and sine are 0.

    Parameters
    ----------
    mesh : Mesh
        A normalized mesh (:func:`~deepsphere.regridding.mesh.normalized`).
    directions : ndarray
        Unit vectors of the pixels, such as the positions of a sampling, float64, shape (pixels, 3).
    motions : sequence of Motion
        What is done to the mesh for each copy.
    channels : sequence of str
        Which of :data:`CHANNELS`, in the order wanted. The hull costs nothing if it is not.
    no_hit_distance : float
        The distance where a ray hits nothing.
    absolute_cosine : bool
        Whether cosines are taken without their sign, for meshes whose winding means nothing.

    Returns
    -------
    ndarray
        float32, shape (motions, pixels, channels). Distances are right to about 1e-6; where rays
        graze a face, to 1e-6 over the cosine.

    Raises
    ------
    ValueError
        If the mesh is not normalized, directions are not unit vectors, or a channel is not known
        or named twice.
    """
    _check(mesh, directions, channels)
    numbers = np.array([CHANNELS.index(name) for name in channels])
    hull = convex_hull(mesh.vertices) if (numbers >= _FEATURES).any() else None
    if hull is None:
        numbers %= _FEATURES
    surfaces: dict[int, _Surface] = {}
    if (numbers < _FEATURES).any():
        normals = unit(area_vectors(mesh.vertices, mesh.faces))
        surfaces[0] = _Surface(RayTarget(mesh.vertices, mesh.faces), normals)
    if hull is not None:
        surfaces[1] = _Surface(RayTarget(hull.vertices, hull.faces), hull.normals)

    result = np.empty((len(motions), len(directions), len(channels)), dtype=np.float32)
    for motion, values in zip(motions, result, strict=True):
        rays = _moved_rays(mesh.vertices, directions, motion)
        for kind, surface in surfaces.items():
            features = _features(surface, rays, no_hit_distance)
            for place in np.flatnonzero(numbers // _FEATURES == kind):
                values[:, place] = features[numbers[place] % _FEATURES]
    if absolute_cosine:
        cosines = np.flatnonzero(numbers % _FEATURES == _COSINE)
        result[..., cosines] = np.abs(result[..., cosines])
    return result


def _check(mesh: Mesh, directions: NDArray[np.float64], channels: Sequence[str]) -> None:
    """Refuse what is not as ``project`` wants it."""
    farthest = lengths(mesh.vertices).max(initial=0.0)
    if not abs(farthest - 1) <= _UNIT_TOLERANCE or not len(mesh.faces):
        raise ValueError(
            "a mesh must have faces and its farthest vertex at distance 1 (see normalized); "
            f"found {len(mesh.faces)} faces and distance {farthest}"
        )
    if directions.ndim != 2 or directions.shape[1] != 3:
        raise ValueError(f"directions must have shape (pixels, 3); found {directions.shape}")
    wrong = np.flatnonzero(~(np.abs(lengths(directions) - 1) <= _UNIT_TOLERANCE))
    if wrong.size:
        raise ValueError(f"directions must be unit vectors; found {directions[wrong[0]]}")
    if not channels or not set(channels) <= set(CHANNELS) or len(set(channels)) < len(channels):
        raise ValueError(f"channels must be some of {CHANNELS}, each once; found {channels}")


def _moved_rays(
    vertices: NDArray[np.float64], directions: NDArray[np.float64], motion: Motion
) -> _Rays:
    """Return the rays as a mesh sees them before its motion and scaling."""
    scale = LARGEST_RADIUS / lengths(vertices @ motion.rotation.T + motion.shift).max()
    # Rows times a matrix: the inverse of a rotation is its transpose.
    outward = directions @ motion.rotation
    return _Rays(outward, outward / scale - motion.shift @ motion.rotation, float(scale))


def _features(
    surface: _Surface, rays: _Rays, no_hit_distance: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the distance, the cosine and the sine of each ray, float64, shape (pixels,) each."""
    faces, distances = surface.target.first_hits(rays.origins, -rays.outward)
    hit = faces >= 0
    cosine = np.einsum("pi,pi->p", surface.normals.take(faces, axis=0), rays.outward)
    cosine = np.clip(np.where(hit, cosine, 0.0), -1.0, 1.0)
    # Both are unit vectors: the squares of cosine and sine sum to 1.
    sine = np.where(hit, np.sqrt(1 - cosine**2), 0.0)
    distance = np.where(hit, rays.scale * distances.astype(np.float64), no_hit_distance)
    return distance, cosine, sine
