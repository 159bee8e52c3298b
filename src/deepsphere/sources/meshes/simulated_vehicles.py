"""Made-up vehicles: airplanes, cars and rockets.

Each function draws one piece, z up, the nose along x (a rocket's along z), in metres.
"""

import numpy as np

from deepsphere.sources.meshes.simulated_parts import box, frustum, prism, revolved, superquadric
from deepsphere.sources.meshes.simulated_surfaces import Shape, joined, moved, scaled, turned


def airplane(generator: np.random.Generator, style: int) -> Shape:
    """Draw an airplane with jet engines (style 0) or with a propeller (style 1)."""
    length, girth = generator.uniform(8, 14), generator.uniform(0.5, 1.0)
    span, chord = generator.uniform(3, 7), generator.uniform(1.0, 2.4)
    sweep = generator.uniform(0.2, 0.6) * span if style == 0 else generator.uniform(0, 0.3)
    nose = generator.uniform(0.4, 1.0)
    fuselage = superquadric((length / 2, girth, girth), (nose, 1.0), 14, 16)
    high = generator.choice([-0.6, 0.0, 0.8]) * girth
    taper, rise = generator.uniform(0.25, 1.0), generator.uniform(-3, 8)
    parts = [fuselage, *_wings(span, chord, taper, sweep, rise, (0.05 * length, 0, high))]
    fin, tail = generator.uniform(1.2, 2.2), -0.42 * length
    upright = frustum((chord, 0.12), (0.5 * chord, 0.06), fin, (-0.4 * chord, 0))
    parts.append(moved(upright, (tail, 0, 0.3 * girth)))
    high_tail = fin * (generator.random() < 0.35)
    parts += _wings(0.35 * span, 0.55 * chord, 0.6, 0.3 * sweep, 0.0, (tail, 0, high_tail))
    if style == 0:
        engine = revolved(np.array([[0, -0.9], [0.3, -0.9], [0.4, 0], [0.35, 0.9], [0, 0.8]]), 12)
        engine = turned(engine, "y", 90)
        engines = int(generator.integers(1, 3))
        for side in (-1.0, 1.0):
            for place in (np.arange(engines) + 1) / (engines + 1):
                y = side * span * place
                x = 0.05 * length - sweep * place + 0.3 * chord
                parts.append(moved(engine, (x, y, high - 0.45)))
    else:
        blades, reach = int(generator.integers(2, 5)), generator.uniform(0.9, 1.5)
        for blade in range(blades):
            one = frustum((0.06, 0.25), (0.06, 0.12), reach)
            one = turned(one, "x", 360 * blade / blades)
            parts.append(moved(one, (length / 2, 0, 0)))
        parts.append(box((0.1, 0.1, 1.0 + girth), (0.1 * length, 0.6, -girth)))
        parts.append(box((0.1, 0.1, 1.0 + girth), (0.1 * length, -0.6, -girth)))
    return joined(parts)


def car(generator: np.random.Generator, style: int) -> Shape:
    """Draw a car (style 0) or a van, bus or truck (style 1)."""
    length, width = generator.uniform(3.4, 5.0) * (1 + 0.6 * style), generator.uniform(1.5, 2.0)
    floor, height = generator.uniform(0.2, 0.4), generator.uniform(0.5, 0.8) * (1 + style)
    belt = generator.uniform(0.9, 1.0)
    body = frustum((length, width), (belt * length, belt * width), height)
    parts = [moved(body, (0, 0, floor))]
    if style == 0:
        cabin, top = generator.uniform(0.4, 0.7) * length, generator.uniform(0.5, 0.9)
        roof = frustum((cabin, 0.9 * width), (top * cabin, 0.75 * width), 0.55)
        parts.append(moved(roof, (-generator.uniform(0, 0.12) * length, 0, floor + height)))
    else:
        front = generator.uniform(0.1, 0.3) * length
        cabin_height = generator.uniform(0.6, 1.1) * height
        parts.append(box((front, width, cabin_height), (length / 2, 0, floor + cabin_height / 2)))
    radius, axles = generator.uniform(0.28, 0.42), int(generator.integers(2, 4 if style else 3))
    angle = 2 * np.pi * np.arange(14) / 14
    circle = radius * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    wheel = turned(moved(prism(circle, 0.22), (0, 0, -0.11)), "x", 90)
    for x in np.linspace(-0.34, 0.34, axles) * length:
        parts += [moved(wheel, (x, side * width / 2, radius)) for side in (-1.0, 1.0)]
    return joined(parts)


def rocket(generator: np.random.Generator, style: int) -> Shape:
    """Draw a rocket with fins (style 0) or with boosters (style 1)."""
    height, radius = generator.uniform(6, 14), generator.uniform(0.5, 1.0)
    point = generator.uniform(0.1, 0.35)
    bend = np.linspace(0, 1, 7)[:-1]
    nose = np.stack(
        [
            radius * (1 - bend ** generator.uniform(1.0, 2.5)),
            height * (1 - point + point * bend),
        ],
        axis=-1,
    )
    bell = generator.uniform(0.5, 1.2) * radius
    profile = np.concatenate(
        [[[0, 0], [bell, 0], [0.5 * radius, 0.6], [radius, 0.7]], nose, [[0, height]]]
    )
    parts = [revolved(profile, int(generator.choice([8, 16, 24])))]
    count = int(generator.integers(2, 7))
    for number in range(count):
        if style == 0:
            fin = frustum((1.6, 0.08), (0.8, 0.05), generator.uniform(0.8, 1.6), (-0.5, 0))
            one = moved(turned(fin, "y", 90), (0.8 * radius, 0, 1.2))
        else:
            one = moved(scaled(parts[0], (0.45, 0.45, 0.55)), (1.4 * radius, 0, 0))
        parts.append(turned(one, "z", 360 * number / count))
    return joined(parts)


def _wings(
    span: float,
    chord: float,
    taper: float,
    sweep: float,
    rise: float,
    root: tuple[float, float, float],
) -> list[Shape]:
    """Return two wings that reach out along y from a root, swept back along x and risen."""
    wings = []
    for side in (-1.0, 1.0):
        wing = frustum((chord, 0.16), (taper * chord, 0.06), span, (-sweep, 0))
        wings.append(moved(turned(wing, "x", -side * (90 - rise)), root))
    return wings
