"""How a simulated shape departs from the regular one: stretched, bent, twisted, dented, refined.

A deformation moves vertices and keeps faces, so a watertight shape stays watertight.
"""

from dataclasses import replace

import numpy as np

from deepsphere.sources.meshes.simulated_surfaces import TRIANGLE, Shape

_STRETCH = 0.18
_LARGEST_BEND = 0.6
_LARGEST_TWIST = 0.5
_LARGEST_TAPER = 0.35
_LARGEST_RIPPLE = 0.025


def deformed(shape: Shape, generator: np.random.Generator) -> Shape:
    """Deform a shape: always stretched, and bent, twisted, tapered and dented now and then.

    Parameters
    ----------
    shape : Shape
        The shape; its height must not be zero.
    generator : numpy.random.Generator
        Source of chance.

    Returns
    -------
    Shape
        A shape with the same faces. It stands in the middle of the origin and its largest length
        along an axis is about 2.
    """
    low, high = shape.vertices.min(axis=0), shape.vertices.max(axis=0)
    points = (shape.vertices - (low + high) / 2) * (2 / (high - low).max())
    points *= np.exp(_STRETCH * np.clip(generator.standard_normal(3), -2, 2))
    if generator.random() < 0.3:
        points = _tapered(points, generator.uniform(-_LARGEST_TAPER, _LARGEST_TAPER))
    if generator.random() < 0.3:
        points = _twisted(points, generator.uniform(-_LARGEST_TWIST, _LARGEST_TWIST))
    if generator.random() < 0.3:
        points = _bent(points, generator.uniform(0.1, _LARGEST_BEND))
    if generator.random() < 0.5:
        waves = generator.normal(0, 2.5, (4, 3))
        phases = generator.uniform(0, 2 * np.pi, 4)
        push = generator.normal(0, 1, (4, 3))
        points = points + _LARGEST_RIPPLE * np.sin(points @ waves.T + phases) @ push
    return replace(shape, vertices=points)


def refined(shape: Shape) -> Shape:
    """Return a shape with every face cut into four by the middles of its edges.

    A quadrilateral also gets a vertex in its middle. Edges that two faces share stay shared.
    """
    triangle = shape.faces[:, 3] == TRIANGLE
    triangles, quadrilaterals = shape.faces[triangle, :3], shape.faces[~triangle]
    starts = np.concatenate([triangles.ravel(), quadrilaterals.ravel()])
    ends = np.concatenate(
        [np.roll(triangles, -1, axis=1).ravel(), np.roll(quadrilaterals, -1, axis=1).ravel()]
    )
    count = len(shape.vertices)
    key = np.minimum(starts, ends) * count + np.maximum(starts, ends)
    edges, place = np.unique(key, return_inverse=True)
    middles = (shape.vertices[edges // count] + shape.vertices[edges % count]) / 2
    centres = shape.vertices[quadrilaterals].mean(axis=1)
    middle = count + place
    of_triangles = middle[: triangles.size].reshape(-1, 3)
    of_quadrilaterals = middle[triangles.size :].reshape(-1, 4)
    centre = count + len(edges) + np.arange(len(quadrilaterals))

    filler = np.full(len(triangles), TRIANGLE)
    corners = [
        np.stack(
            [triangles[:, side], of_triangles[:, side], of_triangles[:, side - 1], filler], axis=1
        )
        for side in range(3)
    ]
    inner = np.concatenate([of_triangles, filler[:, None]], axis=1)
    quarters = [
        np.stack(
            [
                quadrilaterals[:, side],
                of_quadrilaterals[:, side],
                centre,
                of_quadrilaterals[:, side - 1],
            ],
            axis=1,
        )
        for side in range(4)
    ]
    parts = [*[shape.parts[triangle]] * 4, *[shape.parts[~triangle]] * 4]
    return Shape(
        np.concatenate([shape.vertices, middles, centres]),
        np.concatenate([*corners, inner, *quarters]),
        np.concatenate(parts),
    )


def _tapered(points: np.ndarray, strength: float) -> np.ndarray:
    """Return points drawn towards the z axis, the more the higher they are."""
    factors = 1 - strength * points[:, 2:]
    return np.concatenate([points[:, :2] * factors, points[:, 2:]], axis=1)


def _twisted(points: np.ndarray, angle: float) -> np.ndarray:
    """Return points turned about the z axis by an angle, in radians, times their height."""
    cosine, sine = np.cos(angle * points[:, 2]), np.sin(angle * points[:, 2])
    x, y = points[:, 0], points[:, 1]
    return np.stack([cosine * x - sine * y, sine * x + cosine * y, points[:, 2]], axis=1)


def _bent(points: np.ndarray, curvature: float) -> np.ndarray:
    """Return points with the z axis bent, in the plane of x and z, to a circle of a curvature."""
    angle = curvature * points[:, 2]
    reach = 1 / curvature - points[:, 0]
    return np.stack(
        [1 / curvature - reach * np.cos(angle), points[:, 1], reach * np.sin(angle)], axis=1
    )
