"""Made-up vessels: vases, bottles and mugs, bodies of revolution and what sticks to them.

Each function draws one piece, z up, about ten units high.
"""

import numpy as np

from deepsphere.sources.meshes.simulated_parts import box, revolved, tube
from deepsphere.sources.meshes.simulated_surfaces import Shape, joined, moved, scaled


def vase(generator: np.random.Generator, style: int) -> Shape:
    """Draw an open vase without (style 0) or with two handles (style 1)."""
    height, wall = generator.uniform(6, 14), generator.uniform(0.1, 0.3)
    level = np.linspace(0, 1, int(generator.integers(8, 20)))
    girth = generator.uniform(1.5, 3.5) * (
        1
        + generator.uniform(0.1, 0.45) * np.sin(2 * np.pi * (level + generator.uniform(0, 1)))
        + generator.uniform(-0.3, 0.3) * level
        + generator.uniform(0, 0.2) * np.sin(4 * np.pi * (level + generator.uniform(0, 1)))
    )
    outside = np.stack([girth, height * level], axis=-1)
    inside = np.stack([girth - wall, wall + (height - wall) * level], axis=-1)[::-1]
    profile = np.concatenate([[[0, 0]], outside, inside, [[0, wall]]])
    parts = [revolved(profile, int(generator.choice([6, 8, 24, 32])))]
    if style == 1:
        low, high = np.sort(generator.uniform([0.3, 0.65], [0.5, 0.95])) * height
        reach = generator.uniform(0.5, 1.5)
        for side in (-1.0, 1.0):
            parts.append(_handle(side * float(girth.mean()), side * reach, low, high, 0.3))
    return joined(parts)


def bottle(generator: np.random.Generator, style: int) -> Shape:
    """Draw a round (style 0) or a square and flat bottle (style 1), closed."""
    height, radius = generator.uniform(6, 12), generator.uniform(1.0, 2.2)
    neck, shoulder = generator.uniform(0.2, 0.5) * radius, generator.uniform(0.4, 0.8)
    bend = np.linspace(0, 1, 6)
    slope = generator.uniform(0.05, 0.2)
    curve = np.stack(
        [
            neck + (radius - neck) * np.cos(0.5 * np.pi * bend) ** generator.uniform(0.5, 1.5),
            height * (shoulder + slope * bend),
        ],
        axis=-1,
    )
    curve[-1, 0] = neck
    waist = radius * generator.uniform(0.8, 1.0)
    below = [[0, 0], [0.9 * radius, 0], [radius, 0.03 * height], [waist, 0.5 * shoulder * height]]
    cap = neck * generator.uniform(1.0, 1.5)
    above = [[neck, 0.9 * height], [cap, 0.9 * height], [cap, height], [0, height]]
    body = revolved(
        np.concatenate([below, curve, above]), 4 if style else int(generator.choice([12, 24, 32]))
    )
    return scaled(body, (1, generator.uniform(0.4, 0.9), 1)) if style else body


def mug(generator: np.random.Generator, style: int) -> Shape:
    """Draw a mug, alone (style 0) or on a saucer (style 1)."""
    height, radius = generator.uniform(5, 11), generator.uniform(2.5, 4.5)
    wall, lip = generator.uniform(0.2, 0.5), radius * generator.uniform(0.9, 1.4)
    belly = np.linspace(0, 1, 8)
    bulge = generator.uniform(-0.1, 0.25)
    girth = radius + (lip - radius) * belly + bulge * radius * np.sin(np.pi * belly)
    outside = np.stack([girth, height * belly], axis=-1)
    inside = np.stack([girth - wall, wall + (height - wall) * belly], axis=-1)[::-1]
    profile = np.concatenate([[[0, 0]], outside, inside, [[0, wall]]])
    parts = [revolved(profile, int(generator.choice([8, 16, 32])))]
    low, high = generator.uniform(0.1, 0.35) * height, generator.uniform(0.6, 0.9) * height
    reach, thick = generator.uniform(1.0, 2.5), generator.uniform(0.25, 0.5)
    at = 0.95 * float(girth.mean())
    if generator.random() < 0.7:
        parts.append(_handle(at, reach, low, high, thick))
    else:
        parts.append(box((thick, thick, high - low), (at + reach, 0, (low + high) / 2)))
        parts += [box((reach, thick, thick), (at + reach / 2, 0, z)) for z in (low, high)]
    if style == 1:
        rim = generator.uniform(1.4, 2.0) * radius
        plate = [[0, -0.4], [0.6 * rim, -0.4], [rim, 0.4], [0.6 * rim, 0.1], [0, 0.1]]
        parts.append(revolved(np.array(plate), 24))
    return joined(parts)


def _handle(at: float, reach: float, low: float, high: float, thick: float) -> Shape:
    """Return half a ring between two heights, that reaches out along x."""
    angle = np.linspace(-np.pi / 2, np.pi / 2, 12)
    path = np.stack([reach * np.cos(angle), 0 * angle, (high - low) / 2 * np.sin(angle)], axis=-1)
    return moved(tube(path, thick, 8), (at, 0, (low + high) / 2))
