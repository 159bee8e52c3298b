"""Made-up solids without a use: stars, knots, rings and blobs, each about two units across."""

import numpy as np

from deepsphere.sources.meshes.simulated_parts import prism, revolved, superquadric, tube
from deepsphere.sources.meshes.simulated_surfaces import Shape, joined, moved, turned


def star(generator: np.random.Generator, style: int) -> Shape:
    """Draw a star with flat faces (style 0) or with a ridge along each ray (style 1)."""
    rays = int(generator.integers(3, 10))
    inner, depth = generator.uniform(0.25, 0.8), generator.uniform(0.1, 0.9)
    angle = np.pi * np.arange(2 * rays) / rays
    radius = np.where(np.arange(2 * rays) % 2, inner, 1.0)
    outline = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    body = prism(outline, depth if style == 0 else 0.1 * depth)
    if style == 1:
        vertices = body.vertices.copy()
        vertices[[0, -1], 2] += np.array([-0.5, 0.5]) * depth
        return Shape(vertices, body.faces, body.parts)
    return body


def knot(generator: np.random.Generator, style: int) -> Shape:
    """Draw a torus knot that winds twice (style 0) or three times (style 1) around the axis."""
    around = 2 + style
    through = int(generator.choice([3, 5, 7] if style == 0 else [2, 4, 5]))
    angle = np.linspace(0, 2 * np.pi, int(generator.integers(72, 160)), endpoint=False)
    swing = generator.uniform(0.25, 0.5)
    distance = 1 + swing * np.cos(through * angle)
    path = np.stack(
        [
            distance * np.cos(around * angle),
            distance * np.sin(around * angle),
            swing * generator.uniform(0.7, 1.8) * np.sin(through * angle),
        ],
        axis=-1,
    )
    return tube(path, generator.uniform(0.06, 0.16), int(generator.integers(6, 13)), closed=True)


def ring(
    radius: float, thick: float, points: int, sectors: int, stretch: tuple[float, float] = (1, 1)
) -> Shape:
    """Return a torus around the z axis: the circle of a radius, as thick as the radius ``thick``.

    Its volume tends to ``2 pi^2 radius thick^2`` with the numbers of points and sectors; the
    circle may be stretched along x and y.
    """
    angle = 2 * np.pi * np.arange(points) / points
    circle = np.stack([stretch[0] * np.cos(angle), stretch[1] * np.sin(angle), 0 * angle], axis=-1)
    return tube(radius * circle, thick, sectors, closed=True)


def torus(generator: np.random.Generator, style: int) -> Shape:
    """Draw one ring (style 0) or two or three that hang in each other (style 1)."""
    thick = generator.uniform(0.08, 0.25 if style else 0.5)
    points, sectors = int(generator.integers(16, 48)), int(generator.integers(6, 20))
    stretch = (1.0, generator.uniform(0.6, 1.6))
    links = 1 if style == 0 else int(generator.integers(2, 4))
    one = ring(1.0, thick, points, sectors, stretch)
    return joined([moved(turned(one, "x", 90 * link), (1.2 * link, 0, 0)) for link in range(links)])


def blob(generator: np.random.Generator, style: int) -> Shape:
    """Draw a superquadric (style 0) or a ball with dents and bumps (style 1)."""
    radii = np.exp(generator.normal(0, 0.35, 3))
    rows, sectors = int(generator.integers(10, 28)), 4 * int(generator.integers(4, 12))
    if style == 0:
        first, second = generator.uniform(0.2, 2.2, 2)
        return superquadric(radii.tolist(), (first, second), rows, sectors)
    height = np.linspace(-1, 1, rows + 1)
    profile = np.stack([np.sqrt(1 - height**2), height], axis=-1)
    ball = revolved(profile, sectors)
    waves = generator.normal(0, 2.0, (6, 3))
    bumps = np.cos(ball.vertices @ waves.T + generator.uniform(0, 2 * np.pi, 6)).sum(axis=1)
    grown = (1 + generator.uniform(0.05, 0.14) * bumps)[:, None]
    return Shape(ball.vertices * grown * radii, ball.faces, ball.parts)
