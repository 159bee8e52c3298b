"""Triangle meshes, and how they are cleaned and brought to a common place and size.

:func:`cleaned` first, :func:`normalized` then: what :mod:`~deepsphere.regridding.projection` takes.
Meshes of real collections are rarely closed surfaces. They are *soups*: triangles and quads that
share no vertices, walls without thickness that are there twice, faces wound either way. Cleaning
takes away what no ray can use, and makes the winding say as much as it can.

References
----------
Cohen, Geiger, Köhler, Welling: Spherical CNNs, ICLR 2018; the steps are those of its released code,
which calls trimesh's ``remove_degenerate_faces``, ``fix_normals``, ``fill_holes``,
``remove_duplicate_faces``, ``remove_infinite_values`` and ``remove_unreferenced_vertices``.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.regridding.equal_rows import equal_rows
from deepsphere.regridding.holes import hole_faces
from deepsphere.regridding.topology import topology_of
from deepsphere.regridding.triangles import area_vectors, heights, lengths
from deepsphere.regridding.winding import against_neighbours, facing_inward, turned

# Of the largest extent; rays in float32 are six times coarser and cannot hit such a face.
_LEAST_HEIGHT = 1e-8
_NO_AREA = "mesh: no face has an area; leave it out, or export it again"


@dataclass(frozen=True, eq=False)
class Mesh:
    """Triangles in space.

    Attributes
    ----------
    vertices : ndarray
        Places of the vertices (x, y, z), in any unit, float64, shape (vertices, 3).
    faces : ndarray
        The three vertices of each triangle, counter-clockwise seen from outside where the mesh has
        an outside, int64, shape (faces, 3).

    Raises
    ------
    ValueError
        If a shape or a type is another one.
    DeepsphereError
        If a face names a vertex that does not exist.
    """

    vertices: NDArray[np.float64] = field(repr=False)
    faces: NDArray[np.int64] = field(repr=False)

    def __post_init__(self) -> None:
        for name, dtype in (("vertices", np.float64), ("faces", np.int64)):
            array = getattr(self, name)
            if array.ndim != 2 or array.shape[1] != 3 or array.dtype != dtype:
                raise ValueError(
                    f"{name} must be {np.dtype(dtype)} of shape ({name}, 3); "
                    f"found {array.dtype} of shape {array.shape}"
                )
        count = len(self.vertices)
        unknown = self.faces[(self.faces < 0) | (self.faces >= count)]
        if unknown.size:
            raise DeepsphereError(
                f"mesh: a face names vertex {unknown[0]}, but there are {count} vertices, counted "
                f"from 0 ({unknown.size} such corners); the file may be cut short, fetch it again"
            )


def cleaned(mesh: Mesh) -> Mesh:
    """Return a mesh without what no ray can hit, wound as consistently as it can be.

    In this order:

    1. faces with a corner that is not finite are dropped, and vertices at one place become one;
    2. faces of no height are dropped (below 1e-8 of the mesh's largest extent), and all but the
       first of those with the same three vertices, however these are ordered;
    3. neighbours are wound alike (:func:`~deepsphere.regridding.winding.against_neighbours`);
    4. holes of three or four sides are filled (:func:`~deepsphere.regridding.holes.hole_faces`);
    5. parts are turned outward (:func:`~deepsphere.regridding.winding.facing_inward`);
    6. vertices without a face are dropped.

    This differs from trimesh's cleaning as follows. Heights are compared with the mesh's extent,
    not with 1e-8 of whatever its unit is, and vertices are at one place if their coordinates are
    equal, not if they differ by less than 1e-8 units. Duplicates go before the winding is looked
    at, so that a wall that is there twice is one wall, whose neighbours are its neighbours. Parts
    that are not closed are turned outward as well, as far as they have an outside, and do not take
    their winding from the face that happens to come first. Holes are not filled where that would
    cover the back of a flat piece, which would count twice for the centroid and show either side.
    And all of it is done on arrays, where trimesh walks over the faces one by one.

    Raises
    ------
    DeepsphereError
        If no face is left.
    """
    vertices, faces = mesh.vertices, mesh.faces
    finite = np.isfinite(vertices)
    faces = faces[finite[faces].all(axis=(1, 2))]
    if not len(faces):
        raise DeepsphereError(
            f"mesh: none of its {len(mesh.faces)} faces has three finite corners "
            f"({len(vertices)} vertices); leave it out, or export it again"
        )
    vertices, faces = _without_unused(vertices, faces)
    places = equal_rows(vertices)
    vertices, faces = vertices[places.first], places.of_rows[faces]

    boxed = _boxed(vertices)
    faces = faces[heights(boxed, faces) > _LEAST_HEIGHT]
    if not len(faces):
        raise DeepsphereError(_NO_AREA)
    faces = faces[equal_rows(np.sort(faces, axis=1)).first]

    topology = topology_of(faces)
    against = against_neighbours(topology, lengths(area_vectors(boxed, faces)))
    if against.any():
        faces = turned(faces, against)
        topology = topology_of(faces)
    filling = hole_faces(boxed, faces, topology, _LEAST_HEIGHT)
    if len(filling):
        faces = np.concatenate([faces, filling])
        topology = topology_of(faces)
    vectors = area_vectors(boxed, faces)
    areas = lengths(vectors)
    from_centroid = boxed[faces[:, 0]] - _centroid(boxed, faces, areas)
    volumes = np.einsum("fi,fi->f", from_centroid, vectors) / 3
    inward = facing_inward(topology, volumes, areas)
    return Mesh(*_without_unused(vertices, turned(faces, inward)))


def normalized(mesh: Mesh) -> Mesh:
    """Return a mesh with its centroid at the origin and its farthest vertex at distance 1.

    The centroid is that of the surface: the mean of the triangles' centroids, weighted by area.

    Parameters
    ----------
    mesh : Mesh
        A cleaned mesh: vertices without a face count for the farthest.

    Raises
    ------
    DeepsphereError
        If the mesh has no area.
    """
    if not len(mesh.faces):
        raise DeepsphereError(_NO_AREA)
    vertices = _boxed(mesh.vertices)
    areas = lengths(area_vectors(vertices, mesh.faces))
    if not areas.sum() > 0:
        raise DeepsphereError(_NO_AREA)
    vertices = vertices - _centroid(vertices, mesh.faces, areas)
    return Mesh(vertices / lengths(vertices).max(), mesh.faces)


def _centroid(
    vertices: NDArray[np.float64], faces: NDArray[np.int64], areas: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the mean of the triangles' centroids, weighted by areas that are not all 0."""
    # A vertex counts for a third of each of its faces, which is the same sum with fewer terms.
    weights = np.bincount(faces.ravel(), np.repeat(areas, 3), minlength=len(vertices))
    centroid: NDArray[np.float64] = weights @ vertices / (3 * areas.sum())
    return centroid


def _boxed(vertices: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return vertices moved and scaled to where their largest extent is from -1/2 to 1/2.

    Squares and products of the coordinates then neither overflow nor vanish, whatever the unit.
    """
    largest = np.abs(vertices).max(initial=0.0)
    vertices = vertices / largest if largest > 0 else vertices
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    extent = (high - low).max()
    vertices = vertices - (low + high) / 2
    return vertices / extent if extent > 0 else vertices


def _without_unused(
    vertices: NDArray[np.float64], faces: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the vertices that faces use, and the faces by their new numbers."""
    used = np.zeros(len(vertices), dtype=np.bool_)
    used[faces] = True
    return vertices[used], (np.cumsum(used) - 1)[faces]
